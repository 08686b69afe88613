"""Threads that do one short step after the other for an event loop."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import anyio

T = TypeVar("T")


class Crew:
    """At most so many threads, each begun when it is needed first; they end with this object.

    Not a pool of the standard library: all its threads wait at one queue, and a step that is taken
    from it wakes a second one to look for more, which takes the interpreter from those at work.
    Here each has a door of its own, and who was idle last, whose memory is the warmest, is called
    first.
    """

    def __init__(self, most: int) -> None:
        self._desk = _Desk(most)
        weakref.finalize(self, self._desk.dismiss)

    async def do(self, function: Callable[[], T]) -> T:
        """Have a step done in a thread, to its end also when the task is cancelled meanwhile.

        Returns and raises what the step does.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def step() -> Callable[[], None]:
            try:
                done = function()
            except BaseException as error:  # noqa: BLE001  # whatever it is, who asked hears of it
                failed = error
                return lambda: result.set_exception(failed)
            return lambda: result.set_result(done)

        self._desk.hand_out(_Step(loop, result.done, step))
        with anyio.CancelScope(shield=True):
            await result
        return result.result()


class _Step:
    """What a thread has to do, and the loop in which its end is told."""

    __slots__ = ("_do", "_is_over", "_loop")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_over: Callable[[], bool],
        do: Callable[[], Callable[[], None]],
    ) -> None:
        self._loop, self._is_over, self._do = loop, is_over, do

    def run(self) -> Callable[[], None]:
        """Do it; returns what tells of it."""
        told = self._do()

        def tell() -> None:
            # A loop that was closed meanwhile has nobody left who could be told.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end, told)

        return tell

    def _end(self, tell: Callable[[], None]) -> None:
        if not self._is_over():
            tell()


class _Hand:
    """One thread's door: it waits here for its next step."""

    __slots__ = ("door", "step")

    def __init__(self) -> None:
        self.door = threading.Lock()
        self.door.acquire()
        self.step: _Step | None = None


class _Desk:
    """Who is idle, and which steps wait. It knows nothing of the crew, which is to be forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun = 0
        self._idle: list[_Hand] = []
        self._waiting: deque[_Step] = deque()
        self._lock = threading.Lock()
        self._is_over = False

    def hand_out(self, step: _Step) -> None:
        """Give a step to a thread, or keep it for the first that is free."""
        with self._lock:
            if self._idle:
                hand = self._idle.pop()
            elif self._begun < self._most:
                hand = _Hand()
                # The end of the program does not wait for it: who asked has waited for its steps.
                threading.Thread(target=self._serve, args=(hand,), name="disk", daemon=True).start()
                self._begun += 1
            else:
                self._waiting.append(step)
                return
        hand.step = step
        hand.door.release()

    def dismiss(self) -> None:
        """Let every thread end as soon as it has nothing to do."""
        with self._lock:
            self._is_over = True
            idle, self._idle = self._idle, []
        for hand in idle:
            hand.door.release()

    def _serve(self, hand: _Hand) -> None:
        while True:
            hand.door.acquire()
            step, hand.step = hand.step, None
            while step is not None:
                tell = step.run()
                # Idle before it is told: what is done next is then done by this one.
                step = self._next(hand)
                tell()
                # Not kept while it waits: it holds on to the bytes that the step was about.
                del tell
            if self._is_over:
                return

    def _next(self, hand: _Hand) -> _Step | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if not self._is_over:
                self._idle.append(hand)
            return None
