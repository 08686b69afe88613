"""How closely things are looked at again, and what of an answer is news."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    find_changes,
    gallery_task,
    is_full_due,
    list_again,
    look_at,
    model_task,
    reaches_ground,
    walk_again,
)
from civitai_dl.domain.decisions._look import MARGIN
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorRef,
    GalleryQuery,
    GalleryRef,
    Look,
    Model,
    ModelId,
    Planned,
    Selection,
    Tombstones,
)

DAY = 86_400.0
NOW = 1_800_000_000.0


@given(st.text(), st.floats(0, 10 * DAY), st.floats(DAY, 30 * DAY))
def test_a_full_look_comes_once_in_every_period(name: str, since: float, every: float):
    """After a whole period it is due, whatever the name; at the same moment it never is."""
    assert not is_full_due(name, NOW, now=NOW, every=every)
    assert is_full_due(name, NOW, now=NOW + every + since, every=every)


@pytest.mark.parametrize("full_at", [None, NOW + 1])
def test_what_was_never_looked_at_or_by_a_clock_that_ran_ahead_is_due(full_at: float | None):
    """Nothing is known of it, or nothing that can be believed."""
    assert is_full_due("a", full_at, now=NOW, every=7 * DAY)


def test_a_thousand_things_are_spread_over_the_week():
    """No day of seven has more than a fifth of a thousand things, nor fewer than a tenth."""
    first = {f"model:{number}": NOW for number in range(1000)}
    for day in range(1, 8):
        now = NOW + day * DAY
        due = [name for name, at in first.items() if is_full_due(name, at, now=now, every=7 * DAY)]
        assert 100 <= len(due) <= 200
        first.update(dict.fromkeys(due, now))


REF = CreatorRef(CreatorName("ann"), look=Look.BRIEF)


def test_a_list_that_was_read_to_its_end_begins_at_its_newest_page():
    """Any other begins as a download begins it, and so does one that is to be read in full."""
    before = CreatorRef(CreatorName("ann"), stage="count", newest=NOW)
    again = list_again(REF, before, complete=True)
    assert ("new", NOW, NOW) == (again.stage, again.newest, again.ground)
    safe = list_again(replace(REF, stage="safe"), before, complete=True)
    assert "new-safe" == safe.stage
    assert REF == list_again(REF, before, complete=False)
    full = replace(REF, look=Look.FULL)
    assert full == list_again(full, before, complete=True)


def test_known_ground_is_what_is_older_than_the_newest_of_before():
    """By two days; a page that is all there is needs no proof."""
    ref = replace(REF, stage="new", ground=NOW)
    assert reaches_ground(ref, [NOW + 5, NOW - MARGIN], whole=False)
    assert not reaches_ground(ref, [NOW + 5, NOW - MARGIN + 1, 0.0], whole=False)
    assert reaches_ground(ref, [], whole=True)
    assert not reaches_ground(replace(ref, ground=0.0), [NOW - MARGIN], whole=False)


def test_a_gallery_that_was_empty_is_believed_to_be():
    """By a brief look: after all doubts of the walk before; a full look walks anew."""
    task = gallery_task(GalleryQuery(model_id=ModelId(1)), Selection())
    assert isinstance(task.subject, GalleryRef)
    before = replace(task.subject, empties=2)
    for look, known, empties in (
        (Look.BRIEF, True, 2),
        (Look.USUAL, True, 0),
        (Look.FULL, False, 0),
    ):
        again = walk_again(replace(task.subject, look=look), before, complete=True)
        assert (known, empties) == (again.known_ground, again.empties)


def test_models_of_a_brief_look_wait_for_the_lists_of_creators():
    """They travel a hundred at once, last; one that is asked for alone does not wait."""
    many, alone = look_at(
        [Planned(model_task(ModelId(1))), Planned(model_task(ModelId(2), single=True))], Look.BRIEF
    )
    assert many.task.priority > 20 > alone.task.priority


def answer(**changes: object) -> dict[str, object]:
    version = {"id": 10, "name": "v1", "trainedWords": [], "files": [{"id": 100, "name": "a"}]}
    return {"id": 1, "name": "Dream", "description": "old", "modelVersions": [version], **changes}


def kinds(older: dict[str, object], newer: dict[str, object]) -> list[tuple[str, str]]:
    model = Model(ModelId(1), str(newer["name"]), raw=newer)
    stones = Tombstones(ModelId(1))
    return [(one.kind.value, one.what) for one in find_changes(older, model, stones, stones)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"description": "new"}, [("text", "description")]),
        ({"name": "Other", "tags": ["a"]}, [("renamed", "Dream"), ("text", "tags")]),
        ({"mode": "Archived"}, [("withdrawn", "Archived")]),
        ({"stats": {"downloadCount": 5}, "tags": [], "nsfwLevel": 3}, []),
    ],
)
def test_words_are_news_and_counters_are_not(
    changes: dict[str, object], expected: list[tuple[str, str]]
):
    """Description, name, tags and what is withdrawn; an empty list is the same as none."""
    assert expected == kinds(answer(), answer(**changes))


def test_words_of_versions_are_news():
    """Their descriptions and trigger words; null is the same as none, for both ways to ask."""
    version = {"id": 10, "name": "v1", "description": None, "files": [{"id": 100, "name": "a"}]}
    assert [] == kinds(answer(), answer(modelVersions=[version]))
    said = {**version, "trainedWords": ["x"], "description": "y"}
    assert [("text", "description, trigger words")] == kinds(answer(), answer(modelVersions=[said]))


def test_versions_files_and_other_bytes_are_news():
    """A new version is told as a whole, without its files."""
    old = {"id": 10, "name": "v1", "files": [{"id": 100, "name": "a", "hashes": {"SHA256": "AA"}}]}
    same = {"id": 10, "name": "v1", "files": [{"id": 100, "name": "a", "hashes": {"SHA256": "bb"}}]}
    new = {"id": 11, "name": "v2", "files": [{"id": 101, "name": "b"}]}
    more = {"id": 102, "name": "c"}
    same["files"] = [*same["files"], more]  # type: ignore[misc]  # a list
    older, newer = answer(modelVersions=[old]), answer(modelVersions=[new, same])
    assert [("new_version", "v2"), ("file_replaced", "a"), ("new_file", "c")] == kinds(older, newer)


def test_a_model_nobody_knew_is_new_and_nothing_else():
    """Its versions and files are not told one by one."""
    assert [("new_model", "")] == kinds({}, answer())
