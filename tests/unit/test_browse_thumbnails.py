"""Small pictures of whatever lies in an archive: large, damaged, turned, moving, printed."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from civitai_dl.browse._thumbnails import FOLDER, WIDTH, Thumbnails, make_thumbnail


def saved(path: Path, image: Image.Image, kind: str, **how: object) -> Path:
    image.save(path, kind, **how)
    return path


def drawn(data: bytes | None) -> Image.Image:
    assert data is not None
    image = Image.open(io.BytesIO(data))
    image.load()
    assert "WEBP" == image.format
    return image


def test_a_large_picture_becomes_small(tmp_path):
    """It is as wide as a column needs, and keeps its shape."""
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (1800, 1200), "navy"), "JPEG")
    small = drawn(make_thumbnail(path))
    assert (WIDTH, 300) == small.size


def test_a_small_picture_stays_as_it_is(tmp_path):
    """Nothing is made larger than it was."""
    path = saved(tmp_path / "a.png", Image.new("RGB", (40, 60), "navy"), "PNG")
    assert (40, 60) == drawn(make_thumbnail(path)).size


def test_a_turned_picture_stands_upright(tmp_path):
    """Cameras write how they were held; browsers would turn the original, too."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (60, 40), "navy")
    image.paste("red", (0, 0, 10, 40))
    path = saved(tmp_path / "a.jpg", image, "JPEG", exif=exif, quality=95)
    small = drawn(make_thumbnail(path))
    assert (40, 60) == small.size
    red, _, blue = small.convert("RGB").getpixel((20, 2))
    assert red > blue


@pytest.mark.parametrize("mode", ["CMYK", "L", "LA", "P", "RGBA", "1", "I;16"])
def test_every_way_to_store_colours_is_drawn(tmp_path, mode):
    """Printed pictures, grey ones, palettes, see-through ones."""
    kind = "JPEG" if mode == "CMYK" else "PNG"
    path = saved(tmp_path / f"a.{kind.lower()}", Image.new(mode, (20, 30)), kind)
    assert (20, 30) == drawn(make_thumbnail(path)).size


def test_what_is_seen_through_stays_so(tmp_path):
    """A transparent picture lies on the colour of the page, not on black."""
    path = saved(tmp_path / "a.png", Image.new("RGBA", (20, 30), (255, 0, 0, 0)), "PNG")
    small = drawn(make_thumbnail(path)).convert("RGBA")
    assert 0 == small.getpixel((5, 5))[3]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_gives_its_first(tmp_path, kind):
    """A cover stands still."""
    frames = [Image.new("RGB", (20, 30), colour) for colour in ("red", "blue", "lime")]
    path = saved(tmp_path / "a", frames[0], kind, save_all=True, append_images=frames[1:])
    small = drawn(make_thumbnail(path))
    assert 1 == getattr(small, "n_frames", 1)
    red, green, blue = small.convert("RGB").getpixel((10, 10))
    assert red > 200 > max(green, blue)


def test_a_very_tall_picture_stays_bearable(tmp_path):
    """Nor is it drawn to its whole length."""
    path = saved(tmp_path / "a.png", Image.new("RGB", (10, 9000)), "PNG")
    assert drawn(make_thumbnail(path)).height <= WIDTH * 4


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that say they are a large picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


WHOLE = io.BytesIO()
Image.effect_noise((300, 300), 80).save(WHOLE, "PNG")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"\xff\xd8\xff\xe0",
        WHOLE.getvalue()[:3000],
        WHOLE.getvalue()[:200] + b"\0" * 500,
        png_that_claims(100_000, 100_000),
        png_that_claims(15_000, 15_000),
        png_that_claims(2**31 - 1, 2**31 - 1),
        png_that_claims(0, 0),
    ],
    ids=range(14),
)
def test_what_cannot_be_drawn_is_no_error(tmp_path, data):
    """A damaged picture, another file under its name, a picture that claims to be gigantic."""
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert make_thumbnail(path) is None


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "TGA", "ICO", "EPS", "PDF", "PCX"])
def test_what_no_archive_holds_is_not_decoded(tmp_path, kind):
    """A file that is called a picture reaches none of the decoders that only few have looked at."""
    path = saved(tmp_path / "a.png", Image.new("RGB", (20, 30)), kind)
    assert make_thumbnail(path) is None


def test_a_file_that_is_gone_is_no_error(tmp_path):
    """It may have been taken away while it was looked at; a directory is none either."""
    assert make_thumbnail(tmp_path / "nothing.png") is None
    assert make_thumbnail(tmp_path) is None


async def test_a_small_picture_is_made_once(tmp_path):
    """It is kept by its mark, and given again without the original."""
    archive, state = tmp_path / "archive", tmp_path / "state"
    archive.mkdir()
    saved(archive / "a.png", Image.new("RGB", (20, 30), "navy"), "PNG")
    thumbnails = Thumbnails(archive, state)
    first = await thumbnails.of("a.png", "abcd")
    assert first == (state / FOLDER / "ab" / "abcd.webp").read_bytes()
    (archive / "a.png").unlink()
    assert first == await thumbnails.of("a.png", "abcd")
    assert await thumbnails.of("a.png", "ffff") is None
    assert [] == list(state.rglob("*.part"))


async def test_where_nothing_can_be_written_it_is_made_again(tmp_path):
    """An archive on a read-only disk is shown all the same."""
    saved(tmp_path / "a.png", Image.new("RGB", (20, 30), "navy"), "PNG")
    state = tmp_path / "state"
    state.write_bytes(b"a file where a folder should be")
    thumbnails = Thumbnails(tmp_path, state)
    assert await thumbnails.of("a.png", "abcd") == await thumbnails.of("a.png", "abcd")
