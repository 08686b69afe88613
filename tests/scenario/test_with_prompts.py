"""Copies of images with their prompts: which, where, and what stays as it is."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, tree, wanted

from civitai_dl import _embedding
from civitai_dl._embedding import FOLDER, Embedding, copy_of, is_due
from civitai_dl._redress import RedressReport, redress
from civitai_dl._state import opened
from civitai_dl.adapters.catalog import Database
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import STATE, LocalStorage, open_storage
from civitai_dl.archive import Left, Prompt, embed
from civitai_dl.domain.decisions import Seen, There
from civitai_dl.domain.entities import Notice
from civitai_dl.errors import StorageFull
from civitai_dl.testing import FakeCivitai, FakeImage, World

WITH = replace(FAST, embed_metadata=True)
META = {"prompt": "雪の夜", "negativePrompt": "bad", "steps": 20, "seed": 5, "cfgScale": 7}


def world_of_images(meta: object = META) -> World:
    """Model 1 with a gallery of a WebP, a JPEG, a GIF and a film, each with a prompt beside it."""
    world = World().creator("ann").model(1, creator="ann")
    version = world.models[0].versions[0].id
    for form in ("webp", "jpeg", "gif", "mp4"):
        world.image(FakeImage(form, version_ids=(version,), username="bob", meta=meta))
    return world


class Ear:
    """What the person is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def emit(self, event: object) -> None:
        if isinstance(event, Notice):
            self.notices.append(event.text)


def copies(folder: Path) -> dict[str, Path]:
    """The copies, by the path of the original."""
    base = folder / FOLDER
    return {path.relative_to(base).as_posix(): path for path in base.rglob("*") if path.is_file()}


def digests(folder: Path) -> dict[str, str]:
    """Everything but the copies and the lists."""
    found = tree(folder)
    return {path: found[path] for path in found if not path.startswith((FOLDER, "lists/"))}


async def test_images_get_copies_that_carry_their_prompt(tmp_path: Path) -> None:
    """Beside the archive proper, under the same path; the originals keep every byte."""
    ear = Ear()
    async with FakeCivitai(world_of_images()) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=FAST)
        before = digests(tmp_path)
        assert {} == copies(tmp_path)
        await run(fake, tmp_path, wanted("model:1"), settings=WITH, reporter=ear)
    assert before == digests(tmp_path)
    found = copies(tmp_path)
    assert [".jpg", ".webp"] == sorted(path.suffix for path in found.values())
    for original, copy in found.items():
        assert Left.CARRIES is embed(copy.read_bytes(), Prompt("x", {}))
        assert "雪の夜".encode("utf-16-be") in copy.read_bytes()
        assert (tmp_path / original).is_file()
    assert "copies with prompts in with_prompts/: 2 new" in ear.notices


async def test_a_later_run_makes_what_is_new(tmp_path: Path) -> None:
    """One new image: one copy is made, the others stay as they are."""
    world = world_of_images()
    version = world.models[0].versions[0].id
    newest = max(image.created_at for image in world.posts)
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
        first = {name: path.stat().st_mtime_ns for name, path in copies(tmp_path).items()}
        image = FakeImage("webp", version_ids=(version,), username="bob", meta=META)
        world.image(replace(image, created_at=newest + timedelta(days=1)))
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
    later = {name: path.stat().st_mtime_ns for name, path in copies(tmp_path).items()}
    assert first.items() <= later.items()
    assert 3 == len(later)


async def test_what_was_looked_at_long_ago_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the last day, as clocks are set back; another way of embedding looks at all."""
    async with FakeCivitai(world_of_images()) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
        mark = tmp_path / STATE / "with_prompts.json"
        edition, until = json.loads(mark.read_text("utf-8"))
        for hours, made in ((2, 2), (72, 0)):
            for path in copies(tmp_path).values():
                path.unlink()
            mark.write_text(json.dumps([edition, until + hours * 3600]), "utf-8")
            await run(fake, tmp_path, wanted("model:1"), settings=WITH)
            assert made == len(copies(tmp_path))
        monkeypatch.setattr(_embedding, "EDITION", edition + 1)
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
    assert 2 == len(copies(tmp_path))


async def test_they_are_made_without_the_service(tmp_path: Path) -> None:
    """On demand, for an archive that is there; what is deleted is made again."""
    async with FakeCivitai(world_of_images()) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=FAST)
    settings = replace(WITH, output=str(tmp_path), token=None)
    given = {"embed_metadata"}

    async def go() -> RedressReport:
        report = RedressReport()
        await redress(settings, report, reporter=NullReporter(), stop=anyio.Event(), given=given)
        return report

    first = (await go()).embedded
    assert first is not None
    assert (2, 0) == (first.copies, first.there)
    min(copies(tmp_path).values()).unlink()
    (marked,) = copies(tmp_path).values()
    (tmp_path / STATE / "with_prompts.json").write_text("broken", "utf-8")
    os.utime(tmp_path / next(iter(copies(tmp_path))), (2**31, 2**31))
    second = (await go()).embedded
    assert second is not None
    assert (2, 0) == (second.copies, second.there), "one is missing, one is older than its original"
    assert marked.is_file()


async def test_a_pass_can_be_interrupted(tmp_path: Path) -> None:
    """It says so, and the next one does the rest: nothing is noted as looked at."""
    async with FakeCivitai(world_of_images()) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=FAST)
    storage = open_storage(str(tmp_path))
    database = Database(tmp_path / STATE / "state.db")
    stop = anyio.Event()
    stop.set()
    async with opened(database):
        first = await Embedding(storage, database, stop).go(everything=False)
        assert (True, 0) == (first.interrupted, first.copies)
        second = await Embedding(storage, database, anyio.Event()).go(everything=False)
    assert (False, 2) == (second.interrupted, second.copies)


async def test_images_that_are_not_whole_or_not_told_of_are_left_alone(tmp_path: Path) -> None:
    """Cut off on the disk, without a JSON, or with one that is edited: there is no copy."""
    ear = Ear()
    world = world_of_images()
    version = world.models[0].versions[0].id
    for seed in (7, 8):
        world.image(FakeImage("webp", version_ids=(version,), username="x", meta=META, seed=seed))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=FAST)
    gallery = tmp_path / "model_0/1/gallery"
    first, second, third = sorted(gallery.rglob("*.webp"))
    first.write_bytes(first.read_bytes()[:50])
    second.with_suffix(".json").unlink()
    third.with_suffix(".json").write_text("[", "utf-8")
    settings = replace(WITH, output=str(tmp_path))
    report = RedressReport()
    await redress(settings, report, reporter=ear, stop=anyio.Event(), given={"embed_metadata"})
    assert report.embedded is not None
    assert [first.relative_to(tmp_path).as_posix()] == report.embedded.broken
    assert {"BROKEN": 1} == dict(report.embedded.left)
    assert [".jpg"] == [path.suffix for path in copies(tmp_path).values()]


async def test_a_full_disk_ends_the_copies_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is as good as without them; the next one makes the copies."""
    ear = Ear()
    save = LocalStorage.save

    async def full(storage: LocalStorage, documents: list[tuple[str, bytes]]) -> None:
        if any(path.startswith(FOLDER) for path, _ in documents):
            raise StorageFull("no space left")
        await save(storage, documents)

    async with FakeCivitai(world_of_images()) as fake:
        with monkeypatch.context() as patched:
            patched.setattr(LocalStorage, "save", full)
            report = await run(fake, tmp_path, wanted("model:1"), settings=WITH, reporter=ear)
        assert (0, {}) == (report.exit_code, copies(tmp_path))
        assert any("not all prompts could be embedded" in text for text in ear.notices)
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
    assert 2 == len(copies(tmp_path))


async def test_a_prompt_that_is_too_long_for_a_jpeg_is_told_of(tmp_path: Path) -> None:
    """The WebP has it; of the JPEG the person hears."""
    ear = Ear()
    async with FakeCivitai(world_of_images({"prompt": "x" * 40_000})) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=WITH, reporter=ear)
    assert [".webp"] == [path.suffix for path in copies(tmp_path).values()]
    assert "prompts too long for a JPEG: 1" in ear.notices


async def test_nothing_else_takes_copies_for_its_own(tmp_path: Path) -> None:
    """A run after them, also with the state rebuilt from what is there, changes no file."""
    async with FakeCivitai(world_of_images()) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
        before = digests(tmp_path)
        copied = {name: path.read_bytes() for name, path in copies(tmp_path).items()}
        for path in (tmp_path / STATE).glob("state.db*"):
            path.unlink()
        await run(fake, tmp_path, wanted("model:1"), settings=WITH)
    assert before == digests(tmp_path)
    assert copied == {name: path.read_bytes() for name, path in copies(tmp_path).items()}


FILE = Seen(There.FILE, size=5, modified=10.0)


@pytest.mark.parametrize(
    ("original", "copy", "due"),
    [
        (FILE, Seen(There.NOTHING), True),
        (FILE, Seen(There.FILE, modified=9.0), True),
        (FILE, Seen(There.FILE, modified=10.0), False),
        (FILE, Seen(There.FOLDER), False),
        (Seen(There.NOTHING), Seen(There.NOTHING), False),
        (Seen(There.FILE, size=1 << 40), Seen(There.NOTHING), False),
    ],
)
def test_a_copy_is_due_where_there_is_none_of_this_original(
    original: Seen, copy: Seen, *, due: bool
) -> None:
    """Older than its original: made anew. Something else in its place: left there."""
    assert due is is_due(original, copy)


def test_copies_lie_under_the_path_of_their_originals() -> None:
    """So that no directory of copies is larger than one of originals."""
    assert "with_prompts/users/ann/images/0/5.png" == copy_of("users/ann/images/0/5.png")
