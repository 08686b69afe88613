"""Pictures and films are real, so that viewers and sniffers take them as such."""

import struct
import zlib

import pytest

from civitai_dl.testing import FakeImage
from civitai_dl.testing._world import MEDIA_TYPES, image_bytes


def test_a_png_has_all_its_pixels_and_its_prompt():
    """The CRC of every chunk fits, the pixels unpack, the prompt stands in a text chunk."""
    data = image_bytes(FakeImage("png", 1, width=40, height=30, meta={"prompt": "猫 cat"}))
    at, chunks = 8, {}
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", data, at + 8 + length)[0]
        chunks[kind] = body
        at += 12 + length
    assert struct.unpack_from(">II", chunks[b"IHDR"]) == (40, 30)
    assert len(zlib.decompress(chunks[b"IDAT"])) == 30 * (1 + 40 * 3)
    assert chunks[b"iTXt"].decode().endswith("猫 cat")


def test_a_jpeg_ends_where_it_should():
    """SOI, the size in SOF0, the prompt as a comment, EOI."""
    data = image_bytes(FakeImage("jpeg", 1, width=40, height=30, meta={"prompt": "a cat"}))
    assert data.startswith(b"\xff\xd8\xff\xe0")
    assert data.endswith(b"\xff\xd9")
    assert struct.unpack_from(">HH", data, data.index(b"\xff\xc0") + 5) == (30, 40)
    assert b"a cat" in data


def test_a_webp_has_its_length():
    """The RIFF length covers the whole file, and VP8L tells the size."""
    data = image_bytes(FakeImage("webp", 1, width=41, height=31))
    assert struct.unpack_from("<I", data, 4)[0] + 8 == len(data)
    (bits,) = struct.unpack_from("<I", data, 21)
    assert ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) == (41, 31)


def test_a_gif_moves_and_ends():
    """Several frames, each with its own descriptor, then the trailer."""
    data = image_bytes(FakeImage("gif", 1, width=40, height=30))
    assert struct.unpack_from("<HH", data, 6) == (40, 30)
    assert data.count(b"\x21\xf9\x04") == 3
    assert data.endswith(b"\x00\x3b")


def boxes(data):
    at = 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + size]
        at += size
    assert at == len(data)


def test_an_mp4_has_its_boxes():
    """ftyp, moov and mdat fill the file; the chunk offset points at the first sample."""
    data = image_bytes(FakeImage("mp4", 1, width=40, height=30))
    found = dict(boxes(data))
    assert list(found) == [b"ftyp", b"moov", b"mdat"]
    (offset,) = struct.unpack_from(">I", data, data.index(b"stco") + 12)
    assert data[offset - 4 : offset] == b"mdat"
    assert data[offset + 4] == 0x65


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_pictures_differ_by_seed_only(kind):
    """The same seed gives the same bytes, another seed other bytes."""
    one, same, other = (
        image_bytes(FakeImage(kind, number, seed=seed)) for number, seed in ((1, 5), (2, 5), (3, 6))
    )
    assert one == same
    assert one != other
    assert len(one) > 200
