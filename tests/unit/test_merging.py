"""Putting what we know into documents of others: what is theirs stays theirs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl._dressing import EDITION, dress
from civitai_dl.archive._a1111 import activation_text, sd_version
from civitai_dl.archive._plain_text import plain_text
from civitai_dl.documents import Merge
from civitai_dl.domain.entities import Dialect, StoredFile

VERSION = {
    "id": 7,
    "name": "v",
    "baseModel": "SD 1.5",
    "trainedWords": ["x"],
    "description": None,
    "files": [
        {
            "id": 9,
            "name": "x.pt",
            "primary": True,
            "hashes": {"AutoV3": "C26973DE6B79AA", "CRC32": None, "BLAKE3": "AB" * 32},
            "metadata": {"format": "PickleTensor", "size": None},
        }
    ],
    "images": [],
}
MODEL: dict[str, Any] = {
    "id": 5,
    "name": "Dream",
    "type": "LORA",
    "tags": ["a"],
    "nsfw": True,
    "stats": {"downloadCount": 3, "commentCount": None, "rating": 4.5, "ratingCount": 2**40},
    "modelVersions": [VERSION],
}
STORED = {"file:7:9": StoredFile("model_0/5/7-v/x.pt", "ab" * 32, 9)}


def merges(model: dict[str, Any] = MODEL) -> dict[str, Merge]:
    """What belongs into documents of others beside the one file, by the end of its name."""
    dressing = dress(
        msgspec.json.encode(model),
        STORED,
        sidecars=True,
        site="https://civitai.com",
        dialects=tuple(Dialect),
        root="/archive",
    )
    return {merge.path.removeprefix("model_0/5/7-v/x"): merge for merge in dressing.merges}


ENDINGS = (".json", ".metadata.json", ".cm-info.json")


def test_there_is_one_document_for_each_program() -> None:
    """Beside the file that it speaks of."""
    assert list(ENDINGS) == list(merges())
    assert {"model_0/5/7-v/x.pt"} == {merge.beside for merge in merges().values()}


texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    *("description", "notes", "sd version", "activation text", "preferred weight", "sha256"),
    *("civitai", "tags", "modified", "preview_url", "model_name", "favorite", "autov3"),
    *("ModelName", "Tags", "Hashes", "Stats", "Nsfw", "ImportedAt", "FileMetadata", "UserTitle"),
]
documents = st.dictionaries(st.sampled_from(NAMES) | texts, values, max_size=8)


@pytest.mark.parametrize("ending", ENDINGS)
@given(theirs=documents)
def test_merging_is_done_once(ending: str, theirs: dict[str, object]) -> None:
    """Whatever was there: a second merge gives the same bytes, and what we do not know stays."""
    merge = merges()[ending]
    once = merge.into(json.dumps(theirs).encode(), 5.5)
    assert once is not None
    assert once == merge.into(once, 6.5)
    result = json.loads(once)
    for name in theirs.keys() - set(NAMES) - set(json.loads(merge.into(None, 5.5) or b"")):
        assert repr(theirs[name]) == repr(result[name])


@pytest.mark.parametrize("ending", ENDINGS)
@given(data=st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_what_is_no_object_is_not_ours(ending: str, data: bytes) -> None:
    """Any bytes: an object in JSON is added to, everything else is left to whoever wrote it."""
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except ValueError:
        found = None
    merged = merges()[ending].into(data, 0.0)
    assert isinstance(found, dict) == (merged is not None)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_changes_nothing_changes_no_byte(ending: str) -> None:
    """A document that says the same in another form is left in that form."""
    merge = merges()[ending]
    ours = merge.into(None, 5.5)
    assert ours is not None
    other = json.dumps(json.loads(ours), separators=(",", ":")).encode()
    assert other == merge.into(other, 9.5)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_number_that_is_none_and_half_a_character_survive(ending: str) -> None:
    """What Python's json writes, and UTF-8 cannot carry, is there afterwards."""
    merged = merges()[ending].into(b'{"odd": NaN, "half": "\\ud83d"}', 0.0)
    assert merged is not None
    assert b"NaN" in merged
    assert "\ud83d" == json.loads(merged)["half"]


def test_stability_matrix_is_told_only_what_it_can_read() -> None:
    """A null counter, one beyond 32 bits, or an absent format would cost it the whole file."""
    found = json.loads(merges()[".cm-info.json"].into(None, 86_400.0) or b"")
    assert {"downloadCount": 3, "rating": 4.5} == found["Stats"]
    assert {"format": "PickleTensor"} == found["FileMetadata"]
    assert {"SHA256": "AB" * 32, "BLAKE3": "AB" * 32} == found["Hashes"]
    assert ("1970-01-02T00:00:00+00:00", True, "") == (
        found["ImportedAt"],
        found["Nsfw"],
        found["ModelDescription"],
    )
    large = merges({**MODEL, "id": 2**40})[".cm-info.json"]
    assert "ModelId" not in json.loads(large.into(None, 0.0) or b"")


def test_lora_manager_is_told_the_short_digest_and_no_preview() -> None:
    """Twelve digits in lower case; the place of a preview stays empty without one."""
    found = json.loads(merges()[".metadata.json"].into(None, 5.5) or b"")
    assert ("c26973de6b79", "", 0) == (
        found["autov3"],
        found["preview_url"],
        found["preview_nsfw_level"],
    )
    assert (5.5, "/archive/model_0/5/7-v/x.pt") == (found["modified"], found["file_path"])


def test_prompts_that_lora_manager_asked_for_stay() -> None:
    """Images are matched by their address: what is told now counts, what is not told stays."""
    told = [{"url": "a", "nsfwLevel": 4, "meta": None}, {"url": "b", "hash": "x"}]
    model = {**MODEL, "modelVersions": [{**VERSION, "images": told}]}
    merge = merges(model)[".metadata.json"]
    theirs = [
        {"url": "old", "meta": {}},
        {"url": "a", "nsfwLevel": 1, "meta": {"prompt": "p"}},
        "odd",
    ]
    once = merge.into(json.dumps({"civitai": {"images": theirs}}).encode(), 0.0)
    assert once is not None
    assert [
        {"url": "a", "nsfwLevel": 4, "meta": {"prompt": "p"}},
        {"url": "b", "hash": "x"},
        {"url": "old", "meta": {}},
    ] == json.loads(once)["civitai"]["images"]
    assert once == merge.into(once, 1.0)


@given(
    theirs=st.lists(st.fixed_dictionaries({}, optional={"url": values, "meta": values}), max_size=4)
)
def test_images_are_merged_once(theirs: list[dict[str, object]]) -> None:
    """Whatever they are called, or not: another merge changes nothing."""
    model = {**MODEL, "modelVersions": [{**VERSION, "images": [{"url": "a"}, {}, {"url": 5}]}]}
    merge = merges(model)[".metadata.json"]
    once = merge.into(json.dumps({"civitai": {"images": theirs}}).encode(), 0.0)
    assert once == merge.into(once, 1.0)


def test_an_empty_description_hides_nothing() -> None:
    """A1111 shows a text file beside the model where the sidecar has no description."""
    found = json.loads(merges()[".json"].into(None, 0.0) or b"")
    assert "description" not in found
    assert (5, 7, "AB" * 32) == (found["modelId"], found["modelVersionId"], found["sha256"])


@pytest.mark.parametrize(
    ("base_model", "family"),
    [
        ("SD 1.4", "SD1"),
        ("SD 1.5 LCM", "SD1"),
        ("SD 2.1 768", "SD2"),
        ("SD 3.5 Large", "SD3"),
        ("SDXL 1.0", "SDXL"),
        ("SDXL Lightning", "SDXL"),
        ("Pony", "SDXL"),
        ("Illustrious", "SDXL"),
        ("NoobAI", "SDXL"),
        ("Pony V7", None),
        ("Flux.1 D", None),
        ("SD 15", None),
        (None, None),
    ],
)
def test_families_have_the_names_of_a1111(base_model: str | None, family: str | None) -> None:
    """Base models of one architecture are one family; what it does not know is not named."""
    assert family == sd_version(base_model)


def test_trigger_words_are_one_line() -> None:
    """Commas at their ends, gaps and repetitions are left out."""
    assert "a b, c" == activation_text(("a  b,", " , ", "c", "a b"))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (None, ""),
        ("<p>One</p><p>Two<br/>Three</p>", "One\nTwo\nThree"),
        ("a  \n b&nbsp;&amp;&lt;c&gt;", "a b &<c>"),
        ("x<script>alert(1)</script>y<style>p{}</style>", "xy"),
        ("x<script>never closed", "x"),
        ("<!-- note -->1 < 2 <b>and</b> <a href='x'>link</a>", "1 < 2 and link"),
        ("<ul><li>one</li>\n<li>two</li></ul>", "one\ntwo"),
    ],
)
def test_descriptions_become_text(html: str | None, text: str) -> None:
    """A line for each block, no markup."""
    assert text == plain_text(html)


@given(st.text(alphabet="<>/!-a ps&;\n", max_size=60))
def test_any_text_becomes_text(html: str) -> None:
    """Whatever somebody wrote; no line is empty, or begins or ends with a blank."""
    lines = plain_text(html).split("\n")
    assert lines == [""] or all(line and line == line.strip() for line in lines)


@pytest.mark.parametrize("piece", ["<", "<p", "<!--", "<script>", "</", "&", "<a<"])
def test_no_description_takes_long(piece: str) -> None:
    """A million characters that look like beginnings of tags."""
    plain_text(piece * (1_000_000 // len(piece)))


ADDED = {1: "fe395"}
"""From the edition of what is written to how the digest of what is added begins."""


def test_who_changes_what_is_added_raises_the_edition() -> None:
    """Sidecars that lie there are looked at again by a program that would write other ones.

    When this fails because you have changed what is written: raise EDITION, and add it here.
    """
    written = b"\n".join(merge.into(None, 0.0) or b"" for merge in merges().values())
    assert ADDED[EDITION] == hashlib.sha256(written).hexdigest()[:5]
