"""What is wrong with a stored file, by the facts alone."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    Damage,
    Kept,
    Part,
    Seen,
    Share,
    There,
    find_damage,
    first_bad_segment,
    group_twins,
    judge_segment,
    read_subset,
    segment_range,
    segments_of,
    tells_segments,
)
from civitai_dl.domain.entities import Answer, Measured
from civitai_dl.errors import ConfigError

SEGMENT = 10


def measured(data: bytes) -> Measured:
    ends = range(SEGMENT, len(data), SEGMENT)
    prefixes = tuple(hashlib.sha256(data[:end]).hexdigest() for end in ends)
    return Measured(len(data), hashlib.sha256(data).hexdigest(), prefixes=prefixes)


def kept(data: bytes, *, prefixes: bool = True) -> Kept:
    facts = measured(data)
    return Kept(1, "file:1", "a/b", facts.sha256, len(data), facts.prefixes if prefixes else ())


def seen(data: bytes) -> Seen:
    return Seen(There.FILE, len(data), measured=measured(data))


@pytest.mark.parametrize(
    ("found", "damage"),
    [
        (seen(b"0123456789"), None),
        (seen(b"012345678"), Damage.TRUNCATED),
        (seen(b"0123456789+"), Damage.LONGER),
        (seen(b"0123456788"), Damage.ROTTEN),
        (Seen(There.NOTHING), Damage.MISSING),
        (Seen(There.FOLDER), Damage.REPLACED),
        (Seen(There.LINK), Damage.REPLACED),
        (Seen(There.OTHER), Damage.REPLACED),
        (Seen(There.BROKEN), Damage.UNREADABLE),
        (Seen(There.DENIED), Damage.OUT_OF_REACH),
    ],
)
def test_each_damage_has_its_name(found: Seen, damage: Damage | None) -> None:
    """What lies at a path, against what was stored."""
    assert damage == find_damage(kept(b"0123456789"), found)


@given(st.binary(min_size=1, max_size=65), st.data())
def test_the_first_damaged_segment_is_found(data: bytes, draw: st.DataObject) -> None:
    """Wherever a bit flips, the segment that holds it is named, if there is more than one."""
    place = draw.draw(st.integers(0, len(data) * 8 - 1))
    other = bytearray(data)
    other[place // 8] ^= 1 << (place % 8)
    found = first_bad_segment(kept(data), measured(bytes(other)), SEGMENT)
    several = segments_of(len(data), SEGMENT) > 1
    assert found == (place // 8 // SEGMENT if several else None)
    assert tells_segments(kept(data), SEGMENT) is several


def test_without_digests_of_prefixes_no_segment_is_named() -> None:
    """Nor is one where nothing could be read, or where segments had another size."""
    data = bytes(range(35))
    assert first_bad_segment(kept(data, prefixes=False), measured(data), SEGMENT) is None
    assert first_bad_segment(kept(data), None, SEGMENT) is None
    assert first_bad_segment(kept(data), measured(data), SEGMENT * 2) is None
    assert first_bad_segment(kept(data), measured(data), SEGMENT) is None


@given(st.integers(0, 100), st.integers(1, 30))
def test_segments_cover_a_file_without_a_gap(size: int, segment: int) -> None:
    """The ranges of all segments, one after the other, are the file."""
    spans = [segment_range(n, size, segment) for n in range(segments_of(size, segment))]
    assert (0, size) == (spans[0][0], spans[-1][1])
    assert all(one[1] == other[0] for one, other in pairwise(spans))


PART = Answer(206, start=10, end=19, total=35)


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        (PART, True),
        (Answer(200, length=35), False),
        (Answer(206, start=10, end=34, total=35), False),
        (Answer(206, start=9, end=19, total=35), False),
        (Answer(206, start=10, end=19, total=36), False),
        (Answer(206, start=10, end=19), False),
        (Answer(206, start=10, end=19, total=35, encoded=True), False),
        (Answer(206, start=10, end=19, total=35, multipart=True), False),
    ],
)
def test_only_the_very_segment_is_taken(answer: Answer, *, fits: bool) -> None:
    """An answer that is not exactly the range that was asked for is not written."""
    assert fits is judge_segment(answer, 10, 20, 35)


@given(st.integers(1, 50), st.lists(st.integers(1, 10**9), unique=True))
def test_parts_are_disjoint_and_together_all(of: int, rows: list[int]) -> None:
    """As many runs as there are parts, one for each, see each row once."""
    parts = [Part(number, of) for number in range(1, of + 1)]
    assert [1] * len(rows) == [sum(part.holds(row) for part in parts) for row in rows]


@given(st.integers(1, 100), st.integers(0, 10_000))
def test_a_share_is_rounded_up(percent: int, files: int) -> None:
    """5 % of 20 files is one, of 21 two: after twenty looks every file was seen."""
    subset = read_subset(f"{percent}%")
    assert isinstance(subset, Share)
    assert -(-files * percent // 100) == subset.most(files)


def test_subsets_are_read_as_people_write_them() -> None:
    """A part by its number, a share by its percentage."""
    assert Part(3, 7) == read_subset("3/7") == read_subset(" 3 / 7 ")
    assert Share(0.05) == read_subset("5%")
    assert Share(0.005) == read_subset("0.5 %")
    assert Share(1.0) == read_subset("100%")


@pytest.mark.parametrize(
    "text", ["", "0/3", "4/3", "3", "0%", "101%", "-5%", "1/0", "a/b", "5 percent"]
)
def test_what_is_no_subset_is_refused(text: str) -> None:
    """The error says what was read, and how it should look."""
    with pytest.raises(ConfigError, match="no subset") as caught:
        read_subset(text)
    assert "1/7" in caught.value.hint


def test_names_of_one_inode_are_one_thing() -> None:
    """Hard links are told by device and inode; what is not there is nobody's twin."""
    one, other = Seen(There.FILE, identity=(1, 2)), Seen(There.FILE, identity=(1, 3))
    gone = Seen(There.NOTHING)
    assert [[0, 3], [1], [2], [4]] == group_twins([one, other, gone, one, gone])
