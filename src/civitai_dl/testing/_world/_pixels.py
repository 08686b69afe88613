"""Cheap patterns to look at: rows of RGB bytes made by slicing, so that 1,500 cost no time."""

from __future__ import annotations

import colorsys
import math
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Pixels:
    """A picture as rows of RGB triples, top row first; sizes in pixels."""

    width: int
    height: int
    rows: tuple[bytes, ...]

    def channel(self, number: int, table: bytes, step: int = 1) -> int:
        """Return one channel, mapped through a table, as one large number.

        Numbers of channels can be added byte by byte at once, as long as no sum exceeds 255.
        step: take every so many-th pixel of every so many-th row.
        """
        samples = b"".join(row[number :: 3 * step] for row in self.rows[::step])
        return int.from_bytes(samples.translate(table), "big")


def pattern(width: int, height: int, seed: int, phase: float = 0.0) -> Pixels:
    """Return a picture that differs per seed; phase (0..1) moves it, for frames of a video."""
    chance = random.Random(seed)  # noqa: S311 - a pattern, not a secret
    strip = _strip(width, chance)
    move = _moves(height, width, chance)
    rows = []
    for y in range(height):
        at = int(move[y] + phase * width) % width * 3
        rows.append(strip[at : at + width * 3].translate(_shade(31 * y // height)))
    return Pixels(width, height, tuple(rows))


def _strip(width: int, chance: random.Random) -> bytes:
    """Return two widths of pixels: a wave between two colours that joins up with itself."""
    hue = chance.random()
    one = colorsys.hsv_to_rgb(hue, 0.55 + 0.4 * chance.random(), 0.95)
    two = colorsys.hsv_to_rgb((hue + 0.15 + 0.5 * chance.random()) % 1, 0.75, 0.45)
    waves = chance.choice((1, 1, 2, 3, 5))
    strip = bytearray()
    for x in range(width):
        mix = 0.5 + 0.5 * math.sin(2 * math.pi * waves * x / width)
        strip += bytes(int(255 * (a * mix + b * (1 - mix))) for a, b in zip(one, two, strict=True))
    return bytes(strip * 2)


def _moves(height: int, width: int, chance: random.Random) -> list[float]:
    """Return how far each row is moved: slanted, waved, pointed, stepped or straight."""
    kind = chance.choice(("slant", "wave", "point", "step", "straight"))
    swing = width * (0.1 + 0.4 * chance.random())
    turns = chance.choice((1, 2, 3))
    moves: dict[str, Callable[[float], float]] = {
        "slant": lambda t: swing * 2 * t,
        "wave": lambda t: swing * math.sin(2 * math.pi * turns * t) / 2,
        "point": lambda t: swing * abs(2 * t - 1) * 2,
        "step": lambda t: swing * (int(t * 8) % 2),
        "straight": lambda t: 0 * t,
    }
    return [moves[kind](y / height) for y in range(height)]


@lru_cache(maxsize=32)
def _shade(depth: int) -> bytes:
    """Return a table that darkens a row; depth 0 is the top, 31 the bottom."""
    light = 1.0 - 0.015 * depth
    return bytes(int(value * light) for value in range(256))
