"""An archive in a directory."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

import anyio
import anyio.to_thread

from civitai_dl.domain.entities import Measured
from civitai_dl.errors import StorageDenied, StorageError
from civitai_dl.ports import Traits

from ._errors import storage_errors, writing_errors
from ._files import make_folder, measure_file, second_name, sync_folder, write_document
from ._partial import LocalPartial

T = TypeVar("T")
X = TypeVar("X")

STATE = ".civitai-dl"
THREADS = 16
AT_ONCE = 8


class LocalStorage:
    """See ports.Storage. root must exist; everything is kept below it."""

    traits = Traits(name="local", resumable=True, links=True)

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._scratch = self._root / STATE / "tmp"
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._safe: set[Path] = set()
        self._left = self._take_stock()

    def _take_stock(self) -> dict[str, Path]:
        """The partials that earlier processes left, by the name of their task."""
        with storage_errors(f"opening {self._root}"):
            make_folder(self._scratch)
            left: dict[str, Path] = {}
            for entry in os.scandir(self._scratch):
                published = entry.stat(follow_symlinks=False).st_nlink > 1
                if (
                    entry.name.endswith(".part")
                    and not entry.name.startswith("copy-")
                    and not published
                ):
                    left[entry.name.split(".", 1)[0]] = Path(entry.path)
                else:
                    # Drafts and copies are worth nothing once their writer is gone. A partial with
                    # a second name was published by a process that died before it could drop the
                    # first: to write into it would be to write into the archive.
                    Path(entry.path).unlink(missing_ok=True)
            return left

    async def _hop(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self._limiter)

    def _resolve(self, path: str) -> Path:
        """The place of an archive path. Raises: StorageDenied for a path that would leave it."""
        parts = path.split("/")
        if not path or any(
            part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts
        ):
            raise StorageDenied(f"this path would leave the archive: {path!r}")
        final = self._root.joinpath(*parts)
        parent = final.parent
        if parent not in self._safe:
            # A folder that somebody replaced by a link to elsewhere must not be followed.
            real = Path(os.path.realpath(parent))
            if real != self._root and self._root not in real.parents:
                raise StorageDenied(f"this path would leave the archive: {path!r}")
            self._safe.add(parent)
        return final

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
        """See ports.Storage."""

        def work() -> Measured | None:
            with storage_errors(f"reading {path}"):
                try:
                    return measure_file(self._resolve(path))
                except FileNotFoundError:
                    return None

        return await self._hop(work)

    async def link(self, existing: str, path: str) -> None:
        """See ports.Storage."""

        def work() -> None:
            with storage_errors(f"linking {path}"):
                final = self._resolve(path)
                make_folder(final.parent)
                second_name(self._resolve(existing), final, self._scratch)

        await self._hop(work)

    async def save(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """See ports.Storage."""
        changed: set[Path] = set()

        def write(document: tuple[str, bytes]) -> None:
            path, data = document
            with writing_errors(f"writing {path}"):
                changed.update(write_document(self._resolve(path), data, self._scratch))

        def sync(folder: Path) -> None:
            with writing_errors(f"writing to {folder.name}"):
                sync_folder(folder)

        await self._all(write, documents)
        await self._all(sync, list(changed))

    async def _all(self, function: Callable[[X], None], things: Sequence[X]) -> None:
        """Do it to all of them, several at a time: file systems sync many for the price of one."""
        errors: list[StorageError] = []

        def work(share: Sequence[X]) -> None:
            try:
                for thing in share:
                    function(thing)
            except StorageError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            for start in range(min(AT_ONCE, len(things))):
                group.start_soon(self._hop, partial(work, things[start::AT_ONCE]))
        if errors:
            raise errors[0]

    async def save_stream(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """See ports.Storage."""
        draft = self._scratch / f"stream-{secrets.token_hex(8)}.tmp"
        with writing_errors(f"writing {path}"):
            final = self._resolve(path)
            try:
                with draft.open("xb") as target:
                    async for chunk in chunks:
                        await self._hop(partial(target.write, chunk))
                    await self._hop(target.flush)
                    await self._hop(partial(os.fsync, target.fileno()))
                make_folder(final.parent)
                draft.replace(final)
            finally:
                draft.unlink(missing_ok=True)
            sync_folder(final.parent)

    async def remove(self, paths: Sequence[str]) -> None:
        """See ports.Storage."""

        def work() -> None:
            for path in paths:
                with storage_errors(f"removing {path}"):
                    self._resolve(path).unlink(missing_ok=True)

        await self._hop(work)

    async def read(self, path: str) -> bytes | None:
        """See ports.Storage."""

        def work() -> bytes | None:
            with storage_errors(f"reading {path}"):
                try:
                    return self._resolve(path).read_bytes()
                except FileNotFoundError:
                    return None

        return await self._hop(work)

    @asynccontextmanager
    async def partial(self, key: str) -> AsyncIterator[LocalPartial]:
        """See ports.Storage.

        The name is this attempt's own: should two processes ever work on one task, because a lock
        was not one, they cannot write into each other's bytes.
        """
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        mine = self._scratch / f"{name}.{secrets.token_hex(4)}.part"
        left = self._left.pop(name, None)
        if left is not None:
            with storage_errors(f"taking over {left.name}"):
                _take_over(left, mine)
        partial = LocalPartial(mine, self._resolve, self._root / "corrupted", self._limiter)
        try:
            yield partial
        finally:
            partial.close()
            if not partial.gone and mine.exists():
                self._left[name] = mine

    def free(self) -> int | None:
        """See ports.Storage."""
        try:
            return shutil.disk_usage(self._root).free
        except OSError:
            return None


def _take_over(left: Path, mine: Path) -> None:
    """Make an earlier attempt's partial ours, unless there is nothing to continue."""
    try:
        if left.stat().st_nlink > 1:
            # It was published after all; to write into it would be to write into the archive.
            left.unlink()
        else:
            left.rename(mine)
    except FileNotFoundError:
        # Somebody cleaned up.
        return
