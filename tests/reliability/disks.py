"""Disks that fail on order, and runs of the program on them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from archives import FAST

from civitai_dl._compose import archive
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import System
from civitai_dl.config import Settings
from civitai_dl.domain.entities import Notice, RunReport, RunStarted, TaskSettled, Wanted
from civitai_dl.errors import CatalogError, StorageError
from civitai_dl.testing import FakeCivitai

OPERATIONS = (
    "create",
    "open",
    "write",
    "truncate",
    "reserve",
    "sync",
    "sync_folder",
    "make_folder",
    "link",
    "move",
    "replace",
    "remove",
)
"""Every call that changes something on the disk."""

MEMORY = Path("/dev/shm")
"""Where files cost no disk, on systems that have it."""

Facts = tuple[Path, ...]
"""What a call is about: the file or folder, and the new name where there is one."""


@dataclass
class Failing:
    """Which calls go wrong, and how.

    operation: "" for every one. nth, times: as for a Fault; times 0: until `over` says so. code:
    the error; 0 for none. short: the write before the failing one takes half of its bytes only.
    about: which paths it is about; what is being written to is known by the name it began with.
    """

    operation: str = ""
    code: int = 0
    nth: int = 1
    times: int = 1
    short: bool = False
    about: Callable[[Path], bool] = lambda path: True
    over: Callable[[], bool] = lambda: False


class FailingSystem(System):
    """A disk on which chosen calls fail; it counts all calls, and watches over failed syncs.

    violations: partials that were synced or given a name after a sync of theirs had failed.
    real_sync: whether syncs reach the disk; in tests that kill no machine they need not.
    """

    def __init__(self, failing: Failing | None = None, *, real_sync: bool = False) -> None:
        self.failing = failing or Failing()
        self.real_sync = real_sync
        self.calls: Counter[str] = Counter()
        self.failed: list[tuple[str, Facts]] = []
        self.violations: list[str] = []
        self._met = 0
        self._lock = threading.Lock()
        self._handles: dict[int, Path] = {}
        self._spoilt: set[Path] = set()

    def _enter(self, operation: str, *facts: Path) -> None:
        with self._lock:
            self.calls[operation] += 1
            if self._is_due(operation, facts):
                self.failed.append((operation, facts))
                if operation == "sync":
                    self._spoilt.add(facts[0])
                code = self.failing.code
                raise OSError(code, os.strerror(code), *map(str, facts[:1]))

    def _is_due(self, operation: str, facts: Facts) -> bool:
        wanted = self.failing
        if not wanted.code or wanted.operation not in ("", operation):
            return False
        if not any(wanted.about(path) for path in facts):
            return False
        self._met += 1
        if self._met < wanted.nth:
            return False
        if wanted.times:
            return self._met < wanted.nth + wanted.times
        return not wanted.over()

    def _file(self, handle: int) -> Path:
        return self._handles.get(handle, Path("unknown"))

    def create(self, path: Path) -> int:
        """See System."""
        self._enter("create", path)
        self._spoilt.discard(path)
        handle = super().create(path)
        self._handles[handle] = path
        return handle

    def open(self, path: Path) -> int:
        """See System."""
        self._enter("open", path)
        handle = super().open(path)
        self._handles[handle] = path
        return handle

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """See System."""
        wanted = self.failing
        if wanted.short and self.calls["write"] == wanted.nth - 2 and len(data) > 1:
            data = data[: len(data) // 2]
        self._enter("write", self._file(handle))
        return super().write(handle, data)

    def write_at(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """See System."""
        self._enter("write", self._file(handle))
        return super().write_at(handle, data, offset)

    def truncate(self, handle: int, size: int) -> None:
        """See System."""
        self._enter("truncate", self._file(handle))
        super().truncate(handle, size)

    def reserve(self, handle: int, size: int) -> bool:
        """See System."""
        self._enter("reserve", self._file(handle))
        return super().reserve(handle, size)

    def sync(self, handle: int) -> None:
        """See System."""
        path = self._file(handle)
        if path in self._spoilt:
            self.violations.append(f"synced again: {path.name}")
        self._enter("sync", path)
        if self.real_sync:
            super().sync(handle)

    def sync_folder(self, folder: Path) -> None:
        """See System."""
        self._enter("sync_folder", folder)
        if self.real_sync:
            super().sync_folder(folder)
        elif not folder.exists():
            raise FileNotFoundError(str(folder))

    def make_folder(self, folder: Path) -> None:
        """See System."""
        self._enter("make_folder", folder)
        super().make_folder(folder)

    def link(self, existing: Path, new: Path) -> None:
        """See System."""
        self._enter("link", existing, new)
        self._watch_name(existing, new)
        super().link(existing, new)

    def move(self, existing: Path, new: Path) -> None:
        """See System."""
        self._enter("move", existing, new)
        self._watch_name(existing, new)
        super().move(existing, new)

    def replace(self, existing: Path, new: Path) -> None:
        """See System."""
        self._enter("replace", existing, new)
        self._watch_name(existing, new)
        super().replace(existing, new)

    def remove(self, path: Path) -> None:
        """See System."""
        self._enter("remove", path)
        super().remove(path)
        self._spoilt.discard(path)

    def _watch_name(self, existing: Path, new: Path) -> None:
        if existing in self._spoilt:
            if new.parent != existing.parent:
                self.violations.append(f"published: {existing.name} as {new.name}")
            self._spoilt.add(new)


@dataclass
class Ear:
    """Remembers what was reported, and when on the client's clock."""

    clock: SystemClock
    heard: list[tuple[float, object]] = field(default_factory=list)

    def emit(self, event: object) -> None:
        """See Reporter."""
        self.heard.append((self.clock.now(), event))

    def notices(self, level: str) -> list[tuple[float, str]]:
        """Moments and texts."""
        found = [(at, one) for at, one in self.heard if isinstance(one, Notice)]
        return [(at, one.text) for at, one in found if one.level == level]

    @property
    def pauses(self) -> list[tuple[float, str]]:
        """What says that all is halted."""
        return self.notices("halt")

    @property
    def began(self) -> bool:
        """Whether the run came as far as to its work."""
        return any(isinstance(event, RunStarted) for _, event in self.heard)

    @property
    def settled(self) -> list[tuple[float, TaskSettled]]:
        """What came to an outcome."""
        return [(at, event) for at, event in self.heard if isinstance(event, TaskSettled)]


@dataclass
class Ended:
    """How a run ended. error: it ended before its work, or without a report."""

    ear: Ear
    report: RunReport | None
    error: StorageError | CatalogError | None

    @property
    def status(self) -> int:
        """As the command's exit status."""
        return 4 if self.report is None else self.report.exit_code

    @property
    def text(self) -> str:
        """What the person is told, for the message of a failing test."""
        if self.report is None:
            return f"{self.error!r}"
        failures = [(trace.key, trace.detail) for trace in self.report.failures]
        return f"{self.report.storage_trouble or failures} left {self.report.left}"


async def run_on(
    system: System,
    fake: FakeCivitai,
    output: Path,
    things: list[Wanted],
    *,
    settings: Settings = FAST,
    clock: SystemClock | None = None,
    stop: anyio.Event | None = None,
    watch: object = None,
    ear: Ear | None = None,
) -> Ended:
    """One run of the program; trouble that it raises is the end, like trouble that it reports."""
    clock = clock or SystemClock(speed=30)
    ear = ear or Ear(clock)
    try:
        report = await archive(
            replace(settings, output=str(output), base_url=fake.base_url),
            things,
            reporter=ear,
            stop=stop or anyio.Event(),
            clock=clock,
            system=system,
            watch=watch,
        )
    except (StorageError, CatalogError) as error:
        return Ended(ear, None, error)
    return Ended(ear, report, None)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder of one's own in memory, or on disk where there is no such place."""
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="civitai-dl-test-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
