"""Turn what the reliability tests found into the tables of docs/reliability.md.

Reads a folder that RELIABILITY_REPORT named: JSON files, one a test that counts something, and the
JUnit files that `make test-full` and `make test-nightly` leave there, called after their size.
Exit status: 0, 1 when anything in them failed, 2 when there is nothing to read.

    python bench/reliability_report.py build/reliability --docs docs/reliability.md
"""

from __future__ import annotations

import argparse
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from _markers import replace_between

SIZES = ("quick", "full", "nightly")
APART = ("test", "parts", "size", "seed", "date", "seconds")
"""What has a column of its own."""

MOST = ("worst",)
"""Figures of which the largest counts, as of all that are no whole numbers but `seconds`; of the
others the parts of a test are added up."""

FAULTY = ("lost", "duplicated", "corrupt", "orphans", "violations", "missed", "wrong")
"""Figures that must be nothing."""


@dataclass
class Group:
    """The tests of one module in one run."""

    size: str
    module: str
    date: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


def day_of(path: Path) -> str:
    """When a file was written, where it does not say so itself."""
    return f"{datetime.fromtimestamp(path.stat().st_mtime, timezone.utc):%Y-%m-%d}"


def counted(folder: Path) -> list[dict[str, object]]:
    """The figures of each test, by name; files that are something else are told and left out."""
    found: list[dict[str, object]] = []
    for path in sorted(folder.glob("*.json")):
        try:
            figures = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            print(f"{path}: {error}: left out", file=sys.stderr)
            continue
        if isinstance(figures, dict):
            found.append({"test": path.stem, "date": day_of(path), **figures})
    by_test: dict[tuple[str, str], dict[str, object]] = {}
    for one in found:
        key = (str(one["test"]), str(one.get("size", "")))
        known = by_test.get(key, {"parts": 0})
        parts = {"parts": 1} if one.pop("part", "") else {}
        by_test[key] = joined(known, {**one, **parts})
    return [by_test[key] for key in sorted(by_test)]


def joined(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, object]:
    """The figures of two parts of one test, as those of one: its seed is that of the first."""
    both: dict[str, object] = {**second, **first}
    for name in first.keys() & second.keys() - {"seed"}:
        mine, its = first[name], second[name]
        if isinstance(mine, Mapping) and isinstance(its, Mapping):
            both[name] = joined(mine, its)
        elif isinstance(mine, (int, float)) and isinstance(its, (int, float)):
            is_share = name != "seconds" and not (isinstance(mine, int) and isinstance(its, int))
            both[name] = max(mine, its) if name in MOST or is_share else mine + its
    return both


def groups(folder: Path) -> list[Group]:
    """The tests that ran, by size and module."""
    found: dict[tuple[str, str], Group] = {}
    for path in sorted(folder.glob("*.xml")):
        for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314  # pytest wrote it
            module = module_of(case.get("classname", ""))
            key = (path.stem, module)
            group = found.setdefault(key, Group(path.stem, module, day_of(path)))
            ends = {child.tag for child in case}
            if ends & {"failure", "error"}:
                group.failed += 1
            elif "skipped" in ends:
                group.skipped += 1
            else:
                group.passed += 1
            group.seconds += float(case.get("time", "0"))
    return list(found.values())


def module_of(name: str) -> str:
    """The file of a test class or module name, as far as it has lower-case names."""
    parts = [part for part in name.split(".") if part[:1].islower()]
    return f"{'/'.join(parts)}.py"


def faults(figures: Mapping[str, object]) -> int:
    """How much of it should be nothing, and is not."""
    values = [figures.get(name, 0) for name in FAULTY]
    return sum(value for value in values if isinstance(value, int))


def _said(name: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,} {name}"
    if isinstance(value, Mapping):
        return f"{name} ({', '.join(f'{key}: {one}' for key, one in value.items())})"
    return f"{name} {value}"


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def tables(figures: list[dict[str, object]], ran: list[Group]) -> str:
    """Both tables in Markdown; the sizes in the order in which they grow."""
    lines = []
    if figures:
        lines += [_row(["test", "size", "figures", "seconds", "seed", "date"])]
        lines += [_row(["---", "---", "---", "---:", "---:", "---"])]
    for one in figures:
        rest = {name: value for name, value in one.items() if name not in APART}
        told = ", ".join(_said(name, value) for name, value in rest.items())
        took = one.get("seconds", "")
        cells = [told, f"{took:.0f}" if isinstance(took, (int, float)) else took]
        apart = [one.get(name, "") for name in ("seed", "date")]
        name = f"{one['test']} ({one['parts']} parts)" if one.get("parts") else one["test"]
        lines.append(_row([name, one.get("size", ""), *cells, *apart]))
    if ran:
        lines += ["", _row(["module", "size", "passed", "failed", "skipped", "seconds", "date"])]
        lines += [_row(["---", "---", "---:", "---:", "---:", "---:", "---"])]
    order = {size: place for place, size in enumerate(SIZES)}
    for group in sorted(ran, key=lambda group: (order.get(group.size, 9), group.module)):
        counts = (group.passed, group.failed, group.skipped)
        cells = [f"{count:,}" for count in counts]
        row = [f"`{group.module}`", group.size, *cells, f"{group.seconds:.0f}", group.date]
        lines.append(_row(row))
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="what RELIABILITY_REPORT named")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the tables into that page")
    return parser.parse_args()


def main() -> int:
    """Read, print, write; the exit status tells whether anything failed."""
    arguments = parsed()
    figures, ran = counted(arguments.folder), groups(arguments.folder)
    if not figures and not ran:
        print(f"{arguments.folder}: nothing to report; run make test-full first", file=sys.stderr)
        return 2
    text = tables(figures, ran)
    print(text)
    if arguments.docs:
        replace_between(arguments.docs, "reliability", text)
    return 1 if any(map(faults, figures)) or any(group.failed for group in ran) else 0


if __name__ == "__main__":
    sys.exit(main())
