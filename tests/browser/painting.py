"""Landscapes by a number, drawn with Pillow: pictures for captures that are worth a look."""

from __future__ import annotations

import colorsys
import math
import random
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 384, 512
_SKIES = (
    ((0.60, 0.55, 0.45), (0.07, 0.45, 0.98)),
    ((0.66, 0.60, 0.22), (0.90, 0.45, 0.75)),
    ((0.55, 0.35, 0.80), (0.12, 0.18, 0.99)),
    ((0.72, 0.65, 0.16), (0.58, 0.55, 0.50)),
    ((0.03, 0.55, 0.55), (0.11, 0.55, 0.99)),
    ((0.47, 0.40, 0.45), (0.17, 0.25, 0.97)),
)
Colour = tuple[int, int, int]


def painting(number: int) -> bytes:
    """A PNG of 384 by 512 pixels that differs by its number."""
    chance = random.Random(number)  # a picture, not a secret
    high, low = (
        _colour(hue + chance.uniform(-0.04, 0.04), depth, light)
        for hue, depth, light in chance.choice(_SKIES)
    )
    image = _sky(high, low)
    night = sum(high) < 220
    if night:
        _stars(image, chance)
    horizon = int(HEIGHT * chance.uniform(0.52, 0.66))
    image = _sun(image, chance, horizon, night=night)
    _hills(image, chance, horizon, low)
    if chance.random() < 0.6:
        _water(image, chance, horizon)
    if night or chance.random() < 0.35:
        image = _lanterns(image, chance, horizon)
    written = BytesIO()
    image.quantize(192, dither=Image.Dither.FLOYDSTEINBERG).save(written, "PNG")
    return written.getvalue()


def _colour(hue: float, depth: float, light: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(1, depth), min(1, light))
    return int(red * 255), int(green * 255), int(blue * 255)


def _mixed(one: Colour, two: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


def _sky(high: Colour, low: Colour) -> Image.Image:
    strip = Image.new("RGB", (1, HEIGHT))
    for y in range(HEIGHT):
        strip.putpixel((0, y), _mixed(high, low, min(1, y / (HEIGHT * 0.62))))
    return strip.resize((WIDTH, HEIGHT))


def _stars(image: Image.Image, chance: random.Random) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = chance.randrange(WIDTH), chance.randrange(HEIGHT // 2)
        draw.point((x, y), _mixed(image.getpixel((x, y)), (255, 250, 235), chance.uniform(0.3, 1)))


def _sun(image: Image.Image, chance: random.Random, horizon: int, *, night: bool) -> Image.Image:
    x, y = chance.randint(80, WIDTH - 80), chance.randint(70, horizon - 10)
    size = chance.randint(16, 34)
    colour = (238, 240, 250) if night else (255, 244, 214)
    glow = Image.new("RGB", image.size)
    wide = size * 3
    ImageDraw.Draw(glow).ellipse(
        (x - wide, y - wide, x + wide, y + wide), _mixed((0, 0, 0), colour, 0.4)
    )
    image = ImageChops.screen(image, glow.filter(ImageFilter.GaussianBlur(size * 1.6)))
    disc = Image.new("L", image.size)
    ImageDraw.Draw(disc).ellipse((x - size, y - size, x + size, y + size), 235)
    image.paste(colour, mask=disc.filter(ImageFilter.GaussianBlur(1.2)))
    return image


def _ridge(chance: random.Random, rough: float) -> list[float]:
    waves = [
        (chance.uniform(0.5, 1.5) * 2**place, chance.uniform(0, 6.3), rough / 1.9**place)
        for place in range(6)
    ]
    return [
        sum(math.sin(x / WIDTH * 6.3 * turns + turn) * high for turns, turn, high in waves)
        for x in range(WIDTH + 1)
    ]


def _hills(image: Image.Image, chance: random.Random, horizon: int, haze: Colour) -> None:
    near = _colour(chance.choice((0.58, 0.45, 0.36, 0.68, 0.95)), 0.45, 0.2)
    draw = ImageDraw.Draw(image)
    layers = chance.randint(3, 5)
    for layer in range(layers):
        share = (layer + 1) / layers
        ground = horizon - 70 * (1 - share) + 20 * layer
        ridge = _ridge(chance, 34 - 18 * share)
        line = [(x, ground + ridge[x]) for x in range(WIDTH + 1)]
        draw.polygon([(0, HEIGHT), *line, (WIDTH, HEIGHT)], _mixed(haze, near, 0.25 + 0.75 * share))


def _water(image: Image.Image, chance: random.Random, horizon: int) -> None:
    shore = min(HEIGHT - 60, horizon + chance.randint(50, 90))
    above = image.crop((0, 2 * shore - HEIGHT, WIDTH, shore)).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    )
    mirror = above.filter(ImageFilter.GaussianBlur(1.5)).point(lambda light: int(light * 0.82))
    for y in range(mirror.height):
        row = mirror.crop((0, y, WIDTH, y + 1)).resize((WIDTH + 16, 1))
        image.paste(row, (int(math.sin(y * y / 90) * (1 + y / 26)) - 8, shore + y))


def _lanterns(image: Image.Image, chance: random.Random, horizon: int) -> Image.Image:
    light = Image.new("RGB", image.size)
    draw = ImageDraw.Draw(light)
    for _ in range(chance.randint(6, 16)):
        x, y = chance.randrange(WIDTH), chance.randrange(horizon - 40, HEIGHT - 20)
        size = chance.randint(2, 3 + (y - horizon + 60) // 30)
        draw.ellipse((x - size, y - size * 1.3, x + size, y + size * 1.3), (255, 190, 95))
    image = ImageChops.screen(image, light.filter(ImageFilter.GaussianBlur(9)))
    return ImageChops.screen(image, light.filter(ImageFilter.GaussianBlur(1)))
