"""A new state database, from what the old one still tells and from what lies on disk."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from civitai_dl._gone import mark_gone
from civitai_dl._memory import service_of
from civitai_dl._relics import Disk
from civitai_dl._stock import take_stock
from civitai_dl.adapters.catalog import (
    SCHEMA_VERSION,
    STATE_FILE,
    Database,
    Rebuilding,
    Runs,
    SqliteCatalog,
    Wreck,
    glance,
    holds_an_archive,
)
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import STATE, LocalStorage, RunLock, System, open_storage
from civitai_dl.domain.decisions import (
    Plausible,
    Proven,
    Wrong,
    verify_file,
    verify_media,
)
from civitai_dl.domain.entities import FileRef, ImageRef, Measured, Media, Stored, Task
from civitai_dl.errors import CatalogTooNew, UsageError

T = TypeVar("T")

DRAFT = "state.db.rebuilding"
ENDINGS = ("", "-wal", "-shm")
BATCH = 2_000
AT_ONCE = 8


@dataclass(slots=True)
class Progress:
    """How far a rebuild is.

    tasks: salvaged from the old state; kept: those of them whose files are there. files, bytes:
    read from the disk; found: stored things among them; wrong: files that are not what is listed.
    aside: where the old state is now, "" when there was none.
    """

    tasks: int = 0
    kept: int = 0
    files: int = 0
    bytes: int = 0
    found: int = 0
    wrong: int = 0
    aside: str = ""


Tell = Callable[[Progress], None]


async def rebuild(folder: Path, base_url: str, tell: Tell) -> Progress:
    """Make a new state for an archive, and put the old one aside, complete.

    base_url: of the service that the archive is of. tell: called after each file that was read.
    Until the last moment the old state is in its place, so that it may be begun again after a kill.
    The archive's files are read and never changed. Raises: UsageError without an archive, Busy,
    CatalogTooNew, StorageError.
    """
    state = folder / STATE
    if not state.is_dir() and not holds_an_archive(folder):
        raise UsageError(f"there is no archive here: {folder}")
    with RunLock(state / "lock") as lock:
        old = _old_state(state)
        if old is not None and (glance(old).version or 0) > SCHEMA_VERSION:
            raise CatalogTooNew(
                "the state of this archive was written by a newer civitai-dl",
                hint="update civitai-dl; nothing was changed",
            )
        draft = state / DRAFT
        for ending in ENDINGS:
            draft.with_name(f"{DRAFT}{ending}").unlink(missing_ok=True)
        database = Database(draft)
        await anyio.to_thread.run_sync(database.start)
        try:
            storage = open_storage(str(folder), trusted=lock.proven)
            work = _Rebuild(folder, base_url, database, storage, tell)
            await work.go(old)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(database.close)
        work.progress.aside = _exchange(state)
        return work.progress


def _old_state(state: Path) -> Path | None:
    """The state to salvage from: the one in its place, else the one that was put aside last."""
    places = [state / STATE_FILE, *sorted(state.glob(f"damaged-*/{STATE_FILE}"), reverse=True)]
    return next((place for place in places if place.is_file() and place.stat().st_size), None)


def _exchange(state: Path) -> str:
    """Put the old state aside and the new one in its place; returns where the old one is."""
    name = ""
    if any((state / f"{STATE_FILE}{ending}").exists() for ending in ENDINGS):
        name = time.strftime("damaged-%Y%m%dT%H%M%SZ", time.gmtime())
        aside = state / name
        number = 1
        while aside.exists():
            number += 1
            aside = state / f"{name}-{number}"
        aside.mkdir()
        # The state before its log: a log without a state is noticed, a state without one is not.
        for ending in ENDINGS:
            old = state / f"{STATE_FILE}{ending}"
            if old.exists():
                old.rename(aside / old.name)
        System().sync_folder(aside)
        name = aside.name
    (state / DRAFT).rename(state / STATE_FILE)
    System().sync_folder(state)
    return f"{STATE}/{name}" if name else ""


@dataclass(slots=True)
class _Rebuild:
    folder: Path
    base_url: str
    database: Database
    storage: LocalStorage
    tell: Tell
    progress: Progress = field(default_factory=Progress)

    async def go(self, old: Path | None) -> None:
        if old is not None:
            wreck = Wreck(old)
            try:
                await self._salvage(wreck)
            finally:
                wreck.close()
        await self._look_after_kept()
        disk = Disk(self.folder, self.base_url)
        catalog = SqliteCatalog(self.database)
        for place in disk.models():
            model = await anyio.to_thread.run_sync(disk.read_model, place)
            await anyio.to_thread.run_sync(mark_gone, self.folder, place)
            if model is not None:
                placed = (await catalog.placed([model.id]))[model.id]
                tasks = disk.tasks_of(model, placed)
                await self._take(tasks, await anyio.to_thread.run_sync(disk.files_of, model.id))
        for place in disk.galleries():
            found = await anyio.to_thread.run_sync(disk.read_gallery, place)
            await self._take(found.tasks, found.files)

    async def _salvage(self, wreck: Wreck) -> None:
        rebuilding = Rebuilding(self.database)
        runs = list(wreck.runs())
        told = [service_of(str(run["settings"])) for run in runs]
        self.base_url = next(filter(None, reversed(told)), self.base_url)
        await rebuilding.take_runs(runs, list(wreck.targets()))
        await rebuilding.take_followed(list(wreck.followed()))
        async for rows in _batches(wreck.tasks()):
            self.progress.tasks += await rebuilding.take_rows(rows)
            self.tell(self.progress)
        async for edges in _batches(wreck.edges()):
            await rebuilding.take_edges(edges)
        async for partials in _batches(wreck.partials()):
            await rebuilding.take_partials(partials)

    async def _look_after_kept(self) -> None:
        """What the old state calls stored is kept where a file of its size is there."""
        async for stock in take_stock(Runs(self.database), self.storage):
            self.progress.kept += stock.there
            self.tell(self.progress)

    async def _take(self, tasks: Sequence[Task], files: dict[str, list[str]]) -> None:
        """Read the files of tasks that nobody knows to be stored, and note which are good."""
        rebuilding = Rebuilding(self.database)
        known = await rebuilding.stored([task.key for task in tasks])
        left = [task for task in tasks if task.key not in known]
        good: list[tuple[Task, Stored]] = []

        async def work(share: Sequence[Task]) -> None:
            for task in share:
                stored = await self._find(task, files)
                if stored is not None:
                    good.append((task, stored))

        async with anyio.create_task_group() as group:
            for start in range(min(AT_ONCE, len(left))):
                group.start_soon(work, left[start::AT_ONCE])
        found = {task.key for task, _ in good}
        lost = [task for task in left if task.key not in found]
        good += await self._find_renamed(lost, files, {stored.path for _, stored in good})
        if good:
            self.progress.found += len(good)
            good.sort(key=lambda pair: pair[0].key)
            await rebuilding.take_stored(good, SystemClock().now())

    async def _find_renamed(
        self, tasks: Sequence[Task], files: dict[str, list[str]], taken: set[str]
    ) -> list[tuple[Task, Stored]]:
        """Files that the service calls otherwise today: by digest, among those of their folder."""
        found: list[tuple[Task, Stored]] = []
        for task in tasks:
            ref = task.subject
            if not isinstance(ref, FileRef) or not ref.digests.sha256 or not ref.size_hint:
                continue
            folder = ref.destination.rpartition("/")[0]
            there = [path for path in files if path.rpartition("/")[0] == folder]
            there = [path for path in there if path not in taken and path in files[path]]
            sizes = await self.storage.sizes(there)
            for path, size in zip(there, sizes, strict=True):
                stored = None
                if size == ref.size_hint:
                    stored = await self._read(task, path)
                if stored is not None:
                    taken.add(path)
                    found.append((task, stored))
                    break
        return found

    async def _find(self, task: Task, files: dict[str, list[str]]) -> Stored | None:
        """The first of the files that a task may have stored which has the right bytes."""
        place = task.subject.destination if isinstance(task.subject, FileRef) else ""
        place = task.subject.stem if isinstance(task.subject, ImageRef) else place
        for path in files.get(place, ()):
            stored = await self._read(task, path)
            if stored is not None:
                return stored
        return None

    async def _read(self, task: Task, path: str) -> Stored | None:
        measured = await self.storage.measure(path)
        if measured is None:
            return None
        self.progress.files += 1
        self.progress.bytes += measured.size
        self.tell(self.progress)
        stored = judge(task, path, measured)
        self.progress.wrong += stored is None
        return stored


def judge(task: Task, path: str, measured: Measured) -> Stored | None:
    """Whether these bytes are what a task was to store; pure.

    A file without a digest is believed only with the size that is listed. Media have no digest at
    all: under their own name they are believed when they are media.
    """
    ref = task.subject
    if isinstance(ref, FileRef):
        verdict = verify_file(ref.name, ref.digests, ref.size_hint, measured)
        if isinstance(verdict, Wrong):
            return None
        proven = isinstance(verdict, Proven)
        if not proven and ref.size_hint != measured.size:
            return None
        note = "" if proven else "the service lists no digest"
        return _stored(path, measured, verified=proven, note=note)
    assert isinstance(ref, ImageRef)
    note = ""
    found = verify_media(ref.media, measured, content_type="", promised=measured.size)
    if isinstance(found, Wrong) and ref.media is Media.VIDEO:
        found = verify_media(Media.IMAGE, measured, content_type="", promised=measured.size)
        note = "degraded: the service gives only a still of this video"
    if not isinstance(found, Plausible):
        return None
    return _stored(path, measured, verified=True, note=note)


def _stored(path: str, measured: Measured, *, verified: bool, note: str) -> Stored:
    return Stored(
        path,
        measured.sha256,
        measured.size,
        how="adopted",
        verified=verified,
        note=note,
        prefixes=measured.prefixes,
    )


async def _batches(rows: Iterable[T]) -> AsyncIterator[list[T]]:
    """Rows in batches, read in a thread."""
    iterator: Iterator[T] = iter(rows)
    while batch := await anyio.to_thread.run_sync(lambda: list(islice(iterator, BATCH))):
        yield batch
