"""Disks and limits that are really there: a tiny file system, a full state, few handles."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, tree, wanted
from disks import Ear, run_on

from civitai_dl.adapters.catalog import Database
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import System
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeVersion, Fault, World

SETTINGS = replace(FAST, concurrency=3, retries=1, max_wait=30.0)
STEPS = ("claim", "settle", "stage", "hold")
"""Transactions of a task's life."""


def some_world(count: int = 4, length: int = 200_000) -> World:
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(name=f"file-{number}.safetensors", size=length)
        images = (FakeImage(width=16, height=16),)
        world.model(number, versions=(FakeVersion(id=number, files=(file,), images=images),))
    return world


def things(world: World) -> list[str]:
    return [f"model:{model.id}" for model in world.models]


def assert_complete(world: World, output: Path) -> None:
    digests = set(tree(output).values())
    assert {file.sha256.upper() for file in world.truth.files()} <= digests


def assert_sound(output: Path) -> None:
    with closing(sqlite3.connect(output / ".civitai-dl/state.db")) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
        statement = "SELECT COUNT(*) FROM tasks WHERE status IN ('ready', 'claimed', 'waiting')"
        assert (0,) == connection.execute(statement).fetchone()


class Watched(Database):
    """Lets a test act in the writer's thread at the beginning of chosen transactions."""

    act = staticmethod(lambda names, connection: None)

    def __init__(self, path: Path, **facts: object) -> None:
        def watch(moment: str, connection: sqlite3.Connection) -> None:
            if moment == "begin":
                Watched.act(self.names, connection)

        super().__init__(path, **{**facts, "watch": watch})


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB, where one may be mounted."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(command, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("ab", buffering=0) as file:
        for length in (1 << 20, 4096):
            while True:
                try:
                    file.write(bytes(length))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break


class Freeing(Ear):
    """Frees the disk a little after the pause was told."""

    def __init__(self, clock: SystemClock, free: Callable[[], object]) -> None:
        super().__init__(clock)
        self.free = free

    def emit(self, event: object) -> None:
        before = len(self.pauses)
        super().emit(event)
        if len(self.pauses) > before == 0:
            asyncio.get_running_loop().call_later(0.3, self.free)


@pytest.mark.parametrize("step", STEPS)
async def test_a_disk_that_fills_up_under_the_state_is_waited_for(
    tiny: Path, monkeypatch, step: str
) -> None:
    """No room for a transaction: the run pauses, and completes when somebody has made room."""
    world, filler, freed = some_world(), tiny / "filler", []

    def act(names: list[str], connection: sqlite3.Connection) -> None:
        if step in names and not freed:
            fill(filler)

    def free() -> None:
        freed.append(True)
        filler.unlink()

    monkeypatch.setattr(Watched, "act", staticmethod(act))
    monkeypatch.setattr("civitai_dl._compose.Database", Watched)
    clock = SystemClock(speed=10)
    ear = Freeing(clock, free)
    async with FakeCivitai(world) as fake:
        # A transfer that breaks off notes how far it came.
        fake.faults.add(Fault(origin="storage", path="file-1", cut_after=100_000))
        fake.faults.add(Fault(origin="storage", path="file-1", status=500, body="x"))
        with anyio.fail_after(60):
            ended = await run_on(
                System(),
                fake,
                tiny / "archive",
                wanted(*things(world)),
                settings=replace(SETTINGS, retries=3),
                clock=clock,
                ear=ear,
            )
    assert freed
    assert 0 == ended.status, ended.text
    assert_complete(world, tiny / "archive")
    assert_sound(tiny / "archive")


async def test_a_state_that_may_not_grow_is_waited_for(tmp_path: Path, monkeypatch) -> None:
    """The database is full while the disk is not: the run pauses, and goes on by itself."""
    world, freed, stopped = some_world(12), [], []

    def act(names: list[str], connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        if freed:
            connection.execute("PRAGMA max_page_count = 1000000")
        elif "settle" in names:
            stopped.append(pages)
            connection.execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(Watched, "act", staticmethod(act))
    monkeypatch.setattr("civitai_dl._compose.Database", Watched)
    clock = SystemClock(speed=10)
    ear = Freeing(clock, lambda: freed.append(True))
    async with FakeCivitai(world) as fake:
        with anyio.fail_after(60):
            ended = await run_on(
                System(),
                fake,
                tmp_path / "archive",
                wanted(*things(world)),
                settings=SETTINGS,
                clock=clock,
                ear=ear,
            )
    assert stopped
    assert freed
    assert 0 == ended.status, ended.text
    assert 1 == len(ear.pauses)
    assert_complete(world, tmp_path / "archive")
    assert_sound(tmp_path / "archive")


async def test_a_disk_that_fills_up_under_the_files_is_waited_for(tiny: Path) -> None:
    """More is to come than fits, and nobody said how much: it pauses, and completes later."""
    world = some_world(3, length=6_000_000)
    filler, state = tiny / "filler", {"filled": False}
    clock = SystemClock(speed=10)

    class Filling(System):
        def write(self, handle: int, data: bytes | memoryview) -> int:
            # The proofs at the start have been given when files begin to come.
            if len(data) > 100_000 and not state["filled"]:
                state["filled"] = True
                fill(filler)
            return super().write(handle, data)

        def reserve(self, handle: int, size: int) -> bool:
            # Only the proofs are set aside; what is to come is not.
            return size > 7_000_000 and super().reserve(handle, size)

    ear = Freeing(clock, filler.unlink)
    async with FakeCivitai(world) as fake:
        with anyio.fail_after(60):
            ended = await run_on(
                Filling(),
                fake,
                tiny / "archive",
                wanted(*things(world)),
                settings=SETTINGS,
                clock=clock,
                ear=ear,
            )
    assert state["filled"]
    assert 0 == ended.status, ended.text
    # The files and the state may both meet it, and each tells of its own.
    assert len(ear.pauses) == len({text for _, text in ear.pauses}) <= 2
    assert_complete(world, tiny / "archive")
    assert_sound(tiny / "archive")


def command(fake: FakeCivitai, world: World, output: Path, limit: int, value: int) -> int:
    """The program as a process with a resource limit; returns its exit status."""

    def limited() -> None:
        if value:
            resource.setrlimit(limit, (value, value))

    ended = subprocess.run(
        [
            *(sys.executable, "-m", "civitai_dl", *things(world), "-o", str(output)),
            *("--base-url", fake.base_url, "--max-rate-model", "0", "--max-rate-image", "0"),
            *("--concurrency", "16", "--retries", "2", "-q"),
        ],
        preexec_fn=limited,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        timeout=110,
        check=False,
    )
    # What it said is shown when a test fails.
    sys.stdout.write((ended.stdout + ended.stderr).decode()[-4_000:])
    return ended.returncode


@pytest.mark.skipif(sys.platform != "linux", reason="limits are counted otherwise elsewhere")
def test_a_process_with_few_handles_does_all_the_same(tmp_path: Path) -> None:
    """With room for a handful of open files all is stored, in one run."""
    world = some_world(30, length=1_500_000)
    fake = FakeCivitai(world)
    with fake.in_thread():
        assert 0 == command(fake, world, tmp_path / "archive", resource.RLIMIT_NOFILE, 24)
    log = (tmp_path / "archive/.civitai-dl/logs/civitai-dl.log").read_text("utf-8")
    assert "too many open files" in log.lower(), "the limit was wide enough, and nothing was shown"
    assert_complete(world, tmp_path / "archive")
    assert_sound(tmp_path / "archive")


@pytest.mark.skipif(sys.platform != "linux", reason="limits are counted otherwise elsewhere")
def test_a_file_larger_than_files_may_be_fails_alone(tmp_path: Path) -> None:
    """RLIMIT_FSIZE: what is too large fails with what helps; without the limit it comes."""
    world = some_world(3)
    large = FakeFile(name="large.safetensors", size=3_000_000)
    # A gallery that is empty is asked for again, in real seconds here.
    images = (FakeImage(width=16, height=16),)
    world.model(9, versions=(FakeVersion(id=9, files=(large,), images=images),))
    output = tmp_path / "archive"
    fake = FakeCivitai(world)
    with fake.in_thread():
        assert 1 == command(fake, world, output, resource.RLIMIT_FSIZE, 2_000_000)
        (line,) = (output / "failed.txt").read_text("utf-8").splitlines()[-1:]
        assert "large.safetensors" in line
        assert "too large" in line.lower()
        assert len(list(output.rglob("file-*.safetensors"))) == 3
        assert 0 == command(fake, world, output, resource.RLIMIT_FSIZE, 0)
    assert_complete(world, output)
    assert_sound(output)
