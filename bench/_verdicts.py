"""Endings, counted: for the screen, for a file, for a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from _cases import CLASSES, SILENT, Ending, Label

ORIGINS = {"storage": "Model files", "cdn": "Images"}
UNMET, IN_THE_END = "not met", "wrong in the end"
COLUMNS = (*CLASSES, IN_THE_END, UNMET)

Totals = dict[str, dict[str, dict[str, int]]]
"""Origin -> tool -> column -> cases."""


def wrong_in_the_end(ending: Ending) -> bool:
    """Whether wrong bytes have the final name and an exit status of 0, at once or once more."""
    return SILENT in (ending.how, ending.again)


def totals(endings: Iterable[Ending], mode: str | None = None) -> Totals:
    """All cases counted, or those of one mode; cases whose faults were not met stand apart."""
    counted: dict[str, dict[str, Counter[str]]] = {}
    for ending in endings:
        if mode in (None, ending.case.mode):
            tools = counted.setdefault(ending.case.origin, {})
            column = tools.setdefault(ending.tool, Counter())
            column[ending.how if ending.met else UNMET] += 1
            column[IN_THE_END] += ending.met and wrong_in_the_end(ending)
    return {
        origin: {tool: {name: column[name] for name in COLUMNS} for tool, column in tools.items()}
        for origin, tools in counted.items()
    }


def told_apart(endings: Iterable[Ending], origin: str) -> list[tuple[str, str, dict[str, str]]]:
    """The kinds at which somebody is wrong in the end: name, ids, tool -> "wrong of met"."""
    met: dict[tuple[str, str], Counter[str]] = {}
    wrong: dict[tuple[str, str], Counter[str]] = {}
    for ending in endings:
        case = ending.case
        if case.origin == origin and ending.met:
            key = (case.kind, case.ids)
            met.setdefault(key, Counter())[ending.tool] += 1
            wrong.setdefault(key, Counter())[ending.tool] += wrong_in_the_end(ending)
    return [
        (*key, {tool: f"{wrong[key][tool]} of {met[key][tool]}" for tool in met[key]})
        for key in met
        if wrong[key].total()
    ]


def details(endings: Iterable[Ending]) -> list[dict[str, object]]:
    """One line for each case, for a file."""
    return [
        {
            "tool": ending.tool,
            **asdict(ending.case),
            "ended": ending.how,
            "met": ending.met,
            "status": ending.status,
            "again": ending.again,
            "seconds": round(ending.seconds, 2),
            "note": ending.note,
        }
        for ending in endings
    ]


def read_back(figures: Mapping[str, object], size: str) -> list[Ending]:
    """The endings in a file of an earlier time. Raises: ValueError when it is of another size."""
    if figures["size"] != size:
        raise ValueError(f"its size is {figures['size']}, not {size}")
    lines = figures["cases"]
    assert isinstance(lines, list)
    return [
        Ending(
            Label(*(line[name] for name in ("origin", "kind", "ids", "position", "mode"))),
            line["tool"],
            line["ended"],
            met=line["met"],
            seconds=line["seconds"],
            status=line["status"],
            again=line["again"],
            note=line["note"],
        )
        for line in lines
    ]


def screen(found: Totals) -> str:
    """Both tables in plain text."""
    lines = []
    for origin, tools in found.items():
        width = max(len(tool) for tool in tools) + 2
        lines.append(f"{ORIGINS[origin]:<{width}}" + "".join(f"{name:>18}" for name in COLUMNS))
        for tool, column in tools.items():
            lines.append(f"{tool:<{width}}" + "".join(f"{column[name]:>18}" for name in COLUMNS))
        lines.append("")
    return "\n".join(lines).rstrip()


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _totals_table(found: Totals, origin: str) -> list[str]:
    heads = ["", "met", *COLUMNS]
    lines = [_row(heads), _row(["---", *(["---:"] * (len(heads) - 1))])]
    for tool, column in found[origin].items():
        cells = [_bold(name, column[name]) for name in COLUMNS]
        lines.append(_row([tool, sum(column[name] for name in CLASSES), *cells]))
    return lines


def _bold(name: str, count: int) -> str:
    return f"**{count}**" if count and name in (SILENT, IN_THE_END) else str(count)


def _kinds_table(endings: list[Ending], origin: str, tools: Iterable[str]) -> list[str]:
    kinds = told_apart(endings, origin)
    if not kinds:
        return ["No tool was wrong in the end."]
    heads = ["trouble", *tools]
    lines = [_row(heads), _row(["---", *(["---:"] * (len(heads) - 1))])]
    for name, _, cells in kinds:
        shown = [cells.get(tool, "not met") for tool in heads[1:]]
        lines.append(_row([name, *("" if cell.startswith("0 ") else cell for cell in shown)]))
    return lines


def markdown(endings: list[Ending], facts: Mapping[str, object]) -> str:
    """The comparison as a piece of a document. facts: what is told above it."""
    found = totals(endings)
    versions, machine = facts["versions"], facts["machine"]
    assert isinstance(versions, dict)
    assert isinstance(machine, dict)
    lines = [
        f"{facts['date']}, {machine['system']}, {machine['cores']} cores; "
        + ", ".join(f"{tool} {version}" for tool, version in versions.items())
        + f". Size: {facts['size']}; no chance is involved, so there is no seed.",
        "",
    ]
    for origin, tools in found.items():
        lines += [f"**{ORIGINS[origin]}**", "", *_totals_table(found, origin), ""]
        title = f"{ORIGINS[origin]}: the faults by which a tool was wrong in the end, of those met"
        lines += [f"<details><summary>{title}</summary>", ""]
        lines += [*_kinds_table(endings, origin, tools), "", "</details>", ""]
    return "\n".join(lines)
