"""So many bytes per second and no more, shared equally by the lanes that want them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.decisions import Pace, Turns

if TYPE_CHECKING:
    from civitai_dl.ports import Chunk, Clock

MOST_AT_ONCE = 64 << 10
LEAST_AT_ONCE = 4 << 10
AT_ONCE_SECONDS = 0.1
"""Bytes are waited for in pieces of so many, and of about so many seconds: a lane whose chunks are
large does not hold up the others, and what comes is seen as it comes."""

LONGEST = 0.5
"""Seconds after which a waiting one looks again whether the limit has changed."""


class Bandwidth:
    """One limit over all transfers; it may be changed at any time.

    limit: bytes per second, 0 for none.
    """

    def __init__(self, limit: float, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace(limit)
        self._turns = Turns()
        self._waiting: dict[str, deque[anyio.Event]] = {}
        self._serving = False

    @property
    def limit(self) -> float:
        """Bytes per second, 0 for none."""
        return self._pace.rate

    def pieces(self, chunk: Chunk) -> Iterator[Chunk]:
        """A chunk in the pieces that are to be taken one by one; whole where there is no limit."""
        rate = self._pace.rate
        size = len(chunk) if rate <= 0 else _at_once(rate)
        for start in range(0, len(chunk), max(1, size)):
            yield chunk[start : start + size]

    def change(self, limit: float) -> None:
        """Another limit from now on; whoever waits under the old one waits under it no longer."""
        self._pace = Pace(limit, min(self._pace.free_at, self._clock.now()))

    async def take(self, lane: str, size: int) -> None:
        """Return when these bytes are allowed.

        May be cancelled; what was not allowed yet is given back.
        """
        while size > 0 and self._pace.rate > 0:
            piece = min(size, _at_once(self._pace.rate))
            await self._turn(lane)
            try:
                await self._wait(lane, piece)
            finally:
                self._pass_on()
            size -= piece

    async def _turn(self, lane: str) -> None:
        """Wait until nobody is before us: one waits for a time to come, the others for that one."""
        if not self._serving:
            self._serving = True
            return
        event = anyio.Event()
        self._waiting.setdefault(lane, deque()).append(event)
        try:
            await event.wait()
        except BaseException:  # whoever waited leaves no place behind
            self._leave(lane, event)
            raise

    def _leave(self, lane: str, event: anyio.Event) -> None:
        if event.is_set():
            # The turn came together with the cancellation: it goes to the next.
            self._pass_on()
            return
        self._waiting[lane].remove(event)
        if not self._waiting[lane]:
            del self._waiting[lane]

    async def _wait(self, lane: str, size: int) -> None:
        while self._pace.rate > 0:
            wait = self._pace.free_at - self._clock.now()
            if wait <= 0:
                self._pace, _ = self._pace.reserve(self._clock.now(), size)
                self._turns = self._turns.served(lane, size)
                return
            await self._clock.sleep(min(wait, LONGEST))

    def _pass_on(self) -> None:
        if not self._waiting:
            self._serving = False
            return
        lane = self._turns.next_of(self._waiting)
        queue = self._waiting[lane]
        queue.popleft().set()
        if not queue:
            del self._waiting[lane]


def _at_once(rate: float) -> int:
    return max(LEAST_AT_ONCE, min(MOST_AT_ONCE, int(rate * AT_ONCE_SECONDS)))
