"""The service's JSON, read whatever is missing, null, or of another type."""

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.entities import Digests, Media
from civitai_dl.errors import UnexpectedShape
from civitai_dl.sources._shapes import (
    as_id,
    as_number,
    as_object,
    as_objects,
    as_text,
    as_texts,
    as_time,
    creator_of,
    next_cursor,
    read_digests,
    read_file,
    read_image,
    read_model,
    read_models,
    read_page,
    read_tags,
    read_version,
)

UTC = timezone.utc
SHA = "AB" * 32
URL = "https://image.civitai.com/key/0a1b2c3d-1111-2222-3333-444455556666/width=450/77.jpeg"

# --- values


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        ("0005", 5),
        (5.0, 5),
        ("9223372036854775807", 9_223_372_036_854_775_807),
        (9_223_372_036_854_775_807, 9_223_372_036_854_775_807),
        (9_223_372_036_854_775_808, None),
        ("9223372036854775808", None),
        pytest.param("0" * 5_000 + "7", 7, id="5000 noughts"),
        pytest.param("9" * 5_000, None, id="5000 nines"),
        (1e300, None),
        (float("inf"), None),
        (float("nan"), None),
        (5.5, None),
        ("5.0", None),
        ("-5", None),
        ("+5", None),
        (" 5", None),
        ("５", None),
        ("", None),
        (0, None),
        ("0", None),
        (-5, None),
        (True, None),
        (None, None),
        ([5], None),
        ({"id": 5}, None),
    ],
)
def test_an_id_is_a_positive_number_in_any_spelling(value, number):
    """Ids come as numbers and as texts; what no database can hold is none."""
    assert number == as_id(value)


@given(st.integers(1, 2**63 - 1))
def test_ids_are_read_as_numbers_and_as_texts(number):
    """An id means the same as a number and as a text."""
    assert number == as_id(number) == as_id(str(number))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (2.5, 2.5),
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("1e3", 1000.0),
        (True, None),
        ("abc", None),
        ("", None),
        ("nan", None),
        ("1e999", None),
        (10**400, None),
        (float("-inf"), None),
        (None, None),
        ([], None),
    ],
)
def test_a_number_is_finite(value, number):
    """Sizes come as numbers and as texts; endless ones are none."""
    assert number == as_number(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ann", "ann"),
        ("", ""),
        (12345, "12345"),
        (1.5, "1.5"),
        (True, None),
        (None, None),
        (["a"], None),
        (float("nan"), None),
        pytest.param(10**5_000, None, id="5000 digits"),
        ("\ud800x", "\ufffdx"),
        ("\ud83d\ude00", "😀"),
        ("\ufeffx", "\ufeffx"),
        ("日本語\0", "日本語\0"),
    ],
)
def test_a_text_can_be_written_anywhere(value, text):
    """Names may come as numbers, and half of a surrogate pair becomes a replacement sign."""
    assert text == as_text(value)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_every_text_can_be_encoded(text):
    """No text of the service can break a database, a file name or a log."""
    read = as_text(text)
    assert read is not None
    assert read.encode().decode() == read


@given(st.text())
def test_a_text_that_can_be_written_is_left_alone(text):
    """A name is what the creator wrote."""
    assert as_text(text) == text


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2024-01-02T03:04:05.678Z", datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, 0, UTC)),
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5, 0, UTC)),
        ("2024-01-02T03:04:05.6", datetime(2024, 1, 2, 3, 4, 5, 600_000, UTC)),
        ("2024-01-02T03:04:05.123456789z", datetime(2024, 1, 2, 3, 4, 5, 123_456, UTC)),
        ("2024-01-02T05:04:05.5+02:00", datetime(2024, 1, 2, 3, 4, 5, 500_000, UTC)),
        ("  2024-01-02  ", datetime(2024, 1, 2, tzinfo=UTC)),
        ("yesterday", None),
        ("1.1.2024", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-01-02T03:04:05ZZ", None),
        ("", None),
        (1_704_164_645, None),
        (None, None),
    ],
)
def test_a_time_is_read_with_and_without_zone_and_fractions(value, moment):
    """Times come with or without Z and with any number of digits, also on Python 3.10."""
    assert moment == as_time(value)


@given(st.datetimes(), st.integers(0, 9), st.sampled_from(["", "Z", "z", "+00:00"]))
def test_times_in_every_spelling_mean_the_same(moment, digits, zone):
    """A time is read whatever its fraction and zone; without a zone it is UTC."""
    fraction = f"{moment.microsecond:06}000"[:digits]
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + (f".{fraction}" if fraction else "")
    read = as_time(text + zone)
    assert read is not None
    assert read.utcoffset() == timedelta(0)
    expected = int(fraction[:6].ljust(6, "0")) if fraction else 0
    assert moment.replace(microsecond=expected, tzinfo=UTC) == read


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["a", "b, c", None, 5, {}, True], ("a", "b, c", "5")),
        ("one", ("one",)),
        (None, ()),
        ({}, ()),
        (5, ()),
    ],
)
def test_words_may_come_as_a_list_or_alone(value, texts):
    """Trained words are a list, and in some answers a single text."""
    assert texts == as_texts(value)


def test_what_is_not_an_object_counts_as_empty():
    """Null in place of an object or a list is nothing, not an error."""
    assert as_object(None) == as_object([]) == as_object("x") == {}
    assert as_objects(None) == as_objects({}) == as_objects("ab") == []
    assert as_objects([{"a": 1}, None, [], "x", {}]) == [{"a": 1}, {}]


# --- files and images


def test_a_file_is_read_in_full():
    """Everything that a transfer needs is taken from a file as the service lists it."""
    raw = {
        "id": 7,
        "name": "a.safetensors",
        "type": "Pruned Model",
        "sizeKB": 2082642.474609375,
        "metadata": {"format": "SafeTensor", "size": "pruned", "fp": "fp16"},
        "hashes": {"SHA256": SHA, "CRC32": "0011AABB", "AutoV2": "ABABABABAB", "AutoV3": "ABC"},
        "primary": True,
        "downloadUrl": "https://civitai.com/api/download/models/20",
    }
    file = read_file(raw, 20)
    assert file is not None
    assert (file.id, file.version_id, file.name, file.kind) == (
        7,
        20,
        "a.safetensors",
        "Pruned Model",
    )
    assert Digests("ab" * 32, "0011aabb", "ababababab") == file.digests
    assert (file.size_hint, file.format, file.is_primary) == (2_132_625_894, "SafeTensor", True)
    assert file.listed_url == "https://civitai.com/api/download/models/20"


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        (1.0, 1024),
        ("1.5", 1536),
        (0, None),
        (-5, None),
        (None, None),
        ("big", None),
        (1e308, None),
        (1e18, None),
        (True, None),
    ],
)
def test_a_size_is_listed_in_kilobytes_or_not_at_all(size, hint):
    """Nonsense in place of a size means that the size is unknown."""
    file = read_file({"id": 7, "sizeKB": size}, 20)
    assert file is not None
    assert hint == file.size_hint


def test_a_file_of_which_only_the_id_is_known_is_a_file():
    """A file without name and type is fetched under a name made of its id."""
    file = read_file({"id": "7"}, 20)
    assert file is not None
    assert (file.name, file.kind, file.digests) == ("file-7", "Model", Digests())
    assert read_file({"name": "a.safetensors"}, 20) is None


@pytest.mark.parametrize(
    ("hashes", "digests"),
    [
        ({"sha256": f" {SHA} "}, Digests(sha256="ab" * 32)),
        ({"SHA256": SHA[:-1]}, Digests()),
        ({"SHA256": "XY" * 32, "CRC32": "0123456"}, Digests()),
        ({"SHA256": None, "CRC32": 12345678}, Digests(crc32="12345678")),
        ({"BLAKE3": SHA, "AutoV1": "0011AABB"}, Digests()),
        ({}, Digests()),
        (None, Digests()),
        ([], Digests()),
    ],
)
def test_a_digest_that_is_none_is_left_out(hashes, digests):
    """A hash of the wrong length or with letters beyond F proves nothing."""
    assert digests == read_digests(hashes)


def test_an_image_is_read_in_full():
    """An image of a listing has its id, medium, author and rating."""
    raw = {"id": 77, "url": URL, "type": "video", "username": 12345, "browsingLevel": 4}
    image = read_image(raw)
    assert image is not None
    assert (image.id, image.media, image.creator, image.level) == (77, Media.VIDEO, "12345", 4)
    assert (image.url, image.raw) == (URL, raw)


@pytest.mark.parametrize(
    ("kind", "url", "media"),
    [
        ("image", "https://x.org/a.mp4", Media.IMAGE),
        ("audio", "https://x.org/a.mp3", Media.AUDIO),
        (None, "https://x.org/a.MP4?x=.png", Media.VIDEO),
        ("hologram", "https://x.org/a.webm", Media.VIDEO),
        (None, "https://x.org/a.jpeg", Media.IMAGE),
        (5, "https://x.org/mp4", Media.IMAGE),
    ],
)
def test_a_medium_that_is_not_told_is_guessed_by_the_address(kind, url, media):
    """Answers before 2024 carry no type, and then the extension is a hint."""
    image = read_image({"url": url, "type": kind})
    assert image is not None
    assert media is image.media


@pytest.mark.parametrize(
    "url",
    [None, "", 5, "cat.png", "/a.png", "ftp://x.org/a", "javascript:1", "https://", "https://[x/"],
)
def test_an_image_without_an_address_is_left_out(url):
    """What cannot be fetched is no image."""
    assert read_image({"id": 77, "url": url}) is None


def test_an_address_without_a_scheme_is_completed():
    """A protocol-relative address is an https one."""
    image = read_image({"url": "//x.org/a.png"})
    assert image is not None
    assert image.url == "https://x.org/a.png"


# --- models and versions


def test_a_model_is_read_in_full():
    """A model has its versions, and these their files and previews, in the service's order."""
    raw = {
        "id": 5,
        "name": "Dream",
        "type": "Checkpoint",
        "mode": "Archived",
        "description": "<p>hi</p>",
        "creator": {"username": "ann", "image": None},
        "tags": ["a", {"name": "b"}, None, 7],
        "modelVersions": [
            {
                "id": 21,
                "name": "v2",
                "baseModel": "SDXL",
                "publishedAt": "2024-01-02T03:04:05.678Z",
                "earlyAccessDeadline": "2026-01-01T00:00:00Z",
                "trainedWords": ["x"],
                "files": [{"id": 2}, {"id": 1}, {"id": 2, "name": "again"}, None],
                "images": [{"url": URL}, {"url": None}],
            },
            {"name": "without an id"},
            {"id": 20},
        ],
    }
    model = read_model(raw)
    assert (model.id, model.name, model.kind, model.creator) == (5, "Dream", "Checkpoint", "ann")
    assert (model.mode, model.description, model.tags) == ("Archived", "<p>hi</p>", ("a", "b", "7"))
    first, second = model.versions
    assert (first.id, first.model_id, first.name, first.base_model) == (21, 5, "v2", "SDXL")
    assert datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC) == first.published_at
    assert datetime(2026, 1, 1, tzinfo=UTC) == first.early_access_until
    assert [(2, "again"), (1, "file-1")] == [(file.id, file.name) for file in first.files]
    assert [URL] == [image.url for image in first.previews]
    assert (second.id, second.name, second.files, second.trained_words) == (20, "", (), ())
    assert model.raw == raw


def test_a_model_of_which_only_the_id_is_known_is_a_model():
    """A model whose fields are all null is still archived under its id."""
    fields = ("name", "type", "mode", "description", "creator", "tags", "modelVersions")
    model = read_model({"id": "5", **dict.fromkeys(fields)})
    assert (model.id, model.name, model.kind) == (5, "model 5", "Other")
    assert (model.creator, model.mode, model.tags, model.versions) == (None, None, (), ())


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": 0}, {"id": "x"}, {"id": True}])
def test_a_model_without_an_id_is_no_model(raw):
    """An answer without an id cannot be archived, and says so; in a list it is passed over."""
    with pytest.raises(UnexpectedShape, match="a model without an id"):
        read_model(raw)
    assert [5] == [model.id for model in read_models([raw, {"id": 5}])]


@pytest.mark.parametrize(
    ("raw", "until"),
    [
        ({"earlyAccessDeadline": "2026-01-01", "earlyAccessEndsAt": "2027-01-01"}, 2026),
        ({"earlyAccessDeadline": None, "earlyAccessEndsAt": "2027-01-01"}, 2027),
        ({"earlyAccessEndsAt": "soon", "paidAccess": {"endsAt": "2028-01-01"}}, 2028),
        ({"paidAccess": {"permanent": True, "endsAt": None}}, None),
        ({"paidAccess": None}, None),
    ],
)
def test_the_end_of_an_early_access_is_found_in_three_generations_of_answers(raw, until):
    """The date from which a version is free has had three names."""
    version = read_version({"id": 20, **raw}, 5)
    assert version is not None
    assert version.early_access_until == (until and datetime(until, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"username": "ann"}, "ann"),
        ({"username": 12345}, "12345"),
        ({"username": ""}, None),
        ({"username": None}, None),
        ({}, None),
        (None, None),
        ("ann", None),
    ],
)
def test_a_creator_may_be_absent_or_a_number(value, name):
    """Models of deleted users have no creator, and some names are numbers."""
    assert name == creator_of(value)


def test_tags_that_are_no_list_are_none():
    """Null in place of tags means no tags."""
    assert read_tags(None) == read_tags("abc") == read_tags({}) == ()


# --- lists


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [
        ("22138|364671|25494", "22138|364671|25494"),
        ("1|1712265847499", "1|1712265847499"),
        (98780806, "98780806"),
        (98780806.0, "98780806"),
        (1.5, "1.5"),
        (0, "0"),
        ("|5", "|5"),
        ("", None),
        (None, None),
        (True, None),
        ({}, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_cursor_is_echoed_as_it_came(cursor, expected):
    """Cursors come as texts and as numbers and are sent back byte for byte."""
    assert expected == next_cursor({"metadata": {"nextCursor": cursor}})


@pytest.mark.parametrize("answer", [{}, {"metadata": None}, {"metadata": []}, {"metadata": {}}])
def test_an_answer_without_a_cursor_is_the_last_page(answer):
    """Without metadata there is no next page."""
    assert next_cursor(answer) is None


def test_a_page_is_its_objects_and_its_cursor():
    """What is not an object in a list is passed over."""
    answer = {"items": [{"id": 1}, None, 5], "metadata": {"nextCursor": "x"}}
    assert read_page(answer, "models") == ([{"id": 1}], "x")


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"items": None}, {"items": {}}])
def test_a_list_without_items_is_no_empty_list(answer):
    """An answer that lists nothing is not taken for a creator without models."""
    with pytest.raises(UnexpectedShape, match="the list of models came without items"):
        read_page(answer, "models")


# --- anything at all

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(exclude_categories=()), max_size=20)
    | st.sampled_from(["2024-01-02T03:04:05.6Z", "9" * 5_000, "https://[x/", URL, SHA, 1e308, -1])
)
FIELDS = [
    "id",
    "name",
    "type",
    "mode",
    "description",
    "creator",
    "username",
    "tags",
    "modelVersions",
    "files",
    "images",
    "url",
    "hash",
    "hashes",
    "SHA256",
    "CRC32",
    "AutoV2",
    "sizeKB",
    "metadata",
    "format",
    "primary",
    "downloadUrl",
    "baseModel",
    "publishedAt",
    "trainedWords",
    "paidAccess",
    "endsAt",
    "earlyAccessDeadline",
    "browsingLevel",
    "items",
    "nextCursor",
]
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)
objects = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=12)


@given(objects)
def test_no_answer_breaks_the_reading_of_models_and_images(raw):
    """Whatever the service sends, it is read, left out, or named as unexpected; nothing else."""
    read_file(raw, 20)
    read_image(raw)
    read_version(raw, 5)
    read_models([raw])
    if as_id(raw.get("id")) is not None:
        assert read_model(raw).raw == raw or raw != raw  # noqa: PLR0124  # NaN differs from itself
    for answer in (raw, {"items": [raw], "metadata": raw}):
        try:
            items, cursor = read_page(answer, "models")
        except UnexpectedShape:
            continue
        assert all(isinstance(item, dict) for item in items)
        assert cursor is None or cursor


@given(anything)
def test_no_value_breaks_a_field(value):
    """Any JSON value in any field has a meaning or none."""
    assert as_time(value) is None or isinstance(value, str)
    number = as_id(value)
    assert number is None or 0 < number < 2**63
    for read in (as_text, as_texts, as_number, as_object, as_objects, read_tags, creator_of):
        read(value)
    read_digests(value)


# --- real captures

SAMPLES = Path(
    os.environ.get("CIVITAI_DL_SAMPLES") or Path(__file__).parents[2].parent / "shared" / "samples"
)
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the captures are not here")


def capture(name):
    return json.loads((SAMPLES / name).read_text("utf-8"))


def names_of(prefix):
    return sorted(path.name for path in SAMPLES.glob(f"{prefix}*.json"))


def assert_whole(model, raw):
    """Nothing of a real model is lost in reading it."""
    versions = raw["modelVersions"]
    assert [one["id"] for one in versions] == [version.id for version in model.versions]
    for version, listed in zip(model.versions, versions, strict=True):
        assert [one["id"] for one in listed["files"]] == [file.id for file in version.files]
        assert [one["url"] for one in listed["images"]] == [one.url for one in version.previews]
        assert version.published_at is not None
        for file, told in zip(version.files, listed["files"], strict=True):
            assert told["name"] == file.name
            assert round(told["sizeKB"] * 1024) == file.size_hint
            assert told["hashes"]["SHA256"].lower() == file.digests.sha256


@needs_samples
@pytest.mark.parametrize("name", names_of("model_by_id"))
def test_a_captured_model_is_read_whole(name):
    """A real answer for one model is read without loss."""
    raw = capture(name)
    model = read_model(raw)
    assert (raw["id"], raw["name"], raw["type"]) == (model.id, model.name, model.kind)
    assert raw["creator"]["username"] == model.creator
    assert_whole(model, raw)


@needs_samples
@pytest.mark.parametrize("name", names_of("models_list"))
def test_a_captured_list_of_models_is_read_whole(name):
    """A real page of models is read without loss, with its cursor where it has one."""
    raw = capture(name)
    items, cursor = read_page(raw, "models")
    assert cursor == raw.get("metadata", {}).get("nextCursor")
    assert len(items) == len(raw["items"]) > 0
    for model, item in zip(read_models(items), items, strict=True):
        assert_whole(model, item)


@needs_samples
@pytest.mark.parametrize("name", names_of("model_version_by"))
def test_a_captured_version_is_read_whole(name):
    """Real answers for one version, of three years, are read without loss."""
    raw = capture(name)
    version = read_version(raw, raw["modelId"])
    assert version is not None
    assert (raw["id"], raw["name"], raw["baseModel"]) == (
        version.id,
        version.name,
        version.base_model,
    )
    assert [one["id"] for one in raw["files"]] == [file.id for file in version.files]
    assert [one["url"] for one in raw["images"]] == [image.url for image in version.previews]
    assert all(file.digests.sha256 for file in version.files)


@needs_samples
def test_captured_versions_with_files_of_one_name_keep_all_of_them():
    """In real versions several files have one name, and all are kept."""
    found = [read_version(raw, 5) for raw in capture("model_version_multifile_from_list.json")]
    assert [2, 4, 4, 4] == [len(version.files) for version in found if version is not None]
    assert all(len({file.name for file in version.files}) < len(version.files) for version in found)


@needs_samples
@pytest.mark.parametrize("name", names_of("images_page"))
def test_a_captured_page_of_images_is_read_whole(name):
    """A real page of images is read without loss, with its cursor."""
    raw = capture(name)
    items, cursor = read_page(raw, "images")
    images = [read_image(item) for item in items]
    assert [one["id"] for one in raw["items"]] == [image.id for image in images if image]
    expected = raw["metadata"].get("nextCursor")
    assert cursor == (None if expected is None else str(expected))


@needs_samples
@pytest.mark.parametrize(
    ("name", "media"),
    [("image_item_2025-09.json", Media.IMAGE), ("video_item_in_model_version.json", Media.VIDEO)],
)
def test_a_captured_item_is_what_it_says(name, media):
    """A real image and a real video are told apart by their type, not by their address."""
    raw = capture(name)
    image = read_image(raw)
    assert image is not None
    assert (media, raw["url"]) == (image.media, image.url)
    assert image.uuid is not None
