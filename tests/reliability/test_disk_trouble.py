"""Every call to the disk fails once, and often: nothing is lost, and nothing is corrupt."""

from __future__ import annotations

import errno
import shutil
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from archives import FAST, wanted
from disks import OPERATIONS, Ear, Ended, Failing, FailingSystem, memory_folder, run_on
from whole import Findings, Model

from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage._volume import Volume
from civitai_dl.domain.entities import Deferred, Stored, TaskSettled
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeVersion, Fault, World
from reliability_size import note, pick

SETTINGS = replace(FAST, concurrency=3, max_wait=40.0)
THINGS = ("model:1", "model:2", "model:3")

WAITS = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE)
"""What a run waits for without using attempts."""

CODES = (*WAITS, errno.EIO, errno.EACCES, errno.EROFS, errno.EFBIG, errno.ESTALE)

TIMES = (1, 3, 0)
"""Once, three times, until it is healed."""

LASTING = 15.0
"""Client seconds after the first failure at which a disk is healed."""


def small_world() -> World:
    """A file that was begun, twins, previews, images of a gallery: every kind of work once."""
    world = World().creator("ann")
    file = FakeFile(name="first.safetensors", size=60_000)
    picture = FakeImage(width=16, height=16)
    world.model(1, creator="ann", versions=(FakeVersion(id=11, files=(file,), images=(picture,)),))
    for number in (2, 3):
        twin = FakeFile(name=f"twin-{number}.safetensors", size=5_000, content=777)
        world.model(number, creator="ann", versions=(FakeVersion(files=(twin,), images=()),))
    return world.image(replace(picture, version_ids=(11,), username="ann"))


@dataclass
class Stage:
    """A service, an archive in which a transfer broke off, and what a whole one looks like."""

    world: World
    fake: FakeCivitai
    folder: Path
    model: Model
    cases: int = 0
    wrong: list[str] = field(default_factory=list)
    seen: Counter[int] = field(default_factory=Counter)

    def begun(self) -> Path:
        """A fresh copy of the archive in which a transfer broke off."""
        self.cases += 1
        output = self.folder / f"case-{self.cases}"
        shutil.copytree(self.folder / "begun", output)
        return output

    async def run(self, output: Path, system: FailingSystem, **facts: object) -> Ended:
        return await run_on(
            system, self.fake, output, wanted(*THINGS), **{"settings": SETTINGS, **facts}
        )

    async def case(self, name: str, failing: Failing, *, same_run: bool) -> None:
        """One run with trouble, a second without if need be, and what there is to say of it."""
        output, clock, system = self.begun(), SystemClock(speed=60), FailingSystem(failing)

        def is_healed() -> bool:
            if not system.failed:
                return False
            healed.setdefault("at", clock.now() + LASTING)
            return clock.now() >= healed["at"]

        healed: dict[str, float] = {}
        failing.over = is_healed
        findings = Findings(name, seed=0)
        first = await self.run(output, system, clock=clock)
        self.seen[first.status] += 1
        findings.look_at_the_visible(output, self.model)
        wrong = [*findings.wrong, *system.violations]
        # Without a report it failed at its lists: see the last test here.
        waited = not first.ear.began or first.report is None or first.status == 0
        if same_run and not waited:
            wrong.append(f"ended with {first.status}: {first.text}")
        if len(first.ear.pauses) > 1 + len({path for _, (path, *_) in system.failed}):
            wrong.append(f"told {len(first.ear.pauses)} times")
        second = first
        if first.status != 0:
            second = await self.run(output, FailingSystem())
            if second.status != 0:
                wrong.append(f"the next run ended with {second.status}: {second.text}")
        if second.status == 0:
            findings = Findings(name, seed=0)
            findings.look_at_the_end(output, self.model)
            wrong += [line for line in findings.wrong if not may_differ(line)]
        self.wrong += [f"{name}: {line}" for line in wrong]
        shutil.rmtree(output)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    world = small_world()
    with memory_folder() as folder:
        async with FakeCivitai(world) as fake:
            whole = await run_on(FailingSystem(), fake, folder / "whole", wanted(*THINGS))
            assert whole.status == 0, whole.text
            model = Model.of(folder / "whole", 0)
            begun = folder / "begun"
            file = world.truth.files()[0]
            fake.faults.add(Fault(origin="storage", path=file.name, cut_after=30_000))
            fake.faults.add(Fault(origin="storage", path=file.name, every=True, status=500))
            settings = replace(SETTINGS, retries=1)
            broken = await run_on(
                FailingSystem(), fake, begun, wanted("model:1"), settings=settings
            )
            assert broken.status == 1, broken.text
            fake.faults.assert_all_served()
            fake.faults.clear()
            (part,) = (begun / ".civitai-dl/tmp").glob("*.part")
            with part.open("ab") as tail:
                tail.write(b"what came after the checkpoint")
            yield Stage(world, fake, folder, model)


def may_differ(line: str) -> bool:
    """Documents say the same in other words when a list was asked for one by one.

    A reserve that could not be removed is used by the next run.
    """
    documents = (".json", ".info", ".html")
    is_document = any(f"{ending} is not what" in line for ending in documents)
    return is_document or line == "orphans: .civitai-dl/reserve"


def spread(things: list[tuple[int, ...]], most: int) -> list[tuple[int, ...]]:
    """At most so many of them: of all kinds some, and always the same ones."""
    return sorted(things, key=lambda thing: zlib.crc32(repr(thing).encode()))[:most]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_whatever_fails_nothing_is_lost(operation: str) -> None:
    """Each call of each kind fails in each way: what has its name is exact, and all comes."""
    began = time.monotonic()
    async with stage() as here:
        dry = FailingSystem()
        ended = await here.run(here.begun(), dry)
        assert ended.status == 0, ended.text
        calls = dry.calls[operation]
        assert calls, f"a run without {operation} proves nothing"
        cases = [
            (code, nth, times) for code in CODES for nth in range(1, calls + 1) for times in TIMES
        ]
        for code, nth, times in spread(cases, pick(quick=9, full=45, nightly=10**9)):
            name = f"{operation} {nth}/{calls} {errno.errorcode[code]} x {times}"
            failing = Failing(operation, code, nth=nth, times=times)
            await here.case(name, failing, same_run=code in WAITS)
        counts = {"cases": here.cases - 1, "wrong": len(here.wrong)}
        took = time.monotonic() - began
        note("calls to the disk that fail", part=operation, seed="", seconds=took, **counts)
        assert [] == here.wrong


async def test_a_write_that_takes_a_part_before_the_disk_is_full_doubles_no_byte() -> None:
    """Each write takes half, and the next one finds no room: the bytes are what they were."""
    async with stage() as here:
        dry = FailingSystem()
        await here.run(here.begun(), dry)
        for nth in range(2, dry.calls["write"] + 2, pick(quick=6, full=3, nightly=1)):
            failing = Failing("write", errno.ENOSPC, nth=nth, times=2, short=True)
            await here.case(f"half of write {nth}", failing, same_run=True)
        assert [] == here.wrong


@pytest.mark.parametrize("kind", [".part", ".tmp"])
async def test_bytes_whose_sync_failed_are_never_believed(kind: str) -> None:
    """EIO on the sync of a file: it is neither synced again nor published, but written anew."""

    def is_kind(path: Path) -> bool:
        return path.suffix == kind and not path.name.startswith("reserve")

    async with stage() as here:
        output, system = here.begun(), FailingSystem(Failing("sync", errno.EIO, about=is_kind))
        ended = await here.run(output, system)
        assert 0 == ended.status, ended.text
        assert 1 == len(system.failed)
        assert [] == system.violations
        assert [] == list((output / ".civitai-dl/tmp").iterdir())


async def test_a_full_disk_is_told_once_and_waited_for() -> None:
    """No room from the first work on: one alert, no attempt used; with room it soon goes on."""
    async with stage() as here:
        clock = SystemClock(speed=10)
        ear = Ear(clock)

        def has_room() -> bool:
            if not ear.began or not ear.pauses:
                return not ear.began
            return clock.now() >= ear.pauses[0][0] + 50

        system = FailingSystem(Failing("", errno.ENOSPC, times=0, over=has_room))
        settings = replace(SETTINGS, max_wait=30.0, retries=1)
        ended = await here.run(here.begun(), system, clock=clock, ear=ear, settings=settings)
        assert 0 == ended.status, ended.text
        assert 1 == len(ear.pauses)
        assert "no space is left" in ear.pauses[0][1]
        ((going_on, _),) = ear.notices("over")
        assert 50 <= going_on - ear.pauses[0][0] <= 60
        waits = [event.outcome for _, event in ear.settled if isinstance(event.outcome, Deferred)]
        assert waits
        assert not any(wait.counts for wait in waits)


async def test_a_disk_that_becomes_read_only_halts_the_run_and_is_healed() -> None:
    """A read-only remount for less than --max-wait: one alert, and the same run completes."""
    async with stage() as here:
        clock = SystemClock(speed=10)
        ear = Ear(clock)

        def is_writable() -> bool:
            if not ear.began or not ear.pauses:
                return not ear.began
            return clock.now() >= ear.pauses[0][0] + 30

        system = FailingSystem(Failing("", errno.EROFS, times=0, over=is_writable))
        settings = replace(SETTINGS, max_wait=120.0)
        ended = await here.run(here.begun(), system, clock=clock, ear=ear, settings=settings)
        assert 0 == ended.status, ended.text
        assert 1 == len(ear.pauses)


async def test_what_the_file_system_cannot_hold_fails_alone(tmp_path: Path) -> None:
    """EFBIG on one file: it fails at once with a text that helps, and the others are stored."""
    async with stage() as here:
        name = here.world.truth.files()[1].name
        failing = Failing("move", errno.EFBIG, times=0, about=lambda path: path.name == name)
        output = here.begun()
        ended = await here.run(output, FailingSystem(failing))
        assert 1 == ended.status
        assert ended.report is not None
        (failure,) = ended.report.failures
        assert "too large" in failure.detail.lower()
        assert "cannot hold it" in failure.hint
        assert 0 == len(ended.ear.pauses)
        assert 0 == (await here.run(output, FailingSystem())).status


async def test_scarce_handles_narrow_the_work_and_use_no_attempt() -> None:
    """EMFILE again and again: with one attempt per thing, all is stored all the same."""
    async with stage() as here:
        system = FailingSystem(Failing("create", errno.EMFILE, nth=4, times=12))
        settings = replace(SETTINGS, retries=1)
        ended = await here.run(here.begun(), system, settings=settings)
        assert 12 == len(system.failed)
        assert 0 == ended.status, ended.text
        assert [] == ended.ear.pauses


async def test_a_folder_that_is_removed_under_way_is_made_again() -> None:
    """Somebody removes a model's folder in the middle of a run: the next run has it whole."""
    async with stage() as here:
        output = here.begun()
        victim = output / "model_0/1"
        file = here.world.truth.files()[0].name

        def remove() -> None:
            shutil.rmtree(victim, ignore_errors=True)

        here.fake.faults.add(Fault(origin="storage", path=file, then=remove))
        ended = await here.run(output, FailingSystem())
        here.fake.faults.assert_all_served()
        here.fake.faults.clear()
        assert ended.status in (0, 1, 4), ended.text
        findings = Findings("removed", seed=0)
        findings.look_at_the_visible(output, here.model)
        assert [] == findings.wrong
        again = await here.run(output, FailingSystem())
        assert 0 == again.status, again.text
        for true in here.world.truth.files():
            assert list(output.rglob(true.name)), true.name


async def test_what_will_not_fit_is_not_asked_for(monkeypatch) -> None:
    """A file larger than what is free waits alone, unasked for; it comes when there is room."""
    world = World().creator("ann")
    for number, length in ((1, 3_000_000), (2, 4_000), (3, 5_000)):
        file = FakeFile(name=f"file-{number}.safetensors", size=length)
        world.model(number, versions=(FakeVersion(id=number, files=(file,), images=()),))
    settled: list[str] = []
    state = {"free": 2_000_000}
    monkeypatch.setattr(Volume, "free", lambda self: state["free"])
    with memory_folder() as folder:
        async with FakeCivitai(world) as fake:
            clock = SystemClock(speed=30)
            ear = Ear(clock)
            before: list[int] = []

            def on_settled(event: object) -> None:
                if isinstance(event, TaskSettled) and isinstance(event.outcome, Stored):
                    settled.append(event.task.label)
                if len(settled) == 2 and not before:
                    large = world.truth.files()[0].file_id
                    before.append(fake.account.resolves()[large])
                    state["free"] = 10_000_000

            ear.emit = lambda event: (on_settled(event), Ear.emit(ear, event))[1]
            ended = await run_on(
                FailingSystem(),
                fake,
                folder / "archive",
                wanted(*THINGS),
                settings=SETTINGS,
                clock=clock,
                ear=ear,
            )
    assert 0 == ended.status, ended.text
    assert [0] == before
    assert 3 == len(settled)
    assert 1 == sum("not enough room" in text for _, text in ear.notices("alert"))
    assert [] == ear.pauses


async def test_a_disk_that_is_full_when_the_lists_are_written_is_waited_for() -> None:
    """All is stored, and there is no room for the lists: the run waits for that, too."""
    async with stage() as here:
        failing = Failing(
            "write", errno.ENOSPC, times=2, about=lambda path: path.name.startswith("stream-")
        )
        ended = await here.run(here.begun(), FailingSystem(failing))
        assert 0 == ended.status, ended.text
