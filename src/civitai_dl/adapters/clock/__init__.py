"""The real clock."""

from __future__ import annotations

import random
import time

import anyio


class SystemClock:
    """Wall time that runs as steadily as the monotonic clock: setting the clock moves nothing.

    speed: how many of its seconds pass in one real second; above 1 only to make rehearsals short.
    """

    def __init__(self, *, speed: float = 1.0) -> None:
        self._speed = speed
        self._wall = time.time()
        self._start = time.monotonic()

    def now(self) -> float:
        """See ports.Clock."""
        return self._wall + (time.monotonic() - self._start) * self._speed

    def jitter(self) -> float:
        """See ports.Clock."""
        return random.random()  # noqa: S311  # spreads retries, guards nothing

    async def sleep(self, seconds: float) -> None:
        """See ports.Clock."""
        if seconds > 0:
            await anyio.sleep(seconds / self._speed)


__all__ = ["SystemClock"]
