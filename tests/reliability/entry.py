"""The real command, prepared for a rehearsal by its environment, which the product never reads.

REHEARSAL_CHECKPOINT  bytes between two checkpoints; bodies come in pieces of a quarter of that
REHEARSAL_SPEED       seconds of the program's clock in a real one
REHEARSAL_LOOK        seconds between two looks whether the disk is fit again
REHEARSAL_FLOCK       `free`: everybody is granted every lock; else the name of the error of flock
REHEARSAL_DISK        `no-move`, `no-links` or `full`: what the file system does not have
REHEARSAL_STALE       `seed:share`: so often a call on the disk answers ESTALE
CIVITAI_DL_FAILPOINT  `step:n:what`: see failpoints
CIVITAI_DL_FAILPOINT_TRACE  a file for the steps that were taken, and how often
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import failpoints

from civitai_dl import _compose
from civitai_dl.adapters.catalog import Database, _queue
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher._http import HttpBody
from civitai_dl.adapters.storage import System, _lock
from civitai_dl.cli import _main, _session
from civitai_dl.domain.decisions import _pieces
from civitai_dl.ports import Chunk
from civitai_dl.scheduler import _gate
from civitai_dl.worker import _checkpoints


class PoorSystem(System):
    """A file system that lacks something, or whose server answers ESTALE now and then."""

    def __init__(self, lacking: str, stale: str) -> None:
        seed, _, share = stale.partition(":")
        self._lacking = lacking
        self._chance = random.Random(seed)
        self._share = float(share or 0)

    def _maybe_stale(self, path: Path) -> None:
        if self._chance.random() < self._share:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))

    def create(self, path: Path) -> int:
        """See System."""
        self._maybe_stale(path)
        return super().create(path)

    def open(self, path: Path) -> int:
        """See System."""
        self._maybe_stale(path)
        return super().open(path)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """See System."""
        if self._lacking == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(handle, data)

    def write_at(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """See System."""
        if self._lacking == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write_at(handle, data, offset)

    def link(self, existing: Path, new: Path) -> None:
        """See System."""
        self._maybe_stale(new)
        if self._lacking == "no-links":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        super().link(existing, new)

    def move(self, existing: Path, new: Path) -> None:
        """See System."""
        self._maybe_stale(new)
        if self._lacking == "no-move":
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        super().move(existing, new)

    def replace(self, existing: Path, new: Path) -> None:
        """See System."""
        self._maybe_stale(new)
        super().replace(existing, new)

    def sync_folder(self, folder: Path) -> None:
        """See System."""
        self._maybe_stale(folder)
        super().sync_folder(folder)


def prepare(environment: Mapping[str, str]) -> None:
    """Put in place what the environment asks for."""
    if "REHEARSAL_CHECKPOINT" in environment:
        _checkpoints.CHECKPOINT_BYTES = int(environment["REHEARSAL_CHECKPOINT"])
        _slice(max(1, _checkpoints.CHECKPOINT_BYTES // 4))
    if "REHEARSAL_PIECE" in environment:
        _pieces.LEAST_PIECE = _pieces.FIRST_PIECE = int(environment["REHEARSAL_PIECE"])
        _pieces.LEAST_TAIL = _pieces.LEAST_PIECE // 4
    if "REHEARSAL_LOOK" in environment:
        _gate.LOOK_SECONDS = float(environment["REHEARSAL_LOOK"])
    if "REHEARSAL_FLOCK" in environment:
        _sabotage(environment["REHEARSAL_FLOCK"])
    if "REHEARSAL_SPEED" in environment:
        speed = float(environment["REHEARSAL_SPEED"])
        vars(_session)["SystemClock"] = partial(SystemClock, speed=speed)
    system: System = PoorSystem(
        environment.get("REHEARSAL_DISK", ""), environment.get("REHEARSAL_STALE", "")
    )
    points = failpoints.from_environment(environment)
    if points is not None:
        system = failpoints.FailingSystem(system, points)
        vars(_compose)["Database"] = failpoints.watched(Database, points)
        vars(_compose)["RunLock"] = failpoints.watched_lock(_lock.RunLock, points)
        vars(_session)["write_leftovers"] = points.around("leftovers", _session.write_leftovers)
    vars(_session)["archive"] = partial(_compose.archive, system=system)
    # A process that was forked must not give out the tokens of its sister.
    vars(_queue)["_tokens"] = itertools.count(secrets.randbits(62))


def _slice(size: int) -> None:
    """However fast the loopback is, there is a moment between two checkpoints."""
    whole = HttpBody.chunks

    async def chunks(body: HttpBody) -> AsyncIterator[Chunk]:
        async for chunk in whole(body):
            for start in range(0, len(chunk), size):
                yield chunk[start : start + size]

    HttpBody.chunks = chunks


def _sabotage(how: str) -> None:
    def flock(handle: int, operation: int) -> None:
        del handle, operation
        if how != "free":
            number = getattr(errno, how)
            raise OSError(number, os.strerror(number))

    vars(_lock.fcntl)["flock"] = flock


def run(words: Sequence[str]) -> None:
    """Run the command with these words; raises SystemExit with its exit status."""
    sys.argv = ["civitai-dl", *words]
    prepare(os.environ)
    _main.cli.main(args=list(words), prog_name="civitai-dl")


if __name__ == "__main__":
    run(sys.argv[1:])
