"""Bytes of a partial that come before those in front of them: written in place, read back later."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from civitai_dl.domain.entities import Island
from civitai_dl.ports import Chunk

from ._files import BUFFER, DIRECT, Meter, heed_cancellation

SLICE = 512 << 10
"""Bytes that are read back at once. Each step of a thread waits for its turn among all others, so
that many small ones would fall behind what comes; each thread has so much memory for it."""


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


class Readers(threading.local):
    """The buffers with which the threads of one disk read islands back, one for each of them."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(SLICE))

    def is_as_written(self, path: Path, island: Island, meter: Meter, *, compare: bool) -> bool:
        """Read an island of a file into a meter; whether its bytes are those that were written.

        compare: by the CRC32; else only whether they are there. Cancellable between slices when
        called in a worker thread.
        """
        left, crc = island.end - island.start, 0
        with path.open("rb", buffering=0) as source:
            source.seek(island.start)
            while left:
                heed_cancellation()
                size = source.readinto(self._buffer[:left])
                if not size:
                    return False
                if compare:
                    crc = zlib.crc32(self._buffer[:size], crc)
                meter.feed(self._buffer[:size])
                left -= size
        return not compare or f"{crc:08x}" == island.crc32
