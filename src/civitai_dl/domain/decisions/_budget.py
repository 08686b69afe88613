"""How many tries again a lane may make, so that trouble is not answered with more requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

SHARE = 0.1
"""Tries again that each request pays for."""

MOST = 10.0
"""Tries again that may come at once, and in each minute in which there is little else to do."""

PER_SECOND = MOST / 60.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """left: tries again that are paid for; below 0: promised to those who wait for their turn.

    at: seconds since the epoch when it was counted last.
    """

    left: float = MOST
    at: float | None = None

    def asked(self, now: float) -> RetryBudget:
        """A request was made; it pays for a part of a try again."""
        passed = 0.0 if self.at is None else max(0.0, now - self.at)
        left = min(MOST, self.left + SHARE + passed * PER_SECOND)
        return RetryBudget(left, now)

    def spend(self) -> tuple[RetryBudget, float]:
        """Take one try again: the budget after it, and the seconds until it is paid for."""
        left = self.left - 1.0
        return replace(self, left=left), max(0.0, -left) / PER_SECOND
