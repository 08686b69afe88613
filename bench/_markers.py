"""Figures in documents: they stand between two markers, and are written there anew."""

from __future__ import annotations

from pathlib import Path


def replace_between(path: Path, name: str, text: str) -> None:
    """Put text between `<!-- name:begin -->` and `<!-- name:end -->`. Raises: ValueError."""
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    whole = path.read_text("utf-8")
    before, found_begin, rest = whole.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{path}: no {begin.strip()} ... {end}")
    path.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}", "utf-8")
