"""The bytes of one task on their way, on a local disk."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import anyio.to_thread

from civitai_dl.domain.decisions import decide_room
from civitai_dl.domain.entities import Island, Measured
from civitai_dl.errors import NotEnoughRoom, StorageError
from civitai_dl.ports import Chunk

from ._ahead import LocalAhead
from ._aside import set_aside
from ._errors import Errors, PartialErrors, storage_errors
from ._files import (
    BUFFER,
    DIRECT,
    Meter,
    Syncs,
    check_identity,
    copy_begun,
    drop,
    give_name,
    read_back,
    room_taken,
)
from ._volume import Volume

T = TypeVar("T")


class LocalPartial:
    """See ports.Partial. The file is made at the first flush, so that nothing leaves no trace.

    left: what an earlier attempt left and is not ours to write into: it is read, never changed.
    is_new: nothing can be there yet.
    """

    def __init__(
        self,
        path: Path,
        resolve: Callable[[str], Path],
        volume: Volume,
        *,
        left: Path | None = None,
        is_new: bool = False,
    ) -> None:
        self.path = path
        self._name = path.name
        self._is_new = is_new
        self._resolve = resolve
        self._volume = volume
        self._system = volume.system
        self._corrupted = volume.root / "corrupted"
        self._left = left
        self._handle: int | None = None
        self._buffer = bytearray()
        self._meter = Meter(crc=False)
        self._aheads: dict[int, LocalAhead] = {}
        # By itself: while bytes are on their way from the buffer to the meter, neither has them.
        self._size = 0
        self._syncs = Syncs(self._system)
        self._is_synced = False
        self._named = False
        self._set_aside = 0
        self._whole = -1
        # What moves the frontier or tells where it is takes turns: pieces want checkpoints, too.
        self._steps = asyncio.Lock()
        self._writing = threading.Lock()
        # Without writing at a place, the place of the handle is shared.
        self._placing = nullcontext() if hasattr(os, "pwrite") else self._writing
        self.gone = False

    @property
    def held(self) -> int:
        """See ports.Partial."""
        if self._is_new:
            return 0
        with storage_errors(f"looking at {self._name}"):
            try:
                return (self._left or self.path).stat().st_size
            except FileNotFoundError:
                return 0

    @property
    def size(self) -> int:
        """See ports.Partial."""
        return self._size

    async def _hop(self, function: Callable[[], T]) -> T:
        # Abandoning the thread would leave it writing to a file that somebody else may own by then.
        return await anyio.to_thread.run_sync(function, limiter=self._volume.limiter)

    async def reserve(self, size: int) -> None:
        """See ports.Partial."""
        self._whole = size
        if size - self.size < self._volume.UNASKED:
            return
        if size <= self._volume.SMALL:
            await self._volume.step(lambda _: self._reserve(size), 0)
        else:
            await self._hop(lambda: self._reserve(size))

    def _reserve(self, size: int) -> None:
        # What another process left has to be copied first: it is no room of ours.
        with storage_errors(f"looking at {self._name}"):
            here = 0 if self._left is not None else room_taken(self.path)
        more = size - max(self._meter.size, here, self._set_aside)
        if more <= 0:
            return
        free = self._volume.free()
        lacking = decide_room(free, promised=self._volume.promised(besides=self.path), more=more)
        if lacking:
            self._volume.forget(self.path)
            raise NotEnoughRoom(more, lacking)
        with self._errors(f"making room for {self._name}"):
            is_set_aside = self._volume.set_aside(self._open(), size)
        # What the file system has set aside is no longer counted as free.
        self._set_aside = size if is_set_aside else 0
        self._volume.promise(self.path, 0 if is_set_aside else more)

    async def begin(
        self, offset: int, *, crc: bool = False, islands: Sequence[Island] = ()
    ) -> None:
        """See ports.Partial."""
        self._buffer.clear()
        self._meter = Meter(crc=crc)
        self._aheads.clear()
        self._size = 0
        self._is_synced = False
        end = max([offset, *(island.end for island in islands)])
        if offset or self._handle is not None or self.held:
            await self._hop(lambda: self._keep(offset, end))
        self._size = offset

    def _keep(self, offset: int, end: int) -> None:
        with self._errors(f"writing {self._name}"):
            left, self._left = self._left, None
            if left is not None:
                # Begun anew with what another process left: it may be writing still.
                if end:
                    copy_begun(self._system, left, self._open(), offset, end, self._meter)
                return
            handle = self._open()
            if os.fstat(handle).st_size < end:
                # Truncating would make it longer, with zeros that nobody sent.
                raise OSError(errno.EIO, "the partial is shorter than it was")
            if os.fstat(handle).st_size > end:
                # Otherwise it would give up the room that was set aside.
                self._system.truncate(handle, end)
                self._set_aside = 0
            os.lseek(handle, 0, os.SEEK_SET)
            read_back(lambda size: os.read(handle, size), offset, self._meter)

    def _open(self) -> int:
        if self._handle is not None:
            return self._handle
        with self._writing:
            if self._handle is None:
                self._handle = self._system.create(self.path) if self._is_new else self._reopen()
                self._is_new = False
            return self._handle

    def _reopen(self) -> int:
        try:
            return self._system.open(self.path)
        except FileNotFoundError:
            if self._meter.size:
                raise
            return self._system.create(self.path)

    async def write(self, chunk: Chunk) -> None:
        """See ports.Partial."""
        async with self._steps:
            await self._put(chunk)

    async def _put(self, chunk: Chunk) -> None:
        is_last = self.size + len(chunk) == self._whole
        if is_last or len(chunk) >= DIRECT:
            # The caller waits, so that its bytes can be taken as they lie.
            try:
                if 0 <= self._whole <= self._volume.SMALL:
                    await self._volume.step(
                        lambda here: self._append(chunk, is_last=is_last, here=here), len(chunk)
                    )
                else:
                    await self._volume.hop(lambda: self._append(chunk, is_last=is_last))
            finally:
                # Whatever happened, it was written or is in the buffer.
                self._size += len(chunk)
            return
        self._buffer += chunk
        self._size += len(chunk)
        if len(self._buffer) >= BUFFER:
            await self._volume.hop(self._flush)

    def _append(self, chunk: Chunk, *, is_last: bool, here: bool = False) -> None:
        """here: in the loop, which waits for no disk; what is not durable then is so in a while."""
        try:
            self._flush()
        except BaseException:  # whatever it was, these bytes come behind those that are kept
            self._buffer += chunk
            raise
        self._write(memoryview(chunk))
        if is_last and (self._volume.is_in_memory or not here):
            # One step for all of it: most images need no other.
            self.sync_now()

    def _flush(self) -> None:
        if not self._buffer:
            return
        # An error's traceback holds on to the bytes it met: a buffer of which a part is left
        # must be a new one, since one that is held cannot be cut.
        data, self._buffer = self._buffer, bytearray()
        self._write(memoryview(data))

    def _write(self, view: memoryview) -> None:
        """Write and digest; what could not be written is kept. The buffer must be empty."""
        done = 0
        try:
            with self._errors(f"writing {self._name}"):
                handle = self._open()
                while done < len(view):
                    with self._writing:
                        done += self._system.write(handle, view[done:])
        finally:
            self._is_synced = False
            # What reached the disk before it was full must not be written a second time.
            self._meter.feed(view[:done])
            self._buffer += view[done:]
        self._volume.keep(self.path, done)

    def ahead(self, start: int) -> LocalAhead:
        """See ports.Partial."""
        made = self._aheads[start] = LocalAhead(start, self._volume.hop, self._write_at)
        return made

    def _write_at(self, offset: int, view: memoryview) -> int:
        """Write some of it at a place of its own; returns how many bytes."""
        with self._errors(f"writing {self._name}"):
            handle = self._open()
            with self._placing:
                done = self._system.write_at(handle, view, offset)
        self._is_synced = False
        self._volume.keep(self.path, done)
        return done

    async def take_in(self, island: Island, *, proven: bool = False) -> bool:
        """See ports.Partial."""
        ahead = self._aheads.pop(island.start, None)
        compare = not proven or ahead is None or ahead.island != island
        async with self._steps:
            return await self._volume.hop(lambda: self._take_in(island, compare=compare))

    def _take_in(self, island: Island, *, compare: bool) -> bool:
        self._flush()
        assert island.start == self._meter.size
        # In a copy: until the last byte is known to be right, nothing of it counts.
        meter = self._meter.copy()
        with self._errors(f"reading {self._name}"):
            handle = self._open()
            if not self._volume.readers.is_as_written(self.path, island, meter, compare=compare):
                return False
            with self._writing:
                os.lseek(handle, island.end, os.SEEK_SET)
        self._meter, self._size = meter, island.end
        return True

    async def sync(self) -> int:
        """See ports.Partial."""
        async with self._steps:
            return await self._hop(self._checkpoint)

    def _checkpoint(self) -> int:
        self._flush()
        # Before the sync: what others write meanwhile may not be in it.
        size = self._meter.size
        self.sync_now()
        if not self._named and self._handle is not None:
            # Bytes without a name would be lost with the power.
            with self._errors(f"writing {self._name}"):
                self._volume.sync_names([self.path.parent])
            self._named = True
        return size

    @property
    def is_durable(self) -> bool:
        """Whether there is nothing that `sync_now` would have to do."""
        written = self._handle is not None and not self._buffer
        return written and self._is_synced

    def sync_now(self) -> None:
        """As `sync`, for a caller who is in a thread already."""
        self._flush()
        if self._handle is not None and not self._is_synced:
            # Set before: what is written in the meantime takes it back.
            self._is_synced = True
            try:
                with self._errors(f"writing {self._name}"):
                    self._syncs.sync(self._handle)
            except BaseException:  # whatever it was, nothing is sure then
                self._is_synced = False
                raise

    def _errors(self, what: str) -> Errors:
        """As storage_errors; a partial that somebody deleted is an error of the storage, too."""
        return PartialErrors(what, to_writers=False)

    async def finish(self) -> Measured:
        """See ports.Partial."""
        is_left_to_others = (
            self._handle is not None and not self._buffer and self.size <= self._volume.SMALL
        )
        if not (self.is_durable or is_left_to_others):
            await self._volume.hop(self._finish)
        return self._meter.measured()

    def _finish(self) -> None:
        with self._errors(f"writing {self._name}"):
            # A file without bytes is a file, too.
            self._open()
        # Here rather than before it gets its name: nobody else has to wait for it.
        self.sync_now()

    async def publish(self, path: str) -> None:
        """See ports.Partial."""

        def work() -> None:
            self.sync_now()
            folder = self.publish_now(path)
            with storage_errors(f"publishing {path}"):
                self._volume.sync_names([folder])

        await self._hop(work)

    def publish_now(self, path: str) -> Path:
        """Give it its name; returns the folder whose names must be made durable then.

        To be called in a thread, after `sync_now`. Raises: FileExistsError, StorageError.
        """
        with self._errors(f"publishing {path}"):
            final = self._resolve(path)
            self._volume.make_folder(final.parent)
            if self._handle is not None:
                check_identity(self._handle, self.path, self._meter.size)
            # Close before the name is given: Windows refuses the reverse order.
            self._close()
            give_name(self._system, self.path, final)
        self.gone = True
        return final.parent

    async def quarantine(self, name: str, evidence: Mapping[str, object]) -> str:
        """See ports.Partial."""
        return await self._hop(lambda: self._quarantine(name, evidence))

    def _quarantine(self, name: str, evidence: Mapping[str, object]) -> str:
        self.sync_now()
        with self._errors(f"setting aside {name}"):
            self._close()
            where = set_aside(self._volume, self.path, self._corrupted, name, evidence)
        self.gone = True
        return where

    async def discard(self) -> None:
        """See ports.Partial."""
        await self._hop(self._discard)

    def _discard(self) -> None:
        self._close()
        self._buffer.clear()
        self._left = None
        with self._errors(f"removing {self._name}"):
            drop(self._system, self.path)
        self.gone = True

    def _close(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)

    def close(self) -> None:
        """Let the file go without losing it, unless its bytes cannot be believed.

        Safe to repeat; does not block for long.
        """
        self._volume.forget(self.path)
        with suppress(OSError, StorageError):
            # Should even this fail, the next start finds what is there and judges it.
            self._close()
            if not self.gone and (self._syncs.failed is not None or not self.held):
                drop(self._system, self.path)
