"""Bytes tell what they are: media, error pages, ends, weights."""

import gzip
import json
import struct
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions._sniff import (
    HEAD_BYTES,
    TAIL_BYTES,
    Media,
    looks_like_text_page,
    media_ends_well,
    sniff_media,
    weights_look_right,
)


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return box(b"ftyp", major + bytes(4) + b"".join(compatible))


def riff(form: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + form + body


def safetensors(header: bytes = b'{"__metadata__":{}}', data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def zipped() -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("archive/data.pkl", "x" * 300)
    return target.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(60) + b"\x00\x00\x00\x00IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(200)) * 3 + b"\xff\xd9"
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00" + bytes(20) + b"\x02\x02\x44\x01\x00;"
WEBP = riff(b"WEBP", b"VP8 " + bytes(40))
BMP = b"BM" + struct.pack("<IHHIIii", 200, 0, 0, 54, 40, 1, 1) + bytes(174)
MP4 = ftyp(b"isom", b"isom", b"mp41") + box(b"moov", bytes(80)) + box(b"mdat", bytes(300))
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webmB\x87\x81\x02"


@pytest.mark.parametrize(
    ("head", "kind", "extension"),
    [
        (PNG, "image", "png"),
        (JPEG, "image", "jpg"),
        (GIF, "image", "gif"),
        (GIF.replace(b"89a", b"87a"), "image", "gif"),
        (WEBP, "image", "webp"),
        (BMP, "image", "bmp"),
        (b"\xff\x0a\xfa\x7f\x01", "image", "jxl"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image", "jxl"),
        (b"II*\x00\x08\x00\x00\x00", "image", "tif"),
        (b"MM\x00*\x00\x00\x00\x08", "image", "tif"),
        (ftyp(b"avif", b"mif1", b"miaf"), "image", "avif"),
        (ftyp(b"avis", b"iso8"), "image", "avif"),
        (ftyp(b"mif1", b"miaf", b"avif"), "image", "avif"),
        (ftyp(b"mif1", b"heic"), "image", "heic"),
        (ftyp(b"mif1", b"miaf"), "image", "heif"),
        (ftyp(b"heic", b"mif1"), "image", "heic"),
        (MP4, "video", "mp4"),
        (ftyp(b"iso5", b"avif"), "video", "mp4"),
        (ftyp(b"M4V ", b"mp42"), "video", "mp4"),
        (ftyp(b"qt  ", b"qt  "), "video", "mov"),
        (box(b"moov", bytes(30)), "video", "mov"),
        (ftyp(b"M4A ", b"mp42"), "audio", "m4a"),
        (WEBM, "video", "webm"),
        (WEBM.replace(b"\x84webm", b"\x88matroska"), "video", "mkv"),
        (riff(b"AVI ", bytes(30)), "video", "avi"),
        (riff(b"WAVE", bytes(30)), "audio", "wav"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x1e\x01vorbis", "audio", "ogg"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x2a\x80theora", "video", "ogv"),
        (b"fLaC\x00\x00\x00\x22", "audio", "flac"),
        (b"ID3\x04\x00\x00", "audio", "mp3"),
        (b"\xff\xfb\x90\x64\x00", "audio", "mp3"),
    ],
)
def test_media_are_known_by_their_first_bytes(head, kind, extension):
    """Every type that Civitai serves, and some it might, has its name."""
    assert sniff_media(head) == Media(kind, extension)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"\xff\xfb",
        b"BM",
        b"BMW is a car, not a bitmap, says the page",
        b"RIFF\x00\x00\x00\x00ACON",
        b"<svg xmlns='http://www.w3.org/2000/svg'>",
        b"<!doctype html>",
        b"\xff\xfb\xf0\x64",
        b"\xff\xfb\x9c\x64",
        b"\xff\xfe<\x00h\x00t\x00",
        b"GIF90a",
        safetensors(),
        zipped(),
    ],
)
def test_other_bytes_are_no_media(head):
    """Two matching bytes do not make an image, and text is never one."""
    assert sniff_media(head) is None


@given(st.binary(max_size=80))
def test_any_bytes_have_an_answer(head):
    """No input makes any of the questions fail."""
    media = sniff_media(head)
    assert weights_look_right("a.zip", head, len(head)) is None or not head.startswith(
        b"PK\x03\x04"
    )
    assert looks_like_text_page(head, "text/html", "a.txt") is None
    if media is not None:
        assert media_ends_well(media, head, head[-TAIL_BYTES:], len(head)) in (True, False, None)


LONG_TEXT = "ページが見つかりません。" * 30
HTML = f"\n <!-- saved --> <!DOCTYPE html>\n<html><body>{LONG_TEXT}</body></html>".encode()
SLEEK = b"<html>\r\n<head><title>Just a moment...</title>"
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
BARE_XML = b"<Error><Code>ExpiredToken</Code></Error>"
JSON = b'{"error":"File not found"}'
WORKFLOW = b'{\n "last_node_id": 9, "nodes": [{"id": 1}]}'


@pytest.mark.parametrize("name", ["a.safetensors", "a.CKPT", "a.pt", "a.bin", "a.gguf", "a.png"])
@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (HTML, "an HTML page"),
        (b"\xef\xbb\xbf" + SLEEK, "an HTML page"),
        (XML, "an XML answer"),
        (BARE_XML, "an XML answer"),
        (JSON, "a JSON answer"),
        (b"[]", "a JSON answer"),
        (HTML[:100], "an HTML page"),
    ],
)
@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "text/html"])
def test_text_in_place_of_weights_or_images_is_seen(name, head, reason, content_type):
    """C1: whatever the header claims, an error page never passes for a binary file."""
    assert looks_like_text_page(head, content_type, name) == reason


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("flow.json", HTML, "an HTML page"),
        ("flow.json", XML, "an XML answer"),
        ("model.yaml", SLEEK, "an HTML page"),
        ("page.html", JSON, "a JSON answer"),
        ("drawing.svg", b"<!doctype HTML><p>", "an HTML page"),
        ("noextension", SLEEK, "an HTML page"),
        ("strange.cube", BARE_XML, "an XML answer"),
        ("strange.cube", JSON, "a JSON answer"),
    ],
)
def test_text_of_the_wrong_kind_is_seen(name, head, reason):
    """A workflow is no web page, and an unknown type is no error message."""
    assert looks_like_text_page(head, None, name) == reason


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("flow.json", WORKFLOW),
        ("flow.json", b"[1, 2]"),
        ("a.yaml", b'{"model": 1}'),
        ("a.yaml", b"model:\n  target: ldm"),
        ("words.txt", HTML),
        ("words.txt", JSON),
        ("README.md", b"<p align=center>"),
        ("page.html", HTML),
        ("page.htm", XML),
        ("drawing.svg", b"<!-- made by hand --><svg xmlns=''>"),
        ("drawing.svg", b'<?xml version="1.0"?><svg>'),
        ("strange.cube", b'TITLE "warm"'),
        ("strange.cube", WORKFLOW),
        ("strange.cube", b"<?xml version='1.0'?><lut/>"),
        ("prompt", b"<lora:detail:1>, masterpiece"),
        ("a.pt", b"ccollections\nOrderedDict\n"),
        ("empty.safetensors", b""),
        ("blank.safetensors", b" \n"),
        ("a.safetensors", b"{\x00\x00\x00\x00\x00\x00\x00{}"),
        ("a.safetensors", b'{"\x00\x00\x00\x00\x00\x00{"__metadata__":{"a":"b"}}'),
        ("a.ckpt", zipped()),
        ("a.ckpt", b"\x80\x02}q\x00"),
        ("a.gguf", b"GGUF\x03\x00\x00\x00"),
        ("a.json", gzip.compress(HTML, mtime=0)),
    ],
)
@pytest.mark.parametrize("content_type", [None, "text/html; charset=utf-8", "application/json"])
def test_legitimate_files_pass(name, head, content_type):
    """Nothing that a creator may upload is refused, whatever content type it is sent with."""
    assert looks_like_text_page(head, content_type, name) is None


@given(st.integers(0, 2**40), st.text(max_size=30))
def test_safetensors_of_any_header_length_pass(length, key):
    """The length in front of the header may begin with a brace; it still ends in zero bytes."""
    head = struct.pack("<Q", length) + json.dumps({key: 1}).encode()
    assert looks_like_text_page(head, "text/plain", "a.safetensors") is None


def test_plain_text_counts_only_where_the_header_says_so_and_a_signature_is_due():
    """Cloudflare answers "error code: 1015" as text; an image sent as text/plain is an image."""
    text = b"error code: 1015"
    assert looks_like_text_page(text, "text/plain; charset=UTF-8", "a.safetensors") == "plain text"
    assert looks_like_text_page(text, "application/problem+json", "a.png") == "plain text"
    assert looks_like_text_page(text, "application/octet-stream", "a.png") is None
    assert looks_like_text_page(text, "text/plain", "a.pt") is None
    assert looks_like_text_page(PNG, "text/plain", "a.png") is None


def ends_well(body: bytes, *, size: int | None = None) -> bool | None:
    media = sniff_media(body)
    assert media is not None
    return media_ends_well(media, body[:HEAD_BYTES], body[-TAIL_BYTES:], size or len(body))


@pytest.mark.parametrize("body", [PNG, JPEG, GIF, WEBP, BMP, MP4])
@pytest.mark.parametrize("behind", [b"", b"\x00\x00", b"SEFT trailer of a phone"])
def test_a_whole_file_ends_well(body, behind):
    """The end mark is found, or the length agrees, also with something appended."""
    assert ends_well(body + behind) in ((True,) if body != MP4 or not behind else (True, None))


@pytest.mark.parametrize("body", [PNG, JPEG, GIF, WEBP, BMP, MP4])
@pytest.mark.parametrize("missing", [1, 2, 9])
def test_a_file_without_its_last_bytes_does_not(body, missing):
    """P9: an image cut off is noticed although no digest and no length is known."""
    assert ends_well(body[:-missing]) is False


def test_a_motion_photo_cannot_tell():
    """A film behind a JPEG hides the end mark, so there is no verdict."""
    photo = JPEG.replace(b"JFIF", b"MPF\x00").replace(b"\xff\xd9", b"")
    assert ends_well(photo) is None


def test_boxes_are_followed_as_far_as_the_head_shows():
    """A box that reaches beyond the file is a cut; a chain that leaves the head proves nothing."""
    start = ftyp(b"isom")
    long_box = struct.pack(">I4sQ", 1, b"mdat", 10_000)
    assert ends_well(start + long_box + bytes(50), size=len(start) + 9_999) is False
    assert ends_well(start + long_box + bytes(50), size=len(start) + 10_000) is True
    assert ends_well(start + long_box + bytes(50), size=len(start) + 10_001) is None
    assert ends_well(start + struct.pack(">I4sQ", 0, b"mdat", 0)) is None
    assert ends_well(start + b"\x7f\xff\xff\xff" + b"\x00" * 40) is None


def test_types_without_a_mark_cannot_tell():
    """Streams that end anywhere get no verdict."""
    assert ends_well(WEBM) is None
    assert ends_well(b"\xff\xfb\x90\x64" + bytes(60)) is None


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.safetensors", safetensors()),
        ("a.SFT", safetensors(b"{}", bytes(90))),
        ("a.gguf", b"GGUF\x03\x00\x00\x00" + bytes(16)),
        ("a.zip", zipped()),
        ("a.pt", zipped()),
        ("a.ckpt", b"\x80\x02}q\x00."),
        ("a.bin", b"\x00\x01\x02"),
        ("a.png", JPEG),
        ("a.onnx", b"\x08\x07\x12\x07pytorch"),
        ("noextension", bytes(400)),
        ("a.yaml", b"model: 1"),
        (".safetensors", safetensors()),
    ],
)
def test_sound_weights_pass(name, body):
    """Files that begin and end as their type demands, and types that demand nothing."""
    assert weights_look_right(name, body[:HEAD_BYTES], len(body), tail=body) is None


@pytest.mark.parametrize(
    ("name", "head", "size", "reason"),
    [
        ("a.safetensors", b"", 0, "the file is empty"),
        ("a.txt", b"", 0, "the file is empty"),
        ("a.ckpt", bytes(512), 9_999, "it begins with nothing but zero bytes"),
        (
            "a.safetensors",
            b"PK\x03\x04" + bytes(60),
            64,
            "it does not begin like a .safetensors file",
        ),
        ("a.safetensors", struct.pack("<Q", 2**40) + b"{", 2**41, "it does not begin like"),
        ("a.safetensors", struct.pack("<Q", 1) + b"{", 99, "it does not begin like"),
        ("a.safetensors", safetensors()[:20], 20, "it ends inside its own header"),
        ("a.safetensors", b"\x05", 1, "it does not begin like"),
        ("a.gguf", b"ggml" + bytes(60), 64, "it does not begin like a .gguf file"),
        ("a.zip", b"Rar!\x1a\x07\x00", 64, "it does not begin like a .zip file"),
        ("a.png", b"%PDF-1.7", 64, "it does not begin like an image"),
    ],
)
def test_wrong_weights_are_named(name, head, size, reason):
    """C4: without a digest, the structure still tells the plainly wrong from the possible."""
    fault = weights_look_right(name, head, size)
    assert fault is not None
    assert fault.startswith(reason)


def test_a_zip_without_its_directory_is_cut():
    """P9: PyTorch checkpoints are zip archives, whose end is marked; unseen, it is not judged."""
    body = zipped()[:-30]
    assert weights_look_right("a.ckpt", body, len(body), tail=body) is not None
    assert weights_look_right("a.ckpt", body, len(body)) is None
