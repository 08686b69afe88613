"""The simplest H.264 there is: every frame an IDR picture of uncompressed macroblocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.testing._world._pixels import Pixels

_START = re.compile(rb"\x00\x00(?=[\x00-\x03])")


class _BitText:
    """Bits as text of 0 and 1, with the Exp-Golomb code of the standard."""

    def __init__(self) -> None:
        self.text = ""

    def bits(self, text: str) -> _BitText:
        self.text += text
        return self

    def golomb(self, *values: int) -> _BitText:
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def ended(self) -> bytes:
        """Return the bits with the stop bit, filled up to a byte."""
        return _packed(self.text + "1")


def _packed(text: str) -> bytes:
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _unit(kind: int, payload: bytes) -> bytes:
    """Return one NAL unit, with start codes inside the payload made harmless."""
    return bytes([kind]) + _START.sub(b"\x00\x00\x03", payload)


def sequence(width: int, height: int) -> bytes:
    """Return the sequence parameter set; sizes in pixels, multiples of 16."""
    text = _BitText().bits(f"{66:08b}{0xC0:08b}{30:08b}")
    text.golomb(0, 0, 2, 1).bits("0").golomb(width // 16 - 1, height // 16 - 1)
    return _unit(0x67, text.bits("1" "1" "0" "0").ended())


def picture() -> bytes:
    """Return the picture parameter set: CAVLC, no deblocking."""
    text = _BitText().golomb(0, 0).bits("00").golomb(0, 0, 0).bits("000").golomb(0, 0, 0)
    return _unit(0x68, text.bits("100").ended())


def frame(pixels: Pixels, number: int) -> bytes:
    """Return one coded picture; neighbours must differ in the parity of `number`."""
    header = _BitText().golomb(0, 7, 0).bits("0000").golomb(number % 2).bits("00")
    header.golomb(0, 1)
    planes = _planes(pixels)
    # The macroblock type (25: samples as they are), then zeros up to the next byte.
    blocks = [_packed(header.golomb(25).text)]
    for y in range(0, pixels.height, 16):
        for x in range(0, pixels.width, 16):
            blocks += [b"\x0d\x00"] if x or y else []
            blocks.append(_macroblock(planes, x, y))
    return _unit(0x65, b"".join(blocks) + b"\x80")


def _macroblock(planes: tuple[list[bytes], list[bytes], list[bytes]], x: int, y: int) -> bytes:
    luma, blue, red = planes
    half_x, half_y = x // 2, y // 2
    rows = [row[x : x + 16] for row in luma[y : y + 16]]
    rows += [row[half_x : half_x + 8] for row in blue[half_y : half_y + 8]]
    rows += [row[half_x : half_x + 8] for row in red[half_y : half_y + 8]]
    return b"".join(rows)


def _planes(pixels: Pixels) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Return luma in full and chroma in half resolution, in the video range.

    Every weight below zero is applied to 255 minus the sample, so that nothing is negative.
    """
    width, height = pixels.width, pixels.height
    luma = _plane(pixels, (66, 129, 25), width, height)
    blue = _plane(pixels, (-38, -74, 112), width // 2, height // 2)
    return luma, blue, _plane(pixels, (112, -94, -18), width // 2, height // 2)


def _plane(pixels: Pixels, weights: tuple[int, int, int], width: int, height: int) -> list[bytes]:
    total = int.from_bytes(b"\x10" * (width * height), "big")
    for number, weight in enumerate(weights):
        table = bytes(abs(weight) * (v if weight > 0 else 255 - v) >> 8 for v in range(256))
        total += pixels.channel(number, table, step=pixels.width // width)
    plane = total.to_bytes(width * height, "big")
    return [plane[at : at + width] for at in range(0, len(plane), width)]
