"""Asking which versions have files of some digests: thousands at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import LARGEST_ID, ModelId, VersionId
from civitai_dl.errors import UnexpectedShape

from ._shapes import as_id, as_object, as_objects, as_text, read_digests

if TYPE_CHECKING:
    from civitai_dl.ports import Json, JsonApi

IDS_AT_ONCE = 10_000
"""Digests that one request for ids may name (server source)."""

VERSIONS_AT_ONCE = 100
"""Digests that one request for whole versions may name (server source)."""

Place = tuple[ModelId, VersionId]


@dataclass(slots=True)
class Told:
    """What the service says of digests. untold: those of which nothing is certain.

    Of what is in neither the service knows nothing.
    """

    places: dict[str, list[Place]] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)

    def add(self, digest: str, place: Place) -> None:
        """A version has a file of this digest."""
        known = self.places.setdefault(digest, [])
        if place not in known:
            known.append(place)


async def ask_ids(digests: Sequence[str], api: JsonApi) -> Told:
    """The versions of up to 10,000 SHA-256; misses are absent from the answer (server source).

    digests: in lower case. Raises: SourceError.
    """
    sent: Json = [digest.upper() for digest in digests]
    answer = await api.post("/api/v1/model-versions/by-hash/ids", sent)
    told = Told()
    asked = set(digests)
    for found in _elements(answer, "ids"):
        entry = as_object(found)
        digest = (as_text(entry.get("hash")) or "").lower()
        place = _place(entry.get("modelId"), entry.get("modelVersionId"))
        if digest not in asked:
            # What cannot be told apart may be any of them.
            raise UnexpectedShape("the service answered for a digest that was not asked for")
        if place is None:
            told.untold.add(digest)
        else:
            told.add(digest, place)
    told.untold -= told.places.keys()
    return told


async def ask_versions(digests: Sequence[str], api: JsonApi) -> Told:
    """The same for up to 100 SHA-256, by whole versions, for a service without the other way.

    The versions come in any order, several for one digest, and `null` for one that is unrated
    (server source): of which digest it speaks nobody knows, so those left over are untold.
    """
    sent: Json = [digest.upper() for digest in digests]
    answer = await api.post("/api/v1/model-versions/by-hash", sent)
    told = Told()
    asked = set(digests)
    elements = _elements(answer, "versions")
    for version in as_objects(answer):
        place = _place(version.get("modelId"), version.get("id"))
        for file in as_objects(version.get("files")):
            digest = read_digests(file.get("hashes")).sha256
            if digest in asked and digest is not None and place is not None:
                told.add(digest, place)
    if len(as_objects(answer)) < len(elements):
        told.untold = asked - told.places.keys()
    return told


def _elements(answer: Json, what: str) -> list[Json]:
    if not isinstance(answer, list):
        raise UnexpectedShape(f"the {what} of digests came as something else than a list")
    return answer


def _place(model: Json, version: Json) -> Place | None:
    model_id, version_id = as_id(model), as_id(version)
    if model_id is None or version_id is None or max(model_id, version_id) > LARGEST_ID:
        return None
    return ModelId(model_id), VersionId(version_id)
