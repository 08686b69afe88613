"""One pace for each lane and host, learned as the run goes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.decisions import QUOTA_WAIT, LearnedRate
from civitai_dl.domain.entities import PacedLane, Trouble
from civitai_dl.errors import SourceError, Throttled, Unavailable

if TYPE_CHECKING:
    from civitai_dl.domain.decisions import Known
    from civitai_dl.pacing import RateBook
    from civitai_dl.ports import Clock

OVERSLEPT = 1.0
"""Seconds that a turn may come late and still be made up for; beyond it, time went by unused."""

PATIENCE = 1.0
"""Seconds of a pause that are waited for here; a longer one is told to who asks."""

NOTE_SECONDS = 60.0
"""Seconds between two notes of what was learned."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The user's caps, requests per second: to the Model API, the Image API, and for links.

    0 is no cap. Storage and CDN have none: they have shown no limit (observed).
    """

    model: float = 0.5
    image: float = 2.0
    resolve: float = 10.0

    def cap(self, lane: PacedLane) -> float:
        """The cap of a lane."""
        caps = {"api.model": self.model, "api.image": self.image, "api.resolve": self.resolve}
        return caps.get(lane.name, 0.0)


@dataclass(slots=True)
class _Line:
    """Who waits for the turns of one lane. canary: set when the one that tries has its answer.

    admitted: requests that went well and are not in the rate yet.
    """

    rate: LearnedRate
    door: anyio.Lock = field(default_factory=anyio.Lock)
    canary: anyio.Event | None = None
    admitted: int = 0
    trouble: Trouble = Trouble.THROTTLED

    @property
    def is_free(self) -> bool:
        """Whether nobody stands in line, and nobody tries alone."""
        return self.canary is None and not self.door.locked()

    def settle(self) -> None:
        """Let the rate know of what was only counted."""
        self.rate, self.admitted = self.rate.counted(self.admitted), 0


class LaneTurn:
    """See pacing.Turn."""

    def __init__(self, line: _Line, pacer: LanePacer, sent_at: float) -> None:
        self._line, self._pacer, self._sent_at = line, pacer, sent_at
        self._canary = line.canary

    def heard(
        self, trouble: Trouble | None, *, status: int = 0, asked: float | None = None
    ) -> float | None:
        """See pacing.Turn."""
        line, now = self._line, self._pacer.clock.now()
        if trouble is None and line.rate.is_carefree(now):
            line.admitted += 1
            return None
        line.settle()
        if trouble is None:
            line.rate = line.rate.went_well(self._sent_at, now)
            self.over()
            return None
        if trouble not in (Trouble.THROTTLED, Trouble.QUOTA, Trouble.BLOCKED):
            line.rate = line.rate.failed(self._sent_at, now, status)
            line.trouble = Trouble.TRANSIENT
            self.over()
            return asked
        whole_lanes = trouble is not Trouble.THROTTLED
        if trouble is Trouble.QUOTA and asked is None:
            asked = QUOTA_WAIT
        line.rate = line.rate.refused(
            self._sent_at,
            now,
            asked=asked,
            measures=status == 429 and not whole_lanes,
            most=inf if whole_lanes else self._pacer.max_wait,
        )
        line.trouble = trouble
        self.over()
        return max(asked or 0.0, line.rate.rest(now))

    def over(self) -> None:
        """Let the next one go, when this was the one that tried. Safe to repeat."""
        if self._canary is not None and self._line.canary is self._canary:
            self._line.canary = None
            self._canary.set()


class Place(AbstractAsyncContextManager["LaneTurn"]):
    """A place in a lane's line, given up at the end. See pacing.Pacer.turn."""

    def __init__(self, pacer: LanePacer, lane: PacedLane) -> None:
        self._pacer, self._lane = pacer, lane

    async def __aenter__(self) -> LaneTurn:
        """Wait for the turn."""
        self._turn = await self._pacer.take(self._lane)
        return self._turn

    async def __aexit__(self, *_error: object) -> None:
        """Let the next one go."""
        self._turn.over()


class LanePacer:
    """See pacing.Pacer. max_wait: the longest pause, in seconds, that one refusal may impose."""

    def __init__(
        self,
        rates: Rates,
        clock: Clock,
        *,
        max_wait: float = 300.0,
        known: Mapping[PacedLane, Known] | None = None,
    ) -> None:
        self.clock = clock
        self.max_wait = max_wait
        self._rates = rates
        self._known = dict(known or {})
        self._lines: dict[PacedLane, _Line] = {}

    def turn(self, lane: PacedLane) -> Place:
        """See pacing.Pacer."""
        return Place(self, lane)

    def known(self) -> dict[PacedLane, Known]:
        """What was learned of each lane, by this run or before it."""
        found = {lane: line.rate.known() for lane, line in self._lines.items()}
        return {lane: known for lane, known in found.items() if known is not None}

    async def keep(self, book: RateBook) -> None:
        """Note what was learned, once a minute, for ever. Raises: what the book raises."""
        noted = self.known()
        while True:
            await self.clock.sleep(NOTE_SECONDS)
            known = self.known()
            changed = {lane: one for lane, one in known.items() if noted.get(lane) != one}
            if changed:
                await book.note(changed)
            noted = known

    def _line(self, lane: PacedLane) -> _Line:
        line = self._lines.get(lane)
        if line is None:
            known = self._known.get(lane)
            rate = LearnedRate.begin(self._rates.cap(lane), known, now=self.clock.now())
            line = self._lines[lane] = _Line(rate)
        return line

    async def take(self, lane: PacedLane) -> LaneTurn:
        """Stand in line.

        One waits for a time to come, the others for that one: had each a time of its own, all of
        these would be past after a suspend, and everybody would go at once.
        """
        line, now = self._line(lane), self.clock.now()
        if line.is_free and line.rate.is_carefree(now):
            return LaneTurn(line, self, now)
        line.settle()
        if line.is_free and line.rate.is_due(now):
            return self._go(line, now, waited=False)
        async with line.door:
            due, waited = await self._due(line, lane)
            return self._go(line, due, waited=waited)

    def _go(self, line: _Line, due: float, *, waited: bool) -> LaneTurn:
        now = self.clock.now()
        # A place that came a little late is made up for; in a suspend nothing is saved up.
        line.rate = line.rate.sent(now if now - due > OVERSLEPT else due, waited=waited)
        if line.rate.trial:
            line.canary = anyio.Event()
        return LaneTurn(line, self, now)

    async def _due(self, line: _Line, lane: PacedLane) -> tuple[float, bool]:
        """Wait for the pace and for pauses; the moment that was waited for, and whether it was."""
        waited = line.door.statistics().tasks_waiting > 0
        while True:
            await self._open(line, lane)
            now = self.clock.now()
            due = max(now, line.rate.free_at)
            if due <= now:
                return due, waited
            waited = True
            await self.clock.sleep(due - now)
            if line.canary is None and line.rate.rest(self.clock.now()) <= 0:
                return due, waited

    async def _open(self, line: _Line, lane: PacedLane) -> None:
        """Wait until the lane is open, or has nobody who tries whether it is. Raises: as `turn`."""
        while True:
            if line.canary is not None:
                await line.canary.wait()
            rest = line.rate.rest(self.clock.now())
            if rest > PATIENCE:
                raise _resting(lane, line, rest)
            if rest <= 0 and line.canary is None:
                return
            await self.clock.sleep(rest)


def _resting(lane: PacedLane, line: _Line, rest: float) -> SourceError:
    if line.trouble is Trouble.TRANSIENT:
        return Unavailable(f"{lane.name} of {lane.host} does not answer", retry_after=rest)
    return Throttled(
        f"{lane.name} of {lane.host} rests, as it was asked to",
        quota=line.trouble is Trouble.QUOTA,
        blocked=line.trouble is Trouble.BLOCKED,
        status=429,
        retry_after=rest,
    )
