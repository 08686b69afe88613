"""Which pieces of a large file are fetched beside each other, and what came of each.

A piece is a range of bytes, asked for by a request of its own. The pieces are handed out from front
to back, so that the digest, which goes from front to back, is never far behind; large while much is
left, and smaller towards the end, so that all are done at about the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ..entities import Answer, Held, Island
from ._resume import LINK_REFUSED, is_other_object, is_same_object, is_strong

LEAST_PIECE = 4 << 20
MOST_PIECE = 64 << 20
FIRST_PIECE = 8 << 20
"""Bytes of a piece; the first ones, while nobody knows how fast a connection is."""

PIECE_SECONDS = 3.0
"""So long a piece should take: each costs one round trip, and a stream that is wanted elsewhere is
free after so long."""

LEAST_TAIL = 1 << 20
TAIL_SECONDS = 0.25
"""What is left at the end is split as far as this, so that nobody waits long for the last one."""

FEWEST_PIECES = 2
"""A file, or what is left of it, that has not so many of the least size is fetched by one."""


MOST_BEHIND = 512 << 20
"""So much may wait for the digest, which reads it from memory; then nobody fetches more."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, end) of a file."""

    start: int
    end: int


def may_split(
    mark: Held, *, frontier: int, proven: bool, allowed: bool, islands: bool = False
) -> bool:
    """Whether what is left of a file may be fetched in pieces.

    mark: what is known of the file. frontier: bytes held from the first on. proven: the service
    lists a digest. islands: some of it was fetched in pieces already.
    """
    if not allowed or mark.total is None:
        return False
    if not proven and not is_strong(mark.etag):
        # Nothing would tell whether the pieces belong together.
        return False
    return islands or mark.total - frontier >= FEWEST_PIECES * LEAST_PIECE


def piece_size(left: int, *, rate: float, streams: int) -> int:
    """Bytes of the next piece.

    left: bytes that nobody has yet. rate: bytes per second of one stream, 0 when nobody knows.
    streams: how many share what is left.
    """
    wanted = FIRST_PIECE if rate <= 0 else int(rate * PIECE_SECONDS)
    wanted = min(max(wanted, LEAST_PIECE), MOST_PIECE)
    least = min(LEAST_PIECE, max(LEAST_TAIL, int(rate * TAIL_SECONDS)))
    return min(wanted, max(least, left // (2 * max(1, streams))))


def next_piece(
    taken: Sequence[Span], *, first: int, total: int, rate: float, streams: int
) -> Span | None:
    """The first piece, from byte `first` on, that nobody has; None when there is none.

    taken: what somebody has or is at, in any order. For `rate` and `streams` see `piece_size`.
    """
    gaps = find_gaps(taken, first=first, total=total)
    if not gaps:
        return None
    size = piece_size(sum(one.end - one.start for one in gaps), rate=rate, streams=streams)
    gap = gaps[0]
    if gap.end - gap.start < size + LEAST_TAIL:
        # No ragged end: a request of its own would cost more than it brings.
        return gap
    return Span(gap.start, gap.start + size)


def find_gaps(taken: Sequence[Span], *, first: int, total: int) -> list[Span]:
    """What of [first, total) is in none of these."""
    found = []
    for span in sorted(taken, key=lambda one: one.start):
        if first < min(span.start, total):
            found.append(Span(first, min(span.start, total)))
        first = max(first, span.end)
    if first < total:
        found.append(Span(first, total))
    return found


def is_behind(islands: Sequence[Island], frontier: int) -> bool:
    """Whether the digest has so much to do that it should be left alone. islands: in order."""
    ready = frontier
    for island in islands:
        if island.start > ready:
            break
        ready = max(ready, island.end)
    return ready - frontier > MOST_BEHIND


def wall_before(taken: Sequence[Span], frontier: int) -> int | None:
    """Where a stream from the frontier on must end, for somebody else has what follows."""
    return min((span.start for span in taken if span.end > frontier), default=None)


class Came(Enum):
    """What an answer to the request for a piece is worth."""

    PIECE = "the piece"
    LINK = "the link is refused"
    WHOLE = "no pieces of this file are given"
    OTHER = "it does not belong to what is held"
    BUSY = "fewer should be asked for at once"


def judge_piece(span: Span, mark: Held, answer: Answer, *, proven: bool) -> Came:
    """Whether the body of an answer may be written at the place of a piece.

    mark: what is known of the file, with total. proven: as for `may_split`.
    """
    if answer.status == 206:
        says = (answer.start, answer.end, answer.total)
        exact = says == (span.start, span.end - 1, mark.total)
        if not exact or answer.encoded or answer.multipart:
            return Came.OTHER
        return Came.PIECE if belongs(mark, answer, proven=proven) else Came.OTHER
    if answer.status == 200:
        return Came.WHOLE
    if answer.status in LINK_REFUSED:
        return Came.LINK
    return Came.OTHER if answer.status == 416 else Came.BUSY


def belongs(mark: Held, answer: Answer, *, proven: bool) -> bool:
    """Whether an answer speaks of the file that is known, as far as its head tells."""
    return not is_other_object(mark, answer) and (proven or is_same_object(mark, answer))


def trusted_part(held: Held | None, *, there: int, allowed: bool) -> Held | None:
    """What of a checkpoint an earlier try's partial can be continued from; None for nothing.

    there: bytes of the file that is on disk. It may be longer than what is durable, and have holes:
    only what the checkpoint tells of counts, and that only as far as the file goes.
    """
    if held is None or not allowed or there < held.size:
        return None
    kept: list[Island] = []
    end = held.size
    for island in sorted(held.islands):
        if end <= island.start < island.end <= there:
            kept.append(island)
            end = island.end
    return replace(held, islands=tuple(kept))
