"""The seams of pace: who waits for a turn to ask, and what is remembered of it between runs.

They stand beside `ports`; `scheduler` knows nothing of them, because a rest of a lane reaches it
as the outcome of a task.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from .domain.decisions import Known
from .domain.entities import PacedLane, Trouble


class Turn(Protocol):
    """Leave to send one request."""

    def heard(
        self, trouble: Trouble | None, *, status: int = 0, asked: float | None = None
    ) -> float | None:
        """Say how the request went, once.

        trouble: None when it was answered, whatever about. THROTTLED, QUOTA and BLOCKED pause the
        lane, and so does a service that is down, when it is met three times in a row; anything else
        teaches nothing. status: of the answer, 0 for none. asked: its Retry-After in
        seconds. Returns the seconds after which the same may be asked again: what was asked for or
        longer; None where the lane does not know.
        """


class Pacer(Protocol):
    """Spaces the requests of each lane; lanes share nothing."""

    def turn(self, lane: PacedLane) -> AbstractAsyncContextManager[Turn]:
        """Wait for a turn; leaving without a word about the request teaches nothing.

        Raises, without any request, while the lane is paused for more than a moment, so that nobody
        holds anything while it waits: Throttled; Unavailable, when it does not answer.
        """


class RateBook(Protocol):
    """What was learned about each lane, for the key at hand."""

    async def recall(self) -> Mapping[PacedLane, Known]:
        """All that is known; what is damaged counts as unknown."""

    async def note(self, rates: Mapping[PacedLane, Known]) -> None:
        """Remember these; others stay as they are. Safe to repeat."""
