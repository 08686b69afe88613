"""Prompts in JPEG: an EXIF segment, where A1111 writes and reads them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from ._exif import MOST_PARTS, Malformed, carries_prompt, with_prompt
from ._prompts import Prompt

SIGNATURE = b"\xff\xd8\xff"
EXIF = b"Exif\x00\x00"
_FILL = re.compile(rb"\xff+")
_END = b"\xff\xd9"
_APP0, _APP1, _COMMENT, _SCAN = 0xE0, 0xE1, 0xFE, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
LARGEST = 0xFFFF - 2
"""Bytes that a segment has room for."""


class TooLong(ValueError):
    """A prompt for which there is no room in this form of image."""


def jpeg_with_prompt(data: bytes, prompt: Prompt) -> bytes | None:
    """The JPEG with a prompt in its EXIF; None where it carries one already.

    No byte of the picture changes. ComfyUI's texts are left out where they do not fit. Raises:
    Malformed for what is no whole JPEG; TooLong.
    """
    segments = list(_segments(data))
    if data.find(_END, segments[-1][2]) < 0:
        raise Malformed("no end")
    exifs = [one for one in segments if _is_exif(data, one)]
    comments = (data[start:end] for marker, start, end in segments if marker == _COMMENT)
    if any(b"Steps: " in comment for comment in comments):
        return None
    if any(carries_prompt(data[start + len(EXIF) : end]) for _, start, end in exifs):
        return None
    if len(exifs) > 1:
        raise Malformed("several EXIF segments")
    # Where the new segment goes: in the place of the old one, else behind the one of JFIF.
    before = [one for one in segments[:1] if one[0] == _APP0]
    begin = end = before[0][2] if before else 2
    old = None
    if exifs:
        _, start, end = exifs[0]
        begin, old = start - 4, data[start + len(EXIF) : end]
    return data[:begin] + _segment(old, prompt) + data[end:]


def _is_exif(data: bytes, segment: tuple[int, int, int]) -> bool:
    marker, start, _ = segment
    return marker == _APP1 and data[start : start + len(EXIF)] == EXIF


def _segment(old: bytes | None, prompt: Prompt) -> bytes:
    for comfy in (True, False):
        if comfy or prompt.parameters:
            content = EXIF + with_prompt(old, prompt, comfy=comfy)
            if len(content) <= LARGEST:
                return struct.pack(">BBH", 0xFF, _APP1, len(content) + 2) + content
    raise TooLong("more than a segment has room for")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, and where the content begins and ends, up to the first scan."""
    place = 2
    for _ in range(MOST_PARTS):
        # Any number of these bytes may come before the marker itself.
        fill = _FILL.match(data, place)
        if fill is None:
            raise Malformed("no marker where one is due")
        place = fill.end()
        if place + 3 > len(data):
            raise Malformed("cut off")
        marker = data[place]
        place += 1
        if marker in _ALONE:
            continue
        (size,) = struct.unpack_from(">H", data, place)
        start, place = place + 2, place + size
        if size < 2 or place > len(data):
            raise Malformed("a segment is cut off")
        yield marker, start, place
        if marker == _SCAN:
            return
    raise Malformed("too many segments")
