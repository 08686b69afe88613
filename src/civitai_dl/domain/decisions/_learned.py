"""How often a service may be asked, learned from what it admits and what it refuses.

Nobody tells the limits, and there are several kinds of them: buckets that refill, windows that
begin anew, windows that slide. All of them have in common that from one refusal to the next they
admit what they admit: counted over the work and the pause together, that is the rate. See ADR 0018.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from ._breaker import OUTAGE, TRIP, rest_number
from ._pace import slow_start

FIRST_RATE = 2.0
"""Requests per second with which a lane begins of which nothing is known; doubling each second."""

CUT = 0.97
"""What is left of the rate after a refusal, at most."""

MARGIN = 0.99
"""Of what was admitted, how much is asked for from then on."""

FEWEST = 20
SHORTEST_SPAN = 10.0
"""Requests, and seconds, from which a rate can be told; fewer say more about chance."""

FIRST_HOLD = 30.0
LONGEST_HOLD = 3600.0
"""Seconds without a refusal before a little more is tried; doubled each time that was refused."""

GROW_SECONDS = 15.0
GROWTH = 1.01
SEARCH = 1.04
"""How much more is tried each time: little where the limit was met while growing, else more."""

IDLE = 60.0
"""Seconds without a request after which earlier ones say nothing about the limit any more."""

CAREFREE_SECONDS = 1.0
"""Seconds for which a lane that is refused nothing is not looked at again."""

LEAST_RATE = 0.01
KEPT = 7 * 86_400.0
"""Seconds for which a learned rate is believed by later runs."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a lane between runs; the rate is inf where nothing was refused."""

    rate: float
    hold: float
    paused_until: float
    learned_at: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of work and pauses at one rate: since when, what was admitted, what had to wait."""

    since: float
    admitted: int = 0
    waited: int = 0


@dataclass(frozen=True, slots=True)
class LearnedRate:
    """One lane; moments are seconds since the epoch, rates requests per second.

    cap: the user's rate, 0 for none. rate: what is believed to be admitted, inf while nothing was
    refused. begun: the first request. free_at: when the next may go. paused_at, paused_until: the
    last pause. pauses: how many in a row. outages: answers, or none, that spoke of a service that
    is down, in a row. trial: after a pause only one request may go, until it is
    answered. measures: the pause was for too many requests. told: its end was told by the far side.
    span, before: what is being measured. grown: the rate grew since the last refusal.
    """

    cap: float = 0.0
    rate: float = inf
    begun: float | None = None
    free_at: float = 0.0
    last: float = 0.0
    paused_at: float = 0.0
    paused_until: float = 0.0
    refused_at: float = 0.0
    refused_rate: float = inf
    pauses: int = 0
    outages: int = 0
    trial: bool = False
    measures: bool = False
    told: bool = False
    span: Span = Span(0.0)
    before: Span | None = None
    hold: float = FIRST_HOLD
    clean_since: float = 0.0
    grown: bool = False
    searching: bool = True
    learned_at: float = 0.0

    @classmethod
    def begin(cls, cap: float, known: Known | None, *, now: float) -> LearnedRate:
        """A lane at the start of a run; a pause of an earlier run is tried with one request."""
        if known is None:
            return cls(cap)
        trial = known.paused_until > now
        # A moment far ahead was noted by a clock that was wrong.
        if not -60.0 <= now - known.learned_at <= KEPT:
            return cls(cap, trial=trial)
        return cls(
            cap,
            rate=max(LEAST_RATE, known.rate),
            hold=min(max(known.hold, FIRST_HOLD), LONGEST_HOLD),
            clean_since=now,
            trial=trial,
            learned_at=known.learned_at,
        )

    def known(self) -> Known | None:
        """What a later run should know; None where nothing was refused."""
        if self.rate == inf and self.paused_until <= 0:
            return None
        return Known(self.rate, self.hold, self.paused_until, self.learned_at)

    def rate_at(self, now: float) -> float:
        """Requests per second at a moment, 0 for no limit."""
        if self.rate < inf:
            return self.rate if self.cap <= 0 else min(self.rate, self.cap)
        elapsed = 0.0 if self.begun is None else now - self.begun
        return slow_start(self.cap, first=FIRST_RATE, elapsed=elapsed)

    def rest(self, now: float) -> float:
        """Seconds for which the lane is paused."""
        return max(0.0, self.paused_until - now)

    def is_due(self, now: float) -> bool:
        """Whether a request may go at once."""
        return self.free_at <= now and self.paused_until <= now

    def is_carefree(self, now: float) -> bool:
        """Whether requests need only be counted: no cap, nothing refused, and one went lately."""
        is_free = self.cap <= 0 and self.rate == inf and not self.trial and not self.outages
        return is_free and self.paused_until <= now and now - self.last <= CAREFREE_SECONDS

    def counted(self, admitted: int) -> LearnedRate:
        """After requests that needed only be counted, the last of them a moment ago."""
        if not admitted:
            return self
        return replace(self, span=replace(self.span, admitted=self.span.admitted + admitted))

    def sent(self, at: float, *, waited: bool) -> LearnedRate:
        """A request goes; waited: it had to wait for its turn."""
        began = self.begun is None
        idle = not began and at - max(self.last, self.paused_until) > IDLE
        lane = self
        if began or idle:
            lane = replace(self, begun=at if began else self.begun, span=Span(at), before=None)
        elif waited:
            lane = self.grow(at)
        rate = lane.rate_at(at)
        free_at = max(at, lane.free_at) + 1.0 / rate if rate > 0 else at
        span = lane.span
        if waited:
            span = replace(span, waited=span.waited + 1)
        return replace(lane, last=at, free_at=free_at, span=span)

    def grow(self, at: float) -> LearnedRate:
        """A little more, where a lane that wants more has long been refused nothing."""
        clean = at - self.clean_since
        if self.rate == inf or self.trial or clean < self.hold or self.rate_at(at) >= self.cap > 0:
            return self
        rate = self.rate * (SEARCH if self.searching else GROWTH)
        # The next step comes GROW_SECONDS later, without another hold.
        lane = replace(self, rate=rate, grown=True, clean_since=at - self.hold + GROW_SECONDS)
        if at - self.span.since >= IDLE:
            # What was admitted at a lower rate must not pull down what is measured next.
            lane = replace(lane, before=self.span, span=Span(at))
        return lane

    def went_well(self, sent_at: float, at: float) -> LearnedRate:
        """A request that was sent then was admitted; the first one after a pause ends it."""
        span = replace(self.span, admitted=self.span.admitted + 1)
        lane = replace(self, span=span, outages=0)
        if not self.trial or sent_at < self.paused_until:
            return lane
        return lane.resumed(sent_at, at)

    def resumed(self, sent_at: float, at: float) -> LearnedRate:
        """The pause is over: a request that was sent then was admitted."""
        lane = replace(self, trial=False, pauses=0, clean_since=at, free_at=max(at, self.free_at))
        if not self.measures:
            return lane
        opened = sent_at
        if not self.told and self.pauses > 1:
            # It was open again some time between the last two looks.
            opened = (self.refused_at + sent_at) / 2.0
        rate, measured = self.measured(opened)
        return replace(
            lane,
            rate=max(LEAST_RATE, rate),
            span=Span(opened) if measured else lane.span,
            before=None if measured else lane.before,
            hold=min(LONGEST_HOLD, self.hold * 2.0) if self.grown else self.hold,
            searching=self.searching and not self.grown,
            grown=False,
            measures=False,
            learned_at=at,
        )

    def measured(self, opened: float) -> tuple[float, bool]:
        """The rate after a pause that ended then, and whether enough came to measure it."""
        spans = [span for span in (self.before, self.span) if span is not None]
        since = min(span.since for span in spans)
        admitted = sum(span.admitted for span in spans)
        waited = sum(span.waited for span in spans)
        # A lane that grew had been refused nothing at a lower rate: then a pause is a price, and
        # not a part of the measure.
        until = self.refused_at if self.grown else opened
        rate = self.refused_rate * CUT
        enough = admitted >= FEWEST and until - since >= SHORTEST_SPAN
        if enough and (2 * waited >= admitted or self.refused_rate == inf):
            rate = min(rate, MARGIN * admitted / (until - since))
        if rate == inf and admitted > 1:
            rate = CUT * admitted / max(0.1, self.paused_at - since)
        return rate, enough

    def failed(self, sent_at: float, at: float, status: int) -> LearnedRate:
        """A request that was sent then brought no answer, or one that is no refusal.

        Where that speaks of the service, the third in a row pauses the lane, and each that tries
        after a pause.
        """
        if status not in OUTAGE:
            return self
        lane = replace(self, outages=self.outages + 1)
        if lane.outages < TRIP and not self.pauses:
            return lane
        return lane.refused(sent_at, at, asked=None, measures=False, most=0.0)

    def refused(
        self, sent_at: float, at: float, *, asked: float | None, measures: bool, most: float
    ) -> LearnedRate:
        """A request that was sent then was refused for a while.

        asked: the seconds that the far side wants, None when it does not say; more than `most` is
        not what a whole lane waits for. measures: it was one too many (429), not a service that is
        busy. What was on its way when the pause began tells nothing new.
        """
        wish = asked if asked is not None and asked <= most else None
        if 0 < self.paused_at >= sent_at:
            if wish is None or at >= self.paused_until:
                return self
            return replace(self, paused_until=max(self.paused_until, at + wish))
        pause = rest_number(self.pauses) if wish is None else max(wish, 1.0)
        first = self.pauses == 0
        return replace(
            self,
            paused_at=at,
            paused_until=at + pause,
            pauses=self.pauses + 1,
            refused_at=sent_at,
            refused_rate=(self.rate_at(sent_at) or inf) if first else self.refused_rate,
            trial=True,
            measures=measures or (self.measures and not first),
            told=wish is not None,
        )
