"""An archive in a directory."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

import anyio
import anyio.to_thread

from civitai_dl.domain.decisions import Seen
from civitai_dl.domain.entities import Measured
from civitai_dl.errors import StorageDenied, StorageError
from civitai_dl.ports import Partial, Traits

from ._aside import set_aside
from ._attempt import Attempt
from ._errors import storage_errors, writing_errors
from ._files import drop, is_written, measure_file, second_name, write_all, write_document
from ._inspect import inspect_path, names_of, read_part
from ._leftovers import Left, find_leftovers, sweep, take_over
from ._owner import myself
from ._partial import LocalPartial
from ._system import System
from ._volume import Volume

T = TypeVar("T")
X = TypeVar("X")

STATE = ".civitai-dl"
AT_ONCE = 8

# Chance, beside the owner: where nobody can say when a process began, its number may come again.
_numbers = itertools.count(secrets.randbits(31))


class LocalStorage:
    """See ports.Storage. root must exist; everything is kept below it.

    trusted: nobody else can be at work here, as a lock that works has shown. is_near: see Volume.
    system: what does the work on the disk.
    """

    traits = Traits(name="local", resumable=True, links=True)

    def __init__(
        self,
        root: Path,
        *,
        system: System | None = None,
        trusted: bool = True,
        is_near: bool = False,
    ) -> None:
        self._root = root.resolve()
        self._scratch = self._root / STATE / "tmp"
        self.volume = Volume(self._root, self._scratch, system or System(), is_near=is_near)
        self._system = self.volume.system
        self._owner = myself()
        self._safe: dict[str, Path] = {}
        with writing_errors(f"opening {self._root}"):
            self.volume.make_folder(self._scratch)
            self._left = find_leftovers(self._system, self._scratch, trusted=trusted)

    async def _hop(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self.volume.limiter)

    def _resolve(self, path: str) -> Path:
        """The place of an archive path. Raises: StorageDenied for a path that would leave it."""
        folder, _, name = path.rpartition("/")
        parent = self._safe.get(folder)
        if parent is None or not _is_plain(name):
            parent = self._safe[folder] = self._resolve_folder(path)
        return parent / name

    def _resolve_folder(self, path: str) -> Path:
        parts = path.split("/")
        if not all(_is_plain(part) for part in parts):
            raise StorageDenied(f"this path would leave the archive: {path!r}")
        parent = self._root.joinpath(*parts[:-1])
        # A folder that somebody replaced by a link to elsewhere must not be followed.
        real = Path(os.path.realpath(parent))
        if real != self._root and self._root not in real.parents:
            raise StorageDenied(f"this path would leave the archive: {path!r}")
        return parent

    def place_of(self, path: str) -> Path:
        """The place of an archive path. Raises: StorageDenied for one that would leave it."""
        return self._resolve(path)

    async def sizes(self, paths: Sequence[str]) -> list[int | None]:
        """See ports.Storage."""

        def work() -> list[int | None]:
            with storage_errors("looking at what is stored"):
                return [self._size(path) for path in paths]

        return await self._hop(work)

    def _size(self, path: str) -> int | None:
        try:
            found = self._resolve(path).lstat()
        except (FileNotFoundError, NotADirectoryError, StorageDenied):
            # Any other trouble says nothing about whether the file is there.
            return None
        return found.st_size if S_ISREG(found.st_mode) else None

    async def measure(self, path: str) -> Measured | None:
        """See ports.Storage. What it tells of is durable then, and so is its name."""

        def work() -> Measured | None:
            with storage_errors(f"reading {path}"):
                try:
                    final = self._resolve(path)
                    measured = measure_file(final)
                    # Whoever asks is about to vouch for it: it may have been written by a process
                    # that died before its syncs, or by the user a moment ago.
                    self._system.sync_found(final)
                    self.volume.sync_names([final.parent])
                except FileNotFoundError:
                    return None
                return measured

        return await self._hop(work)

    async def inspect(
        self, paths: Sequence[str], *, read: bool, hear: Callable[[int], None] | None = None
    ) -> list[Seen]:
        """See ports.Storage."""

        def work() -> list[Seen]:
            return [inspect_path(self._resolve, path, read=read, hear=hear) for path in paths]

        return await self._hop(work)

    async def names_of(self, folder: str, identity: tuple[int, int]) -> list[str]:
        """See ports.Storage."""

        def work() -> list[str]:
            try:
                return [f"{folder}/{name}" for name in names_of(self._resolve(folder), identity)]
            except FileNotFoundError:
                return []

        with storage_errors(f"looking into {folder}"):
            return await self._hop(work)

    async def read_part(self, path: str, offset: int, size: int) -> bytes:
        """See ports.Storage."""
        with storage_errors(f"reading {path}"):
            return await self._hop(lambda: read_part(self._resolve(path), offset, size))

    async def link(self, existing: str, path: str) -> None:
        """See ports.Storage."""

        def work() -> None:
            with storage_errors(f"linking {path}"):
                final = self._resolve(path)
                source = self._resolve(existing)
                if not source.is_file():
                    raise FileNotFoundError(existing)
                self.volume.make_folder(final.parent)
                second_name(self._system, source, final, self._scratch)
                self.volume.sync_names([final.parent])

        await self._hop(work)

    async def save(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """See ports.Storage."""
        changed: set[Path] = set()

        def write(document: tuple[str, bytes]) -> None:
            path, data = document
            with writing_errors(f"writing {path}"):
                final = self._resolve(path)
                if is_written(final, data):
                    # Its name may be a moment older than the death of the process that gave it.
                    changed.update({final.parent} - self.volume.settled)
                    return
                self.volume.make_folder(final.parent)
                write_document(self._system, final, data, self._scratch)
            changed.add(final.parent)

        await self._all(write, documents)
        await self._sync_names(changed)

    async def _sync_names(self, folders: Collection[Path]) -> None:
        """As Volume.sync_names, several folders at a time."""
        to_sync, sure = self.volume.unsure(folders)

        def sync(folder: Path) -> None:
            with writing_errors(f"writing to {folder.name}"):
                self._system.sync_folder(folder)

        await self._all(sync, list(to_sync))
        self.volume.sure(sure)
        self.volume.settled.update(to_sync)

    async def _all(self, function: Callable[[X], None], things: Sequence[X]) -> None:
        """Do it to all of them, several at a time: file systems sync many for the price of one."""
        errors: list[StorageError] = []

        def work(share: Sequence[X]) -> None:
            try:
                for thing in share:
                    function(thing)
            except StorageError as error:
                errors.append(error)

        if len(things) == 1:
            await self.volume.hop(partial(work, things))
        else:
            async with anyio.create_task_group() as group:
                for start in range(min(AT_ONCE, len(things))):
                    group.start_soon(self.volume.hop, partial(work, things[start::AT_ONCE]))
        if errors:
            raise errors[0]

    async def save_stream(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """See ports.Storage."""
        draft = self._scratch / f"stream-{secrets.token_hex(8)}.tmp"
        with writing_errors(f"writing {path}"):
            final = self._resolve(path)
            handle = self._system.create(draft)
            try:
                try:
                    async for chunk in chunks:
                        await self._hop(partial(write_all, self._system, handle, chunk))
                    await self._hop(partial(self._system.sync, handle))
                finally:
                    os.close(handle)
                self.volume.make_folder(final.parent)
                self._system.replace(draft, final)
            except BaseException:  # whatever ends it, half a document is worth nothing
                drop(self._system, draft)
                raise
            await self._hop(partial(self.volume.sync_names, [final.parent]))

    async def remove(self, paths: Sequence[str]) -> None:
        """See ports.Storage."""

        def work() -> None:
            for path in paths:
                with storage_errors(f"removing {path}"):
                    drop(self._system, self._resolve(path))

        await self._hop(work)

    async def read(self, path: str) -> bytes | None:
        """See ports.Storage."""
        return (await self.read_all([path]))[0]

    async def read_all(self, paths: Sequence[str]) -> list[bytes | None]:
        """See ports.Storage."""

        def work(path: str) -> bytes | None:
            with storage_errors(f"reading {path}"):
                try:
                    return self._resolve(path).read_bytes()
                except FileNotFoundError:
                    return None

        return await self._hop(lambda: [work(path) for path in paths])

    def partial(self, key: str) -> Attempt:
        """See ports.Storage.

        The name is this attempt's own: should two processes ever work on one task, because a lock
        was not one, they cannot write into each other's bytes. What another living process has is
        only read.
        """
        name = _name_of(key)
        return Attempt(lambda: self._begin(name), lambda partial: self._end(name, partial))

    def _begin(self, name: str) -> LocalPartial:
        mine = self._scratch / f"{name}.{self._owner}.{next(_numbers):08x}.part"
        left = self._left.pop(name, None)
        if left is not None and left.ours:
            left = self._take_over(name, left, mine)
        foreign = None if left is None or left.ours else left.path
        return LocalPartial(mine, self._resolve, self.volume, left=foreign, is_new=left is None)

    def _end(self, name: str, partial: LocalPartial) -> None:
        partial.close()
        with suppress(OSError):
            # What cannot even be looked at is found, or not, by the next start.
            if not partial.gone:
                size = partial.path.stat().st_size
                self._left[name] = Left(partial.path, size, ours=True)

    def _take_over(self, name: str, left: Left, mine: Path) -> Left | None:
        """Make an earlier attempt's partial ours; None when it is gone, or was published."""
        try:
            with storage_errors(f"taking over {left.path.name}"):
                return take_over(self._system, left, mine)
        except StorageError:
            # It is still there for the next try.
            self._left[name] = left
            raise

    async def sync_all(self, partials: Sequence[Partial]) -> list[StorageError | None]:
        """See ports.Storage."""
        ends: dict[int, StorageError] = {}

        def sync(place: int) -> None:
            try:
                _local(partials[place]).sync_now()
            except StorageError as error:
                ends[place] = error

        places = [place for place, one in enumerate(partials) if not _local(one).is_durable]
        await self._all(sync, places)
        return [ends.get(place) for place in range(len(partials))]

    async def publish_all(
        self, named: Sequence[tuple[Partial, str]]
    ) -> list[FileExistsError | StorageError | None]:
        """See ports.Storage."""
        folders: set[Path] = set()
        ends: list[FileExistsError | StorageError | None] = []

        def work() -> None:
            for one, path in named:
                try:
                    folders.add(_local(one).publish_now(path))
                    ends.append(None)
                except (FileExistsError, StorageError) as error:
                    ends.append(error)

        await self.volume.hop(work)
        await self._sync_names(folders)
        return ends

    async def quarantine(self, path: str, evidence: dict[str, object]) -> str:
        """See ports.Storage."""

        def work() -> str:
            with storage_errors(f"setting aside {path}"):
                bad = self._resolve(path)
                name = path.replace("/", "-")[-200:]
                where = set_aside(self.volume, bad, self._root / "corrupted", name, evidence)
                self.volume.sync_names([bad.parent])
            return where

        return await self._hop(work)

    async def sweep(self, keys: Collection[str]) -> int:
        """See ports.Storage."""

        def work() -> int:
            with storage_errors("removing leftovers"):
                return sweep(self._system, self._left, {_name_of(key) for key in keys})

        return await self._hop(work)

    async def prove(self) -> None:
        """See ports.Storage."""

        def work() -> None:
            with writing_errors(f"writing to {self._root}"):
                self.volume.prove()

        await self._hop(work)

    def free(self) -> int | None:
        """See ports.Storage."""
        return self.volume.free()


def _local(partial: Partial) -> LocalPartial:
    assert isinstance(partial, LocalPartial)
    return partial


def _is_plain(part: str) -> bool:
    """Whether a part of a path leads neither nowhere nor elsewhere."""
    return part not in ("", ".", "..") and "\\" not in part and "\0" not in part


def _name_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]
