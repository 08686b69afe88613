"""What is recorded: whole runs of the program, each made to pass through some steps of it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import anyio
from archives import FAST, wanted
from recording import Log, RecordingSystem, read_disk

from civitai_dl import _compose
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher._http import HttpBody
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import STATE, _local, _volume
from civitai_dl.adapters.storage._owner import Owner, myself
from civitai_dl.config import Settings
from civitai_dl.domain.decisions import _pieces
from civitai_dl.domain.entities import BytesReceived, Event, Wanted
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeOptions, FakeVersion, World
from civitai_dl.worker import _checkpoints

SPEED = 300.0
PLAIN = replace(FAST, selection=replace(FAST.selection, gallery=False))
CHECKPOINT = 16 * 1024
RESERVE = 4096
USERS_OWN = b"this is the user's own file, and nobody else's\n" * 300
HERE = "model_0/1/11-v1.0"


@dataclass(slots=True)
class Recording:
    """What was done, and what must be true of it.

    true: SHA256 of all that the service gave, in lower case. own: files of the user that were there
    before, by path. since: the call before which no crash is of interest: the service was another
    one then.
    in_pieces: files are fetched in pieces, as if they were large.
    """

    name: str
    log: Log
    fake: FakeCivitai
    things: list[Wanted]
    settings: Settings
    true: set[str]
    own: Mapping[str, bytes] = field(default_factory=dict)
    since: int = 0
    lenient: bool = False
    in_pieces: bool = False


@dataclass(slots=True)
class Bench:
    """A place where runs are recorded. plain: see `recorded`. since: as in Recording."""

    root: Path
    log: Log
    fake: FakeCivitai
    things: list[Wanted]
    settings: Settings
    plain: bool = False
    true: set[str] = field(default_factory=set)
    since: int = 0

    async def run(self, *, stop_after: int | None = None) -> None:
        """One run of the program; stop_after: bytes received after which it is told to end."""
        self.true |= true_digests(self.fake.world)
        stop = anyio.Event()
        settings = replace(
            self.settings, output=str(self.root), base_url=self.fake.base_url, concurrency=8
        )
        report = await _compose.archive(
            settings,
            self.things,
            reporter=NullReporter() if stop_after is None else Stopper(stop, stop_after),
            stop=stop,
            clock=SystemClock(speed=SPEED),
            system=RecordingSystem(self.root, self.log, plain=self.plain),
            watch=self.log.watch,
        )
        assert report.interrupted == (stop_after is not None)


@dataclass(slots=True)
class Stopper:
    """A Reporter that ends the run when so many bytes have come."""

    stop: anyio.Event
    left: int

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, BytesReceived):
            self.left -= event.count
            if self.left <= 0:
                self.stop.set()


def _file(number: int, size: int, **more: object) -> FakeFile:
    return FakeFile(f"file-{number}.safetensors", size=size, id=100 + number, **more)  # type: ignore[arg-type]  # as FakeFile takes them


def _files(odd: int) -> World:
    files = (
        _file(1, 120_000 + odd, content=7 + odd),
        _file(2, 50_000 + odd, hashes="wrong"),
        _file(3, 9_000 + odd),
    )
    twin = (_file(4, 120_000 + odd, content=7 + odd),)
    versions = (
        FakeVersion("v1.0", id=11, files=files, images=()),
        FakeVersion("v2.0", id=12, files=twin, images=()),
    )
    return World().model(1, creator="ann", versions=versions)


def _images(odd: int) -> World:
    previews = tuple(FakeImage(kind, seed=5 + odd + at) for at, kind in enumerate(("png", "webp")))
    version = FakeVersion("v1.0", id=11, files=(_file(1, 6_000 + odd),), images=previews)
    world = World().model(1, creator="ann", versions=(version,))
    return world.images(4, username="bob", version_ids=(11,), formats=("png", "jpeg"))


def _resume(odd: int) -> World:
    files = (_file(1, 170_000 + odd), _file(2, 110_000 + odd, hashes="none"))
    version = FakeVersion("v1.0", id=11, files=files, images=(FakeImage("gif", seed=3 + odd),))
    return World().model(1, creator="ann", versions=(version,))


def _replaced(odd: int) -> World:
    files = (_file(1, 130_000 + odd), _file(2, 60_000 + odd))
    version = FakeVersion("v1.0", id=11, files=files, images=(FakeImage("png"),))
    return World().model(1, creator="ann", versions=(version,))


async def _once(bench: Bench) -> None:
    await bench.run()


async def _stopped_and_continued(bench: Bench) -> None:
    await bench.run(stop_after=150_000)
    await bench.run()


def _large(odd: int) -> World:
    files = (_file(1, 260_000 + odd), _file(2, 70_000 + odd, hashes="none"))
    version = FakeVersion("v1.0", id=11, files=files, images=())
    return World().model(1, creator="ann", versions=(version,))


async def _other_bytes(bench: Bench) -> None:
    await bench.run()
    bench.fake.world.change_file(101, lambda file: replace(file, revision=1))
    bench.since = len(bench.log.ops)
    await bench.run()


OWN = {f"{HERE}/file-1.safetensors": USERS_OWN, f"{HERE}/previews/901.png": USERS_OWN}


def _taken(odd: int) -> World:
    previews = (FakeImage("png", id=901), FakeImage("png", id=902))
    version = FakeVersion("v1.0", id=11, files=(_file(1, 110_000 + odd),), images=previews)
    return World().model(1, creator="ann", versions=(version,))


@dataclass(frozen=True, slots=True)
class Workload:
    """own: files of the user that are there before. lenient, in_pieces: as in Recording."""

    world: Callable[[int], World]
    runs: Callable[[Bench], Awaitable[None]]
    settings: Settings = PLAIN
    own: Mapping[str, bytes] = field(default_factory=dict)
    lenient: bool = False
    in_pieces: bool = False


WORKLOADS = {
    "files": Workload(_files, _once),
    "images": Workload(_images, _once, settings=FAST),
    "resume": Workload(_resume, _stopped_and_continued),
    "replaced": Workload(_replaced, _other_bytes, lenient=True),
    "taken": Workload(_taken, _once, own=OWN),
    "pieces": Workload(_large, _stopped_and_continued, in_pieces=True),
}


@asynccontextmanager
async def recorded(
    name: str, *, odd: int = 0, dead: bool = True, plain: bool = False
) -> AsyncIterator[Recording]:
    """A workload, recorded; its service goes on serving.

    odd: a few bytes more, which make it another one. dead: what it leaves is known to be of a
    process that is gone. plain: on a disk that knows no rename that replaces nothing.
    """
    workload = WORKLOADS[name]
    # Two stores have two names for the same bytes, and here only one address.
    fake = FakeCivitai(workload.world(odd), options=FakeOptions(stores=("r2",)))
    with scratch() as root:
        for path, data in workload.own.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        # The lock makes this one, and SQLite syncs its names.
        (root / STATE).mkdir()
        start = read_disk(root)
        log = Log(start, start.copy())
        async with fake:
            bench = Bench(root, log, fake, wanted("model:1"), workload.settings, plain)
            with (
                small(in_pieces=workload.in_pieces),
                sliced(),
                owned(dead_owner() if dead else myself()),
            ):
                await workload.runs(bench)
            yield Recording(
                name,
                log,
                fake,
                bench.things,
                bench.settings,
                bench.true,
                own=workload.own,
                since=bench.since,
                lenient=workload.lenient,
                in_pieces=workload.in_pieces,
            )


def true_digests(world: World) -> set[str]:
    """SHA256 of all that the service gives now, in lower case."""
    truth = world.truth
    files = [file.sha256 for file in truth.files() if file.obtainable]
    images = [image.sha256 for found in truth.previews().values() for image in found]
    return {one.lower() for one in (*files, *images, *(one.sha256 for one in truth.images()))}


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory, where there is such a thing."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="crash-", dir=place) as folder:
        yield Path(folder).resolve()


PIECES = {"LEAST_PIECE": 20_000, "FIRST_PIECE": 20_000, "MOST_PIECE": 60_000, "LEAST_TAIL": 8_000}


@contextmanager
def small(*, in_pieces: bool = False) -> Iterator[None]:
    """Checkpoints every 16 KiB, and a small reserve; in_pieces: pieces of about 20 kB."""
    with (
        mock.patch.object(_checkpoints, "CHECKPOINT_BYTES", CHECKPOINT),
        mock.patch.object(_volume, "RESERVE", RESERVE),
        mock.patch.multiple(_pieces, **(PIECES if in_pieces else {"LEAST_PIECE": 4 << 20})),
    ):
        yield


SLICE = 10_000
"""Bytes that come at a time: no multiple of a page."""


@contextmanager
def sliced() -> Iterator[None]:
    """Bodies come in small pieces, however fast the loopback is."""
    whole = HttpBody.chunks

    async def chunks(body: HttpBody) -> AsyncIterator[bytes]:
        async for chunk in whole(body):
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]

    with mock.patch.object(HttpBody, "chunks", chunks):
        yield


@contextmanager
def owned(owner: Owner) -> Iterator[None]:
    """Whose the partials are that are made meanwhile."""
    with mock.patch.object(_local, "myself", return_value=owner):
        yield


@functools.cache
def dead_owner() -> Owner:
    """A process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    return replace(myself(), process=process.pid)
