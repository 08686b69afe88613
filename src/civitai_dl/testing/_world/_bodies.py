"""Position-coded bytes: every page of a file tells which file, revision and offset it is.

A constant or repeating body would hide a misplaced or mixed range; here any 4 KiB page begins with
its own address, and what follows is cut from a place in a random tile that differs per page.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

PAGE = 4096
_ADDRESS = struct.Struct(">IIQ")  # file, revision, page number
_TILE = 1 << 20
_HASH_STEP = 1 << 20
MIN_SIZE = 512
"""Smallest body in bytes that has room for a container's own header and trailer."""


@dataclass(frozen=True)
class CodedBody:
    """`size` bytes: a container's head, position-coded bytes, a container's tail.

    Two bodies with the same size, content, revision and head are the same bytes.
    """

    size: int
    content: int
    revision: int = 0
    head: bytes = b""
    tail: bytes = b""

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of [start, stop), cut at the end of the body."""
        stop = min(stop, self.size)
        if start >= stop:
            return b""
        first, last = start // PAGE, (stop - 1) // PAGE
        pages = b"".join(self._page(number) for number in range(first, last + 1))
        piece = pages[start - first * PAGE : stop - first * PAGE]
        return self._with_ends(piece, start) if self.head or self.tail else piece

    def _page(self, number: int) -> bytes:
        address = _ADDRESS.pack(self.content & 0xFFFFFFFF, self.revision, number)
        at = zlib.crc32(address) % _TILE
        return address + _tile()[at : at + PAGE - _ADDRESS.size]

    def _with_ends(self, piece: bytes, start: int) -> bytes:
        """Lay the container's head and tail over the coded bytes."""
        stop = start + len(piece)
        if start < len(self.head):
            kept = self.head[start:stop]
            piece = kept + piece[len(kept) :]
        tail_at = self.size - len(self.tail)
        if stop > tail_at:
            kept = self.tail[max(0, start - tail_at) : stop - tail_at]
            at = max(0, tail_at - start)
            piece = piece[:at] + kept + piece[at + len(kept) :]
        return piece


@dataclass(frozen=True)
class BytesBody:
    """A body that is simply held in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of [start, stop), cut at the end of the body."""
        return self.data[start:stop]


@dataclass(frozen=True)
class FileDigests:
    """The digests of a body, upper-case hexadecimal as Civitai prints them.

    AutoV1 is over 64 KiB at 1 MiB, AutoV3 over a safetensors file without its header; BLAKE3 is a
    stand-in (the standard library cannot compute it), so nothing can be verified against it.
    """

    sha256: str
    crc32: str
    autov1: str
    autov3: str
    blake3: str


def safetensors_body(size: int, content: int, revision: int = 0) -> CodedBody:
    """Return a valid safetensors file of one U8 tensor. size: bytes, at least MIN_SIZE."""
    head_size = 256
    tensor = size - 8 - head_size
    header = {
        "__metadata__": {"modelspec.title": f"fake {content} revision {revision}"},
        "weight": {"dtype": "U8", "shape": [tensor], "data_offsets": [0, tensor]},
    }
    text = json.dumps(header, separators=(",", ":")).encode().ljust(head_size)
    return CodedBody(size, content, revision, struct.pack("<Q", len(text)) + text)


def zip_body(size: int, content: int, revision: int = 0) -> CodedBody:
    """Return a valid zip archive with one stored member. size: bytes, at least MIN_SIZE."""
    name = b"archive/data.bin"
    fixed = 30 + len(name) + 46 + len(name) + 22
    length = size - fixed
    plain = CodedBody(size, content, revision)
    at = 30 + len(name)
    crc = 0
    for start in range(at, at + length, _HASH_STEP):
        crc = zlib.crc32(plain.read(start, min(start + _HASH_STEP, at + length)), crc)
    shared = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, crc, length, length, len(name), 0)
    head = b"PK\x03\x04" + shared + name
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, 0)
    directory = entry + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), at + length, 0)
    return CodedBody(size, content, revision, head, directory + end)


def gguf_body(size: int, content: int, revision: int = 0) -> CodedBody:
    """Return bytes that begin as a GGUF file of version 3 with no tensors."""
    return CodedBody(size, content, revision, b"GGUF" + struct.pack("<IQQ", 3, 0, 0))


@lru_cache(maxsize=65536)
def digests(body: CodedBody) -> FileDigests:
    """Return the digests of a body, reading it once; the answer is remembered."""
    sha, payload, crc = hashlib.sha256(), hashlib.sha256(), 0
    # Only a safetensors head is set apart: AutoV3 is defined for that container.
    skip = 0 if body.tail else len(body.head)
    for start in range(0, body.size, _HASH_STEP):
        piece = body.read(start, start + _HASH_STEP)
        sha.update(piece)
        crc = zlib.crc32(piece, crc)
        payload.update(piece[max(0, skip - start) :])
    window = body.read(0x100000, 0x110000)
    return FileDigests(
        sha256=sha.hexdigest().upper(),
        crc32=f"{crc:08X}",
        autov1=hashlib.sha256(window).hexdigest()[:8].upper(),
        autov3=payload.hexdigest()[:12].upper(),
        blake3=hashlib.blake2s(sha.digest(), person=b"standin").hexdigest().upper(),
    )


@lru_cache(maxsize=1)
def _tile() -> bytes:
    """Return one MiB (and a page) of pseudo-random bytes, the same in every process."""
    return hashlib.shake_128(b"civitai-dl fake bodies").digest(_TILE + PAGE)
