"""Prompts in copies of images: read as A1111 and ComfyUI read them, with the picture untouched."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_readers import (
    a1111_parameters,
    comfy_in,
    exif_of,
    jpeg_exif,
    jpeg_segments,
    parameters_in,
    picture_in,
    png_texts,
    webp_chunks,
)

from civitai_dl.archive import Left, Prompt, embed, read_prompt
from civitai_dl.archive._exif import with_prompt
from civitai_dl.testing._world._jpeg import jpeg
from civitai_dl.testing._world._pictures import png, webp
from civitai_dl.testing._world._pixels import pattern

PIXELS = pattern(17, 9, 5)
IMAGES = {"png": png(PIXELS), "jpeg": jpeg(PIXELS), "webp": webp(PIXELS)}
TEXT = "雪の中の少女, 🌨\nNegative prompt: 悪い\nSteps: 20, Sampler: Euler a, Seed: 5"
PROMPT = Prompt(TEXT, {"prompt": '{"3": {"class_type": "KSampler"}}', "workflow": '{"nodes": []}'})

every_form = pytest.mark.parametrize("form", list(IMAGES))


def copy_with(data: bytes, prompt: Prompt = PROMPT) -> bytes:
    """The copy of an image that gets one."""
    found = embed(data, prompt)
    assert isinstance(found, bytes)
    return found


# --- round trips


@every_form
def test_a1111_and_comfyui_read_what_was_embedded(form: str) -> None:
    """Japanese, emoji and line ends included, by each program's own rules."""
    copy = copy_with(IMAGES[form])
    assert TEXT == parameters_in(copy)
    assert PROMPT.comfy == comfy_in(copy)


@every_form
def test_the_picture_is_the_same_to_the_byte(form: str) -> None:
    """Only what is told of it is new."""
    assert picture_in(IMAGES[form]) == picture_in(copy_with(IMAGES[form]))


def test_comfyui_finds_the_graph_behind_a_picture_of_any_length() -> None:
    """Of lossless pictures every other one has an odd length; without a graph nothing changes."""
    parities = set()
    for width in range(3, 11):
        image = webp(pattern(width, 5, 1))
        (_, content), *_ = webp_chunks(image)
        parities.add(len(content) % 2)
        assert PROMPT.comfy == comfy_in(copy_with(image))
        assert content == dict(webp_chunks(copy_with(image, Prompt(TEXT, {}))))[b"VP8L"]
    assert {0, 1} == parities


@every_form
@given(text=st.text(min_size=1, max_size=60).filter(lambda text: text.strip("\0 ")))
def test_any_text_comes_back(form: str, text: str) -> None:
    """Whatever characters a prompt has; one with half a character never gets here."""
    whole = text.encode("utf-8", "replace").decode().replace("\0", "")
    if whole.strip():
        assert whole == parameters_in(copy_with(IMAGES[form], Prompt(whole, {})))


@every_form
def test_what_carries_a_prompt_is_left_alone(form: str) -> None:
    """A copy of a copy is none; neither with other words, nor with ComfyUI's alone."""
    for prompt in (PROMPT, Prompt(TEXT, {}), Prompt("", PROMPT.comfy)):
        copy = copy_with(IMAGES[form], prompt)
        assert Left.CARRIES is embed(copy, Prompt("other", {}))


def test_a_latin_prompt_in_a_png_is_plain_text() -> None:
    """As A1111 writes it; other programs read nothing else."""
    copy = copy_with(IMAGES["png"], Prompt("café", {}))
    assert b"tEXtparameters\x00caf\xe9" in copy
    assert {"parameters": "café"} == png_texts(copy)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"parameters\x00\x00abc"),
        (b"iTXt", b"parameters\x00\x00\x00\x00\x00abc"),
        (b"tEXt", b'Comment\x00{"steps": 28}'),
        (b"tEXt", b"invokeai_metadata\x00{}"),
        (b"eXIf", with_prompt(None, PROMPT)),
    ],
    ids=["compressed", "international", "NovelAI", "InvokeAI", "EXIF"],
)
def test_a_png_may_carry_it_in_many_ways(chunk: tuple[bytes, bytes]) -> None:
    """Every program has its own."""
    kind, content = chunk
    data = IMAGES["png"]
    made = data[:33] + struct.pack(">I", len(content)) + kind + content + b"\0\0\0\0" + data[33:]
    assert Left.CARRIES is embed(made, PROMPT)


@pytest.mark.parametrize(
    "chunk",
    [(b"tEXt", b"Comment\x00GIMP"), (b"tEXt", b"parameters\x00  "), (b"eXIf", b"broken")],
    ids=["other words", "empty", "no EXIF"],
)
def test_other_notes_in_a_png_are_no_prompt(chunk: tuple[bytes, bytes]) -> None:
    """They stay, and the copy has the prompt as well."""
    kind, content = chunk
    data = IMAGES["png"]
    made = data[:33] + struct.pack(">I", len(content)) + kind + content + b"\0\0\0\0" + data[33:]
    copy = copy_with(made)
    assert kind + content in copy
    assert b"parameters\x00\x00\x00\x00\x00" in copy


def test_a_comment_in_a_jpeg_may_be_the_prompt() -> None:
    """A1111 reads it where there is no EXIF; any other comment stays beside the prompt."""
    assert Left.CARRIES is embed(jpeg(PIXELS, "a cat\nSteps: 20, Seed: 1"), PROMPT)
    copy = copy_with(jpeg(PIXELS, "made by me"))
    assert (TEXT, True) == (parameters_in(copy), b"made by me" in copy)
    assert [0xE0, 0xE1, 0xFE] == [marker for marker, _ in jpeg_segments(copy)[0]][:3]


# --- EXIF that is there already


def camera(order: str) -> bytes:
    """EXIF of a camera: its maker, its model, the time of exposure, a place for a small picture."""
    first = struct.pack(
        f"{order}HHHII HHI4s HHII I".replace(" ", ""),
        *(3, 0x010F, 2, 6, 8 + 2 + 36 + 4),
        *(0x0110, 2, 3, b"X1\0\0"),
        *(0x8769, 4, 1, 8 + 2 + 36 + 4 + 6 + 0),
        0x4000,
    )
    sub = struct.pack(f"{order}HHHIII", 1, 0x9003, 2, 20, 8, 0)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return head + first + b"Canon\0" + sub


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_a_camera_wrote_stays(order: str) -> None:
    """Old directories are told of by the new ones; ComfyUI's texts take tags that are free."""
    exif = camera(order)
    made = with_prompt(exif, PROMPT)
    assert exif[8:] == made[8 : len(exif)]
    texts, comment = exif_of(made)
    assert (b"Canon", TEXT) == (texts[0x010F], comment)
    ours = (text.decode().split(":", 1) for text in texts.values() if b":" in text)
    assert PROMPT.comfy == dict(ours)
    segment = b"Exif\0\0" + exif
    data = IMAGES["jpeg"]
    photo = data[:2] + struct.pack(">BBH", 255, 0xE1, len(segment) + 2) + segment + data[2:]
    copy = copy_with(photo)
    assert (TEXT, made) == (parameters_in(copy), jpeg_exif(copy))


def test_a_webp_of_the_extended_form_keeps_its_header() -> None:
    """Size and flags stay, EXIF is announced, and comes before XMP; alpha is announced, too."""
    simple = dict(webp_chunks(copy_with(IMAGES["webp"])))
    assert (0x08, (16).to_bytes(3, "little"), (8).to_bytes(3, "little")) == (
        simple[b"VP8X"][0],
        simple[b"VP8X"][4:7],
        simple[b"VP8X"][7:10],
    )
    (_, picture), *_ = webp_chunks(IMAGES["webp"])
    head = b"VP8X" + struct.pack("<II", 10, 0x14) + bytes(6)
    lossless = b"VP8L" + struct.pack("<I", len(picture)) + picture + b"\0" * (len(picture) % 2)
    body = b"WEBP" + head + lossless + b"XMP \x02\0\0\0ab"
    found = webp_chunks(copy_with(b"RIFF" + struct.pack("<I", len(body)) + body))
    assert [b"VP8X", b"VP8L", b"EXIF", b"XMP "] == [kind for kind, _ in found]
    assert 0x1C == found[0][1][0]
    clear = picture[:1] + struct.pack("<I", struct.unpack("<I", picture[1:5])[0] | 1 << 28)
    body = b"WEBPVP8L" + struct.pack("<I", len(picture)) + clear + picture[5:]
    body += b"\0" * (len(picture) % 2)
    see_through = copy_with(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert 0x18 == webp_chunks(see_through)[0][1][0]


def test_a_lossy_webp_is_taken_at_its_word_about_its_size() -> None:
    """The size stands in the first key frame."""
    frame = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480 | 0x4000)
    body = b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame
    made = b"RIFF" + struct.pack("<I", len(body)) + body
    header = webp_chunks(copy_with(made))[0][1]
    assert (639, 479) == (
        int.from_bytes(header[4:7], "little"),
        int.from_bytes(header[7:10], "little"),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"EXIF\0\0\0\0",
        b"VP8X\x04\0\0\0abcdVP8L\0\0\0\0",
        b"VP8L\x05\0\0\0abcde\0",
        b"VP8 \x0a\0\0\0abc\x9d\x01\x2a\0\0\0\0",
        b"VP8 \x0a\0\0\0" + bytes(10),
        IMAGES["webp"][12:] + 2 * (b"EXIF\x0e\0\0\0MM\0*\0\0\0\x08" + bytes(6)),
    ],
    ids=["empty", "no picture", "header", "lossless", "no size", "no key frame", "EXIF twice"],
)
def test_a_webp_that_is_none_is_left_alone(body: bytes) -> None:
    """A picture with a size is due, and one EXIF at most."""
    whole = b"WEBP" + body
    assert Left.BROKEN is embed(b"RIFF" + struct.pack("<I", len(whole)) + whole, PROMPT)


def test_a_jpeg_with_two_pieces_of_exif_is_left_alone() -> None:
    """Readers do not agree on which of them counts."""
    segment = b"\xff\xe1\0\x16Exif\0\0MM\0*\0\0\0\x08" + bytes(6)
    data = IMAGES["jpeg"]
    assert isinstance(embed(data[:2] + segment + data[2:], PROMPT), bytes)
    assert Left.BROKEN is embed(data[:2] + segment * 2 + data[2:], PROMPT)


# --- hostile bytes


@every_form
def test_a_cut_image_is_left_alone(form: str) -> None:
    """However short: no copy is made, and nothing is raised."""
    data = IMAGES[form]
    for size in range(len(data)):
        found = embed(data[:size], PROMPT)
        whole = form == "jpeg" and isinstance(found, bytes)
        assert whole is False or data[:size].endswith(b"\xff\xd9")
        assert whole or found in (Left.BROKEN, Left.OTHER)


@every_form
@given(st.data())
def test_no_byte_can_harm(form: str, data: st.DataObject) -> None:
    """Bytes changed anywhere: an answer, and a copy that carries a prompt when there is one."""
    image = bytearray(data.draw(st.sampled_from([IMAGES[form], copy_with(IMAGES[form])])))
    for _ in range(data.draw(st.integers(1, 6))):
        image[data.draw(st.integers(0, min(len(image), 400) - 1))] = data.draw(st.integers(0, 255))
    found = embed(bytes(image), PROMPT)
    if isinstance(found, bytes):
        assert Left.CARRIES is embed(found, PROMPT)


@given(data=st.binary(max_size=80), form=st.sampled_from(["png", "jpeg", "webp", "exif"]))
def test_no_bytes_behind_a_signature_can_harm(data: bytes, form: str) -> None:
    """The first bytes promise an image, the rest is anything."""
    exif = b"MM\0*" + data
    segment = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    heads = {
        "png": b"\x89PNG\r\n\x1a\n" + data,
        "jpeg": b"\xff\xd8\xff" + data,
        "webp": b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data,
        "exif": segment + IMAGES["jpeg"][2:],
    }
    found = embed(heads[form], PROMPT)
    assert isinstance(found, (bytes, Left))


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IDAT\0\0\0\0" * 200_000,
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR" + b"\0" * 100,
        b"\xff\xd8" + b"\xff" * 3_000_000,
        b"\xff\xd8" + b"\xff\xe2\0\2" * 500_000 + b"\xff\xd9",
        b"RIFF" + struct.pack("<I", 8 * 300_000 + 4) + b"WEBP" + b"ABCD\0\0\0\0" * 300_000,
        b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\0" * 100,
    ],
    ids=["chunks", "size", "fill", "segments", "empty chunks", "length"],
)
def test_hostile_sizes_cost_nothing(data: bytes) -> None:
    """Millions of parts, or lengths beyond the end: left alone, soon."""
    assert Left.BROKEN is embed(data, PROMPT)


def test_other_forms_are_left_alone() -> None:
    """GIF, films, pages of HTML, nothing at all."""
    for data in (b"", b"GIF89a", b"<html>", b"RIFF\0\0\0\0AVI "):
        assert Left.OTHER is embed(data, PROMPT)


def test_what_does_not_fit_into_a_jpeg() -> None:
    """A segment has 64 KiB: ComfyUI's graph is left out first; a longer prompt cannot be had."""
    graph = Prompt("short", {"workflow": json.dumps({"nodes": ["x" * 70_000]})})
    copy = copy_with(IMAGES["jpeg"], graph)
    assert ("short", {}) == (parameters_in(copy), comfy_in(copy))
    assert Left.TOO_LONG is embed(IMAGES["jpeg"], Prompt("x" * 40_000, {}))
    assert Left.TOO_LONG is embed(IMAGES["jpeg"], Prompt("", graph.comfy))
    assert "x" * 40_000 == parameters_in(copy_with(IMAGES["webp"], Prompt("x" * 40_000, {})))


# --- from the service's words to theirs

META = {
    "prompt": "雪, 1girl\r\nsecond line",
    "negativePrompt": "bad, worse",
    "steps": 20,
    "sampler": "DPM++ 2M Karras",
    "cfgScale": 7.5,
    "seed": 123,
    "Size": "832x1216",
    "clipSkip": 2,
    "Model": "a, b: c",
    "Hires upscaler": "4x",
    "Version": 'v1.9 "x"',
    "resources": [{"name": "x"}],
    "civitaiResources": [],
    "hashes": {"model": "abc"},
}


def test_a1111_takes_it_apart_as_it_was() -> None:
    """Prompt, negative prompt and settings, those with commas and colons included."""
    found = read_prompt({"meta": META})
    assert found is not None
    made = a1111_parameters(found.parameters)
    assert ("雪, 1girl\nsecond line", "bad, worse") == (made.prompt, made.negative)
    assert {
        "Steps": "20",
        "Sampler": "DPM++ 2M Karras",
        "CFG scale": "7.5",
        "Seed": "123",
        "Size": "832x1216",
        "Model": "a, b: c",
        "Clip skip": "2",
        "Hires upscaler": "4x",
        "Version": 'v1.9 "x"',
    } == made.settings
    assert "\nSteps: 20, " in found.parameters


def test_the_wrapped_form_and_the_size_of_the_listing_count() -> None:
    """Some answers have the settings one level down (observed), and none for the size."""
    meta = {"id": 5, "meta": {"prompt": "x", "steps": 5, "seed": 1}}
    found = read_prompt({"width": 64, "height": 96, "meta": meta})
    assert found is not None
    assert "x\nSteps: 5, Seed: 1, Size: 64x96" == found.parameters


def test_too_few_settings_are_left_out() -> None:
    """A1111 would take a last line of two for a part of the prompt."""
    found = read_prompt({"meta": {"prompt": "x", "negativePrompt": "y", "steps": 5, "seed": 1}})
    assert found is not None
    assert "x\nNegative prompt: y" == found.parameters


def test_settings_alone_are_worth_keeping() -> None:
    """Images of which the prompt is hidden."""
    found = read_prompt({"meta": {"steps": 5, "seed": 1, "cfgScale": 2, "hidden": True}})
    assert found is not None
    assert "Steps: 5, CFG scale: 2, Seed: 1" == found.parameters


GRAPH = {"prompt": {"1": {"class_type": "猫", "inputs": {}}}, "workflow": {"nodes": []}}


@pytest.mark.parametrize("comfy", [GRAPH, json.dumps(GRAPH), json.dumps(GRAPH, ensure_ascii=False)])
def test_the_graph_of_comfyui_is_told_in_ascii(comfy: object) -> None:
    """As a text or as an object; its readers take bytes for characters."""
    found = read_prompt({"meta": {"comfy": comfy}})
    assert found is not None
    assert GRAPH == {name: json.loads(text) for name, text in found.comfy.items()}
    assert all(text.isascii() for text in found.comfy.values())
    assert "" == found.parameters


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"meta": None},
        {"meta": []},
        {"meta": {}},
        {"meta": {"meta": {}}},
        {"meta": {"prompt": 5, "negativePrompt": None, "comfy": "{"}},
        {"meta": {"comfy": "[" * 100_000}},
        {"meta": {"comfy": '{"prompt": "x", "workflow": {}}'}},
        {"meta": {"prompt": " \x00 "}},
        {"meta": {"Size": "1x1"}, "width": 1, "height": 1},
    ],
)
def test_where_nothing_is_told_there_is_nothing_to_embed(image: dict[str, Any]) -> None:
    """Null, empty, of another type, or broken."""
    assert read_prompt(image) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from([*META, "comfy", "meta", "width", "scheduler", "denoise"]) | st.text()


@given(meta=st.dictionaries(names, values, max_size=8))
def test_whatever_users_write_can_be_embedded(meta: dict[str, Any]) -> None:
    """Names and types are theirs; what comes of it fits into every form."""
    found = read_prompt({"meta": meta, "width": 5, "height": 5})
    if found is not None:
        for data in IMAGES.values():
            assert found.parameters == (parameters_in(copy_with(data, found)) or "")


def test_half_a_character_and_long_numbers_are_survived() -> None:
    """What no image can hold is replaced or left out."""
    found = read_prompt({"meta": {"prompt": "a\ud83d", "seed": 10**5000, "steps": 1}})
    assert found is not None
    assert "a\ufffd" == found.parameters
