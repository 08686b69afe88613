"""One lane: claim, perform, settle; rest when told to, and begin again with one alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from civitai_dl.domain.decisions import DOUBTFUL, OUTAGE, Breaker, RetryBudget, Streams
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Failed,
    Failure,
    Kind,
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
from civitai_dl.domain.messages import come_back
from civitai_dl.ports import Clock, Queue, Reporter
from civitai_dl.together import Together

from ._board import Board
from ._controls import Controls
from ._gate import Gate, is_ours
from ._growth import Growth, Traffic, is_theirs
from ._spare import Spare
from ._width import Width

Perform = Callable[[Sequence[Task]], Awaitable[list[Outcome]]]

RELEASE_SECONDS = 5.0
MOST_SETTLED = 128
SAME_REST = 1.0
"""Seconds by which two ends of one rest may differ: each task counts from when it heard of it."""

LOOK_AGAIN = 1.0
"""Seconds after which a lane looks again although nobody rang: work may wait for other work."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """workers: most tasks at once. batch: tasks per request, where they can share one.

    grows: it begins with one task at once, and how many there are follows what each brings. ahead:
    most tasks that are claimed at once, to be begun one by one: small ones need no claim each.
    eases: it begins with so many at once, each that ends well lets in one more, and trouble of the
    far side halves them; 0 for a lane that has its workers whatever comes.
    """

    workers: int = 1
    batch: int = 1
    grows: bool = False
    ahead: int = 1
    eases: int = 0


@dataclass(slots=True)
class LaneRunner:
    """Drives one lane until the run is done or stopped.

    max_wait: seconds it may rest in a row. rested: seconds it has, for outages. alone: only one
    task may be at work, to see whether the trouble is over. traffic: what growth is measured by.
    spare: told of the streams that no task needs. controls: what a person does to the run. full:
    none was free when it last looked. starved: there was no task.
    """

    lane: Lane
    settings: LaneSettings
    queue: Queue
    perform: Perform
    clock: Clock
    reporter: Reporter
    board: Board
    gate: Gate
    max_wait: float
    traffic: Traffic = field(default_factory=Traffic)
    spare: Spare = field(default_factory=Spare)
    controls: Controls = field(default_factory=Controls)
    resting_until: float = 0.0
    rested: float = 0.0
    alone: bool = False
    closed: LaneClosed | None = None
    breaker: Breaker = field(default_factory=Breaker)
    budget: RetryBudget = field(default_factory=RetryBudget)
    width: Width = field(init=False)
    full: bool = False
    starved: bool = False
    growth: Growth | None = None
    claimed: deque[Lease] = field(default_factory=deque)
    settling: Together[tuple[Lease, Outcome], None] = field(init=False)

    def __post_init__(self) -> None:
        self.controls.join(self)
        self.settling = Together(self._settle_all, MOST_SETTLED, clock=self.clock)
        workers, eases = self.settings.workers, self.settings.eases
        self.width = Width(workers, eases, needed=1) if eases else Width(workers, workers)
        if self.settings.grows:
            self.growth = Growth(Streams(self.settings.workers))
        self.spare.listen(
            self.lane, began=self._spare_began, ended=self._spare_ended, left=self._task_left
        )

    def _spare_began(self) -> None:
        if self.growth is not None:
            self.growth.began(self.clock.now())

    def _spare_ended(self, troubled: bool) -> None:  # noqa: FBT001  # as it is called
        self._stream_ended()
        if self.growth is not None and troubled:
            self.growth.met_trouble()
        self.board.ring(self.lane)

    def _task_left(self) -> None:
        """A task needs its stream no more: it is for the next one, or spare where there is none."""
        self._stream_ended()
        if self.full:
            self.board.ring(self.lane)
        elif self.starved:
            self.spare.offer(self.lane, self._allowed() - self.busy)

    def _stream_ended(self) -> None:
        if self.growth is not None:
            self.growth.ended(self.clock.now())

    @property
    def busy(self) -> int:
        """How many streams are in use."""
        return self.board.working.get(self.lane, 0) + self.spare.beside(self.lane)

    async def run(self, group: TaskGroup) -> None:
        """Claim and start work for ever; ends by cancellation only, with nothing claimed."""
        try:
            while True:
                await self.gate.passed()
                bell = self.board.bell(self.lane)
                is_held = self.controls.is_held(self.lane)
                wait = await (self._stand_still() if is_held else self._step(group))
                if wait is None:
                    await bell.wait()
                elif wait > 0:
                    await self._wait(bell, wait)
        finally:
            await self.give_back()

    async def _stand_still(self) -> None:
        """Keep nothing while the lane is held up; without anything to do the run may end."""
        await self.give_back()
        self.spare.offer(self.lane, 0)
        is_done = self.closed is not None or await self.queue.next_due(self.lane) is None
        if is_done and not self.busy:
            self.board.nothing_to_do(self.lane)

    async def give_back(self) -> None:
        """Release what was claimed and not begun."""
        leases = tuple(self.claimed)
        self.claimed.clear()
        if leases:
            with anyio.move_on_after(RELEASE_SECONDS, shield=True):
                await self.queue.release(leases)

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
        # Until there turns out to be no task for them, no stream is spare.
        self.starved = False
        self.spare.offer(self.lane, 0)
        if self.closed is not None:
            await self.give_back()
            self.board.nothing_to_do(self.lane)
            return None
        self.full = self.busy >= self._allowed()
        if self.full:
            # More may be allowed although nothing has ended.
            return None if self.growth is None else LOOK_AGAIN
        rest = self.resting_until - self.clock.now()
        if rest > 0:
            return rest
        leases = await self._claim()
        if leases:
            self.board.started(self.lane)
            if self.growth is not None:
                self.growth.began(self.clock.now())
            group.start_soon(self._one, leases)
            return 0.0
        return await self._nothing()

    async def _claim(self) -> tuple[Lease, ...]:
        """What is to be begun next as one piece of work; nothing when nothing is due."""
        if self.claimed:
            return (self.claimed.popleft(),)
        settings = self.settings
        leases = await self.queue.claim(self.lane, most=settings.batch, ahead=settings.ahead)
        if settings.ahead == 1:
            return leases
        self.claimed.extend(leases[1:])
        return leases[:1]

    def _allowed(self) -> int:
        """How many tasks may be at work now."""
        allowed = self.width.now
        if self.growth is not None:
            received = self.traffic.bytes[self.lane]
            allowed = min(allowed, self.growth.look(self.clock.now(), received))
        return 1 if self.alone else allowed

    async def _nothing(self) -> float | None:
        due = await self.queue.next_due(self.lane)
        self.starved = True
        self.spare.offer(self.lane, self._allowed() - self.busy)
        busy = self.board.working.get(self.lane, 0) + self.spare.at_work[self.lane]
        if due is None:
            if busy == 0:
                self.board.nothing_to_do(self.lane)
            # More may be spare although nothing has happened.
            return LOOK_AGAIN if self.growth is not None and busy else None
        return max(due - self.clock.now(), 0.0) or LOOK_AGAIN

    async def _one(self, leases: tuple[Lease, ...]) -> None:
        found = True
        try:
            with self.controls.under_way(self.lane, leases):
                try:
                    outcomes = await self.perform([lease.task for lease in leases])
                except BaseException:
                    # A bug, a broken disk, or we are being stopped: give it back, then let it rise.
                    with anyio.move_on_after(RELEASE_SECONDS, shield=True):
                        await self.queue.release(leases)
                    raise
                # Without a time limit: the database always answers, and a machine that slept in
                # between must not take the wait for a failure.
                with anyio.CancelScope(shield=True):
                    await self._settle(leases, outcomes)
                found = leases[0].task.kind not in (Kind.FILE, Kind.IMAGE, Kind.DRESS)
        finally:
            if not self.spare.has_left(self.lane, leases[0].task.key):
                self._stream_ended()
            self.board.ended(self.lane, found=found)

    async def _settle(self, leases: tuple[Lease, ...], outcomes: list[Outcome]) -> None:
        self.budget = self.budget.asked(self.clock.now())
        judged = self._afford(self._heed(leases, outcomes))
        ends = list(zip(leases, judged, strict=True))
        if len(ends) == 1 and not isinstance(judged[0], Expanded):
            await self.settling.do(ends[0])
            self.reporter.emit(TaskSettled(leases[0].task, judged[0]))
            return
        added = await self.queue.settle(ends)
        for lease, outcome in zip(leases, judged, strict=True):
            if isinstance(outcome, Expanded):
                for text in outcome.notices:
                    self.reporter.emit(Notice("warning", text))
            self.reporter.emit(TaskSettled(lease.task, outcome))
        if any(isinstance(outcome, Expanded) for outcome in judged):
            self.reporter.emit(PageExpanded(leases[0].task, added.new, added.known))

    async def _settle_all(self, ends: Sequence[tuple[Lease, Outcome]]) -> list[None]:
        await self.queue.settle(ends)
        return [None] * len(ends)

    def _heed(self, leases: tuple[Lease, ...], outcomes: list[Outcome]) -> list[Outcome]:
        """What the outcomes of one piece of work say about the lane; it is one request's worth."""
        task, first = leases[0].task, outcomes[0]
        if is_theirs(first):
            self._heed_far_side()
        if isinstance(first, (Deferred, Failed)) and is_ours(first.failure):
            # Our own disk and handles say nothing about the service.
            self._heed_machine(first)
        elif isinstance(first, LaneClosed):
            self._close(first)
        elif isinstance(first, Deferred) and first.pause is not None:
            self._heed_pause(task, first)
        elif isinstance(first, Failed) and first.failure.trouble is Trouble.THROTTLED:
            # It waited as long as anybody wants to. When several did, the rest would fare no
            # better, and the service is left alone.
            text = f"{task.label}: waited as long as one thing may; the others go on"
            self.reporter.emit(Notice("alert", text))
            self.breaker = self.breaker.failed(task.key)
            if self.breaker.rest > 0 and self.breaker.is_lanes:
                self._close(LaneClosed(first.failure, self.clock.now()))
        elif isinstance(first, (Deferred, Failed)) and self._is_outage(first.failure):
            return self._heed_outage(task, first.failure, outcomes)
        else:
            self.alone = False
            self.rested = 0.0
            self.breaker = self.breaker.succeeded()
            self.width = self.width.succeeded()
        return outcomes

    def _afford(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Tries again for trouble of the way wait until they are paid for; they do not fail."""
        first = outcomes[0]
        if not (isinstance(first, Deferred) and first.counts) or first.progress:
            return outcomes
        if first.failure.trouble is not Trouble.TRANSIENT:
            return outcomes
        self.budget, wait = self.budget.spend()
        earliest = self.clock.now() + wait
        return [
            replace(one, until=max(one.until, earliest)) if isinstance(one, Deferred) else one
            for one in outcomes
        ]

    def _is_outage(self, failure: Failure) -> bool:
        """Whether a failure speaks of the service or the way to it, not of one thing.

        Images come by the thousand from one server, so that what is doubtful for one is soon clear.
        """
        doubtful = DOUBTFUL if self.lane is Lane.IMAGES else frozenset()
        return failure.trouble is Trouble.TRANSIENT and failure.status in OUTAGE | doubtful

    def _heed_far_side(self) -> None:
        if self.growth is not None:
            self.growth.met_trouble()
        if self.settings.eases:
            self.width = self.width.narrowed()

    def _heed_machine(self, first: Deferred | Failed) -> None:
        if isinstance(first, Deferred) and first.halt:
            self.gate.shut(first.failure)
        if first.failure.trouble is Trouble.HANDLES:
            self.width = self.width.narrowed()

    def _heed_pause(self, task: Task, first: Deferred) -> None:
        """Rest as asked; when many together have rested longer than anybody waits, close."""
        assert first.pause is not None
        self.breaker = self.breaker.failed(task.key)
        if self.resting_until <= self.clock.now():
            self.rested += first.pause
        if self.rested > self.max_wait and self.breaker.is_lanes:
            self._close(LaneClosed(first.failure, first.until))
        else:
            self._rest(first.pause, first.failure.detail)

    def _heed_outage(self, task: Task, failure: Failure, outcomes: list[Outcome]) -> list[Outcome]:
        """An outage is not the tasks' fault: they wait, and use no attempt.

        When it lasts longer than anybody wants to wait, the lane closes; a task that is alone with
        its trouble is given up.
        """
        self.breaker = self.breaker.failed(task.key)
        rest = self.breaker.rest
        if rest <= 0 or (failure.status in DOUBTFUL and not self.breaker.is_lanes):
            return outcomes
        if self.resting_until > self.clock.now():
            # It was on its way when the rest began: the same trouble, not more of it.
            return [Deferred(self.resting_until, failure, counts=False) for _ in outcomes]
        until = self.clock.now() + rest
        waited = max(task.waited, self.rested)
        if waited + rest > self.max_wait and not self.breaker.is_lanes:
            self.alone = False
            text = f"{task.label}: waited as long as one thing may; the others go on"
            self.reporter.emit(Notice("alert", text))
            return [Failed(failure) for _ in outcomes]
        if waited + rest > self.max_wait:
            self._close(LaneClosed(failure, until))
        else:
            self.rested += rest
            self._rest(rest, failure.detail)
            self.breaker = self.breaker.rested()
        return [Deferred(until, failure, counts=False) for _ in outcomes]

    def _rest(self, seconds: float, reason: str) -> None:
        until = self.clock.now() + seconds
        self.alone = True
        if until > self.resting_until + SAME_REST:
            self.resting_until = until
            self.reporter.emit(LanePaused(self.lane, seconds, reason))

    def _close(self, closed: LaneClosed) -> None:
        if self.closed is None:
            self.closed = closed
            self.reporter.emit(
                Notice("alert", f"{closed.failure.detail}; {come_back(closed.until)}")
            )
