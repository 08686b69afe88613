"""What a person may do to a run at work: hold lanes up, let them go on, end single tasks.

The disk's trouble closes the gate for all lanes and ends nothing that is under way; a person closes
single lanes, and wants their connections closed. So this stands beside the gate, not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.entities import Lane, Lease

if TYPE_CHECKING:
    from ._lanes import LaneRunner


@dataclass(frozen=True, slots=True)
class LaneNow:
    """A lane at one moment. tasks: at work. streams: in use. allowed: how many may be.

    resting_until: seconds since the epoch, 0 while it does not rest. closed: it has stopped for
    this run, and why.
    """

    tasks: int
    streams: int
    allowed: int
    resting_until: float = 0.0
    closed: str = ""


@dataclass(slots=True)
class Controls:
    """A handle on the lanes of one run; the same object goes to `run_lanes` and to who steers.

    held: lanes that are held up. still: called when all lanes are, and nothing is at work.
    Nothing of it outlives the run, so that no pause holds up the next one.
    """

    held: set[Lane] = field(default_factory=set)
    still: list[Callable[[], None]] = field(default_factory=list)
    _runners: dict[Lane, LaneRunner] = field(default_factory=dict)
    _scopes: defaultdict[Lane, dict[anyio.CancelScope, frozenset[str]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _ended: anyio.Event = field(default_factory=anyio.Event)
    _frozen: int = 0
    _since: float | None = None
    _seconds: float = 0.0

    def join(self, runner: LaneRunner) -> None:
        """From now on this lane is steered, too."""
        self._runners[runner.lane] = runner

    @property
    def lanes(self) -> frozenset[Lane]:
        """The lanes of the run; none before it has begun."""
        return frozenset(self._runners)

    def is_held(self, lane: Lane) -> bool:
        """Whether a lane must not begin anything."""
        return lane in self.held or self._frozen > 0

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile no lane begins anything; what is under way goes on."""
        self._frozen += 1
        try:
            yield
        finally:
            self._frozen -= 1
            self.ring()

    def held_seconds(self, now: float) -> float:
        """For how long all lanes were held up at the same time."""
        return self._seconds + (0.0 if self._since is None else max(0.0, now - self._since))

    async def pause(self, lanes: Collection[Lane], now: float) -> int:
        """Hold lanes up; returns how many of their tasks were at work and have been ended.

        These are cancelled: bytes that came are durable, with a checkpoint, and the claim is given
        back without the loss of an attempt. When it returns, nothing of these lanes is at work.
        """
        chosen = self.lanes & frozenset(lanes)
        self.held |= chosen
        if self._since is None and self.held >= self.lanes:
            self._since = now
        ended = self._cancel({lane: list(self._scopes[lane]) for lane in chosen})
        for lane in chosen:
            self._ring(lane)
        await self._until_ended(chosen, ended)
        if self.held >= self.lanes:
            for quiet in self.still:
                quiet()
        return len(ended)

    def resume(self, lanes: Collection[Lane], now: float) -> frozenset[Lane]:
        """Let lanes go on; returns those that were held up."""
        freed = frozenset(self.held & frozenset(lanes))
        self.held -= freed
        if self._since is not None and not self.held >= self.lanes:
            self._seconds, self._since = self.held_seconds(now), None
        for lane in freed:
            runner = self._runners[lane]
            if runner.growth is not None:
                # How fast it was before says nothing about now.
                runner.growth.break_off(runner.traffic.bytes[lane])
            self._ring(lane)
        return freed

    async def end(self, keys: Collection[str]) -> int:
        """End the tasks of these keys where they are at work, as `pause` does; how many there were.

        What was claimed ahead is given back as well, whatever it is: it is claimed again.
        """
        wanted = frozenset(keys)
        ended = self._cancel(
            {
                lane: [scope for scope, of in scopes.items() if wanted & of]
                for lane, scopes in self._scopes.items()
            }
        )
        for runner in self._runners.values():
            await runner.give_back()
        await self._until_ended(self.lanes, ended)
        return len(ended)

    def ring(self) -> None:
        """The queue has changed: every lane looks again."""
        for lane in self._runners:
            self._ring(lane)

    def look(self, now: float) -> dict[Lane, LaneNow]:
        """How the lanes stand."""
        return {lane: _look(runner, now) for lane, runner in self._runners.items()}

    def _ring(self, lane: Lane) -> None:
        self._runners[lane].board.ring(lane)

    @contextmanager
    def under_way(self, lane: Lane, leases: Sequence[Lease]) -> Iterator[None]:
        """Work on these tasks can be ended here; what ends it goes no further."""
        with anyio.CancelScope() as scope:
            self._scopes[lane][scope] = frozenset(lease.task.key for lease in leases)
            if lane in self.held:
                # It was claimed while the lane was being held up.
                scope.cancel()
            try:
                yield
            finally:
                del self._scopes[lane][scope]
                done, self._ended = self._ended, anyio.Event()
                done.set()

    def _cancel(self, found: dict[Lane, list[anyio.CancelScope]]) -> frozenset[anyio.CancelScope]:
        scopes = frozenset(scope for of_lane in found.values() for scope in of_lane)
        for scope in scopes:
            scope.cancel()
        return scopes

    async def _until_ended(
        self, lanes: Collection[Lane], scopes: Collection[anyio.CancelScope]
    ) -> None:
        while any(scope in self._scopes[lane] for lane in lanes for scope in scopes):
            await self._ended.wait()


def _look(runner: LaneRunner, now: float) -> LaneNow:
    streams = runner.width.now
    if runner.growth is not None:
        streams = min(streams, runner.growth.streams.now)
    return LaneNow(
        tasks=runner.board.working.get(runner.lane, 0),
        streams=runner.busy,
        allowed=1 if runner.alone else streams,
        resting_until=runner.resting_until if runner.resting_until > now else 0.0,
        closed="" if runner.closed is None else runner.closed.failure.detail,
    )
