"""A baseline JPEG of flat 8x8 blocks: only DC coefficients, so no transform is needed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.testing._world._pixels import Pixels

_QUANT = 8  # of every coefficient; a DC step of one is one grey level
_DC_COUNTS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
_DC_SYMBOLS = tuple(range(12))
_AC_COUNTS = (1, *(0,) * 15)  # a single symbol: end of block, code "0"
_AC_SYMBOLS = (0,)


def jpeg(pixels: Pixels, comment: str = "") -> bytes:
    """Return a JPEG whose every 8x8 block has one colour; `comment` goes into a COM segment."""
    tables = b"\x00" + bytes([_QUANT]) * 64
    out = b"\xff\xd8" + _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    out += _segment(0xFE, comment.encode("utf-8")[:60000]) if comment else b""
    out += _segment(0xDB, tables)
    frame = struct.pack(">BHHB", 8, pixels.height, pixels.width, 3)
    out += _segment(0xC0, frame + b"\x01\x11\x00\x02\x11\x00\x03\x11\x00")
    out += _segment(0xC4, b"\x00" + bytes(_DC_COUNTS) + bytes(_DC_SYMBOLS))
    out += _segment(0xC4, b"\x10" + bytes(_AC_COUNTS) + bytes(_AC_SYMBOLS))
    out += _segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00")
    return out + _scan(pixels) + b"\xff\xd9"


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def _scan(pixels: Pixels) -> bytes:
    codes = _codes()
    text: list[str] = []
    last = [0, 0, 0]
    for y in range(0, pixels.height, 8):
        row = pixels.rows[min(y + 4, pixels.height - 1)]
        for x in range(0, pixels.width, 8):
            at = min(x + 4, pixels.width - 1) * 3
            for part, value in enumerate(_ycbcr(row[at], row[at + 1], row[at + 2])):
                text.append(_coded(value - last[part], codes))
                last[part] = value
    bits = "".join(text)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")


def _ycbcr(red: int, green: int, blue: int) -> tuple[int, int, int]:
    """Return luma and chroma, each centred on zero."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return round(luma) - 128, round((blue - luma) * 0.564), round((red - luma) * 0.713)


def _coded(difference: int, codes: dict[int, str]) -> str:
    """Return one block: the DC difference, then end of block."""
    width = abs(difference).bit_length()
    value = difference if difference >= 0 else difference + (1 << width) - 1
    return codes[width] + (f"{value:0{width}b}" if width else "") + "0"


def _codes() -> dict[int, str]:
    """Return the canonical Huffman code of every DC width."""
    codes: dict[int, str] = {}
    code, symbols = 0, iter(_DC_SYMBOLS)
    for length, count in enumerate(_DC_COUNTS, start=1):
        for _ in range(count):
            codes[next(symbols)] = f"{code:0{length}b}"
            code += 1
        code <<= 1
    return codes
