"""`<stem>.cm-info.json`: what Stability Matrix knows of a model file that came from the service.

It reads the fields of its ConnectedModelInfo by System.Text.Json, which is strict: a field of
another type, a null for a number, or a `Source` that is no number makes it pass over the whole
file; names that it does not know it ignores. `ModelType` and the format are texts, and any text
will do. `UserTitle`, `ThumbnailImageUrl` and `InferenceDefaults` are the user's (its source).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ._beside import Beside
from ._merging import Fields, as_fields, fill, merged

INDENT = 2

_CIVITAI = 0
"""The first of its sources; it writes and reads them as numbers."""

_LARGEST = 2**31 - 1
_COUNTERS = ("favoriteCount", "commentCount", "thumbsUpCount", "downloadCount", "ratingCount")
_DIGESTS = ("CRC32", "BLAKE3")


def merge_stability_matrix(
    beside: Beside, existing: bytes | None, written_at: float
) -> bytes | None:
    """What connects a file to its model; what the user has put there stays. Pure.

    written_at: seconds since the epoch, the time of import where none is told.
    """
    model, version, file = beside.model, beside.version, beside.file

    def change(fields: Fields) -> Fields:
        _number(fields, "ModelId", model.id)
        fill(fields, "ModelName", model.name)
        fill(fields, "ModelDescription", model.description or "")
        fill(fields, "Nsfw", model.raw.get("nsfw") is True)
        fill(fields, "Tags", list(model.tags))
        fill(fields, "ModelType", model.kind)
        _number(fields, "VersionId", version.id)
        fill(fields, "VersionName", version.name)
        fill(fields, "VersionDescription", version.description)
        fill(fields, "AuthorUsername", model.creator)
        fill(fields, "BaseModel", version.base_model)
        fields["RemoteFileName"] = file.name
        _number(fields, "RemoteFileId", file.id)
        _refresh(fields, "FileMetadata", _texts(as_fields(beside.answer.get("metadata"))))
        fill(fields, "ImportedAt", _moment(written_at))
        hashes = _hashes(as_fields(beside.answer.get("hashes")), beside.stored.sha256)
        fields["Hashes"] = {**as_fields(fields.get("Hashes")), **hashes}
        fill(fields, "TrainedWords", list(version.trained_words))
        _refresh(fields, "Stats", _stats(as_fields(model.raw.get("stats"))))
        fill(fields, "Source", _CIVITAI)
        return fields

    return merged(existing, change, indent=INDENT)


def _number(fields: Fields, name: str, number: int) -> None:
    """Ids are 32 bits there; one that is larger would cost the whole file."""
    if number <= _LARGEST:
        fields[name] = int(number)


def _refresh(fields: Fields, name: str, facts: Fields) -> None:
    if facts:
        fields[name] = {**as_fields(fields.get(name)), **facts}


def _texts(metadata: Fields) -> Fields:
    return {
        name: value
        for name in ("fp", "size", "format")
        if isinstance(value := metadata.get(name), str)
    }


def _hashes(told: Fields, sha256: str) -> Fields:
    others = {
        name: value for name in _DIGESTS if isinstance(value := told.get(name), str) and value
    }
    return {"SHA256": sha256.upper(), **others}


def _stats(told: Fields) -> Fields:
    stats: Fields = {
        name: value for name in _COUNTERS if type(value := told.get(name)) is int and _fits(value)
    }
    rating = told.get("rating")
    if isinstance(rating, (int, float)) and not isinstance(rating, bool):
        stats["rating"] = rating
    return stats


def _fits(number: int) -> bool:
    return abs(number) <= _LARGEST


def _moment(written_at: float) -> str:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=int(written_at))
    return moment.isoformat()
