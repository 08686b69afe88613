"""Whether a model lies on disk as it would be written now."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from civitai_dl._dressing import EDITION, dress, maker
from civitai_dl.domain.decisions import Seen, There, is_as_written, made_of
from civitai_dl.domain.entities import Dressed, Measured, StoredFile
from civitai_dl.worker._dress import _answer_in, _dumped

DOCUMENTS = (("model_0/1/model.json", "a" * 64), ("model_0/1/description.html", "b" * 64))
DRESSED = Dressed("facts", DOCUMENTS, ("model_0/1/1-v/x.preview.png",))


def seen(digest: str) -> Seen:
    return Seen(There.FILE, size=5, measured=Measured(5, digest, "", b"", b""))


WHOLE = [seen(digest) for _, digest in DOCUMENTS]


def test_what_lies_there_to_the_byte_is_not_written_again() -> None:
    """Made of the same, each document with its digest, and something bears each second name."""
    assert is_as_written(DRESSED, "facts", WHOLE, [7])


@pytest.mark.parametrize(
    ("facts", "documents", "links"),
    [
        ("other facts", WHOLE, [7]),
        ("facts", [WHOLE[0], seen("c" * 64)], [7]),
        ("facts", [WHOLE[0], Seen(There.NOTHING)], [7]),
        ("facts", [WHOLE[0], Seen(There.BROKEN, why="I/O error")], [7]),
        ("facts", [WHOLE[0], Seen(There.FILE)], [7]),
        ("facts", WHOLE, [None]),
    ],
    ids=["made of other things", "damaged", "deleted", "unreadable", "unread", "no second name"],
)
def test_whatever_is_not_as_it_was_is_written_again(
    facts: str, documents: list[Seen], links: list[int | None]
) -> None:
    """One thing that differs is enough."""
    assert not is_as_written(DRESSED, facts, documents, links)


STORED = {"file:1:1": StoredFile("model_0/1/1-v/x.pt", "d" * 64, 9)}


def test_it_is_made_of_the_answer_what_is_stored_and_what_makes_it() -> None:
    """The order in which things were stored does not count; all else does."""
    before = made_of(b"{}", STORED, maker="1")
    other = {"image:1@x": StoredFile("model_0/1/1-v/previews/1.png", "e" * 64, 3)}
    assert before == made_of(b"{}", dict(STORED), maker="1")
    assert made_of(b"{}", STORED | other, maker="1") == made_of(b"{}", other | STORED, maker="1")
    (file,) = STORED.values()
    others = [
        made_of(b'{"name":"other"}', STORED, maker="1"),
        made_of(b"{}", STORED, maker="2"),
        made_of(b"{}", STORED | other, maker="1"),
        made_of(b"{}", {}, maker="1"),
        *(
            made_of(b"{}", {"file:1:1": replace(file, **change)}, maker="1")
            for change in (
                {"path": "model_0/1/1-v/y.pt"},
                {"sha256": "f" * 64},
                {"size": 8},
                {"verified": False},
            )
        ),
    ]
    assert len({before, *others}) == 1 + len(others)


PAGE = b"""{"id": 1, "name": "Dream", "type": "LORA", "creator": {"username": "ann"},
"tags": ["a", "b"], "description": "<p>One <b>bold</b> <a href='/models/2'>link</a></p>",
"modelVersions": [{"id": 1, "name": "v", "baseModel": "SDXL", "description": "<p>new</p>",
"trainedWords": ["x"], "publishedAt": "2026-01-02T03:04:05.000Z",
"files": [{"id": 1, "name": "x.pt", "sizeKB": 1, "type": "Model"}], "images": []}]}"""

WRITTEN = {1: "36763"}
"""From the edition of the pages to how the digest of the sample begins."""


def test_who_changes_what_is_written_raises_the_edition() -> None:
    """Pages and sidecars that lie there are written anew by a program that writes other ones.

    When this fails because you have changed what is written: raise EDITION, and add it here.
    """
    dressing = dress(PAGE, STORED, sidecars=True, site="https://civitai.com")
    text = b"\n".join(path.encode() + b"\n" + data for path, data in dressing.documents)
    assert WRITTEN[EDITION] == hashlib.sha256(text).hexdigest()[:5]


def test_an_answer_is_told_from_another_whatever_is_in_it() -> None:
    """Texts that no file can hold, and JSON that somebody has edited to something else."""
    assert _dumped({"name": "\ud83d"}) != _dumped({"name": "\ud83e"})
    assert _answer_in(b'{"name": ') is None
    assert _answer_in(b'{ "name":\n"x" }') == _dumped({"name": "x"})


def test_what_makes_pages_is_named_by_its_edition_and_its_sanitiser() -> None:
    """The same words in every run of one program."""
    assert maker() == maker()
    assert f"/{EDITION}/" in maker()
    assert "nh3" in maker()
