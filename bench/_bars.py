"""Promises that are held against a figure, and not against other programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def bar(
    words: str, wanted: str, measured: Sequence[float], *, unit: str, holds: bool
) -> dict[str, object]:
    """A line of the table of promises, as _tables takes it; the median of what was measured."""
    return {
        "words": words,
        "wanted": wanted,
        "measured": statistics.median(measured),
        "low": min(measured),
        "high": max(measured),
        "unit": unit,
        "holds": holds,
    }


def part(
    title: str, bars: Sequence[dict[str, object]], notes: Sequence[str], *, per: str
) -> dict[str, object]:
    """A part without contenders, as _tables takes it. per: "byte" or "file"."""
    return {
        "title": title,
        "per": per,
        "rows": [],
        "bars": list(bars),
        "not_measured": [],
        "rounds": 1,
        "used": 1,
        "quiet": True,
        "notes": list(notes),
    }
