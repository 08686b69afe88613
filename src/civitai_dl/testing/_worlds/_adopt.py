"""Make parts of a world from captured JSON; sizes become small, all else stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._world import (
    MATURE,
    SAFE,
    SOFT,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    X,
)
from civitai_dl.testing._worlds._raw import moment, number, optional_text, part, rows, text, texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from civitai_dl.testing._world import Json, PictureFormat

PARENT = "sample_parent"
"""The invented creator of models of which only a version was captured."""
_STILLS: tuple[PictureFormat, ...] = ("png", "jpeg", "webp")
_LEVELS = {"None": SAFE, "Soft": SOFT, "Mature": MATURE, "X": X}


def adopt_model(captured: dict[str, Json], versions: list[FakeVersion]) -> FakeModel:
    """Return a model from its captures by kind of answer: "model", "item"."""
    raw = next(iter(captured.values()))
    level = raw.get("nsfwLevel")
    return FakeModel(
        number(raw, "id"),
        text(raw, "name"),
        optional_text(part(raw, "creator"), "username"),
        text(raw, "type", "LORA"),
        versions,
        optional_text(raw, "description"),
        tags=tuple(texts(raw, "tags")),
        mode=optional_text(raw, "mode"),
        nsfw=raw.get("nsfw") is True,
        nsfw_level=level if isinstance(level, int) else None,
        minor=raw.get("minor") is True,
        poi=raw.get("poi") is True,
        commercial=raw.get("allowCommercialUse"),
        stats=part(raw, "stats"),
        captured=captured,
    )


def invent_model(model_id: int, raw: Json, versions: list[FakeVersion]) -> FakeModel:
    """Return the parent of a version that was captured alone."""
    about = part(raw, "model")
    return FakeModel(
        model_id,
        text(about, "name", f"Parent {model_id}"),
        PARENT,
        text(about, "type", "LORA"),
        versions,
        nsfw=about.get("nsfw") is True,
        poi=about.get("poi") is True,
    )


def adopt_version(raws: list[Json], captured: dict[str, Json]) -> FakeVersion:
    """Return a version from all its captures; the first one that has a fact tells it."""
    merged: Json = {}
    for raw in reversed(raws):
        merged |= raw
    level = merged.get("nsfwLevel")
    return FakeVersion(
        text(merged, "name"),
        number(merged, "id"),
        [_file(raw) for raw in _unique(raws, "files")],
        [adopt_image(raw) for raw in _unique(raws, "images")],
        text(merged, "baseModel", "Other"),
        optional_text(merged, "baseModelType"),
        moment(merged, "publishedAt"),
        text(merged, "status", "Published"),
        text(merged, "availability", "Public"),
        level if isinstance(level, int) else None,
        optional_text(merged, "description"),
        texts(merged, "trainedWords"),
        usage_control=text(merged, "usageControl", "Download"),
        captured=captured,
    )


def adopt_image(raw: Json) -> FakeImage:
    """Return an image from an image object of any answer; `captured` is left to the caller."""
    uuid, params, name = _address(raw)
    number_in_name = name.partition(".")[0]
    image_id = number(raw, "id") or (int(number_in_name) if number_in_name.isdecimal() else 0)
    word = optional_text(raw, "nsfw")
    level = raw.get("browsingLevel", raw.get("nsfwLevel"))
    post = raw.get("postId", 0)
    return FakeImage(
        "mp4" if text(raw, "type") == "video" else _STILLS[image_id % len(_STILLS)],
        id=image_id,
        uuid=uuid,
        username=optional_text(raw, "username"),
        level=level if isinstance(level, int) else _LEVELS.get(word or "", SAFE),
        width=48,
        height=64,
        version_ids=tuple(_ids(raw, "modelVersionIds")),
        post_id=post if isinstance(post, int) else None,
        meta=part(raw, "meta") or None,
        created_at=moment(raw, "createdAt"),
        base_model=optional_text(raw, "baseModel"),
        reactions=number(part(raw, "stats"), "likeCount"),
        numbered_url=number_in_name.isdecimal(),
        url_params=params,
        raw_level=word,
    )


def _file(raw: Json) -> FakeFile:
    about, hashes = part(raw, "metadata"), part(raw, "hashes")
    file_id = number(raw, "id")
    return FakeFile(
        text(raw, "name"),
        2_000 + file_id * 37 % 60_000,
        file_id,
        text(raw, "type", "Model"),
        optional_text(about, "format"),
        optional_text(about, "fp"),
        optional_text(about, "size"),
        raw.get("primary") is True,
        hashes="all" if "SHA256" in hashes else "without-sha256" if hashes else "none",
        override_name=optional_text(raw, "overrideName"),
    )


def _address(raw: Json) -> tuple[str, str, str]:
    """Return UUID, params and name of an image's CDN address."""
    *_, uuid, params, name = ("", "", "", *text(raw, "url").split("/"))
    return uuid, params, name


def _unique(raws: list[Json], key: str) -> Iterable[Json]:
    """Return the elements of all captures, each once, by id or else by address."""
    found: dict[object, Json] = {}
    for raw in raws:
        for one in rows(raw, key):
            known = found.setdefault(_address(one)[0] or one.get("id"), {})
            found[_address(one)[0] or one.get("id")] = one | known
    return found.values()


def _ids(raw: Json, key: str) -> list[int]:
    value = raw.get(key)
    return [one for one in value if isinstance(one, int)] if isinstance(value, list) else []
