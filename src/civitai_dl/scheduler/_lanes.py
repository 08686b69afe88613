"""One lane: claim, perform, settle; rest when told to, and begin again with one alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from civitai_dl.domain.decisions import OUTAGE, Breaker
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Lane,
    LaneClosed,
    LanePaused,
    Lease,
    Notice,
    Outcome,
    PageExpanded,
    Task,
    TaskSettled,
    Trouble,
)
from civitai_dl.ports import Clock, Queue, Reporter

from ._board import Board

Perform = Callable[[Sequence[Task]], Awaitable[list[Outcome]]]

RELEASE_SECONDS = 5.0
SETTLE_SECONDS = 30.0
LOOK_AGAIN = 1.0
"""Seconds after which a lane looks again although nobody rang: work may wait for other work."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """workers: tasks at once. batch: tasks per request, where they can share one."""

    workers: int = 1
    batch: int = 1


@dataclass(slots=True)
class LaneRunner:
    """Drives one lane until the run is done or stopped. max_wait: seconds it may rest in a row."""

    lane: Lane
    settings: LaneSettings
    queue: Queue
    perform: Perform
    clock: Clock
    reporter: Reporter
    board: Board
    max_wait: float
    resting_until: float = 0.0
    alone: bool = False
    closed: LaneClosed | None = None
    breaker: Breaker = field(default_factory=Breaker)

    async def run(self, group: TaskGroup) -> None:
        """Claim and start work for ever; ends by cancellation only."""
        while True:
            bell = self.board.bell
            wait = await self._step(group)
            if wait is None:
                await bell.wait()
            elif wait > 0:
                await self._wait(bell, wait)

    async def _wait(self, bell: anyio.Event, seconds: float) -> None:
        async def sleep(scope: anyio.CancelScope) -> None:
            await self.clock.sleep(seconds)
            scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(sleep, group.cancel_scope)
            await bell.wait()
            group.cancel_scope.cancel()

    async def _step(self, group: TaskGroup) -> float | None:
        """Start one piece of work. Returns seconds to wait, None to wait for the bell."""
        if self.closed is not None:
            self.board.nothing_to_do(self.lane)
            return None
        busy = self.board.working.get(self.lane, 0)
        if busy >= (1 if self.alone else self.settings.workers):
            return None
        rest = self.resting_until - self.clock.now()
        if rest > 0:
            return rest
        leases = await self.queue.claim(self.lane, most=self.settings.batch)
        if leases:
            self.board.started(self.lane)
            group.start_soon(self._one, leases)
            return 0.0
        return await self._nothing(busy)

    async def _nothing(self, busy: int) -> float | None:
        due = await self.queue.next_due(self.lane)
        if due is None:
            if busy == 0:
                self.board.nothing_to_do(self.lane)
            return None
        return max(due - self.clock.now(), 0.0) or LOOK_AGAIN

    async def _one(self, leases: tuple[Lease, ...]) -> None:
        try:
            try:
                outcomes = await self.perform([lease.task for lease in leases])
            except BaseException:
                # A bug, a broken disk, or we are being stopped: give it back, then let it rise.
                with anyio.move_on_after(RELEASE_SECONDS, shield=True):
                    await self.queue.release(leases)
                raise
            with anyio.fail_after(SETTLE_SECONDS, shield=True):
                await self._settle(leases, outcomes)
        finally:
            self.board.ended(self.lane)

    async def _settle(self, leases: tuple[Lease, ...], outcomes: list[Outcome]) -> None:
        judged = [self._heed(outcome) for outcome in outcomes]
        added = await self.queue.settle(list(zip(leases, judged, strict=True)))
        for lease, outcome in zip(leases, judged, strict=True):
            if isinstance(outcome, Expanded):
                for text in outcome.notices:
                    self.reporter.emit(Notice("warning", text))
            self.reporter.emit(TaskSettled(lease.task, outcome))
        if any(isinstance(outcome, Expanded) for outcome in judged):
            self.reporter.emit(PageExpanded(leases[0].task, added.new, added.known))

    def _heed(self, outcome: Outcome) -> Outcome:
        """What an outcome says about the lane; an outage is not the task's fault."""
        if isinstance(outcome, LaneClosed):
            self._close(outcome)
            return outcome
        if not isinstance(outcome, Deferred):
            self.alone = False
            self.breaker = self.breaker.succeeded()
            return outcome
        if outcome.pause is not None:
            self._rest(outcome.pause, outcome.failure.detail)
            return outcome
        failure = outcome.failure
        if failure.trouble is not Trouble.TRANSIENT or failure.status not in OUTAGE:
            self.alone = False
            return outcome
        return self._heed_outage(outcome)

    def _heed_outage(self, outcome: Deferred) -> Outcome:
        self.breaker = self.breaker.failed()
        rest = self.breaker.rest
        if rest <= 0:
            return outcome
        if self.breaker.rested + rest > self.max_wait:
            until = self.clock.now() + rest
            self._close(LaneClosed(outcome.failure, until))
        else:
            self._rest(rest, outcome.failure.detail)
            self.breaker = self.breaker.rested_for(rest)
        return replace(outcome, until=self.clock.now() + rest, counts=False)

    def _rest(self, seconds: float, reason: str) -> None:
        until = self.clock.now() + seconds
        self.alone = True
        if until > self.resting_until:
            self.resting_until = until
            self.reporter.emit(LanePaused(self.lane, seconds, reason))

    def _close(self, closed: LaneClosed) -> None:
        if self.closed is None:
            self.closed = closed
            self.reporter.emit(Notice("alert", closed.failure.detail))
