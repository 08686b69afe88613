"""One process of the command that is watched from outside, and how it has to end."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import HERE, environment_in
from whole import rows

from civitai_dl.testing import FakeCivitai, FakeFile, FakeOptions, FakeVersion, Fault, World

MB = 1_000_000
DRAIN = 5.0
"""Seconds within which a run ends in order when it is told to."""

GENEROUS = 3
"""How many times slower than promised a busy machine may be."""

PYTHON = (sys.executable, "-W", "always::ResourceWarning")
WORDS = ("-o", "archive", "--no-gallery", "--max-rate-model", "0", "--max-rate-image", "0")
UNWELCOME = (
    "Traceback",
    "never awaited",
    "was destroyed",
    "never retrieved",
    "Exception ignored",
    "Unclosed",
)
"""What Python says of tasks, threads and connections that were left lying about."""


class Running:
    """One process of the command, begun in a folder, that tells what it leaves lying about."""

    def __init__(self, folder: Path, *words: str, **options: object) -> None:
        self.folder = folder
        self.errors = folder / "stderr.txt"
        self.out = ""
        extra = options.pop("environment", {})
        chosen: dict[str, object] = {"stdout": subprocess.PIPE, **options}
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*PYTHON, str(HERE / "entry.py"), *words, *WORDS],
                cwd=folder,
                env=environment_in(folder, **extra),
                start_new_session=True,
                **{"stderr": errors, **chosen},
            )

    def signal(self, number: int) -> float:
        """Send it; returns the moment."""
        self.process.send_signal(number)
        return time.monotonic()

    def end(self, patience: float = 60) -> tuple[int, str]:
        """Its exit status and all that it said, once it has ended."""
        out, _ = self.process.communicate(timeout=patience)
        self.out = (out or b"").decode()
        said = self.out + self.errors.read_text("utf-8", "replace")
        for word in UNWELCOME:
            assert word not in said, said
        return self.process.returncode, said

    def ends_in_order(self, sent: float, *, bound: float = DRAIN) -> str:
        """It ends in time with status 130, says why, and its state is at rest; what it said."""
        status, said = self.end()
        took = time.monotonic() - sent
        assert 130 == status, said
        assert took <= GENEROUS * bound, f"{took:.1f} s\n{said}"
        assert_at_rest(self.folder)
        return said

    @property
    def partials(self) -> list[Path]:
        """Files on their way."""
        return list((self.folder / "archive/.civitai-dl/tmp").glob("*.part"))

    def has_written(self, count: int) -> Callable[[], bool]:
        """Whether a partial has so many bytes."""

        def look() -> bool:
            assert self.process.poll() is None, self.errors.read_text()
            return any(size_of(path) >= count for path in self.partials)

        return look

    def has_logged(self, text: str) -> Callable[[], bool]:
        """Whether the log of the run has this in it."""
        log = self.folder / "archive/.civitai-dl/logs/civitai-dl.log"

        def look() -> bool:
            assert self.process.poll() is None, self.errors.read_text()
            return log.exists() and text in log.read_text("utf-8", "replace")

        return look


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def assert_at_rest(folder: Path) -> None:
    """No task is claimed, the state is sound, and the lock tells of an end in order."""
    archive = folder / "archive"
    if not (archive / ".civitai-dl/state.db").exists():
        return
    assert [("ok",)] == rows(archive, "PRAGMA integrity_check")
    assert [] == rows(archive, "SELECT key FROM tasks WHERE status = 'claimed'")
    assert 0 == (archive / ".civitai-dl/lock").stat().st_size


def world_of(size: int, count: int = 1) -> World:
    world = World()
    for number in range(1, count + 1):
        files = (FakeFile(name=f"file-{number}.safetensors", size=size),)
        world.model(number, versions=(FakeVersion(files=files, images=()),))
    return world


def service(world: World, rate: int = 0) -> FakeCivitai:
    fake = FakeCivitai(world, options=FakeOptions(stores=("r2",)))
    if rate:
        slow = Fault(origin="storage", path=".*", every=True, bytes_per_second=rate)
        fake.faults.add(slow)
    return fake


Begin = Callable[..., Running]


@contextmanager
def beginning(folder: Path) -> Iterator[Begin]:
    """Begins the command in a folder; whatever is still at work in the end is killed."""
    begun: list[Running] = []

    def start(*words: str, **options: object) -> Running:
        begun.append(Running(folder, *words, **options))
        return begun[-1]

    yield start
    for running in begun:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()
        if running.process.stdout is not None:
            running.process.stdout.close()


def finish(begin: Begin, fake: FakeCivitai, folder: Path, *words: str, **options: object) -> str:
    """The same command again: it ends well, says nothing of damage, and every byte is true."""
    fake.faults.clear()
    status, said = begin(*words, "--base-url", fake.base_url, **options).end()
    assert 0 == status, said
    stored = {digest(path) for path in (folder / "archive").rglob("*.safetensors")}
    assert {file.sha256 for file in fake.world.truth.files()} == stored
    assert [] == list((folder / "archive/.civitai-dl/tmp").iterdir())
    return said


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(1 << 20):
            found.update(chunk)
    return found.hexdigest().upper()
