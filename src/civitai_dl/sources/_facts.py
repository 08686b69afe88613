"""What the service tells of models and images beyond where they lie: for whoever looks at them.

`meta` is an object of its author's making: keys and types are anything, it may be wrapped as
`{id, meta}`, and it is null more often than not (observed).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import CreatorName, Model
from civitai_dl.domain.library import Generation, ModelFacts, PictureFacts, Resource, ScanView

from ._shapes import as_id, as_number, as_object, as_objects, as_text, as_time, read_level

if TYPE_CHECKING:
    from civitai_dl.ports import Json

LONGEST_VALUE = 500
"""Of a parameter as it is shown; a workflow may be in one."""

_TOLD = ("prompt", "negativePrompt", "resources", "civitaiResources", "comfy", "workflow", "hashes")


def read_picture(image: Mapping[str, object]) -> PictureFacts:
    """The facts of one image of a listing, a model or a version."""
    raw = as_object(_json(image))
    name = as_text(raw.get("username"))
    moment = as_time(raw.get("createdAt"))
    prompt = as_text(_meta(raw).get("prompt")) or ""
    return PictureFacts(
        creator=CreatorName(name) if name else None,
        level=read_level(raw),
        width=as_id(raw.get("width")) or 0,
        height=as_id(raw.get("height")) or 0,
        created=None if moment is None else moment.timestamp(),
        prompt=prompt,
    )


def read_generation(image: Mapping[str, object]) -> Generation:
    """How an image was made, as far as its `meta` tells."""
    meta = _meta(as_object(_json(image)))
    comfy = meta.get("comfy")
    parameters = [
        (key, text) for key, value in meta.items() if key not in _TOLD and (text := _shown(value))
    ]
    return Generation(
        prompt=as_text(meta.get("prompt")) or "",
        negative=as_text(meta.get("negativePrompt")) or "",
        parameters=tuple(parameters),
        resources=tuple(_resources(meta)),
        workflow=comfy if isinstance(comfy, str) else json.dumps(comfy) if comfy else "",
    )


def model_facts(model: Model, *, gone_versions: int = 0) -> ModelFacts:
    """The facts of a model; each base model, tag and word once."""
    stats = as_object(_json(model.raw.get("stats")))
    moments = [v.published_at.timestamp() for v in model.versions if v.published_at is not None]
    return ModelFacts(
        id=model.id,
        name=model.name,
        kind=model.kind,
        creator=model.creator,
        base_models=_once(version.base_model for version in model.versions),
        tags=_once(model.tags),
        words=_once(word for version in model.versions for word in version.trained_words),
        level=as_id(_json(model.raw.get("nsfwLevel"))) or 0,
        nsfw=model.raw.get("nsfw") is True,
        versions=len(model.versions),
        gone_versions=gone_versions,
        downloads=int(as_number(stats.get("downloadCount")) or 0),
        published=max(moments, default=None),
        previews={
            image.uuid or image.url: read_picture(image.raw)
            for version in model.versions
            for image in version.previews
        },
    )


def _json(value: object) -> Json:
    return value  # type: ignore[return-value]  # what the service sent


def _once(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text and text.strip()))


def _meta(raw: Mapping[str, Json]) -> dict[str, Json]:
    meta = as_object(raw.get("meta"))
    inner = meta.get("meta")
    return (
        as_object(inner) if "meta" in meta and (inner is None or isinstance(inner, dict)) else meta
    )


def _shown(value: Json) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = ("yes" if value else "no") if isinstance(value, bool) else as_text(value) or ""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} ..."


def _resources(meta: dict[str, Json]) -> list[Resource]:
    found = []
    for raw in as_objects(meta.get("civitaiResources")):
        version_id = as_id(raw.get("modelVersionId"))
        name = as_text(raw.get("modelVersionName")) or as_text(raw.get("modelName"))
        if version_id is not None or name:
            found.append(_resource(raw, name or f"version {version_id}", version_id))
    for raw in as_objects(meta.get("resources")):
        name = as_text(raw.get("name"))
        if name:
            found.append(_resource(raw, name, None))
    return found


def _resource(raw: dict[str, Json], name: str, version_id: int | None) -> Resource:
    kind = as_text(raw.get("type")) or ""
    return Resource(name, kind, version_id, as_number(raw.get("weight")))


def read_scans(model: Model) -> dict[int, tuple[ScanView, ...]]:
    """What scanners said of the files of a model, by file.

    "Success" is the one good answer; "Pending", "Danger" and "Error" are others (observed).
    """
    found: dict[int, tuple[ScanView, ...]] = {}
    for version in as_objects(_json(model.raw.get("modelVersions"))):
        for raw in as_objects(version.get("files")):
            number = as_id(raw.get("id"))
            if number is not None:
                found[number] = tuple(_scans(raw))
    return found


def _scans(raw: dict[str, Json]) -> Iterable[ScanView]:
    for name, key in (("Pickle", "pickleScanResult"), ("Virus", "virusScanResult")):
        result = as_text(raw.get(key))
        if result:
            yield ScanView(name, result[:40], good=result == "Success")
