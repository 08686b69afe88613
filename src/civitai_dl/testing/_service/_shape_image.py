"""An image of the world as the API writes it: inside a version, and as an item of /images."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from civitai_dl.testing._service._captured import captured_copy
from civitai_dl.testing._service._stamps import iso
from civitai_dl.testing._world import (
    MATURE,
    SAFE,
    SOFT,
    XXX,
    FakeImage,
    Index,
    Json,
    X,
    image_bytes,
)

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context

_SUFFIXES = {"image": "jpeg", "video": "mp4", "audio": "mp3"}
_LEVEL_WORDS = {SAFE: "None", SOFT: "Soft", MATURE: "Mature", X: "X", XXX: "X"}
_BLURHASH = "#$%*+,-.0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~"


def image_url(context: Context, image: FakeImage) -> str:
    """Return the listed URL; its extension follows the media type only [server source]."""
    if image.url is not None:
        return context.moved(image.url)
    stem = str(image.id) if image.numbered_url else image.uuid
    return context.image_url(image.uuid, image.url_params, f"{stem}.{_SUFFIXES[image.media]}")


def preview_json(context: Context, image: FakeImage, *, with_id: bool) -> Json:
    """Return an image inside a model; only lists give its id [server source]."""
    data: Json = {"id": image.id} if with_id else {}
    data["url"] = image_url(context, image)
    if image.raw_level is not None:
        data["nsfw"] = image.raw_level
    else:
        data["nsfwLevel"] = image.level
    data |= {
        "width": image.width,
        "height": image.height,
        "hash": blurhash(image),
        "type": image.media,
    }
    if image.raw_level is None:
        data |= {"minor": image.minor, "poi": image.poi} | _prompted(image)
    return data


def version_image_json(context: Context, image: FakeImage) -> Json:
    """Return an image inside a version by id: with meta, and the size of the upload in bytes."""
    data = preview_json(context, image, with_id=False)
    metadata: Json = {
        "hash": blurhash(image),
        "size": len(image_bytes(image)),
        "width": image.width,
        "height": image.height,
    }
    if image.media != "image":
        metadata |= {"audio": image.media == "audio", "duration": 0.5}
    data["metadata"] = metadata
    data["meta"] = None if image.meta is None else dict(image.meta)
    data["availability"] = "Public"
    return data


def image_item(context: Context, image: FakeImage, meta: object) -> Json:
    """Return an item of /images; meta: already in the form the request gets."""
    if "image" in image.captured:
        return captured_copy(context, image.captured["image"]) | {"meta": meta}
    created = image.created_at
    data: Json = {
        "id": image.id,
        "url": image_url(context, image),
        "hash": blurhash(image),
        "width": image.width,
        "height": image.height,
        "nsfwLevel": _LEVEL_WORDS.get(image.level, "None"),
        "type": image.media,
        "nsfw": image.level > SOFT,
        "browsingLevel": image.level,
        "createdAt": iso(created) if created is not None else None,
        "postId": image.post_id,
        "stats": _reactions(image),
        "meta": meta,
        "username": username_json(context.index, image.username),
        "baseModel": image.base_model,
        "modelVersionIds": list(image.version_ids),
    }
    if image.media == "video":
        data["thumbnail"] = context.image_url(image.uuid, "width=450", f"{image.id}.jpeg")
    return data


def username_json(index: Index, username: str | None) -> str | int | None:
    """Return a username; one of digits only becomes a JSON number [observed]."""
    if username is None:
        return None
    creator = index.user(username)
    name = creator.username if creator is not None else username
    return int(name) if name.isdecimal() and name.isascii() else name


def meta_of(image: FakeImage) -> Json | None:
    """Return the generation data that the uploader left, as it is."""
    if "image" in image.captured:
        meta = image.captured["image"].get("meta")
        return meta if isinstance(meta, dict) else None
    return None if image.meta is None else dict(image.meta)


def blurhash(image: FakeImage) -> str:
    """Return a made-up BlurHash; the API's `hash` is no digest of the bytes."""
    noise = hashlib.sha256(image.uuid.encode()).digest() * 2
    return "U" + "".join(_BLURHASH[byte % len(_BLURHASH)] for byte in noise[:35])


def _prompted(image: FakeImage) -> Json:
    return {
        "hasMeta": image.meta is not None,
        "hasPositivePrompt": "prompt" in (image.meta or {}),
        "onSite": False,
        "remixOfId": None,
    }


def _reactions(image: FakeImage) -> Json:
    return {
        "cryCount": 0,
        "laughCount": 0,
        "likeCount": image.reactions,
        "dislikeCount": 0,
        "heartCount": 0,
        "commentCount": 0,
    }
