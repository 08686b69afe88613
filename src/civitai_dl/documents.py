"""JSON documents of the archive, as people can read them.

It stands above `ports`: sources save them by way of a worker, and sidecars are such, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

import msgspec

from civitai_dl.domain.decisions import model_folder
from civitai_dl.domain.entities import ModelId, Tombstone, Tombstones, VersionId

_STATE = ".civitai-dl"


@dataclass(frozen=True, slots=True)
class Merge:
    """A document that belongs to others as well: what they wrote in it stays.

    beside: the archive path of the file that it speaks of. into: pure; from what is there (None for
    nothing) and when the file beside it was last written (seconds since the epoch) to what belongs
    there; None where nothing may be put into it.
    """

    path: str
    beside: str
    into: Callable[[bytes | None, float], bytes | None]


def dump_json(document: object) -> bytes:
    """One document; lone surrogates, which UTF-8 cannot carry, stay escaped."""
    try:
        # A tenth of the time: json indents in Python, and a page of images has 200 documents.
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    except UnicodeEncodeError:
        return f"{json.dumps(document, indent=2)}\n".encode()


def parse_object(data: bytes | None) -> dict[str, object]:
    """The object that a document holds; {} for none, and for what somebody made of it."""
    if data is None:
        return {}
    try:
        found = _decoded(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.MsgspecError:
        # It refuses half a character, as an edited document may have; whoever reads mends that.
        return json.loads(data.decode("utf-8", "replace"), strict=False)


def gone_path(model_id: ModelId) -> str:
    """Where it is kept what the service no longer shows of a model."""
    return f"{model_folder(model_id)}/gone.json"


def gone_mark(model_id: ModelId) -> str:
    """What tells that a model has a gone.json, so that nobody has to look at every model."""
    return f"{_STATE}/gone/{model_id}"


def describe_gone(stones: Tombstones) -> dict[str, object]:
    """The content of a gone.json; the format is described in docs/reference/layout.md."""
    return {
        "model": {"id": stones.model_id, "gone_since": _time(stones.gone_since)},
        "versions": [
            {
                "id": stone.id,
                "unlisted_since": _time(stone.unlisted_since),
                "gone_since": _time(stone.gone_since),
                "version": stone.raw,
            }
            for stone in stones.versions
        ],
        "files": [
            {
                "id": stone.id,
                "version_id": stone.version_id,
                "unlisted_since": _time(stone.unlisted_since),
                "gone_since": _time(stone.gone_since),
                "file": stone.raw,
            }
            for stone in stones.files
        ],
    }


def read_gone(data: bytes | None) -> Tombstones | None:
    """What a gone.json tells; None for none, and for one that cannot be read.

    What a later model.json shows again may still stand in it after a crash; `take_back` says what
    is left then.
    """
    document = parse_object(data)
    model = document.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("id"), int):
        return None
    return Tombstones(
        ModelId(model["id"]),
        _moment(model.get("gone_since")),
        _stones(document.get("versions"), "version", "id"),
        _stones(document.get("files"), "file", "version_id"),
    )


def _stones(value: object, what: str, owner: str) -> tuple[Tombstone, ...]:
    found = []
    for stone in value if isinstance(value, list) else ():
        if not isinstance(stone, dict):
            continue
        number, version, raw = stone.get("id"), stone.get(owner), stone.get(what)
        since = _moment(stone.get("unlisted_since")) or _moment(stone.get("gone_since"))
        if not isinstance(number, int) or not isinstance(version, int) or since is None:
            continue
        kept = raw if isinstance(raw, dict) else {}
        gone = _moment(stone.get("gone_since"))
        found.append(Tombstone(number, VersionId(version), since, gone, kept))
    return tuple(found)


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007  # given below
    except ValueError:
        return None
    return found.replace(tzinfo=timezone.utc)
