"""Real, viewable still pictures written from nothing: PNG, JPEG, GIF and WebP."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.testing._world._pixels import Pixels


def png(pixels: Pixels, text: str = "") -> bytes:
    """Return a PNG; `text` goes where image tools keep the prompt, a `parameters` text chunk."""
    header = struct.pack(">IIBBBBB", pixels.width, pixels.height, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\x00" + row for row in pixels.rows), 1)
    note = b"parameters\x00\x00\x00\x00\x00" + text.encode("utf-8")
    chunks = [_chunk(b"IHDR", header)]
    chunks += [_chunk(b"iTXt", note)] if text else []
    chunks += [_chunk(b"IDAT", packed), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def heavier(data: bytes, filler: bytes) -> bytes:
    """Return a PNG with a private chunk before its end, which every reader passes over."""
    end = _chunk(b"IEND", b"")
    return data.removesuffix(end) + _chunk(b"fiLl", filler) + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def gif(frames: list[Pixels]) -> bytes:
    """Return a GIF that loops when it has several frames.

    A clear code before every 126 pixels keeps all LZW codes eight bits wide, so that the packed
    data are plain bytes.
    """
    first = frames[0]
    out = b"GIF89a" + struct.pack("<HHBBB", first.width, first.height, 0xF6, 0, 0) + _palette()
    if len(frames) > 1:
        out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    for frame in frames:
        out += b"\x21\xf9\x04\x04\x0c\x00\x00\x00"
        out += b"\x2c" + struct.pack("<HHHHB", 0, 0, frame.width, frame.height, 0) + b"\x07"
        codes = _gif_codes(_to_palette(frame))
        for at in range(0, len(codes), 255):
            block = codes[at : at + 255]
            out += bytes([len(block)]) + block
        out += b"\x00"
    return out + b"\x3b"


def _palette() -> bytes:
    """Return 128 colours: 4 levels of red, 8 of green, 4 of blue."""
    return b"".join(
        bytes((r * 85, g * 36, b * 85)) for r in range(4) for g in range(8) for b in range(4)
    )


def _to_palette(pixels: Pixels) -> bytes:
    red = pixels.channel(0, bytes(value >> 6 << 5 for value in range(256)))
    green = pixels.channel(1, bytes(value >> 5 << 2 for value in range(256)))
    blue = pixels.channel(2, bytes(value >> 6 for value in range(256)))
    return (red + green + blue).to_bytes(pixels.width * pixels.height, "big")


def _gif_codes(indexes: bytes) -> bytes:
    pieces = [b"\x80" + indexes[at : at + 126] for at in range(0, len(indexes), 126)]
    return b"".join(pieces) + b"\x81"


class _Bits:
    """Bits collected from the low end, as VP8L wants them."""

    def __init__(self) -> None:
        self.value = 0
        self.count = 0

    def put(self, value: int, width: int) -> None:
        self.value |= value << self.count
        self.count += width


def webp(pixels: Pixels) -> bytes:
    """Return a lossless WebP in which every colour sample has a prefix code of eight bits."""
    bits = _Bits()
    bits.put(0x2F, 8)
    bits.put(pixels.width - 1, 14)
    bits.put(pixels.height - 1, 14)
    bits.put(0, 1 + 3 + 1 + 1 + 1)  # no alpha, version 0, no transform, no cache, no meta codes
    _eight_bit_code(bits, unused=24)  # green has 24 length symbols behind its 256
    _eight_bit_code(bits, unused=0)
    _eight_bit_code(bits, unused=0)
    _one_symbol_code(bits, 255)  # alpha
    _one_symbol_code(bits, 0)  # distance, never used
    mirror = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
    samples = bytearray(b"".join(pixels.rows).translate(mirror))
    samples[0::3], samples[1::3] = samples[1::3], samples[0::3]  # green comes first
    stream = bits.value | int.from_bytes(samples, "little") << bits.count
    data = stream.to_bytes((bits.count + 8 * len(samples) + 7) // 8, "little")
    padded = data + b"\x00" * (len(data) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + padded
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _eight_bit_code(bits: _Bits, unused: int) -> None:
    """Write a prefix code: 256 symbols of eight bits, then `unused` symbols of none."""
    bits.put(0, 1)  # not a simple code
    order = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8)
    wanted = {8: 1, 18: 1} if unused else {8: 1}
    bits.put(len(order) - 4, 4)
    for symbol in order:
        bits.put(wanted.get(symbol, 0), 3)
    bits.put(0, 1)  # lengths for the whole alphabet follow
    if unused:  # two symbols of one bit: 0 is length eight, 1 is a run of zeros
        bits.put(0, 256)
        bits.put(1, 1)
        bits.put(unused - 11, 7)
    # With one symbol its code has no bits at all: nothing to write.


def _one_symbol_code(bits: _Bits, symbol: int) -> None:
    bits.put(1, 1)
    bits.put(0, 1)  # one symbol
    bits.put(1, 1)  # of eight bits
    bits.put(symbol, 8)
