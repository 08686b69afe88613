"""Real answers served again: in their own shape, with addresses and digests of the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._world import FakeFile, Json, digests, file_body, image_bytes

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context


def captured_copy(context: Context, data: Json) -> Json:
    """Return a copy whose CDN and API addresses, file sizes and digests are the fake's own.

    All keys stay, known or not, and so does their order.
    """
    return {key: _copied(context, value) for key, value in data.items()}


def _copied(context: Context, value: object) -> object:
    if isinstance(value, str):
        return context.moved(context.text(value) if "<" in value else value)
    if isinstance(value, list):
        return [_copied(context, part) for part in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _copied(context, part) for key, part in value.items()}
    if "hashes" in value and "sizeKB" in value:
        _refit_file(context, copy)
    elif isinstance(value.get("url"), str) and isinstance(copy.get("metadata"), dict):
        _refit_image(context, copy)
    return copy


def _refit_file(context: Context, data: Json) -> None:
    """Put the size and the digests of the fake's body in the places of the real ones."""
    place = context.index.files.get(_number(data.get("id")))
    if place is None:
        return
    file = place[2]
    data["sizeKB"] = file_body(file).size / 1024
    listed = data["hashes"]
    if isinstance(listed, dict):
        true = _digests(file)
        data["hashes"] = {
            name: _long(true[name], old) if name in true else old for name, old in listed.items()
        }


def _refit_image(context: Context, data: Json) -> None:
    parts = str(data["url"]).split("/")
    image = next((i for part in parts if (i := context.index.media.get(part)) is not None), None)
    metadata = data["metadata"]
    if image is not None and isinstance(metadata, dict) and "size" in metadata:
        data["metadata"] = metadata | {"size": len(image_bytes(image))}


def _digests(file: FakeFile) -> dict[str, str]:
    true = digests(file_body(file))
    return {
        "AutoV1": true.autov1,
        "AutoV2": true.sha256[:10],
        "SHA256": true.sha256,
        "CRC32": true.crc32,
        "BLAKE3": true.blake3,
        "AutoV3": true.autov3,
    }


def _long(digest: str, old: object) -> str:
    """Return a digest in the length of the old one: AutoV3 had 64 digits in 2023 [observed]."""
    length = len(old) if isinstance(old, str) else len(digest)
    return (digest * (1 + length // len(digest)))[:length]


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
