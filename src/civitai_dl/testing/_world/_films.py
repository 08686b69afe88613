"""Moving and sounding media: MP4 (playable), and WebM, AVIF and MP3 of true outer structure."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from civitai_dl.testing._world import _h264

if TYPE_CHECKING:
    from civitai_dl.testing._world._pixels import Pixels

_RATE = 8  # frames per second
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def mp4(frames: list[Pixels]) -> bytes:
    """Return an MP4 that players play; sizes must be multiples of 16 pixels."""
    width, height = frames[0].width, frames[0].height
    units = [_h264.frame(pixels, number) for number, pixels in enumerate(frames)]
    samples = [struct.pack(">I", len(unit)) + unit for unit in units]
    kind = _box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2avc1mp41")
    blank = _movie(width, height, samples, data_at=0)
    movie = _movie(width, height, samples, data_at=len(kind) + len(blank) + 8)
    return kind + movie + _box(b"mdat", b"".join(samples))


def _box(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", 8 + len(data)) + name + data


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags), *parts)


def _movie(width: int, height: int, samples: list[bytes], data_at: int) -> bytes:
    count = len(samples)
    times = struct.pack(">IIII", 0, 0, _RATE, count)
    head = _full(
        b"mvhd", times, struct.pack(">IH10x", 0x10000, 0x100), _MATRIX, bytes(24), b"\0\0\0\2"
    )
    sizes = struct.pack(">II", width << 16, height << 16)
    track = _full(
        b"tkhd", struct.pack(">IIIII", 0, 0, 1, 0, count), bytes(16), _MATRIX, sizes, flags=3
    )
    media = _full(b"mdhd", times, b"\x55\xc4\x00\x00")
    handler = _full(b"hdlr", b"\0\0\0\0vide", bytes(12), b"video\0")
    data = _box(b"dinf", _full(b"dref", b"\0\0\0\1", _full(b"url ", flags=1)))
    table = _box(
        b"stbl",
        _full(b"stsd", b"\0\0\0\1", _description(width, height)),
        _full(b"stts", struct.pack(">III", 1, count, 1)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, count, 1)),
        _full(b"stsz", struct.pack(f">II{count}I", 0, count, *map(len, samples))),
        _full(b"stco", struct.pack(">II", 1, data_at)),
    )
    info = _box(b"minf", _full(b"vmhd", bytes(8), flags=1), data, table)
    return _box(b"moov", head, _box(b"trak", track, _box(b"mdia", media, handler, info)))


def _description(width: int, height: int) -> bytes:
    sequence, picture = _h264.sequence(width, height), _h264.picture()
    config = b"\x01" + sequence[1:4] + b"\xff\xe1" + struct.pack(">H", len(sequence)) + sequence
    config += b"\x01" + struct.pack(">H", len(picture)) + picture
    visual = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1)
    return _box(b"avc1", visual, _box(b"avcC", config))


def webm(seed: int, size: int = 4096) -> bytes:
    """Return the EBML structure of a WebM file without a picture in it. size: bytes."""
    header = b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08"
    header += b"\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02"
    filler = _noise(seed, size)
    void = b"\xec" + struct.pack(">Q", 1 << 56 | len(filler)) + filler
    segment = b"\x18\x53\x80\x67" + struct.pack(">Q", 1 << 56 | len(void)) + void
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(header)]) + header + segment


def avif(seed: int, size: int = 2048) -> bytes:
    """Return the box structure of an AVIF file without a picture in it. size: bytes."""
    kind = _box(b"ftyp", b"avif\x00\x00\x00\x00avifmif1miaf")
    meta = _full(b"meta", _full(b"hdlr", b"\0\0\0\0pict", bytes(12), b"\0"))
    return kind + meta + _box(b"mdat", _noise(seed, size))


def mp3(seed: int, frames: int = 20) -> bytes:
    """Return an ID3 tag and MPEG frames of silence that differ per seed only in the tag."""
    title = f"fake {seed}".encode("latin-1")
    text = b"TIT2" + struct.pack(">IH", 1 + len(title), 0) + b"\x00" + title
    tag = b"ID3\x03\x00\x00" + bytes((0, 0, len(text) >> 7, len(text) & 0x7F)) + text
    return tag + (b"\xff\xfb\x90\xc4" + bytes(413)) * frames


def _noise(seed: int, size: int) -> bytes:
    return hashlib.shake_128(b"noise %d" % seed).digest(size)
