"""Prompts in images as A1111 and ComfyUI read them: their rules, written down once more."""

from __future__ import annotations

import json
import re
import struct
import zlib
from dataclasses import dataclass


@dataclass
class Made:
    """What A1111 finds in a text of parameters."""

    prompt: str
    negative: str
    settings: dict[str, str]


def a1111_parameters(text: str) -> Made:
    """Take a text apart: prompt, negative prompt, and a last line of at least three settings."""
    setting = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
    *lines, last = text.strip().split("\n")
    if len(setting.findall(last)) < 3:
        lines, last = [*lines, last], ""
    prompt, negative, done = "", "", False
    for line in map(str.strip, lines):
        if line.startswith("Negative prompt:"):
            done, line = True, line[16:].strip()  # noqa: PLW2901  # as it is there
        if done:
            negative += ("" if negative == "" else "\n") + line
        else:
            prompt += ("" if prompt == "" else "\n") + line
    found = {}
    for name, value in setting.findall(last):
        found[name] = json.loads(value) if value[:1] == value[-1:] == '"' else value
    return Made(prompt, negative, found)


def exif_of(data: bytes) -> tuple[dict[int, bytes], str | None]:
    """Texts of the first directory, and the user's comment as piexif loads it."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]

    def directory(place: int) -> dict[int, tuple[int, bytes]]:
        (count,) = struct.unpack_from(f"{order}H", data, place)
        found, last = {}, -1
        for number in range(count):
            tag, kind, size, value = struct.unpack_from(
                f"{order}HHI4s", data, place + 2 + 12 * number
            )
            assert tag > last, "tags are in order"
            last = tag
            if kind in (2, 7) and size > 4:
                (start,) = struct.unpack(f"{order}I", value)
                assert start + size <= len(data)
                value = data[start : start + size]
            found[tag] = (kind, value)
        return found

    first = directory(struct.unpack_from(f"{order}I", data, 4)[0])
    texts = {tag: value.rstrip(b"\x00") for tag, (kind, value) in first.items() if kind == 2}
    if 0x8769 not in first:
        return texts, None
    sub = directory(struct.unpack(f"{order}I", first[0x8769][1])[0])
    comment = sub.get(0x9286, (7, b""))[1]
    if comment[:8] == b"UNICODE\x00":
        return texts, comment[8:].decode("utf_16_be")
    return texts, comment[8:].decode("ascii")


def comfy_texts(texts: dict[int, bytes]) -> dict[str, str]:
    """What ComfyUI takes from the texts of a directory."""
    pairs = (text.decode("utf-8").partition(":") for text in texts.values())
    return {name: value for name, _, value in pairs}


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """All chunks; their checksums are right."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, place = [], 8
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + size]
        (crc,) = struct.unpack_from(">I", data, place + 8 + size)
        assert crc == zlib.crc32(kind + content)
        found.append((kind, content))
        place += 12 + size
    return found


def png_texts(data: bytes) -> dict[str, str]:
    """What Pillow's `info`, and ComfyUI, have of the text before the picture."""
    found = {}
    for kind, content in png_chunks(data):
        if kind == b"IDAT":
            break
        keyword, _, text = content.partition(b"\x00")
        if kind == b"tEXt":
            found[keyword.decode()] = text.decode("latin-1")
        elif kind == b"iTXt":
            assert text[:2] == b"\x00\x00", "not compressed"
            found[keyword.decode()] = text[2:].split(b"\x00", 2)[2].decode("utf-8")
    return found


def jpeg_segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The segments up to the scan, and all the rest."""
    assert data[:2] == b"\xff\xd8"
    place, found = 2, []
    while True:
        assert data[place] == 0xFF
        marker, size = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        found.append((marker, data[place + 4 : place + 2 + size]))
        place += 2 + size
        if marker == 0xDA:
            return found, data[place:]


def jpeg_exif(data: bytes) -> bytes | None:
    """The one EXIF segment, from its TIFF header on."""
    found = [content for marker, content in jpeg_segments(data)[0] if marker == 0xE1]
    assert len(found) <= 1
    return found[0].removeprefix(b"Exif\x00\x00") if found else None


def webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """All chunks; the length in the header is right."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    assert struct.unpack_from("<I", data, 4)[0] + 8 == len(data)
    found, place = [], 12
    while place < len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        found.append((kind, data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return found


def webp_exif_for_comfy(data: bytes) -> bytes | None:
    """EXIF as ComfyUI finds it: it does not step over the byte behind an odd chunk."""
    place = 12
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        if kind == b"EXIF":
            return data[place + 8 : place + 8 + size]
        place += 8 + size
    return None


def parameters_in(data: bytes) -> str | None:
    """What A1111 reads in an image of any of the three forms."""
    if data[:4] == b"\x89PNG":
        return png_texts(data).get("parameters")
    exif = jpeg_exif(data) if data[:2] == b"\xff\xd8" else dict(webp_chunks(data)).get(b"EXIF")
    return None if exif is None else exif_of(exif)[1]


def comfy_in(data: bytes) -> dict[str, str]:
    """What ComfyUI reads in an image of any of the three forms."""
    if data[:4] == b"\x89PNG":
        return {name: text for name, text in png_texts(data).items() if name != "parameters"}
    exif = jpeg_exif(data) if data[:2] == b"\xff\xd8" else webp_exif_for_comfy(data)
    return {} if exif is None else comfy_texts(exif_of(exif)[0])


def picture_in(data: bytes) -> object:
    """The compressed picture itself, without what is told of it."""
    if data[:4] == b"\x89PNG":
        told = (b"tEXt", b"iTXt")
        return [chunk for chunk in png_chunks(data) if chunk[0] not in told]
    if data[:2] == b"\xff\xd8":
        segments, rest = jpeg_segments(data)
        return [segment for segment in segments if segment[0] != 0xE1], rest
    told = (b"EXIF", b"VP8X")
    # Whether the byte that follows an odd chunk is a part of it makes no difference to a decoder.
    return [
        (kind, content + b"\0" * (len(content) % 2))
        for kind, content in webp_chunks(data)
        if kind not in told
    ]
