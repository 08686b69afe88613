"""Prompts in PNG: text chunks, where A1111 and ComfyUI write and read them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from ._exif import MOST_PARTS, Malformed, carries_prompt
from ._prompts import Prompt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_KEYWORDS = frozenset(
    {b"parameters", b"prompt", b"workflow", b"sd-metadata", b"invokeai_metadata", b"Dream"}
)
_LONGEST_KEYWORD = 79


def png_with_prompt(data: bytes, prompt: Prompt) -> bytes | None:
    """The PNG with text chunks behind its header; None where it carries a prompt already.

    No other byte changes. Raises: Malformed for what is no whole PNG.
    """
    chunks = list(_chunks(data))
    if chunks[0][0] != b"IHDR" or chunks[-1][0] != b"IEND":
        raise Malformed("no header, or no end")
    if any(_carries(kind, data[start:end]) for kind, start, end in chunks if kind != b"IDAT"):
        return None
    texts = [("parameters", prompt.parameters)] if prompt.parameters else []
    texts += prompt.comfy.items()
    behind = chunks[0][2] + 4
    new = b"".join(_text(keyword, text) for keyword, text in texts)
    return data[:behind] + new + data[behind:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and where the content begins and ends, up to the end mark; what follows is no PNG."""
    place = len(SIGNATURE)
    for _ in range(MOST_PARTS):
        if place + 12 > len(data):
            raise Malformed("cut off")
        size, kind = struct.unpack_from(">I4s", data, place)
        start, place = place + 8, place + 12 + size
        if place > len(data):
            raise Malformed("a chunk is cut off")
        yield kind, start, start + size
        if kind == b"IEND":
            return
    raise Malformed("too many chunks")


def _carries(kind: bytes, content: bytes) -> bool:
    if kind == b"eXIf":
        try:
            return carries_prompt(content)
        except Malformed:
            return False
    if kind not in _TEXTS:
        return False
    keyword, _, text = content.partition(b"\x00")
    # NovelAI keeps JSON in the comment; others write there what they like.
    novel = keyword == b"Comment" and text.lstrip().startswith(b"{")
    known = len(keyword) <= _LONGEST_KEYWORD and keyword in _KEYWORDS
    return novel or (known and bool(text.strip(b"\x00 ")))


def _text(keyword: str, text: str) -> bytes:
    """As Pillow writes it: Latin-1 where that is enough, else UTF-8, uncompressed."""
    try:
        kind, content = b"tEXt", text.encode("latin-1")
        head = keyword.encode("ascii") + b"\x00"
    except UnicodeEncodeError:
        kind, content = b"iTXt", text.encode("utf-8", "replace")
        head = keyword.encode("ascii") + b"\x00\x00\x00\x00\x00"
    body = kind + head + content
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
