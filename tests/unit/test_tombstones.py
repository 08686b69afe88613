"""What a model's answers show no longer, and what of it is gone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from civitai_dl.documents import describe_gone, dump_json, parse_object, read_gone
from civitai_dl.domain.decisions import (
    bury,
    doubtful_versions,
    is_unsettled,
    judge_tombstones,
    shows_less,
    take_back,
    tell_changes,
    whole_answer,
)
from civitai_dl.domain.entities import ModelId, Tombstones, VersionId

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
LATER = NOW + timedelta(days=1)
NONE = Tombstones(ModelId(5))


def version(number: int | str, *files: int) -> dict[str, object]:
    named = [{"id": file, "name": f"file-{file}"} for file in files]
    return {"id": number, "name": f"v{number}", "files": named}


def answer(*versions: dict[str, object], mode: str | None = None) -> dict[str, object]:
    found: dict[str, object] = {"id": 5, "name": "Dream", "modelVersions": list(versions)}
    return found if mode is None else {**found, "mode": mode}


WHOLE = answer(version(7, 71, 72), version(8, 81))


@pytest.mark.parametrize(
    ("newer", "less"),
    [
        (WHOLE, False),
        (answer(version(9), version("8", 81), version(7, 72, 71, 73)), False),
        (answer(version(7, 71, 72)), True),
        (answer(version(7, 71), version(8, 81)), True),
        (answer(), True),
        ({"id": 5}, True),
        ({"id": 5, "modelVersions": [None, {"name": "no id"}, {"id": "x"}]}, True),
    ],
)
def test_an_answer_that_lacks_a_version_or_a_file_shows_less(
    newer: dict[str, object], *, less: bool
) -> None:
    """The order, more of either, and ids as text make no difference."""
    assert less == shows_less(WHOLE, newer)


def test_what_an_answer_lacks_is_kept_as_it_was_shown_last() -> None:
    """A version with its JSON, a file of a version that remains with its own."""
    stones = bury(NONE, WHOLE, answer(version(7, 72)), now=NOW)
    assert [(8, 8, NOW, None, version(8, 81))] == [
        (one.id, one.version_id, one.unlisted_since, one.gone_since, one.raw)
        for one in stones.versions
    ]
    assert [(71, 7, {"id": 71, "name": "file-71"})] == [
        (one.id, one.version_id, one.raw) for one in stones.files
    ]
    again = bury(stones, answer(version(7, 72), version(8)), answer(version(7, 72)), now=LATER)
    assert [(NOW, version(8))] == [(one.unlisted_since, one.raw) for one in again.versions]
    assert again.files == stones.files


def test_a_version_is_gone_when_the_service_does_not_know_it() -> None:
    """And with it the files of it that were lost before; the day stays the first one."""
    newer = answer(version(8, 81))
    stones = bury(
        bury(NONE, WHOLE, answer(version(7, 71), version(8, 81)), now=NOW), WHOLE, newer, now=NOW
    )
    assert [7] == doubtful_versions(stones, newer)
    kept = judge_tombstones(stones, newer, unknown=(), now=NOW)
    assert [None] == [one.gone_since for one in (*kept.versions,)]
    gone = judge_tombstones(kept, newer, unknown=[VersionId(7)], now=NOW)
    assert [NOW, NOW] == [one.gone_since for one in (*gone.versions, *gone.files)]
    assert [] == doubtful_versions(gone, newer)
    assert gone == judge_tombstones(gone, newer, unknown=[VersionId(7)], now=LATER)


@pytest.mark.parametrize(
    ("newer", "gone"),
    [
        (answer(version(7, 72), version(8, 81)), True),
        (answer(version(7), version(8, 81)), False),
        (answer(version(7, 72), version(8, 81), mode="Archived"), False),
        (answer(version(8, 81)), False),
    ],
    ids=["another is shown", "none is shown", "archived", "the version is not shown"],
)
def test_a_file_is_gone_when_its_version_shows_others(
    newer: dict[str, object], *, gone: bool
) -> None:
    """A version without any file hides them; so does a model that is archived."""
    stones = bury(NONE, WHOLE, answer(version(7, 72), version(8, 81)), now=NOW)
    judged = judge_tombstones(stones, newer, unknown=(), now=LATER)
    assert [LATER if gone else None] == [one.gone_since for one in judged.files]


def test_what_may_be_gone_now_gives_reason_to_ask() -> None:
    """A version in doubt, or a file whose version shows others by now; not one that hides them."""
    archived = answer(version(7), version(8), mode="Archived")
    stones = bury(NONE, WHOLE, archived, now=NOW)
    assert not is_unsettled(stones, archived)
    assert not is_unsettled(stones, WHOLE | {"modelVersions": [version(7), version(8)]})
    assert is_unsettled(stones, answer(version(7, 73), version(8)))
    assert is_unsettled(bury(NONE, WHOLE, answer(), now=NOW), answer())
    assert not is_unsettled(NONE, WHOLE)


def test_nobody_is_asked_about_versions_of_an_archived_model() -> None:
    """Its answer shows less because it is archived, or taken down."""
    newer = answer(mode="TakenDown")
    assert [] == doubtful_versions(bury(NONE, WHOLE, newer, now=NOW), newer)


def test_what_is_shown_again_is_taken_back() -> None:
    """Versions, files, and the model itself; the rest stays."""
    newer = answer(version(7, 72))
    gone = judge_tombstones(
        bury(NONE, WHOLE, newer, now=NOW), newer, unknown=[VersionId(8)], now=NOW
    )
    away = Tombstones(gone.model_id, NOW, gone.versions, gone.files)
    assert away
    back = take_back(away, WHOLE)
    assert not back
    assert Tombstones(ModelId(5), None, gone.versions, gone.files) == take_back(away, newer)
    told = tell_changes("Dream", away, back)
    assert [
        "model 5 (Dream) is back at the service",
        "model 5 (Dream): version 8 (v8) is back at the service",
        "model 5 (Dream): file 71 (file-71) is back at the service",
    ] == told
    lost = tell_changes("Dream", NONE, gone)
    assert [
        "model 5 (Dream): version 8 (v8) is gone from the service; what was saved is kept",
        "model 5 (Dream): file 71 (file-71) is gone from the service; what was saved is kept",
    ] == lost
    assert [] == tell_changes("Dream", gone, gone)


def test_the_whole_answer_has_what_is_kept() -> None:
    """Versions and files that are gone are in it once, also when the answer shows them again."""
    newer = answer(version(7, 72))
    stones = bury(NONE, WHOLE, newer, now=NOW)
    found = whole_answer(newer, stones)
    assert {7: {71, 72}, 8: {81}} == {
        one["id"]: {file["id"] for file in one["files"]}
        for one in found["modelVersions"]  # type: ignore[attr-defined]  # a list
    }
    assert WHOLE == whole_answer(WHOLE, stones)
    assert {"id": 5, "modelVersions": [None, version(7, 71)]} == whole_answer(
        {"id": 5, "modelVersions": [None, {"id": 7, "name": "v7"}]},
        Tombstones(ModelId(5), None, (), stones.files),
    )
    assert {"id": 5, "modelVersions": [version(8, 81)]} == whole_answer(
        {"id": 5}, Tombstones(ModelId(5), None, stones.versions)
    )


def test_what_is_written_is_what_is_read() -> None:
    """The document and the typed result say the same."""
    newer = answer(version(7, 72))
    stones = judge_tombstones(
        bury(NONE, WHOLE, newer, now=NOW), newer, unknown=[VersionId(8)], now=LATER
    )
    away = Tombstones(ModelId(5), LATER, stones.versions, stones.files)
    assert away == read_gone(dump_json(describe_gone(away)))
    assert NONE == read_gone(dump_json(describe_gone(NONE)))


@pytest.mark.parametrize(
    "data",
    [None, b"", b"[]", b"{", b"{}", b'{"model": 5}', b'{"model": {"id": "5"}}', b"[" * 100_000],
)
def test_what_is_no_such_document_is_none(data: bytes | None) -> None:
    """Somebody may have edited it, or a disk lost it."""
    assert read_gone(data) is None


def test_what_cannot_be_read_of_a_document_is_left_out() -> None:
    """Entries without an id or a time are none; times that are no times are none."""
    document = {
        "model": {"id": 5, "gone_since": "yesterday"},
        "versions": [None, {"id": 7}, {"id": 8, "gone_since": "2026-11-01T00:00:00Z"}],
        "files": [{"id": 9, "unlisted_since": "2026-11-01T00:00:00Z"}, {"id": "x"}],
    }
    stones = read_gone(dump_json(document))
    assert stones is not None
    assert (None, [(8, NOW, NOW, {})], ()) == (
        stones.gone_since,
        [(one.id, one.unlisted_since, one.gone_since, one.raw) for one in stones.versions],
        stones.files,
    )
    assert {} == parse_object(b"5")
    assert read_gone(dump_json({"model": {"id": 5}, "versions": 3})) == NONE
