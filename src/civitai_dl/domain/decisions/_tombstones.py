"""What a model's answers show no longer: what of it to keep, and what of it is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from ..entities import Tombstone, Tombstones, VersionId

ANY_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)

Raw = Mapping[str, object]
"""The JSON of a model, as the service gave it."""


def shows_less(older: Raw, newer: Raw) -> bool:
    """Whether an answer lacks a version, or a file, that the one before it showed."""
    shown = files_of_versions(newer)
    return any(
        number not in shown or not files.keys() <= shown[number].keys()
        for number, files in files_of_versions(older).items()
    )


def bury(stones: Tombstones, older: Raw, newer: Raw, *, now: datetime) -> Tombstones:
    """The tombstones with one for each thing that only the older answer shows; none is taken off.

    It must be durable before the newer answer takes the place of the older one.
    """
    versions = {stone.id: stone for stone in stones.versions}
    files = {stone.id: stone for stone in stones.files}
    shown = files_of_versions(newer)
    for number, raw in versions_of(older).items():
        if number not in shown:
            versions[number] = _stone(versions.get(number), number, number, raw, now)
            continue
        for file_id, file in _numbered(raw.get("files")).items():
            if file_id not in shown[number]:
                files[file_id] = _stone(files.get(file_id), file_id, number, file, now)
    return replace(stones, versions=tuple(versions.values()), files=tuple(files.values()))


def doubtful_versions(stones: Tombstones, newer: Raw) -> list[VersionId]:
    """The versions of which it has to be asked whether the service still has them.

    None of a model that is archived or taken down: then its answer shows less for that reason.
    """
    if newer.get("mode"):
        return []
    shown = versions_of(newer)
    return [
        stone.version_id
        for stone in stones.versions
        if stone.gone_since is None and stone.id not in shown
    ]


def is_unsettled(stones: Tombstones, newer: Raw) -> bool:
    """Whether an answer gives reason to ask anew about what is merely not shown so far."""
    judged = judge_tombstones(stones, newer, unknown=(), now=ANY_TIME)
    return judged != stones or bool(doubtful_versions(stones, newer))


def judge_tombstones(
    stones: Tombstones, newer: Raw, *, unknown: Collection[VersionId], now: datetime
) -> Tombstones:
    """The tombstones with the verdict on each of which is gone; none is taken off.

    A version is gone when the model's own answer does not show it and the service, asked for it by
    its id, does not know it (unknown). A file is gone when its version is, or shows other files
    while the model is neither archived nor taken down: such models show no files at all.
    """
    shown = files_of_versions(newer)
    hides = bool(newer.get("mode"))
    versions = tuple(
        _judged(stone, gone=stone.id not in shown and stone.version_id in unknown, now=now)
        for stone in stones.versions
    )
    lost = {stone.version_id for stone in versions if stone.gone_since is not None}
    files = tuple(
        _judged(
            stone,
            gone=stone.version_id in lost or (not hides and bool(shown.get(stone.version_id))),
            now=now,
        )
        for stone in stones.files
    )
    return replace(stones, versions=versions, files=files)


def take_back(stones: Tombstones, newer: Raw) -> Tombstones:
    """The tombstones without those of what an answer shows, the model itself among it.

    Only once that answer is durable: until then a tombstone may be all that is left.
    """
    shown = files_of_versions(newer)
    return replace(
        stones,
        gone_since=None,
        versions=tuple(stone for stone in stones.versions if stone.id not in shown),
        files=tuple(
            stone for stone in stones.files if stone.id not in shown.get(stone.version_id, {})
        ),
    )


def still_missing(stones: Tombstones, answer: Raw) -> Tombstones:
    """What the tombstones tell of beside an answer that lies on disk, the whole model included.

    After a crash the answer may show again what they still tell of.
    """
    return replace(take_back(stones, answer), gone_since=stones.gone_since)


def whole_answer(answer: Raw, stones: Tombstones) -> dict[str, object]:
    """A model's JSON with what is kept of its versions and files that the service shows no more."""
    left = take_back(stones, answer)
    versions = []
    shown = answer.get("modelVersions")
    for version in [
        *(shown if isinstance(shown, list) else ()),
        *(stone.raw for stone in left.versions),
    ]:
        number = version.get("id") if isinstance(version, dict) else None
        lost = [stone.raw for stone in left.files if str(stone.version_id) == str(number)]
        if not lost:
            versions.append(version)
            continue
        files = version.get("files")
        kept = files if isinstance(files, list) else []
        versions.append({**version, "files": [*kept, *lost]})
    return {**answer, "modelVersions": versions}


def tell_changes(name: str, before: Tombstones, after: Tombstones) -> list[str]:
    """Sentences about what is gone now and was not, and about what is back."""
    model = f"model {after.model_id} ({name})"
    sentences = []
    if before.gone_since is not None and after.gone_since is None:
        sentences.append(f"{model} is back at the service")
    for what, were, are in (
        ("version", before.versions, after.versions),
        ("file", before.files, after.files),
    ):
        gone = {stone.id for stone in were if stone.gone_since is not None}
        kept = {stone.id for stone in are}
        sentences += [
            f"{model}: {what} {_named(stone)} is gone from the service; what was saved is kept"
            for stone in are
            if stone.gone_since is not None and stone.id not in gone
        ]
        sentences += [
            f"{model}: {what} {_named(stone)} is back at the service"
            for stone in were
            if stone.id in gone and stone.id not in kept
        ]
    return sentences


def _named(stone: Tombstone) -> str:
    return f"{stone.id} ({stone.raw.get('name') or '?'})"


def _stone(
    known: Tombstone | None, number: int, version: int, raw: dict[str, object], now: datetime
) -> Tombstone:
    if known is not None:
        return replace(known, raw=raw)
    return Tombstone(number, VersionId(version), now, raw=raw)


def _judged(stone: Tombstone, *, gone: bool, now: datetime) -> Tombstone:
    return replace(stone, gone_since=now) if gone and stone.gone_since is None else stone


def versions_of(answer: Raw) -> dict[int, dict[str, object]]:
    """The versions of a model's JSON by their id."""
    return _numbered(answer.get("modelVersions"))


def files_of_versions(answer: Raw) -> dict[int, dict[int, dict[str, object]]]:
    """The files of each version of a model's JSON, by their ids."""
    return {
        number: _numbered(version.get("files")) for number, version in versions_of(answer).items()
    }


def _numbered(value: object) -> dict[int, dict[str, object]]:
    """The objects of a list by their id; ids may come as text (observed)."""
    found: dict[int, dict[str, object]] = {}
    items: Iterable[object] = value if isinstance(value, list) else ()
    for item in items:
        if isinstance(item, dict):
            number = str(item.get("id"))
            if number.isascii() and number.isdigit():
                found[int(number)] = item
    return found
