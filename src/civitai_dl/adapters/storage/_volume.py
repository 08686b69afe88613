"""What all files of one archive share: the disk, its room, and the threads that work on it."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import anyio

from civitai_dl.domain.decisions import Promptness

from ._ahead import Readers
from ._crew import Crew
from ._files import drop
from ._system import System

T = TypeVar("T")

THREADS = 16
RESERVE = 8 << 20
"""Bytes kept in a file that is given up when the disk is full, so that the state can be written."""

PAGE = 4096


class Volume:
    """The disk under an archive; its plain methods may be called from every thread.

    is_near: it answers at once as a rule, so that short steps need no thread until it is slow. now:
    a steady clock, in seconds.
    """

    SMALL = 4 << 20
    """Bytes of a file that is written in a few short steps, and made durable along with others."""

    UNASKED = 1 << 20
    """Bytes below which nobody asks whether there is room."""

    def __init__(
        self,
        root: Path,
        scratch: Path,
        system: System,
        *,
        is_near: bool = False,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.root = root
        self.scratch = scratch
        self.system = system
        self.limiter = anyio.CapacityLimiter(THREADS)
        self.readers = Readers()
        self._crew = Crew(THREADS)
        self._reserve = scratch.parent / "reserve"
        self._lock = threading.Lock()
        self.is_in_memory = system.is_in_memory(root)
        self._is_near = is_near
        self._now = now
        self._promptness = Promptness()
        self._spent = 0.0
        self._promised: dict[Path, int] = {}
        self._durable: set[Path] = {root}
        self.settled: set[Path] = set()
        """Folders in which all names that were there before this process are durable by now."""

    async def hop(self, function: Callable[[], T]) -> T:
        """Have a short step done in a thread, which is not abandoned when the task is cancelled.

        Not by anyio's threads, which cost three times as much each time: of the steps that a small
        image takes, none takes longer than that. They are for what can be cancelled half-way.
        """
        return await self._crew.do(function)

    async def step(self, function: Callable[[bool], T], size: int) -> T:
        """Have a step done that handles so many bytes: on the spot where the disk answers at once.

        function: told whether it is done on the spot; then it must not wait for the disk itself, as
        a sync does. For a step that takes less than it costs to wake a thread, whose turns with
        the loop cost both of them more than the step itself.
        """
        began = self._now() if self._is_near else 0.0
        if not (self._is_near and self._promptness.may_stay(began, size=size, spent=self._spent)):
            return await self.hop(lambda: function(False))
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        try:
            return function(True)
        finally:
            ended = self._now()
            self._spent += ended - began
            self._promptness = self._promptness.took(ended, ended - began)

    def _begin_turn(self) -> None:
        self._spent = 0.0

    def make_folder(self, folder: Path) -> None:
        """Make a folder and its parents; their names are not durable yet. Raises: OSError."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            self._durable.discard(new)
            try:
                self.system.make_folder(new)
            except FileExistsError as error:
                if new.is_dir():
                    # Somebody else, at the same time.
                    continue
                # A file of this name stands where a folder is due; that is not "it is taken".
                raise NotADirectoryError(errno.ENOTDIR, "a file is in the way", str(new)) from error

    def unsure(self, folders: Iterable[Path]) -> tuple[set[Path], set[Path]]:
        """What must be synced before names in these folders are durable, and what is sure then.

        A folder that is there may have been made a moment ago, by another thread or by a process
        that died: its own name counts as durable only when this process has made it so.
        """
        to_sync, sure = set(), set()
        for folder in folders:
            to_sync.add(folder)
            while folder not in self._durable and folder != self.root:
                sure.add(folder)
                folder = folder.parent  # noqa: PLW2901  # upwards, to what is sure
                to_sync.add(folder)
        return to_sync, sure

    def sure(self, folders: Iterable[Path]) -> None:
        """The names of these folders are durable now."""
        self._durable.update(folders)

    def sync_names(self, folders: Iterable[Path]) -> None:
        """Make the names in these folders durable, and those of the folders. Raises: OSError."""
        to_sync, sure = self.unsure(folders)
        for folder in to_sync:
            self.system.sync_folder(folder)
        self.sure(sure)

    def free(self) -> int | None:
        """Bytes free for this user, None when nobody can tell."""
        try:
            return shutil.disk_usage(self.root).free
        except OSError:
            return None

    def set_aside(self, handle: int, size: int) -> bool:
        """Set room aside for a file; False where that is not possible, or not worth it."""
        return not self.is_in_memory and self.system.reserve(handle, size)

    def promise(self, path: Path, size: int) -> None:
        """So many bytes more will come into a file."""
        with self._lock:
            self._promised[path] = size

    def keep(self, path: Path, size: int) -> None:
        """So many of the promised bytes have come."""
        with self._lock:
            if path in self._promised:
                self._promised[path] = max(0, self._promised[path] - size)

    def forget(self, path: Path) -> None:
        """Nothing more will come into a file."""
        with self._lock:
            self._promised.pop(path, None)

    def promised(self, *, besides: Path) -> int:
        """Bytes that are to come into all other files."""
        with self._lock:
            return sum(size for path, size in self._promised.items() if path != besides)

    def relieve(self) -> None:
        """Give up the reserve. Safe to repeat, raises nothing: it is called in need."""
        try:
            drop(self.system, self._reserve)
        except OSError:
            return

    def prove(self) -> None:
        """Show that the archive can be written, and hold the reserve. Raises: OSError.

        There must be as much room beside the reserve as in it: otherwise a reserve that was given
        up would be proof enough that there is room again.
        """
        draft = self.scratch / f"reserve-{secrets.token_hex(4)}.tmp"
        try:
            if not self._reserve.exists():
                self._take_room(draft)
                self.system.replace(draft, self._reserve)
            self._take_room(draft)
            drop(self.system, draft)
        except OSError:
            self.relieve()
            with suppress(OSError):
                drop(self.system, draft)
            raise

    def _take_room(self, draft: Path) -> None:
        drop(self.system, draft)
        handle = self.system.create(draft)
        try:
            # Room that was set aside says nothing yet of whether bytes can be written.
            self._fill(handle, PAGE if self.system.reserve(handle, RESERVE) else RESERVE)
            self.system.sync(handle)
        finally:
            os.close(handle)

    def _fill(self, handle: int, left: int) -> None:
        """Bytes of which no two pages are alike, for file systems that would store them as none."""
        while left:
            left -= self.system.write(handle, os.urandom(min(left, 1 << 20)))
