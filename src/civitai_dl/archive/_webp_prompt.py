"""Prompts in WebP: an EXIF chunk, where A1111 and ComfyUI write and read them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ._exif import MOST_PARTS, Malformed, carries_prompt, with_prompt
from ._jpeg_prompt import EXIF
from ._prompts import Prompt

_HAS_EXIF, _HAS_ALPHA = 0x08, 0x10
_KEYFRAME = b"\x9d\x01\x2a"
_LOSSLESS = 0x2F

_PICTURES = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
_SELF_ENDING = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ICCP"})

Chunk = tuple[bytes, bytes]


def webp_with_prompt(data: bytes, prompt: Prompt) -> bytes | None:
    """The WebP with a prompt in its EXIF; None where it carries one already.

    No byte of the picture changes; a file of the simple form becomes one of the extended form.
    Raises: Malformed for what is no whole WebP.

    ComfyUI steps from chunk to chunk without the byte that makes an odd one even (its source), so
    with a graph that byte counts as part of the chunk, as libwebp writes lossy pictures.
    """
    chunks = list(_chunks(data))
    olds = [content.removeprefix(EXIF) for kind, content in chunks if kind == b"EXIF"]
    if any(carries_prompt(old) for old in olds):
        return None
    if len(olds) > 1 or not _PICTURES.intersection(kind for kind, _ in chunks):
        raise Malformed("several EXIF chunks, or no picture")
    exif = with_prompt(olds[0] if olds else None, prompt)
    others = [chunk for chunk in chunks if chunk[0] not in (b"EXIF", b"VP8X")]
    behind = [chunk for chunk in others if chunk[0] == b"XMP "]
    pictures = [chunk for chunk in others if chunk[0] != b"XMP "]
    if prompt.comfy:
        pictures = [(kind, _evened(kind, content)) for kind, content in pictures]
    new = [_header(chunks[0]), *pictures, (b"EXIF", exif), *behind]
    body = b"WEBP" + b"".join(_written(kind, content) for kind, content in new)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> Iterator[Chunk]:
    if len(data) < 12:
        raise Malformed("cut off")
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise Malformed("cut off")
    place = 12
    for _ in range(MOST_PARTS):
        if place + 8 > end:
            return
        kind, size = struct.unpack_from("<4sI", data, place)
        start, place = place + 8, place + 8 + size + size % 2
        if start + size > end:
            raise Malformed("a chunk is cut off")
        yield kind, data[start : start + size]
    raise Malformed("too many chunks")


def _header(first: Chunk) -> Chunk:
    """The header of the extended form, which says that there is EXIF."""
    kind, content = first
    if kind == b"VP8X":
        if len(content) < 10:
            raise Malformed("a short header")
        return kind, bytes([content[0] | _HAS_EXIF]) + content[1:]
    if kind == b"VP8 " and content[3:6] == _KEYFRAME and len(content) >= 10:
        width, height = struct.unpack_from("<HH", content, 6)
        return _extended(_HAS_EXIF, width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and len(content) >= 5 and content[0] == _LOSSLESS:
        (bits,) = struct.unpack_from("<I", content, 1)
        alpha = _HAS_ALPHA if bits >> 28 & 1 else 0
        return _extended(_HAS_EXIF | alpha, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    raise Malformed("no picture where it is due")


def _extended(flags: int, width: int, height: int) -> Chunk:
    if not width or not height:
        raise Malformed("a picture without a size")
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", struct.pack("<I", flags) + sides


def _evened(kind: bytes, content: bytes) -> bytes:
    """With the byte that follows an odd chunk, for chunks that say themselves where they end."""
    return content + b"\x00" * (len(content) % 2) if kind in _SELF_ENDING else content


def _written(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)
