"""Which pieces of a file are fetched beside each other, and what their answers are worth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    Came,
    Span,
    belongs,
    is_behind,
    judge_piece,
    may_split,
    next_piece,
    trusted_part,
    wall_before,
)
from civitai_dl.domain.decisions._pieces import (
    FIRST_PIECE,
    LEAST_PIECE,
    LEAST_TAIL,
    MOST_BEHIND,
    MOST_PIECE,
    find_gaps,
    piece_size,
)
from civitai_dl.domain.entities import Answer, Held, Island

MB = 1 << 20
GB = 1 << 30
MARK = Held(0, etag='"a"', host="here", total=100)
PART = Answer(206, length=10, etag='"a"', start=20, end=29, total=100, host="here")
SPAN = Span(20, 30)

SIZES = st.integers(0, 4 * GB)
RATES = st.sampled_from([0.0, 1e3, 1e5, 1e6, 1e7, 1e8, 1e9])


# --- when


def test_a_large_file_of_known_size_is_split_when_something_vouches_for_it() -> None:
    """Two pieces must be left; a digest or a strong tag tells that they belong together."""
    large = Held(0, total=2 * LEAST_PIECE)
    assert may_split(large, frontier=0, proven=True, allowed=True)
    assert not may_split(large, frontier=0, proven=True, allowed=False)
    assert not may_split(large, frontier=1, proven=True, allowed=True)
    assert not may_split(large, frontier=0, proven=False, allowed=True)
    assert may_split(replace(large, etag='"a"'), frontier=0, proven=False, allowed=True)
    assert not may_split(replace(large, etag='W/"a"'), frontier=0, proven=False, allowed=True)
    assert not may_split(Held(0), frontier=0, proven=True, allowed=True)


def test_what_was_begun_in_pieces_goes_on_in_pieces() -> None:
    """Towards the end less than two pieces are left."""
    mark = Held(0, total=2 * LEAST_PIECE)
    assert may_split(mark, frontier=LEAST_PIECE, proven=True, allowed=True, islands=True)


# --- how large


def test_a_piece_takes_about_three_seconds() -> None:
    """Between four and 64 MB; before anything is known, eight."""
    assert FIRST_PIECE == piece_size(100 * GB, rate=0, streams=16)
    assert LEAST_PIECE == piece_size(100 * GB, rate=100e3, streams=16)
    assert 30_000_000 == piece_size(100 * GB, rate=10e6, streams=16)
    assert MOST_PIECE == piece_size(100 * GB, rate=1e9, streams=16)


def test_pieces_become_smaller_towards_the_end() -> None:
    """What is left is shared twice over, as far as a quarter of a second or 1 MB, or 4 MB."""
    assert 20 * MB == piece_size(640 * MB, rate=10e6, streams=16)
    assert 2_500_000 == piece_size(20 * MB, rate=10e6, streams=16)
    assert LEAST_TAIL == piece_size(20 * MB, rate=0, streams=16)
    assert LEAST_PIECE == piece_size(20 * MB, rate=1e9, streams=16)
    assert 10 * MB == piece_size(20 * MB, rate=10e6, streams=0)


def test_pieces_are_handed_out_from_front_to_back() -> None:
    """The first gap is the next piece; a gap that is hardly larger is taken whole."""

    def ask(*taken: Span, total: int = 100 * MB, first: int = 0) -> Span | None:
        return next_piece(taken, first=first, total=total, rate=0, streams=4)

    assert Span(0, 8 * MB) == ask()
    assert Span(8 * MB, 16 * MB) == ask(Span(0, 8 * MB))
    assert Span(2 * MB, 3 * MB) == ask(Span(3 * MB, 9 * MB), first=2 * MB)
    assert Span(99 * MB, 100 * MB) == ask(Span(0, 90 * MB), Span(90 * MB, 99 * MB))
    assert ask(Span(0, 100 * MB)) is None
    assert ask(first=100 * MB) is None
    assert Span(0, 5 * MB // 4) == next_piece([], first=0, total=5 * MB // 4, rate=0, streams=16)


@given(total=SIZES, first=SIZES, rate=RATES, streams=st.integers(1, 64), at_once=st.integers(1, 64))
def test_the_pieces_are_the_file_each_byte_once(
    total: int, first: int, rate: float, streams: int, at_once: int
) -> None:
    """Whoever takes piece after piece has all of it in the end, without overlap, in few steps."""
    taken: list[Span] = []
    for _ in range(20_000):
        span = next_piece(taken[-at_once:], first=first, total=total, rate=rate, streams=streams)
        if span is None:
            break
        assert first <= span.start < span.end <= total
        assert span.end - span.start <= MOST_PIECE + LEAST_TAIL
        taken.append(span)
        # What came is below the frontier.
        while len(taken) >= at_once and taken[0].start == first:
            first = taken.pop(0).end
    assert find_gaps(taken, first=first, total=total) == []


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20))),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_gaps_are_what_nobody_has(pairs: list[tuple[int, int]], first: int, total: int) -> None:
    """A byte is in a gap when it is in no span, and in one gap only."""
    taken = [Span(start, start + size) for start, size in pairs]
    free = {at for at in range(first, total) if not any(one.start <= at < one.end for one in taken)}
    found = [at for gap in find_gaps(taken, first=first, total=total) for at in _bytes(gap)]
    assert sorted(free) == found


def _bytes(span: Span) -> range:
    return range(span.start, span.end)


def test_a_stream_ends_where_others_have_begun() -> None:
    """The wall is the nearest piece that reaches beyond the frontier."""
    assert wall_before([], 5) is None
    assert 10 == wall_before([Span(30, 40), Span(10, 20), Span(0, 5)], 5)
    assert wall_before([Span(0, 5)], 5) is None


def test_nobody_runs_far_ahead_of_the_digest() -> None:
    """What counts is what it could read at once, not what lies behind a gap."""
    full = [Island(0, MOST_BEHIND // 2, "a"), Island(MOST_BEHIND // 2, MOST_BEHIND + 1, "b")]
    assert is_behind(full, 0)
    assert not is_behind(full, 1)
    assert not is_behind(full[1:], 0)
    assert not is_behind([], 0)


# --- answers


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (PART, Came.PIECE),
        (replace(PART, etag='W/"a"'), Came.PIECE),
        (replace(PART, host="elsewhere", etag='"b"'), Came.PIECE),
        (replace(PART, start=19), Came.OTHER),
        (replace(PART, end=28), Came.OTHER),
        (replace(PART, end=30), Came.OTHER),
        (replace(PART, total=101), Came.OTHER),
        (replace(PART, start=None, end=None, total=None), Came.OTHER),
        (replace(PART, encoded=True), Came.OTHER),
        (replace(PART, multipart=True), Came.OTHER),
        (replace(PART, etag='"b"'), Came.OTHER),
        (replace(PART, etag=None), Came.OTHER),
        (Answer(200, length=100, host="here"), Came.WHOLE),
        (Answer(416, total=100, host="here"), Came.OTHER),
        (Answer(403, host="here"), Came.LINK),
        (Answer(401, host="here"), Came.LINK),
        (Answer(429, host="here"), Came.BUSY),
        (Answer(503, host="here"), Came.BUSY),
        (Answer(500, host="here"), Came.BUSY),
    ],
)
def test_only_the_piece_that_was_asked_for_is_written(answer: Answer, came: Came) -> None:
    """The range to the byte, the size, and no other tag of the same host."""
    assert came is judge_piece(SPAN, MARK, answer, proven=True)


def test_without_a_digest_a_strong_tag_must_vouch_for_each_piece() -> None:
    """The same tag of the same host."""
    assert judge_piece(SPAN, MARK, PART, proven=False) is Came.PIECE
    elsewhere = replace(PART, host="elsewhere")
    assert judge_piece(SPAN, MARK, elsewhere, proven=False) is Came.OTHER
    weak = replace(MARK, etag='W/"a"')
    assert not belongs(weak, replace(PART, etag='W/"a"'), proven=False)
    assert belongs(Held(0, total=100), PART, proven=True)


# --- what an earlier try has left


def test_of_a_checkpoint_counts_what_is_there() -> None:
    """No more than the file has, and no island that lies in another or in what is held."""
    islands = (Island(20, 30, "a"), Island(40, 50, "b"))
    held = Held(10, total=60, islands=islands)
    assert trusted_part(None, there=60, allowed=True) is None
    assert trusted_part(held, there=60, allowed=False) is None
    assert trusted_part(held, there=9, allowed=True) is None
    assert held == trusted_part(held, there=60, allowed=True)
    assert replace(held, islands=islands[:1]) == trusted_part(held, there=49, allowed=True)
    odd = (Island(45, 55, "c"), Island(40, 50, "b"), Island(5, 15, "d"), Island(30, 30, "e"))
    found = trusted_part(replace(held, islands=odd), there=60, allowed=True)
    assert found is not None
    assert (Island(40, 50, "b"),) == found.islands
