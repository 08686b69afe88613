"""The arithmetic of a steady pace: when the next request may go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `rate` requests (or bytes) per second, evenly spaced; 0 means no limit.

    free_at: seconds since the epoch from which the next request may go.
    """

    rate: float
    free_at: float = 0.0

    def reserve(self, now: float, amount: float = 1.0) -> tuple[Pace, float]:
        """Take the next place: the pace after it, and the seconds to wait for it."""
        if self.rate <= 0:
            return self, 0.0
        start = max(now, self.free_at)
        return Pace(self.rate, start + amount / self.rate), start - now


def slow_start(cap: float, *, first: float, elapsed: float) -> float:
    """A rate that doubles every second from `first` to `cap`; a cap of 0 is no limit.

    elapsed: seconds since the first request.
    """
    if cap <= 0:
        return 0.0
    if elapsed >= 64:
        return cap
    rising: float = first * 2.0 ** max(0.0, elapsed)
    return min(cap, rising)
