"""The figures of a benchmark for the eye: on the screen, and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from _figures import number

Told = Mapping[str, object]
"""What a part of a benchmark has written; see _rounds.told."""


def _list(value: object) -> list[Mapping[str, object]]:
    assert isinstance(value, Sequence)
    return [one for one in value if isinstance(one, Mapping)]


def _number(value: object) -> str:
    return number(value) if isinstance(value, (int, float)) else ""


def columns(part: Told) -> list[tuple[str, str]]:
    """Heading and key of what is told of each contender."""
    by_byte = part["per"] == "byte"
    found = [
        ("", "name"),
        ("s", "seconds"),
        ("MB/s" if by_byte else "files/s", "rate"),
        ("without start-up", "inner_rate"),
        ("CPU s/GB" if by_byte else "CPU ms/file", "cpu"),
        ("peak MB", "peak"),
        ("x time", "time_ratio"),
        ("x CPU", "cpu_ratio"),
    ]
    rows = _list(part["rows"])
    if any(row["requests"] for row in rows):
        found += [("API requests", "requests"), ("for s", "request_seconds")]
    return found


def cells(part: Told) -> Iterable[list[str]]:
    """The table of contenders, its heading first."""
    wanted = columns(part)
    yield [title for title, _ in wanted]
    for row in _list(part["rows"]):
        yield [str(row["name"]), *(_number(row[key]) for _, key in wanted[1:])]


def bars(part: Told) -> Iterable[list[str]]:
    """The table of bars, its heading first."""
    yield ["", "wanted", "measured", "range of the rounds", "holds"]
    for bar in _list(part["bars"]):
        unit = f" {bar['unit']}" if bar["unit"] else ""
        spread = f"{_number(bar['low'])} to {_number(bar['high'])}"
        measured = f"{_number(bar['measured'])}{unit}"
        # A figure that nothing was promised of is told without a verdict.
        wanted = f"{bar['wanted']}{unit}" if bar["wanted"] else ""
        holds = "" if not wanted else "yes" if bar["holds"] else "NO"
        yield [str(bar["words"]), wanted, measured, spread, holds]
    lost = part["not_measured"]
    assert isinstance(lost, Sequence)
    for words in lost:
        yield [str(words), "", "not measured", "", ""]


def remarks(part: Told) -> list[str]:
    """What a reader must know beside the figures."""
    found = [f"{part['rounds']} rounds, {part['used']} of them counted"]
    if not part["quiet"]:
        found.append("the machine was not quiet: trust CPU and ratios, not speeds")
    notes = part["notes"]
    assert isinstance(notes, Sequence)
    return found + [str(note) for note in notes]


def screen(part: Told) -> str:
    """All of a part, in columns."""
    tables = [list(cells(part)) if part["rows"] else [], list(bars(part))]
    lines = [f"== {part['title']}"]
    for table in tables:
        if len(table) < 2:
            continue
        widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
        for row in table:
            first = row[0].ljust(widths[0])
            rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join([first, *rest]).rstrip())
        lines.append("")
    return "\n".join([*lines, *remarks(part)])


def markdown(part: Told) -> str:
    """All of a part, as a piece of a page."""
    lines = [f"**{part['title']}**", ""]
    for table in (list(cells(part)) if part["rows"] else [], list(bars(part))):
        if len(table) < 2:
            continue
        lines += [_row(table[0]), _row(["---", *["---:"] * (len(table[0]) - 1)])]
        lines += [*map(_row, table[1:]), ""]
    lines.append(f"({'; '.join([*remarks(part), *_options(part)])}.)")
    return "\n".join(lines)


def _options(part: Told) -> list[str]:
    options = part.get("options", {})
    assert isinstance(options, Mapping)
    return [f"{name}: `{words}`" for name, words in options.items() if words]


def _row(row: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
