"""From a part of the world to its bytes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from civitai_dl.testing._world import _films, _pictures
from civitai_dl.testing._world._bodies import (
    MIN_SIZE,
    CodedBody,
    gguf_body,
    safetensors_body,
    zip_body,
)
from civitai_dl.testing._world._jpeg import jpeg
from civitai_dl.testing._world._pixels import pattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from civitai_dl.testing._world._parts import FakeFile, FakeImage
    from civitai_dl.testing._world._pixels import Pixels

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
}
"""The true media type of every picture format."""

_BY_SUFFIX = {
    ".safetensors": "safetensors",
    ".sft": "safetensors",
    ".gguf": "gguf",
    ".zip": "zip",
    ".ckpt": "zip",
    ".pt": "zip",
    ".pth": "zip",
}
_BY_FORMAT = {"SafeTensor": "safetensors", "GGUF": "gguf", "PickleTensor": "zip"}
_FILM_FRAMES = 2
_WATCHABLE = 128 * 128


@lru_cache(maxsize=65536)
def file_body(file: FakeFile) -> CodedBody:
    """Return the bytes of a file, lazily; the container is chosen by name, then by format."""
    size, content = max(file.size, MIN_SIZE), file.content or file.id
    match container(file):
        case "safetensors":
            return safetensors_body(size, content, file.revision)
        case "zip":
            return zip_body(size, content, file.revision)
        case "gguf":
            return gguf_body(size, content, file.revision)
        case _:
            return CodedBody(size, content, file.revision)


def container(file: FakeFile) -> str:
    """Return what the bytes of a file are wrapped in."""
    if file.container != "auto":
        return file.container
    suffix = "." + file.name.rpartition(".")[2].strip().lower()
    return _BY_SUFFIX.get(suffix) or _BY_FORMAT.get(file.format or "", "raw")


def image_bytes(image: FakeImage) -> bytes:
    """Return the original upload of an image."""
    if image.data is not None:
        return image.data
    data = _rendered(
        image.format, image.width, image.height, image.seed or image.id, _prompt(image)
    )
    if image.filler and image.format == "png":
        # Not remembered: thousands of heavy pictures would fill the memory.
        return _pictures.heavier(data, CodedBody(image.filler, image.id).read(0, image.filler))
    return data


def cover_bytes(image: FakeImage) -> bytes:
    """Return the static WebP that some videos give for `original=true`."""
    return _pictures.webp(pattern(_even(image.width) // 2, _even(image.height) // 2, image.seed))


def small_bytes(image: FakeImage, width: int) -> bytes:
    """Return a resized still, which is never the original's bytes. width: pixels."""
    width = max(8, min(width, 96))
    return jpeg(pattern(width, width * 3 // 2, image.seed or image.id), "resized")


def image_sha256(image: FakeImage) -> str:
    """Return the SHA256 of the original upload in upper-case hexadecimal."""
    return hashlib.sha256(image_bytes(image)).hexdigest().upper()


def _prompt(image: FakeImage) -> str:
    prompt = (image.meta or {}).get("prompt")
    return prompt if isinstance(prompt, str) else ""


@lru_cache(maxsize=2048)
def _rendered(kind: str, width: int, height: int, seed: int, text: str) -> bytes:
    makers: dict[str, Callable[[], bytes]] = {
        "png": lambda: _pictures.png(pattern(width, height, seed), text),
        "jpeg": lambda: jpeg(pattern(width, height, seed), text),
        "webp": lambda: _pictures.webp(pattern(width, height, seed)),
        "gif": lambda: _pictures.gif([pattern(width, height, seed, n / 3) for n in range(3)]),
        "mp4": lambda: _films.mp4(_film(_even(width), _even(height), seed)),
        "webm": lambda: _films.webm(seed),
        "avif": lambda: _films.avif(seed),
        "mp3": lambda: _films.mp3(seed),
    }
    return makers[kind]()


def _film(width: int, height: int, seed: int) -> list[Pixels]:
    """Return the frames of a video: two, or sixteen for one that is big enough to watch."""
    frames = _FILM_FRAMES if width * height < _WATCHABLE else 8 * _FILM_FRAMES
    return [pattern(width, height, seed, number / frames) for number in range(frames)]


def _even(pixels: int) -> int:
    """Return the next multiple of 16, the grain of a video."""
    return (pixels + 15) // 16 * 16
