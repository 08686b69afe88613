"""Are these the bytes that were meant? By the strongest digest, else by length and structure."""

import hashlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import Plausible, Proven, Wrong, verify_file, verify_media
from civitai_dl.domain.entities import Digests, Measured, Media

HEADER = b'{"w":{"dtype":"F32","shape":[25],"data_offsets":[0,100]}}'
WEIGHTS = struct.pack("<Q", len(HEADER)) + HEADER + bytes(100)
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60) + b"\x00\x00\x00\x00IEND\xaeB`\x82"
MP4 = struct.pack(">I", 16) + b"ftypisom\x00\x00\x00\x00" + struct.pack(">I", 8) + b"mdat"
OTHER = "0" * 64


def measured(data):
    return Measured(
        len(data),
        hashlib.sha256(data).hexdigest(),
        f"{zlib.crc32(data):08x}",
        data[:4096],
        data[-4096:],
    )


TRUE = measured(WEIGHTS)


def check(digests, size=None, data=WEIGHTS, name="model.safetensors"):
    return verify_file(name, digests, size, measured(data))


@pytest.mark.parametrize(
    ("digests", "by"),
    [
        (Digests(sha256=TRUE.sha256), "SHA256"),
        (Digests(sha256=TRUE.sha256.upper()), "SHA256"),
        (Digests(crc32=TRUE.crc32), "CRC32"),
        (Digests(crc32=TRUE.crc32.upper()), "CRC32"),
        (Digests(autov2=TRUE.sha256[:10]), "AutoV2"),
        (Digests(autov2=TRUE.sha256[:10].upper()), "AutoV2"),
    ],
)
def test_a_digest_that_matches_proves_the_bytes(digests, by):
    """A file is proven by whatever digest the service offers, in either case of its letters."""
    assert Proven(by) == check(digests)


@pytest.mark.parametrize(
    ("digests", "by"),
    [
        (Digests(sha256=OTHER, crc32=TRUE.crc32, autov2=TRUE.sha256[:10]), "SHA256"),
        (Digests(crc32="00000000", autov2=TRUE.sha256[:10]), "CRC32"),
        (Digests(autov2="0000000000"), "AutoV2"),
    ],
)
def test_the_strongest_digest_decides(digests, by):
    """A SHA256 that differs is not outvoted by a CRC32 that fits."""
    verdict = check(digests, size=len(WEIGHTS))
    assert isinstance(verdict, Wrong)
    assert verdict.why.startswith(f"{by} is ")
    assert not verdict.page


def test_a_proven_file_may_have_another_size_than_listed():
    """The listed size is rounded and is no reason to doubt a SHA256."""
    assert Proven("SHA256") == check(Digests(sha256=TRUE.sha256), size=1)


@pytest.mark.parametrize("size", [None, 0, len(WEIGHTS)])
def test_without_a_digest_length_and_structure_make_a_file_plausible(size):
    """A file without digests is kept when its length fits and it is what its name says."""
    assert Plausible() == check(Digests(), size=size)


def test_without_a_digest_a_wrong_length_is_wrong():
    """Without a digest a byte too few is noticed by the listed size."""
    why = f"{len(WEIGHTS) - 1} bytes came, {len(WEIGHTS)} were listed"
    assert Wrong(why) == check(Digests(), size=len(WEIGHTS), data=WEIGHTS[:-1])


def test_without_a_digest_and_a_size_the_structure_decides():
    """A safetensors file whose header promises more than came is not kept."""
    verdict = check(Digests(), data=WEIGHTS[:30])
    assert isinstance(verdict, Wrong)
    assert not verdict.page


@pytest.mark.parametrize("digests", [Digests(), Digests(crc32="00000000")])
def test_a_page_in_place_of_a_file_is_told_as_a_page(digests):
    """A login page under the name of a model is no wrong digest but a page."""
    verdict = check(digests, data=PAGE)
    assert isinstance(verdict, Wrong)
    assert verdict.page


@given(data=st.binary(min_size=1, max_size=200), place=st.integers(0, 199), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(data, place, bit):
    """A file that differs from the true one in a single bit is never proven."""
    true = measured(data)
    changed = bytearray(data)
    changed[place % len(data)] ^= 1 << bit
    for digests in (Digests(sha256=true.sha256), Digests(crc32=true.crc32)):
        assert isinstance(check(digests, data=bytes(changed)), Wrong)


# --- media


def look(wanted, data, promised=None, content_type="application/octet-stream"):
    return verify_media(wanted, measured(data), content_type=content_type, promised=promised)


@pytest.mark.parametrize(
    ("wanted", "data", "expected"),
    [
        (Media.IMAGE, PNG, Plausible("png", "image")),
        (Media.VIDEO, MP4, Plausible("mp4", "video")),
        (Media.IMAGE, MP4, Plausible("mp4", "video")),
    ],
)
def test_media_are_what_their_bytes_say(wanted, data, expected):
    """The extension follows the bytes; an image that turns out to be a video is kept as one."""
    assert expected == look(wanted, data, promised=len(data), content_type="text/plain")


def test_a_still_is_no_video():
    """A cover in place of a video is not taken for the video."""
    assert Wrong("a video is due, a still png came") == look(Media.VIDEO, PNG)


def test_a_short_body_is_noticed_by_its_announced_length():
    """An image that ends before its announced length is not kept."""
    assert Wrong("100 bytes came, 101 were announced") == look(Media.IMAGE, bytes(100), 101)


def test_a_body_without_length_is_noticed_by_its_missing_end():
    """An image that came without a length is not kept when its end marker is missing."""
    assert Wrong("the image ends before its end") == look(Media.IMAGE, PNG[:-4])


def test_an_image_without_its_end_marker_but_of_the_announced_length_is_kept():
    """An uploader's damaged image is the original, and kept as it is."""
    assert Plausible("png", "image") == look(Media.IMAGE, PNG[:-4], promised=len(PNG) - 4)


def test_a_page_in_place_of_an_image_is_told_as_a_page():
    """A challenge page under an image's address is no image."""
    verdict = look(Media.IMAGE, PAGE, content_type="text/html")
    assert isinstance(verdict, Wrong)
    assert verdict.page


@pytest.mark.parametrize("content_type", ["", "image/png"])
def test_unknown_bytes_are_no_image(content_type):
    """Bytes that are neither image, video nor sound are not kept, whatever their Content-Type."""
    verdict = look(Media.IMAGE, b"\x01\x02\x03" * 40, content_type=content_type)
    assert Wrong("the bytes are neither an image nor a video nor a sound") == verdict
