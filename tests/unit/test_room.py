"""Whether so many bytes may begin to come, and how a page is asked for anew."""

from __future__ import annotations

import pytest

from civitai_dl.domain.decisions import decide_room, latest_wait, listed_anew, room_needed
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorRef,
    GalleryQuery,
    GalleryRef,
    ModelId,
    ModelRef,
    Slice,
)


@pytest.mark.parametrize(
    ("free", "promised", "more", "lacking"),
    [
        (None, 10**12, 10**12, 0),
        (1050, 0, 1000, 0),
        (1049, 0, 1000, 1),
        (1050, 1000, 1000, 1050),
    ],
)
def test_five_percent_stay_free(free, promised, more, lacking):
    """What comes must leave a twentieth of itself free; where nobody can tell, it may come."""
    assert lacking == decide_room(free, promised=promised, more=more)


@pytest.mark.parametrize(
    ("promised", "listed", "room"),
    [
        (None, 500, 500),
        (None, None, None),
        (700, None, 700),
        (10**19, None, None),
        (10**19, 5_000_000, 5_000_000),
        (5_000_100, 5_000_000, 5_000_100),
    ],
)
def test_no_room_is_kept_for_nonsense(promised, listed, room):
    """A length that nobody can believe sets no room aside."""
    assert room == room_needed(promised, listed)


def test_a_page_is_asked_for_anew_from_its_beginning():
    """Where rows were lost a listing goes on nowhere and stops at no known ground."""
    walked = GalleryRef(
        GalleryQuery(model_id=ModelId(1)), "f", part=Slice(), cursor="c", known_ground=True
    )
    anew = listed_anew(walked)
    assert isinstance(anew, GalleryRef)
    assert (anew.cursor, anew.known_ground, anew.part) == (None, False, walked.part)
    half = CreatorRef(CreatorName("ann"), stage="safe", cursor="x")
    assert listed_anew(half) == CreatorRef(CreatorName("ann"))
    assert listed_anew(ModelRef(ModelId(1))) == ModelRef(ModelId(1))


def test_nobody_waits_for_years():
    """A moment that another clock has set is believed up to two days ahead."""
    assert 1_000.0 + 2 * 86_400 == latest_wait(1_000.0)
