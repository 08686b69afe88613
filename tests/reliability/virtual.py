"""Time that costs nothing: an event loop whose clock jumps to the next thing to do.

Whatever runs on it runs as it is; only waiting takes no time. Nothing outside the loop may be
waited for, neither a socket nor a thread.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine
from typing import TypeVar

import anyio

T = TypeVar("T")

EPOCH = 1.7e9


class _Impatient(selectors.SelectSelector):
    """Never waits: lets the loop's time pass instead."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everybody waits for something that will never come")
            self.passed += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which `sleep` takes no time, and `time()` says how much it should have."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.passed


class VirtualClock:
    """See ports.Clock."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)

    def now(self) -> float:
        return EPOCH + asyncio.get_running_loop().time()

    def jitter(self) -> float:
        return self._chance.random()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await anyio.sleep(seconds)


def run_virtually(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end on a loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
