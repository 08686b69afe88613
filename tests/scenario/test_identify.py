"""Folders of models that somebody has already: identified, and taken in without a transfer."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, wanted

from civitai_dl._identified import Fate, IdentifyReport
from civitai_dl._identify import Errand, identify
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import System
from civitai_dl.config import Settings
from civitai_dl.domain.entities import Stored, Taking, TaskSettled
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World
from civitai_dl.testing._world import file_body
from civitai_dl.worker import Progress

BY_HASH = "/api/v1/model-versions/by-hash"


def world_of(count: int) -> World:
    """Models with a small file each and no images."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        files = (FakeFile(name=f"file-{number}.safetensors", size=600 + number),)
        version = FakeVersion(files=files, images=())
        world.model(number, creator="ann", versions=(version,))
    return world


def lay_out(world: World, folder: Path, *, unknown: int = 0) -> Path:
    """All files of a world in one folder, under names of their own, and some of nobody's."""
    folder.mkdir()
    for model in world.models:
        for version in model.versions:
            for file in version.files:
                body = file_body(file)
                (folder / f"mine-{file.id}.safetensors").write_bytes(body.read(0, body.size))
    for number in range(unknown):
        (folder / f"nobody-{number}.safetensors").write_bytes(b"nobody's %d" % number)
    return folder


async def go(
    fake: FakeCivitai,
    output: Path,
    errand: Errand,
    *,
    settings: Settings = FAST,
    reporter: object = None,
    stop: anyio.Event | None = None,
) -> IdentifyReport:
    chosen = replace(settings, output=str(output), base_url=fake.base_url)
    return await identify(
        chosen,
        errand,
        reporter=reporter or NullReporter(),
        stop=stop or anyio.Event(),
        progress=Progress(),
        clock=SystemClock(speed=30),
    )


def fates(report: IdentifyReport) -> Counter[str]:
    return Counter(file.fate.value for file in report.files)


@pytest.mark.parametrize("old_service", [False, True])
async def test_two_thousand_files_are_few_requests(tmp_path: Path, *, old_service: bool) -> None:
    """One question about 2,000 digests, or 20 where only a hundred may be asked; models by 100."""
    world = world_of(300)
    folder = lay_out(world, tmp_path / "owned", unknown=1_700)
    output = tmp_path / "archive"
    errand = Errand([str(folder)], images=False, jobs=4)
    async with FakeCivitai(world) as fake:
        if old_service:
            fault = Fault(origin="api", path="by-hash/ids", status=404, body={"error": "?"})
            fake.faults.add(replace(fault, every=True))
        report = await go(fake, output, errand)
        asked = fake.account.count(origin="api", path_prefix=BY_HASH)
        listed = fake.account.count(origin="api", path_prefix="/api/v1/models")
        fetched = fake.account.count(origin="storage")
        fake.account.clear()
        again = await go(fake, output, errand)
        later = fake.account.count(origin="api")
    assert {"adopted": 300, "unknown": 1_700} == fates(report)
    assert (21 if old_service else 1, 3, 0) == (asked, listed, fetched)
    assert (2_000, 0) == (report.hashed, report.exit_code)
    assert {"already": 300, "unknown": 1_700} == fates(again)
    # The key, and those that nobody knew; nothing is read again.
    assert (0, 1 + (18 if old_service else 1)) == (again.hashed, later)
    taken = list(output.glob("model_*/*/*/file-*.safetensors"))
    assert 300 == len(taken)
    assert all(path.stat().st_nlink == 2 for path in taken)


async def test_an_answer_that_does_not_come_makes_nobody_unknown(tmp_path: Path) -> None:
    """No answer, or one in another form: these files are failures, and asked about again later."""
    world = world_of(3)
    folder = lay_out(world, tmp_path / "owned", unknown=1)
    output, errand = tmp_path / "archive", Errand([str(folder)])
    settings = replace(FAST, retries=2)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="api", path="by-hash", status=500, every=True))
        first = await go(fake, output, errand, settings=settings)
        fake.faults.clear()
        fake.faults.add(Fault(origin="api", path="by-hash", body={"items": []}, every=True))
        second = await go(fake, output, errand, settings=settings)
        fake.faults.clear()
        fake.faults.add(Fault(origin="api", path="by-hash", status=503, times=1))
        third = await go(fake, output, errand, settings=settings)
    assert [{"untold": 4}, {"untold": 4}] == [fates(first), fates(second)]
    assert (1, 1, 0) == (first.exit_code, second.exit_code, third.exit_code)
    assert {"adopted": 3, "unknown": 1} == fates(third)


async def test_a_null_among_the_answers_leaves_those_left_over_untold(tmp_path: Path) -> None:
    """An unrated version is null in the answer: nobody can tell whose it was."""
    world = world_of(2)
    version = world.models[1].versions[0]
    world.change_version(version.id, lambda found: replace(found, nsfw_level=0))
    folder = lay_out(world, tmp_path / "owned")
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="api", path="by-hash/ids", status=404, body={}, every=True))
        report = await go(fake, tmp_path / "archive", Errand([str(folder)]))
    assert {"adopted": 1, "untold": 1} == fates(report)


@pytest.mark.parametrize("engine", ["curl", "aiohttp"])
async def test_either_engine_can_ask_with_a_body(tmp_path: Path, engine: str) -> None:
    """Questions with a body and without one follow each other over one connection."""
    world = world_of(2)
    folder = lay_out(world, tmp_path / "owned", unknown=100)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="api", path="by-hash/ids", status=404, body={}, every=True))
        settings = replace(FAST, engine=engine)
        errand = Errand([str(folder)], images=False)
        report = await go(fake, tmp_path / "archive", errand, settings=settings)
        methods = [seen.method for seen in fake.account.of(origin="api")]
    assert {"adopted": 2, "unknown": 100} == fates(report)
    assert ["GET", "POST", "POST", "POST", "GET", "GET"] == methods


@pytest.mark.parametrize("after", [1, 4])
async def test_a_stop_in_the_middle_is_continued(tmp_path: Path, after: int) -> None:
    """Stopped while files come in: the same command takes the rest, and even a download links."""
    world = world_of(8)
    folder = lay_out(world, tmp_path / "owned")
    output, errand = tmp_path / "archive", Errand([str(folder)])
    stop = anyio.Event()

    class StopAfter:
        stored = 0

        def emit(self, event: object) -> None:
            if isinstance(event, TaskSettled) and isinstance(event.outcome, Stored):
                self.stored += 1
                if self.stored >= after:
                    stop.set()

    async with FakeCivitai(world) as fake:
        slow = replace(FAST, concurrency=1)
        first = await go(fake, output, errand, settings=slow, reporter=StopAfter(), stop=stop)
        assert 130 == first.exit_code
        if after == 1:
            second = await go(fake, output, errand)
            assert (0, 8) == (second.exit_code, sum(fates(second).values()))
            assert 0 == second.hashed
            assert {"adopted", "already"} >= fates(second).keys()
        else:
            things = wanted(*(f"model:{number}" for number in range(1, 9)))
            await run(fake, output, things)
        assert 0 == fake.account.count(origin="storage")
        third = await go(fake, output, errand)
    assert {"already": 8} == fates(third)
    assert 8 == len(list(output.glob("model_*/*/*/file-*.safetensors")))


async def test_a_file_that_changed_since_is_not_taken(tmp_path: Path) -> None:
    """Written to after it was read, before it is linked: a failure; the next run reads it anew."""
    world = world_of(2)
    folder = lay_out(world, tmp_path / "owned")
    victim = next(iter(sorted(folder.iterdir())))
    true = victim.read_bytes()
    output, errand = tmp_path / "archive", Errand([str(folder)])
    async with FakeCivitai(world) as fake:
        fault = Fault(origin="api", path="/api/v1/models", then=lambda: spoil(victim))
        fake.faults.add(fault)
        report = await go(fake, output, errand)
        assert {"adopted": 1, "failed": 1} == fates(report)
        assert 1 == report.exit_code
        again = await go(fake, output, errand)
        assert {"already": 1, "unknown": 1} == fates(again)
        victim.write_bytes(true)
        last = await go(fake, output, errand)
        assert 0 == fake.account.count(origin="storage")
    assert {"already": 1, "adopted": 1} == fates(last)


def spoil(path: Path) -> None:
    path.write_bytes(b"something else")


class NoLinks(System):
    """A disk to which nothing can be linked from elsewhere."""

    def link(self, existing: Path, path: Path) -> None:
        raise OSError(18, os.strerror(18))


@pytest.mark.parametrize("taking", list(Taking))
async def test_what_cannot_be_linked_is_copied(
    tmp_path: Path, taking: Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another file system: copied and verified; with --mode link a failure that says so."""
    world = world_of(2)
    folder = lay_out(world, tmp_path / "owned")
    monkeypatch.setattr(System, "link", NoLinks.link)
    async with FakeCivitai(world) as fake:
        report = await go(fake, tmp_path / "archive", Errand([str(folder)], taking=taking))
        assert 0 == fake.account.count(origin="storage")
    taken = list((tmp_path / "archive").glob("model_*/*/*/file-*.safetensors"))
    if taking is Taking.LINK:
        assert ({"failed": 2}, 1, []) == (fates(report), report.exit_code, taken)
        assert report.run is not None
        assert "cannot be linked" in report.run.failures[0].detail
        return
    assert {"adopted": 2} == fates(report)
    assert [1, 1] == [path.stat().st_nlink for path in taken]


async def test_what_the_archive_has_is_not_asked_about(tmp_path: Path) -> None:
    """Files that were downloaded before, and those inside the archive itself, cost no question."""
    world = world_of(2)
    folder = lay_out(world, tmp_path / "owned")
    output = tmp_path / "archive"
    (folder / "all").symlink_to(output)
    async with FakeCivitai(world) as fake:
        await run(fake, output, wanted("user:ann"))
        fake.account.clear()
        report = await go(fake, output, Errand([str(tmp_path)]))
        assert 0 == fake.account.count()
    assert {"already": 2} == fates(report)
    assert 0 == report.exit_code


async def test_a_known_file_that_is_not_shown_is_told(tmp_path: Path) -> None:
    """An archived model shows no files: the digest is known, and there is no place for it."""
    world = world_of(2)
    world.change_model(1, lambda model: replace(model, mode="Archived"))
    folder = lay_out(world, tmp_path / "owned")
    async with FakeCivitai(world) as fake:
        report = await go(fake, tmp_path / "archive", Errand([str(folder)]))
    assert {"adopted": 1, "not_shown": 1} == fates(report)
    assert 0 == report.exit_code


async def test_a_name_that_is_taken_stays_the_users(tmp_path: Path) -> None:
    """Something else under the name of a file stays; ours gets another name."""
    world = world_of(1)
    folder = lay_out(world, tmp_path / "owned")
    output = tmp_path / "archive"
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path / "other", wanted("model:1"))
        (place,) = (tmp_path / "other").glob("model_*/*/*/file-1.safetensors")
        mine = output / place.relative_to(tmp_path / "other")
        mine.parent.mkdir(parents=True)
        mine.write_bytes(b"mine")
        report = await go(fake, output, Errand([str(folder)]))
    assert {"adopted": 1} == fates(report)
    assert b"mine" == mine.read_bytes()
    assert 2 == len(list(mine.parent.glob("file-1*.safetensors")))


@pytest.mark.parametrize("trouble", ["damaged", "gone"])
async def test_the_memory_of_digests_may_be_lost(tmp_path: Path, trouble: str) -> None:
    """Damaged or deleted: everything is read again, and nothing else is different."""
    world = world_of(2)
    folder = lay_out(world, tmp_path / "owned")
    output, errand = tmp_path / "archive", Errand([str(folder)])
    async with FakeCivitai(world) as fake:
        await go(fake, output, errand)
        book = output / ".civitai-dl/owned.db"
        if trouble == "gone":
            book.unlink()
        else:
            book.write_bytes(b"damaged" * 1000)
            await run(fake, output, wanted("model:1"))
        report = await go(fake, output, errand)
    assert ({"already": 2}, 2) == (fates(report), report.hashed)
    with sqlite3.connect(book) as connection:
        assert [(2,)] == connection.execute("SELECT COUNT(*) FROM files").fetchall()


async def test_a_stop_while_reading_keeps_what_was_read(tmp_path: Path) -> None:
    """What was measured before the end was asked for is not measured again."""
    world = world_of(3)
    folder = lay_out(world, tmp_path / "owned")
    output, errand = tmp_path / "archive", Errand([str(folder)])
    stop = anyio.Event()
    stop.set()
    async with FakeCivitai(world) as fake:
        report = await go(fake, output, errand, stop=stop)
        assert (130, 0) == (report.exit_code, fake.account.count())
        again = await go(fake, output, errand)
    assert 3 == report.hashed + again.hashed
    assert [] == again.of(Fate.FAILED, Fate.UNTOLD)
