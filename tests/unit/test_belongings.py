"""Which files of a user may come from the service, and what the service says of their digests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from civitai_dl.adapters.storage import (
    Belonging,
    ChangedError,
    OwnedFiles,
    find_belongings,
    measure_belonging,
    open_book,
    open_owned,
    open_storage,
)
from civitai_dl.domain.entities import OwnedFile, Taking
from civitai_dl.domain.placing import in_batches, may_hold_weights
from civitai_dl.errors import StorageError, UnexpectedShape
from civitai_dl.sources import ask_ids, ask_versions

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("a.safetensors", True),
        ("A.SafeTensors", True),
        ("model.fp16.gguf", True),
        ("poses.ZIP", True),
        (".hidden.pt", False),
        ("a.png", False),
        ("a.civitai.info", False),
        ("safetensors", True),
        ("", False),
    ],
)
def test_files_are_known_by_their_ending(name: str, *, may: bool) -> None:
    """Weights and packed files, in any case; nothing hidden."""
    assert may == may_hold_weights(name)


def test_batches_are_parts_in_order() -> None:
    """All of them, none larger than the limit."""
    assert [[1, 2], [3, 4], [5]] == list(in_batches([1, 2, 3, 4, 5], 2))
    assert [] == list(in_batches([], 2))


class Api:
    """A service that gives one answer."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[str, object]] = []

    async def post(self, path: str, body: object) -> object:
        self.asked.append((path, body))
        return self.answer


async def test_ids_are_matched_in_any_case() -> None:
    """Several versions for one digest, each once; what is absent is neither told nor untold."""
    found = {"modelVersionId": 7, "modelId": 5, "hash": A.upper()}
    api = Api([found, found, {**found, "modelVersionId": "8", "hash": A}])
    told = await ask_ids([A, B], api)  # type: ignore[arg-type]  # what it needs of one
    assert ({A: [(5, 7), (5, 8)]}, set()) == (told.places, told.untold)
    assert [("/api/v1/model-versions/by-hash/ids", [A.upper(), B.upper()])] == api.asked


@pytest.mark.parametrize("place", [{}, {"modelId": 5}, {"modelId": 0, "modelVersionId": 7}])
async def test_an_id_that_cannot_be_read_leaves_its_digest_untold(place: dict[str, int]) -> None:
    """It is known to the service, so it is not unknown."""
    told = await ask_ids([A, B], Api([{**place, "hash": A}]))  # type: ignore[arg-type]  # as above
    assert ({}, {A}) == (told.places, told.untold)


@pytest.mark.parametrize("answer", [{}, None, "no", [None], [{"hash": "c" * 64}]])
async def test_an_answer_of_another_form_is_none(answer: object) -> None:
    """Neither a list nor about what was asked for: then nothing is known."""
    with pytest.raises(UnexpectedShape):
        await ask_ids([A], Api(answer))  # type: ignore[arg-type]  # as above


async def test_whole_versions_are_matched_by_their_files() -> None:
    """By SHA256 of any file; others of the version, and versions without a model, tell nothing."""
    version = {
        "id": 7,
        "modelId": 5,
        "files": [{"hashes": {"SHA256": A.upper()}}, {"hashes": None}],
    }
    other = {"id": 9, "files": [{"hashes": {"SHA256": B}}]}
    told = await ask_versions([A, B], Api([version, other]))  # type: ignore[arg-type]  # as above
    assert ({A: [(5, 7)]}, set()) == (told.places, told.untold)
    told = await ask_versions([A, B], Api([version, None]))  # type: ignore[arg-type]  # as above
    assert ({A: [(5, 7)]}, {B}) == (told.places, told.untold)
    with pytest.raises(UnexpectedShape):
        await ask_versions([A], Api({}))  # type: ignore[arg-type]  # as above


def test_folders_are_searched_once_and_the_archive_never(tmp_path: Path) -> None:
    """Links are followed, loops end, a file with two ways to it counts once, named ones always."""
    archive, owned = tmp_path / "archive", tmp_path / "owned"
    for folder in (archive, owned / "deep"):
        folder.mkdir(parents=True)
        (folder / "a.safetensors").write_bytes(b"a")
        (folder / "a.txt").write_bytes(b"text")
    (owned / "loop").symlink_to(owned)
    (owned / "archive").symlink_to(archive)
    (owned / "other.pt").symlink_to(owned / "deep/a.safetensors")
    (owned / "lost.pt").symlink_to(owned / "nothing")
    os.mkfifo(owned / "pipe.pt")
    found = find_belongings([str(owned), str(owned)], besides=archive, every=False)
    assert ["owned/deep/a.safetensors"] == [
        str(Path(file.shown).relative_to(tmp_path)) for file in found.files
    ]
    assert [str(owned / "lost.pt")] == [path for path, _ in found.troubles]
    named = find_belongings([str(owned / "deep/a.txt")], besides=archive, every=False)
    assert [4] == [file.size for file in named.files]
    every = find_belongings([str(owned)], besides=archive, every=True)
    assert 2 == len(every.files)
    inside = find_belongings([str(archive / "a.safetensors")], besides=archive, every=False)
    assert [] == inside.files


def test_a_file_that_changes_while_it_is_read_has_no_digest(tmp_path: Path) -> None:
    """Grown, or written to: whatever was read of it, nobody can say what it is."""
    path = tmp_path / "a.pt"
    path.write_bytes(b"before")
    (file,) = find_belongings([str(path)], besides=tmp_path / "archive", every=False).files

    def grow(_: int) -> None:
        with path.open("ab") as target:
            target.write(b"!")

    with pytest.raises(ChangedError):
        measure_belonging(file, grow)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        measure_belonging(file, grow)


def measured(path: Path) -> tuple[Belonging, OwnedFile]:
    (file,) = find_belongings([str(path)], besides=path / "no", every=True).files
    return file, measure_belonging(file, lambda _: None)


def test_a_digest_is_remembered_for_as_long_as_the_file_is_the_same(tmp_path: Path) -> None:
    """Another size, time or inode: it is read again; names need not be text."""
    state = tmp_path / "state"
    state.mkdir()
    name = os.fsdecode(b"caf\xe9.pt")
    path = tmp_path / name
    path.write_bytes(b"bytes")
    book = open_book(state)
    file, known = measured(path)
    assert book.recall(file) is None
    book.note([known])
    assert known == book.recall(file)
    assert [] == book.find(known.sha256)
    book.own([known.path], Taking.COPY)
    assert [Taking.COPY] == [one.taking for one in book.find(known.sha256)]
    assert {known.path} == book.unsettled([known])
    book.settle([known.path])
    assert set() == book.unsettled([known])
    os.utime(path, ns=(5, 5))
    changed, again = measured(path)
    assert book.recall(changed) is None
    book.note([again])
    assert [] == book.find(known.sha256)
    book.close()
    (state / "owned.db").write_bytes(b"not a database" * 500)
    assert open_book(state).recall(changed) is None


def test_a_memory_that_cannot_be_opened_is_told_or_done_without(tmp_path: Path) -> None:
    """`identify` says so; a download goes on without it."""
    (tmp_path / "owned.db").mkdir()
    with pytest.raises(StorageError):
        open_book(tmp_path)
    assert open_owned(open_storage(str(tmp_path / "archive")), tmp_path) is None


async def test_what_is_not_what_it_was_is_never_linked(tmp_path: Path) -> None:
    """Changed or gone since it was measured: there is no such file."""
    storage = open_storage(str(tmp_path / "archive"))
    path = tmp_path / "a.pt"
    path.write_bytes(b"bytes")
    _, known = measured(path)
    book = open_book(tmp_path)
    owned = OwnedFiles(storage, book)
    assert await owned.link(known, "model_0/1/a.pt")
    with pytest.raises(FileExistsError):
        await owned.link(known, "model_0/1/a.pt")
    path.write_bytes(b"other")
    os.utime(path, ns=(7, 7))
    with pytest.raises(FileNotFoundError):
        await owned.link(known, "model_0/1/b.pt")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        await owned.link(known, "model_0/1/b.pt")
    assert [] == [chunk async for chunk in owned.chunks(known)]
    book.close()
    assert () == await owned.find(known.sha256)
    assert not (tmp_path / "archive/model_0/1/b.pt").exists()
