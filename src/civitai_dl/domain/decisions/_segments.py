"""Pieces of a large file that can be told good from bad, one by one."""

from __future__ import annotations

from collections.abc import Sequence

SEGMENT = 64 << 20
"""Bytes. SHA-256 goes from front to back, so that the digest of all up to here costs next to
nothing while a file is written: these are the digests of its prefixes."""


def segments_of(size: int, segment: int = SEGMENT) -> int:
    """How many segments a file of `size` bytes has; an empty file has one."""
    return max(1, -(-size // segment))


def segment_range(number: int, size: int, segment: int = SEGMENT) -> tuple[int, int]:
    """The bytes [start, end) of a segment, counted from 0."""
    return number * segment, min(size, (number + 1) * segment)


def first_difference(expected: Sequence[str], measured: Sequence[str]) -> int | None:
    """The first segment that differs, by the digests of all prefixes, the whole as the last.

    None when nothing differs. Segments after the first cannot be judged: their prefixes hold it.
    """
    for number, (one, other) in enumerate(zip(expected, measured, strict=False)):
        if one != other:
            return number
    return None if len(expected) == len(measured) else min(len(expected), len(measured))
