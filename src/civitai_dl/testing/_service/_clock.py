"""The fake's own time: the wall clock, moved forward at will."""

from __future__ import annotations

import time


class FakeClock:
    """Seconds since 1970; tests let signed URLs expire and quotas roll on by moving it."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the present of the fake."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the fake's present; negative seconds move it back."""
        self._ahead += seconds
