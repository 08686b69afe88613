"""Stored files read, several at once, and compared with what the catalog knows of them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.decisions import (
    SEGMENT,
    Damage,
    Finding,
    Kept,
    Seen,
    There,
    find_damage,
    first_bad_segment,
)

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream

    from civitai_dl.ports import Storage

ROWS = 1000
"""Rows that are looked at before the first of them is read."""

TOGETHER = 64
TOGETHER_BYTES = 8 << 20
"""Small files that share one hop to a thread."""

HAVE_CONTENT = frozenset({Damage.ROTTEN, Damage.TRUNCATED, Damage.LONGER})


@dataclass(slots=True)
class Progress:
    """How far a scan is; read it at any time.

    files, bytes: in all. done, passed: of these. read: bytes that came from the disk.
    """

    files: int = 0
    bytes: int = 0
    done: int = 0
    passed: int = 0
    read: int = 0
    damaged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, count: int) -> None:
        """So many bytes more were read; may be called in any thread."""
        with self._lock:
            self.read += count
            self.passed += count

    def close(self, size: int, read: int) -> None:
        """A file of `size` bytes is done, of which so many were read."""
        with self._lock:
            self.done += 1
            self.passed += size - read


@dataclass(slots=True)
class Scanner:
    """Reads what `rows` gives, by position, until there is no more.

    elsewhere: where a digest is stored by the catalog's word. tell: of each finding, at once.
    note: takes the rows that are good, now and then. jobs: files read at once.
    """

    storage: Storage
    rows: Callable[[int, int], Awaitable[list[tuple[int, Kept]]]]
    elsewhere: Callable[[str], Awaitable[list[str]]]
    tell: Callable[[Finding], None]
    note: Callable[[Sequence[int]], Awaitable[None]]
    progress: Progress
    jobs: int = 1
    segment: int = SEGMENT
    _good: list[int] = field(default_factory=list)
    _twins: dict[tuple[int, int], Seen | list[Kept]] = field(default_factory=dict)

    async def run(self) -> None:
        """Read them all. Cancellable between slices of a file; what was good by then is noted.

        Raises: CatalogError.
        """
        send, receive = anyio.create_memory_object_stream[list[Kept]](self.jobs)
        try:
            async with anyio.create_task_group() as group:
                for _ in range(self.jobs):
                    group.start_soon(self._read, receive.clone())
                receive.close()
                async with send:
                    async for chunk in self._chunks():
                        await send.send(chunk)
        finally:
            with anyio.CancelScope(shield=True):
                await self._note()

    async def _chunks(self) -> AsyncIterator[list[Kept]]:
        """What has to be read, small files together; what shows without reading is told here.

        Hard links of one inode are read once: the others wait for the first.
        """
        position, size = 0, 0
        chunk: list[Kept] = []
        while rows := await self.rows(position, ROWS):
            position = rows[-1][0]
            looks = await self.storage.inspect([kept.path for _, kept in rows], read=False)
            for (_, kept), seen in zip(rows, looks, strict=True):
                if seen.there is not There.FILE:
                    await self._judge(kept, seen)
                elif not await self._is_twin(kept, seen):
                    chunk.append(kept)
                    size += seen.size
                if len(chunk) >= TOGETHER or size >= TOGETHER_BYTES:
                    yield chunk
                    chunk, size = [], 0
        if chunk:
            yield chunk

    async def _is_twin(self, kept: Kept, seen: Seen) -> bool:
        """Whether it is another name of a file that is, or will be, read; judged then, too."""
        if seen.names < 2 or seen.identity is None:
            return False
        first = self._twins.get(seen.identity)
        if first is None:
            self._twins[seen.identity] = []
            return False
        if isinstance(first, list):
            first.append(kept)
        else:
            await self._judge(kept, first)
        return True

    async def _read(self, chunks: MemoryObjectReceiveStream[list[Kept]]) -> None:
        async with chunks:
            async for chunk in chunks:
                paths = [kept.path for kept in chunk]
                looks = await self.storage.inspect(paths, read=True, hear=self.progress.hear)
                for kept, seen in zip(chunk, looks, strict=True):
                    await self._judge(kept, seen, read=_size_read(seen))
                    await self._judge_twins(seen)
                if len(self._good) >= ROWS:
                    await self._note()

    async def _judge_twins(self, seen: Seen) -> None:
        waiting = None if seen.identity is None else self._twins.get(seen.identity)
        if isinstance(waiting, list) and seen.identity is not None:
            self._twins[seen.identity] = seen
            for twin in waiting:
                await self._judge(twin, seen)

    async def _judge(self, kept: Kept, seen: Seen, *, read: int = 0) -> None:
        damage = find_damage(kept, seen)
        self.progress.close(kept.size, read)
        if damage is None:
            self._good.append(kept.row)
            return
        other = ""
        if damage in HAVE_CONTENT and seen.measured is not None:
            paths = await self.elsewhere(seen.measured.sha256)
            other = next((path for path in paths if path != kept.path), "")
        segment = None if other else first_bad_segment(kept, seen.measured, self.segment)
        self.progress.damaged += 1
        self.tell(Finding(kept, seen, Damage.SWAPPED if other else damage, segment, other))

    async def _note(self) -> None:
        good, self._good = self._good, []
        if good:
            await self.note(good)


def _size_read(seen: Seen) -> int:
    return 0 if seen.measured is None else seen.measured.size
