"""Whether short steps of a disk are taken on the spot, or by a thread."""

from __future__ import annotations

from dataclasses import dataclass

SLOW_SECONDS = 0.02
"""What one short step may take before whoever else shares the loop would feel it."""

PAID = 0.03
"""The share of all time for which slow steps may hold the others up."""

MOST_OWED = 0.1
"""Seconds for which slow steps may have held the others up before threads take them."""

TURN_SECONDS = 0.005
"""What steps on the spot may take together before everybody else has had a turn."""

MOST_ON_THE_SPOT = 1 << 20
"""Bytes of a step that takes about a millisecond: to write and to digest."""


@dataclass(frozen=True, slots=True)
class Promptness:
    """How long slow steps have held everybody up; moments and spans are seconds of a steady clock.

    owed: for how long, less the share of time that they may, at a moment. One slow step may be the
    machine's fault; a disk that is slow as a rule is soon left to threads, and one that hung for a
    second for half a minute.
    """

    owed: float = 0.0
    moment: float = 0.0

    def may_stay(self, now: float, *, size: int, spent: float) -> bool:
        """Whether a step that handles so many bytes is taken on the spot.

        spent: seconds that such steps have taken in this turn of the loop.
        """
        if size > MOST_ON_THE_SPOT or spent >= TURN_SECONDS:
            return False
        return not self.owed or self._still_owed(now) < MOST_OWED

    def took(self, now: float, seconds: float) -> Promptness:
        """What is known after a step on the spot, which took so long and ended now."""
        if seconds < SLOW_SECONDS:
            return self
        return Promptness(self._still_owed(now) + seconds, now)

    def _still_owed(self, now: float) -> float:
        return max(0.0, self.owed - (now - self.moment) * PAID)
