"""Bytes of a partial that come before those in front of them: written in place, read back later."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from civitai_dl.domain.entities import Island
from civitai_dl.ports import Chunk

from ._files import BUFFER, DIRECT, Meter, heed_cancellation

SLICE = 512 << 10
"""Bytes that are read back at once. Each step of a thread waits for its turn among all others, so
that many small ones would fall behind what comes; so much memory is there for each of them."""


class LocalAhead:
    """See ports.Ahead. hop: does work in a thread. write: some bytes at a place of the file."""

    def __init__(
        self,
        start: int,
        hop: Callable[[Callable[[], None]], Awaitable[None]],
        write: Callable[[int, memoryview], int],
    ) -> None:
        self._start = start
        self._hop, self._write = hop, write
        # One value, so that whoever looks from another thread sees a pair that belongs together.
        self._reached = (start, 0)
        self._buffer = bytearray()

    @property
    def island(self) -> Island:
        """See ports.Ahead."""
        end, crc = self._reached
        return Island(self._start, end, f"{crc:08x}")

    @property
    def end(self) -> int:
        """See ports.Ahead."""
        return self._reached[0] + len(self._buffer)

    async def write(self, chunk: Chunk) -> None:
        """See ports.Ahead."""
        if not self._buffer and len(chunk) >= DIRECT:
            # The caller waits, so that its bytes can be taken as they lie.
            await self._hop(lambda: self._append(memoryview(chunk)))
            return
        self._buffer += chunk
        if len(self._buffer) >= BUFFER:
            await self.flush()

    async def flush(self) -> None:
        """See ports.Ahead."""
        if self._buffer:
            # A new one: an error's traceback may hold on to the old one, which cannot be cut then.
            data, self._buffer = self._buffer, bytearray()
            await self._hop(lambda: self._append(memoryview(data)))

    def _append(self, view: memoryview) -> None:
        while view:
            end, crc = self._reached
            done = self._write(end, view)
            self._reached = (end + done, zlib.crc32(view[:done], crc))
            view = view[done:]


class Readers:
    """The buffers with which the threads of one disk read islands back.

    As many as were ever needed at once, which is fewer than there are threads. May be used by all
    threads.
    """

    def __init__(self) -> None:
        self._free: list[memoryview] = []

    def is_as_written(self, path: Path, island: Island, meter: Meter, *, compare: bool) -> bool:
        """Read an island of a file into a meter; whether its bytes are those that were written.

        compare: by the CRC32; else only whether they are there. Cancellable between slices when
        called in a worker thread.
        """
        with self._lend() as buffer:
            return self._read(path, island, meter, buffer, compare=compare)

    @contextmanager
    def _lend(self) -> Iterator[memoryview]:
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = memoryview(bytearray(SLICE))
        try:
            yield buffer
        finally:
            self._free.append(buffer)

    def _read(
        self, path: Path, island: Island, meter: Meter, buffer: memoryview, *, compare: bool
    ) -> bool:
        left, crc = island.end - island.start, 0
        with path.open("rb", buffering=0) as source:
            source.seek(island.start)
            while left:
                heed_cancellation()
                size = source.readinto(buffer[:left])
                if not size:
                    return False
                if compare:
                    crc = zlib.crc32(buffer[:size], crc)
                meter.feed(buffer[:size])
                left -= size
        return not compare or f"{crc:08x}" == island.crc32
