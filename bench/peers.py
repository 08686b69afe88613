"""civitai-dl against other downloaders, on the same servers in the same run.

Each tool is run as its users run it, in turn, round by round; every figure is the median of the
rounds, and every comparison is made within a round. Nothing is asked of the network. Exit status:
0, also where a bar does not hold (the figures say so); 1 when a tool did not do its work.

    python bench/peers.py file --size full
    python bench/peers.py images --ours='--retries 1'
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from _measure import CommandFailedError
from _profiles import PROFILES
from _results import end_in_order_when_told, save
from _rounds import play
from _tables import screen


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    add = parser.add_argument
    add("profile", choices=tuple(PROFILES), nargs="+", help="what is measured")
    add("--size", choices=("quick", "full"), default="quick", help="to see that it works, or all")
    add("--ours", default="", metavar="WORDS", help="further options of civitai-dl, as one word")
    add("--data", type=Path, metavar="DIR", help="where the bytes lie (default: in memory)")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write."""
    arguments = parsed()
    end_in_order_when_told()
    for name in arguments.profile:
        parts = []
        try:
            for part in PROFILES[name](arguments.size):
                parts.append(play(part, arguments.data, tuple(arguments.ours.split())))
                print(screen(parts[-1]))
        except (CommandFailedError, LookupError) as error:
            print(f"peers.py {name}: {error}", file=sys.stderr)
            return 1
        print(f"{save(name, arguments.size, parts, arguments.data)}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
