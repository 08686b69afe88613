"""Which "there is none" is surprising enough to ask another host of the service."""

from __future__ import annotations

import pytest

from civitai_dl.domain.decisions import (
    Doubt,
    Experience,
    doubt_empty,
    doubt_missing,
    mark_cursor,
    split_cursor,
)

EMPTY = {"items": [], "metadata": {}}


@pytest.mark.parametrize(
    ("path", "doubt"),
    [
        ("/api/v1/models/5", Doubt.MISSING),
        ("/api/v1/model-versions/5", Doubt.MISSING),
        ("/api/v1/model-versions/by-hash/ABCDEF0123", Doubt.MISSING),
        ("/api/v1/posts/5", Doubt.MISSING),
        ("/api/v1/models", Doubt.MISSING),
        ("/api/v1/images", Doubt.MISSING),
        ("/api/download/models/5?fileId=7", Doubt.MISSING),
        ("/api/v1/model-versions/by-hash/ids", Doubt.MISSING),
        ("/api/v1/me", None),
        ("/api/v1/creators", None),
        ("/api/v1/tags", None),
    ],
)
def test_a_404_of_a_thing_is_doubted(path: str, doubt: Doubt | None) -> None:
    """What would be held to be gone is asked of every host; what is no thing is not."""
    assert doubt == doubt_missing(path)


def test_a_404_of_a_further_page_is_not_doubted() -> None:
    """A cursor means nothing to the host that did not give it."""
    assert doubt_missing("/api/v1/models", [("username", "ann"), ("cursor", "7")]) is None


@pytest.mark.parametrize(
    ("path", "asked", "answer", "doubt"),
    [
        ("/api/v1/images", {"modelId": "5"}, EMPTY, Doubt.EMPTY),
        ("/api/v1/images", {"imageId": "5"}, EMPTY, Doubt.MISSING),
        ("/api/v1/images", {"postId": "5"}, EMPTY, Doubt.MISSING),
        ("/api/v1/images", {"modelId": "5", "cursor": "7"}, EMPTY, None),
        ("/api/v1/images", {"modelId": "5"}, {"items": [{}]}, None),
        ("/api/v1/images", {"modelId": "5"}, {"metadata": {"nextCursor": 1}}, None),
        ("/api/v1/images", {"modelId": "5"}, {"items": None, "metadata": None}, Doubt.EMPTY),
        ("/api/v1/images", {"modelId": "5"}, [], None),
        ("/api/v1/models", {"username": "ann", "nsfw": "true"}, EMPTY, Doubt.EMPTY),
        ("/api/v1/models", {"username": "ann", "nsfw": "false"}, EMPTY, None),
        ("/api/v1/models", {"username": "ann"}, EMPTY, None),
        ("/api/v1/models", {"ids": "1,2", "nsfw": "true"}, EMPTY, None),
        ("/api/v1/models", {"modelVersionIds": "1", "nsfw": "true"}, EMPTY, Doubt.MISSING),
        ("/api/v1/creators", {"query": "ann"}, EMPTY, None),
    ],
)
def test_an_empty_first_page_is_doubted(
    path: str, asked: dict[str, str], answer: object, doubt: Doubt | None
) -> None:
    """Only first pages; not what is asked for singly afterwards, nor what may well be empty."""
    assert doubt == doubt_empty(path, list(asked.items()), answer)


def test_experience_bounds_what_doubt_costs() -> None:
    """Fifty empty lists are all doubted, then one in ten; after a difference all of them again."""
    seen, asked = Experience(), 0
    for _ in range(1000):
        asked += seen.is_worth_asking()
        seen = seen.saw_empty()
    assert 50 + 95 == asked
    assert not seen.saw_empty().is_worth_asking()
    assert seen.saw_empty().saw_difference().is_worth_asking()


@pytest.mark.parametrize("cursor", ["22138|364671|25494", "1|1712265847499", "25494", 25494])
def test_a_cursor_comes_back_to_its_host_byte_for_byte(cursor: object) -> None:
    """The mark is taken off again; what has none belongs to the first host."""
    assert (str(cursor), "civitai.red") == split_cursor(mark_cursor(cursor, "civitai.red"))
    assert (str(cursor), "") == split_cursor(str(cursor))
