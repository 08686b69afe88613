"""What an answer about a model tells that the one before it did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..entities import Change, ChangeKind, Model, Tombstone, Tombstones
from ._tombstones import Raw, files_of_versions, versions_of

TEXTS = (ChangeKind.TEXT, ChangeKind.RENAMED)
"""Changes after which the older words are nowhere but in a copy."""


def find_changes(
    older: Raw, model: Model, known: Tombstones, after: Tombstones
) -> tuple[Change, ...]:
    """What has changed of a model.

    older: its JSON before, {} for a model that is new. known, after: its tombstones before and now.
    Counters, ratings and the order of things are no change.
    """
    base = Change(ChangeKind.NEW_MODEL, model.id, model.name, model.creator)
    if not older:
        return (base,)
    return (
        *_of_model(base, older, model.raw, known),
        *_of_versions(base, older, model.raw, known),
        *_gone(base, known, after),
    )


def _of_model(base: Change, older: Raw, newer: Raw, known: Tombstones) -> Iterator[Change]:
    if known.gone_since is not None:
        yield replace(base, kind=ChangeKind.BACK_MODEL)
    before, now = str(older.get("name") or ""), str(newer.get("name") or "")
    if before != now:
        yield replace(base, kind=ChangeKind.RENAMED, what=before)
    texts = [name for name in ("description", "tags") if _said(older, name) != _said(newer, name)]
    # What is back may have come back with other words than it went with.
    buried: dict[int, Raw] = {stone.id: stone.raw for stone in known.versions}
    texts += _texts_of_versions({**buried, **versions_of(older)}, versions_of(newer))
    if texts:
        yield replace(base, kind=ChangeKind.TEXT, what=", ".join(dict.fromkeys(texts)))
    mode, was = str(newer.get("mode") or ""), str(older.get("mode") or "")
    if mode != was:
        kind = ChangeKind.WITHDRAWN if mode else ChangeKind.RESTORED
        yield replace(base, kind=kind, what=mode or was)


def _texts_of_versions(older: Mapping[int, Raw], newer: Mapping[int, Raw]) -> Iterator[str]:
    for number, version in newer.items():
        before = older.get(number)
        if before is None:
            continue
        for name, word in (
            ("name", "version name"),
            ("description", "description"),
            ("trainedWords", "trigger words"),
        ):
            if _said(before, name) != _said(version, name):
                yield word


def _said(raw: Raw, name: str) -> object:
    """A text or a list of texts; the service sends null, nothing and an empty list for none."""
    return raw.get(name) or None


def _of_versions(base: Change, older: Raw, newer: Raw, known: Tombstones) -> Iterator[Change]:
    before, now, files = versions_of(older), versions_of(newer), files_of_versions(newer)
    had = files_of_versions(older)
    lost = {stone.id for stone in known.versions}
    lost_files = {stone.id: stone.raw for stone in known.files}
    for number, version in now.items():
        if number not in before:
            if number not in lost:
                yield _named(base, ChangeKind.NEW_VERSION, number, version)
            continue
        for file_id, file in files[number].items():
            past = had[number].get(file_id) or lost_files.get(file_id)
            if past is None:
                yield _named(base, ChangeKind.NEW_FILE, file_id, file)
            elif _sha256(past) and _sha256(file) and _sha256(past) != _sha256(file):
                yield _named(base, ChangeKind.FILE_REPLACED, file_id, file)


def _gone(base: Change, known: Tombstones, after: Tombstones) -> Iterator[Change]:
    for gone, back, were, are in (
        (ChangeKind.GONE_VERSION, ChangeKind.BACK_VERSION, known.versions, after.versions),
        (ChangeKind.GONE_FILE, ChangeKind.BACK_FILE, known.files, after.files),
    ):
        lost = {stone.id for stone in were if stone.gone_since is not None}
        left = {stone.id for stone in are}
        for stone in are:
            if stone.gone_since is not None and stone.id not in lost:
                yield _buried(base, gone, stone)
        for stone in were:
            if stone.id in lost and stone.id not in left:
                yield _buried(base, back, stone)


def _buried(base: Change, kind: ChangeKind, stone: Tombstone) -> Change:
    return _named(base, kind, stone.id, stone.raw)


def _named(base: Change, kind: ChangeKind, number: int, raw: Raw) -> Change:
    return replace(base, kind=kind, number=number, what=str(raw.get("name") or ""))


def _sha256(raw: Raw) -> str:
    hashes = raw.get("hashes")
    return str(hashes.get("SHA256") or "").lower() if isinstance(hashes, dict) else ""
