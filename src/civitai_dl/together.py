"""Doing for many at once what each of them asked for alone.

It stands above `ports`, since lanes settle and workers publish in the same way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from .ports import Clock

GATHER_SECONDS = 0.005
"""How much later a thing may be done than it could be, so that others come along."""

Thing = TypeVar("Thing")
End = TypeVar("End")


@dataclass(slots=True)
class _Batch(Generic[Thing, End]):
    """Things that are done in one go. before: set when those ahead of them are done."""

    before: anyio.Event | None
    things: list[Thing] = field(default_factory=list)
    ends: Sequence[End] = ()
    error: BaseException | None = None
    over: anyio.Event = field(default_factory=anyio.Event)


class Together(Generic[Thing, End]):
    """Hands what its callers bring at about the same time to one function, in their order.

    While one batch is being done the next one gathers. work: one end for each thing, in order; it
    is never called while it runs. most: things of one batch. clock: times the wait for others.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Thing]], Awaitable[Sequence[End]]],
        most: int,
        *,
        clock: Clock,
    ) -> None:
        self._work = work
        self._most = most
        self._clock = clock
        self._open: _Batch[Thing, End] | None = None
        self._last: anyio.Event | None = None

    async def do(self, thing: Thing) -> End:
        """Have it done along with others. Raises: what the work raises, to each of the batch.

        It cannot be cancelled half-way: others share it.
        """
        batch = self._open
        is_first = batch is None
        if batch is None:
            batch = self._open = _Batch(self._last)
            self._last = batch.over
        place = len(batch.things)
        batch.things.append(thing)
        if place + 1 >= self._most:
            self._open = None
        with anyio.CancelScope(shield=True):
            await (self._lead(batch) if is_first else batch.over.wait())
        if batch.error is not None:
            raise batch.error
        return batch.ends[place]

    async def _lead(self, batch: _Batch[Thing, End]) -> None:
        try:
            if batch.before is not None:
                await batch.before.wait()
            await self._clock.sleep(GATHER_SECONDS)
            if self._open is batch:
                self._open = None
            batch.ends = await self._work(batch.things)
        except BaseException as error:  # noqa: BLE001  # raised to each of those who wait
            batch.error = error
        finally:
            batch.before = None
            batch.over.set()
