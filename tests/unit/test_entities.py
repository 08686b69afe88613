"""Ids, resource names, targets, selections, secrets and reports."""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.entities import (
    ALL_LEVELS,
    LARGEST_ID,
    Account,
    Air,
    CreatorTarget,
    Digests,
    GalleryQuery,
    Media,
    ModelTarget,
    Part,
    Rating,
    RunReport,
    Secret,
    Selection,
    SignedUrl,
    Slice,
    Trace,
)

TRACE = Trace("file:1:2", "a.safetensors", "transient", "it failed", "model 1")


# --- AIR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "urn:air:sdxl:checkpoint:civitai:4384@128713",
            Air("sdxl", "checkpoint", 4384, 128713),
        ),
        ("air:sd1:lora:civitai:5", Air("sd1", "lora", 5)),
        ("  URN:AIR:SDXL:LORA:CIVITAI:5@6  ", Air("sdxl", "lora", 5, 6)),
        ("urn:air:sdxl:lora:civitai:5@6.safetensors", Air("sdxl", "lora", 5, 6)),
        ("urn:air:sdxl:lora:civitai:5@6:layer", Air("sdxl", "lora", 5, 6)),
        ("urn:air:sdxl:lora:civitai:5?x=1", Air("sdxl", "lora", 5)),
        ("urn:air:sdxl:lora:huggingface:5@6", None),
        ("urn:air:sdxl:civitai:5", None),
        ("urn:air:sdxl:lora:civitai:abc", None),
        ("urn:air:sdxl:lora:civitai:5@", None),
        ("urn:air::lora:civitai:5", None),
        ("urn:air:sdxl:lora:civitai:0", None),
        ("urn:air:sdxl:lora:civitai:2147483648@1", None),
        ("urn:air:sdxl:lora:civitai:5@2147483648", None),
        pytest.param(f"urn:air:sdxl:lora:civitai:{'9' * 5_000}", None, id="5000 nines"),
        ("urn:air:sdxl:lora:civitai:2147483647", Air("sdxl", "lora", 2_147_483_647)),
        ("https://civitai.com/models/5", None),
        ("", None),
    ],
)
def test_an_air_names_a_model_and_perhaps_a_version(text, expected):
    """A resource name as sites and tools write it is read; other registries' names are not."""
    assert expected == Air.parse(text)


words = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True)


@given(words, words, st.integers(1, LARGEST_ID), st.none() | st.integers(1, LARGEST_ID))
def test_an_air_is_printed_as_it_is_read(ecosystem, kind, model_id, version_id):
    """A resource name that is written and read again is the same."""
    air = Air(ecosystem, kind, model_id, version_id)
    assert air == Air.parse(str(air))
    assert str(air).startswith(f"urn:air:{ecosystem}:{kind}:civitai:{model_id}")


# --- what may be asked for


def test_targets_of_one_meaning_are_equal():
    """A model named twice is one target, whatever the words; its version is another one."""
    targets = {ModelTarget(5), ModelTarget(5), ModelTarget(5, 6), CreatorTarget("ann")}
    assert len(targets) == 3
    assert CreatorTarget("ann").part is Part.ALL


def test_targets_cannot_be_changed():
    """What was asked for stays what was asked for."""
    with pytest.raises(FrozenInstanceError):
        ModelTarget(5).model_id = 6


@pytest.mark.parametrize(
    ("selection", "galleries", "user_images"),
    [
        (Selection(), True, True),
        (Selection(gallery=False), False, False),
        (Selection(images=False), False, False),
        (Selection(files=False), True, True),
    ],
)
def test_without_galleries_the_image_api_is_not_asked(selection, galleries, user_images):
    """--no-gallery and --only models leave out the galleries and the images of creators."""
    assert (galleries, user_images) == (selection.galleries, selection.user_images)


def test_all_ratings_are_wanted_unless_some_are_named():
    """The default selection names every rating, because the service shows PG only otherwise."""
    assert Selection().levels == ALL_LEVELS == sum(rating.value for rating in Rating) == 31


@pytest.mark.parametrize(
    ("query", "text", "database"),
    [
        (GalleryQuery(model_id=5), "model:5", True),
        (GalleryQuery(version_id=5), "version:5", False),
        (GalleryQuery(username="Ann"), "user:ann", False),
        (GalleryQuery(post_id=5), "post:5", False),
        (GalleryQuery(image_id=5), "image:5", True),
    ],
)
def test_a_gallery_is_known_by_what_it_is_of(query, text, database):
    """Creators' names that differ in case are one gallery; the database answers for models."""
    assert (text, database) == (query.text, query.asks_database)


def test_a_slice_is_known_by_its_ratings_and_medium():
    """Slices of one listing have names of their own."""
    assert (Slice().text, Slice(4).text, Slice(4, Media.VIDEO).text) == ("31", "4", "4-video")


@pytest.mark.parametrize(
    ("digests", "offered"),
    [
        (Digests(), False),
        (Digests(sha256="ab"), True),
        (Digests(crc32="ab"), True),
        (Digests(autov2="ab"), True),
    ],
)
def test_any_of_three_digests_lets_a_file_be_proven(digests, offered):
    """SHA256, CRC32 or AutoV2: one of them is enough to prove a file."""
    assert offered is digests.offered


# --- what must not be seen


def test_a_key_prints_as_stars():
    """However a key is printed, formatted or shown inside another thing, it stays unseen."""
    key = Secret("civitai-key")
    shown = (str(key), repr(key), f"{key}", "%s" % key, repr([key]))  # noqa: UP031  # logs do so
    assert shown == ("***", "Secret(***)", "***", "***", "[Secret(***)]")
    assert key.reveal() == "civitai-key"


def test_a_key_is_not_written_by_accident():
    """A key has no attributes that a serialiser would find by itself."""
    assert not hasattr(Secret("civitai-key"), "__dict__")
    assert b"civitai-key" not in pickle.dumps(str(Secret("civitai-key")))


def test_a_signed_link_prints_without_its_signature():
    """The query of a signed link, which opens the file to anybody, stays unseen."""
    link = SignedUrl("https://b2.example.org/a.safetensors?Authorization=3_x", expires_at=5.0)
    assert str(link) == "https://b2.example.org/a.safetensors?***"
    assert repr(link) == "SignedUrl(https://b2.example.org/a.safetensors?***)"
    assert (link.reveal()[-3:], link.expires_at) == ("3_x", 5.0)
    assert str(SignedUrl("https://x.org/a.png")) == "https://x.org/a.png"


# --- how a run ends


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (RunReport(), 0),
        (RunReport(unavailable=(TRACE,)), 0),
        (RunReport(failures=(TRACE,)), 1),
        (RunReport(left=3), 1),
        (RunReport(interrupted=True, failures=(TRACE,), left=3), 130),
        (RunReport(storage_trouble="no space is left", interrupted=True), 4),
        (RunReport(key_refused=True, storage_trouble="no space is left"), 3),
    ],
)
def test_the_exit_status_tells_the_worst_that_happened(report, code):
    """0 all that can be had is stored, 1 some failed, 3 the key, 4 the disk, 130 interrupted."""
    assert code == report.exit_code


@pytest.mark.parametrize(
    ("account", "settled"),
    [
        (Account("a", expected=3, stored=2, unavailable={"gone": 1}), True),
        (Account("a", expected=3, stored=2, failed={"transient": 1}), False),
        (Account("a", expected=3, stored=2, open=1), False),
    ],
)
def test_a_line_is_settled_when_all_that_can_be_had_is_stored(account, settled):
    """What cannot be had does not keep a line open; what failed does."""
    assert settled is account.settled
    assert replace(account, note="x").settled is settled
