"""Put what the benchmarks measured into docs/performance.md, between its marks.

Reads build/bench, where they leave their figures; those of the full size are taken before those of
the quick one, which are marked as provisional. What was not measured stays as the page has it.

    python bench/performance_report.py --docs docs/performance.md
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from _markers import replace_between
from _results import FOLDER
from _tables import markdown

NAMES = ("file", "images", "capped", "latency", "job", "streams", "crowds", "queue", "browse")
SIZES = ("full", "quick")


def figures_of(folder: Path, name: str) -> Mapping[str, object] | None:
    """The figures of a benchmark, of the larger size that there is."""
    for size in SIZES:
        path = folder / f"{name}-{size}.json"
        if path.exists():
            found = json.loads(path.read_text("utf-8"))
            assert isinstance(found, Mapping)
            return found
    return None


def section(figures: Mapping[str, object]) -> str:
    """What stands between the marks of a benchmark."""
    parts = figures["parts"]
    assert isinstance(parts, Sequence)
    tables = [markdown(part) for part in parts]
    return "\n\n".join([_circumstances(figures), *tables])


def _circumstances(figures: Mapping[str, object]) -> str:
    machine, versions = figures["machine"], figures["versions"]
    assert isinstance(machine, Mapping)
    assert isinstance(versions, Mapping)
    size = "provisional: size quick" if figures["size"] == "quick" else f"size {figures['size']}"
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"Measured {figures['date']}, {size}, data {figures['data']}; {machine['cores']} cores "
        f"({machine['processor']}), {machine['system']}, Python {machine['python']}, "
        f"{machine['tls']}; {told}."
    )


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="where figures are")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write them into that page")
    return parser.parse_args()


def main() -> int:
    """Read, print or write; the exit status is 2 when there is nothing to read."""
    arguments = parsed()
    found = {name: figures_of(arguments.folder, name) for name in NAMES}
    if not any(found.values()):
        print(f"{arguments.folder}: nothing to report; run make bench first", file=sys.stderr)
        return 2
    for name, figures in found.items():
        if figures is None:
            continue
        if arguments.docs:
            replace_between(arguments.docs, name, section(figures))
        else:
            print(f"{section(figures)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
