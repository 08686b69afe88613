"""How many transfers of a lane at once: more while each is as fast as few were, fewer in trouble.

No count of connections is right everywhere. Where the far side gives each connection so much and
no more, many are faster than few; where the line is the limit, a second one brings nothing but a
smaller share for each. What tells the two apart is how fast one transfer is, compared with how
fast it was when there were few.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

FEW = 4
"""So many at once do not yet disturb each other: what each brings then is the measure."""

FLAT = 1.4
SLOWER = 2.0
"""How many times slower each may be than with few: up to FLAT more are tried, above SLOWER there
are too many. Between them lie 1.4 to 2 times as many as fill the line."""

GROWTH = 1.25
DECAY = 0.85
"""By what they are multiplied; a few are doubled."""

TROUBLE = 0.2
"""The share of transfers that failed or were turned away, above which half of them rest."""

STEP = 2
"""By how many they climb back after trouble, until they are as many as before."""

MEASURE_SECONDS = 300.0
"""So long a measure is good."""

BUSY = 0.8
"""The share of the streams that must have been at work for their speed to say something."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a lane did in a while.

    received: bytes. busy: seconds, of all its transfers together. seconds: how long it was.
    ended: transfers that came to an end of any kind; troubled: those of them that failed for the
    far side's sake.
    """

    received: int
    busy: float
    seconds: float
    ended: int = 0
    troubled: int = 0


@dataclass(frozen=True, slots=True)
class Streams:
    """How many transfers are at work at once, and why; begins with one.

    most: never more. alone: bytes per second that one transfer brought while there were few, 0 when
    that is not known. measured_at: when. before: how many there were before trouble.
    """

    most: int
    now: int = 1
    alone: float = 0.0
    measured_at: float = 0.0
    before: int = 0

    def heard(self, window: Window, at: float) -> Streams:
        """How many from now on; at: seconds since the epoch."""
        if window.ended and window.troubled / window.ended > TROUBLE:
            return self._halved()
        if window.busy <= 0 or window.received <= 0:
            return self
        each = window.received / window.busy
        measured = self._measured(each, at)
        if window.busy < BUSY * self.now * window.seconds:
            # There was not work enough for all of them.
            return measured
        if self.now < self.before:
            return replace(measured, now=min(self.before, self.most, self.now + STEP))
        return replace(measured, now=measured.moved(each), before=0)

    def _halved(self) -> Streams:
        return replace(self, now=max(1, self.now // 2), before=max(self.before, self.now))

    def _measured(self, each: float, at: float) -> Streams:
        """Take the speed of one for the measure while there are few.

        A measure that is old is given up for a lower one, for the line may be another by now.
        """
        if self.alone > 0 and self.now > FEW:
            return self
        if each > self.alone or at - self.measured_at >= MEASURE_SECONDS:
            return replace(self, alone=each, measured_at=at)
        return self

    def moved(self, each: float) -> int:
        """How many there should be, when each of those now at work brings so much a second."""
        slower = self.alone / each
        if slower <= FLAT:
            more = 2 * self.now if self.now < FEW else ceil(self.now * GROWTH)
            return min(self.most, more)
        if slower > SLOWER:
            return max(1, int(self.now * DECAY))
        return self.now
