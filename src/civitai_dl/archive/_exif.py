"""EXIF as far as prompts are kept in it: reading it with care, and adding to it without loss.

A1111 reads `UserComment` as piexif does: eight bytes that say UNICODE, then UTF-16, high byte
first. ComfyUI reads texts of the first directory that begin with `prompt:` and `workflow:`,
whatever their tags; those who write them use those of a camera's model and maker (source of both).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ._prompts import Prompt

DESCRIPTION, MAKE, MODEL, ARTIST, COPYRIGHT = 0x010E, 0x010F, 0x0110, 0x013B, 0x8298
SUB_DIRECTORY, USER_COMMENT = 0x8769, 0x9286
_ASCII, _LONG, _UNDEFINED = 2, 4, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_CODE = b"UNICODE\x00"
_SPARE = (DESCRIPTION, ARTIST, COPYRIGHT)
_COMFY = {"workflow": (MAKE, *_SPARE), "prompt": (MODEL, *_SPARE)}
"""Tags for ComfyUI's texts, the first that is free: what a camera, or a person, wrote stays."""

MOST_PARTS = 100_000
"""Chunks or segments of an image; nobody who means well comes near."""

_EMPTY = b"MM\x00*\x00\x00\x00\x08"


class Malformed(ValueError):
    """Bytes that are not what they say they are; the image is left alone."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes


@dataclass(slots=True)
class _Directory:
    entries: list[_Entry]
    following: int = 0

    def find(self, tag: int) -> _Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)


@dataclass(slots=True)
class _Tiff:
    """order: how struct names the order of bytes. sub: where UserComment is."""

    data: bytes
    order: str
    first: _Directory
    sub: _Directory

    def value(self, entry: _Entry) -> bytes:
        size = _SIZES.get(entry.kind, 1) * entry.count
        if size <= 4:
            return entry.value[:size]
        (start,) = struct.unpack(f"{self.order}I", entry.value)
        if start + size > len(self.data):
            raise Malformed("a value lies outside")
        return self.data[start : start + size]


def _read(data: bytes) -> _Tiff:
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(data[:4])
    if order is None or len(data) < len(_EMPTY):
        raise Malformed("no TIFF")
    first = _directory(data, order, struct.unpack_from(f"{order}I", data, 4)[0])
    tiff = _Tiff(data, order, first, _Directory([]))
    pointer = first.find(SUB_DIRECTORY)
    if pointer is not None:
        tiff.sub = _directory(data, order, struct.unpack(f"{order}I", pointer.value)[0])
    return tiff


def _directory(data: bytes, order: str, start: int) -> _Directory:
    if start + 2 > len(data):
        raise Malformed("a directory lies outside")
    (count,) = struct.unpack_from(f"{order}H", data, start)
    end = start + 2 + 12 * count
    if end > len(data):
        raise Malformed("a directory is cut off")
    entries = [
        _Entry(*struct.unpack_from(f"{order}HHI4s", data, start + 2 + 12 * number))
        for number in range(count)
    ]
    # Some writers leave out the place of the next one at the very end.
    following = struct.unpack_from(f"{order}I", data, end)[0] if end + 4 <= len(data) else 0
    return _Directory(entries, following)


def carries_prompt(data: bytes) -> bool:
    """Whether EXIF has a comment, or ComfyUI's texts. Raises: Malformed.

    data: from its TIFF header on.
    """
    tiff = _read(data)
    comment = tiff.sub.find(USER_COMMENT)
    if comment is not None and tiff.value(comment)[len(_CODE) :].strip(b"\x00 "):
        return True
    texts = [tiff.value(entry) for entry in tiff.first.entries if entry.kind == _ASCII]
    return any(text.lower().startswith((b"prompt:", b"workflow:")) for text in texts)


def with_prompt(data: bytes | None, prompt: Prompt, *, comfy: bool = True) -> bytes:
    """EXIF with a prompt in it. Raises: Malformed.

    data: the EXIF that is there, from its TIFF header on; all of it stays where it is, and new
    directories that tell of it, too, come behind it. comfy: with ComfyUI's texts.
    """
    tiff = _read(data) if data is not None else _Tiff(_EMPTY, ">", _Directory([]), _Directory([]))
    new = bytearray(tiff.data)
    first = [entry for entry in tiff.first.entries if entry.tag != SUB_DIRECTORY]
    for name, text in prompt.comfy.items() if comfy else ():
        taken = {entry.tag for entry in first}
        free = [tag for tag in _COMFY[name] if tag not in taken]
        if free:
            value = f"{name}:{text}".encode("ascii") + b"\x00"
            first.append(_append(new, tiff.order, _Entry(free[0], _ASCII, len(value), value)))
    sub = [entry for entry in tiff.sub.entries if entry.tag != USER_COMMENT]
    if prompt.parameters:
        comment = _CODE + prompt.parameters.encode("utf-16-be", "replace")
        sub.append(
            _append(new, tiff.order, _Entry(USER_COMMENT, _UNDEFINED, len(comment), comment))
        )
    if sub:
        place = _write(new, tiff.order, _Directory(sub, tiff.sub.following))
        pointer = struct.pack(f"{tiff.order}I", place)
        first.append(_Entry(SUB_DIRECTORY, _LONG, 1, pointer))
    place = _write(new, tiff.order, _Directory(first, tiff.first.following))
    struct.pack_into(f"{tiff.order}I", new, 4, place)
    return bytes(new)


def _append(data: bytearray, order: str, entry: _Entry) -> _Entry:
    """Put a value behind all else; the entry that points to it."""
    data += b"\x00" * (len(data) % 2)
    place = len(data)
    data += entry.value
    return _Entry(entry.tag, entry.kind, entry.count, struct.pack(f"{order}I", place))


def _write(data: bytearray, order: str, directory: _Directory) -> int:
    """Put a directory behind all else; its place. Its entries are in the order of their tags."""
    data += b"\x00" * (len(data) % 2)
    place = len(data)
    entries = sorted(directory.entries, key=lambda entry: entry.tag)
    data += struct.pack(f"{order}H", len(entries))
    for entry in entries:
        data += struct.pack(f"{order}HHI4s", entry.tag, entry.kind, entry.count, entry.value)
    data += struct.pack(f"{order}I", directory.following)
    return place
