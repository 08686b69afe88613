"""The real clock: steady against every setting of the wall clock, and aware of a suspend."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Awaitable, Callable

import anyio

GAP = 30.0
"""Seconds of suspend after which connections and links are not what they were."""

SLICE = 1.0
"""Longest wait in one piece: timers stand still in a suspend, so a wait looks up this often."""


# On macOS, and only there, CLOCK_MONOTONIC counts a suspend; time.monotonic() is another one.
_STEADY: int | None = getattr(
    time, "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME", None
)


def elapsed_time() -> float:
    """Seconds since some moment that only go forward, and in a suspend too where that is told."""
    # Elsewhere, as on Windows, there is one steady clock.
    return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)


class SystemClock:
    """Wall time that runs as steadily as time itself: setting the clock moves nothing.

    A suspend counts as time that has passed: links that ended in it are known to have ended, and
    whoever waited goes on within a second of waking up.

    speed: how many of its seconds pass in one real second; above 1 only to make rehearsals short.
    on_gap: told of a suspend of more than 30 seconds and of its length in real seconds, once,
    within a second of waking up while anybody sleeps or `watch` runs; connections did not survive.
    elapsed, awake: steady clocks that run on and that stand still in a suspend. wall: the time of
    day, asked for once. nap: how a slice is slept.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        on_gap: Callable[[float], None] | None = None,
        elapsed: Callable[[], float] = elapsed_time,
        awake: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        nap: Callable[[float], Awaitable[object]] = anyio.sleep,
    ) -> None:
        self.on_gap = on_gap
        self._speed = speed
        self._elapsed = elapsed
        self._awake = awake
        self._nap = nap
        self._wall = wall()
        self._start = elapsed()
        self._ahead = self._start - awake()

    def now(self) -> float:
        """See ports.Clock."""
        # Written out: it is asked for many times for each image.
        return self._wall + (self._elapsed() - self._start) * self._speed

    def jitter(self) -> float:
        """See ports.Clock."""
        return random.random()  # noqa: S311  # spreads retries, guards nothing

    async def sleep(self, seconds: float) -> None:
        """See ports.Clock."""
        # Not by `now`: the time of day is so large a number that it is coarse.
        end = self._passed() + seconds
        left = seconds
        while left > 0:
            await self._nap(min(left / self._speed, SLICE))
            self._look()
            left = end - self._passed()

    async def watch(self) -> None:
        """Look for a suspend every second, for ever; for a run in which nobody may be sleeping."""
        while True:
            await self._nap(SLICE)
            self._look()

    def _passed(self) -> float:
        return (self._elapsed() - self._start) * self._speed

    def _look(self) -> None:
        ahead = self._elapsed() - self._awake()
        gap, self._ahead = ahead - self._ahead, ahead
        if gap > GAP and self.on_gap is not None:
            self.on_gap(gap)


__all__ = ["GAP", "SLICE", "SystemClock", "elapsed_time"]
