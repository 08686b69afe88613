"""civitai-dl against other downloaders, on the same servers in the same run.

Each tool is run as its users run it, in turn, round by round; every figure is the median of the
rounds, and every comparison is made within a round. Nothing is asked of the network. Exit status:
0, also where a bar does not hold (the figures say so); 1 when a tool did not do its work.

    python bench/peers.py file --size full
    python bench/peers.py images --ours='--retries 1'
"""

from __future__ import annotations

import sys

from _measure import CommandFailedError
from _profiles import PROFILES
from _results import end_in_order_when_told, save
from _rounds import play
from _tables import screen
from _words import speed_parser


def main() -> int:
    """Measure, print, write."""
    parser = speed_parser(__doc__)
    parser.add_argument("profile", choices=tuple(PROFILES), nargs="+", help="what is measured")
    arguments = parser.parse_args()
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
