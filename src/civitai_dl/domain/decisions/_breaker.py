"""When many tasks of a lane fail in a row, it is the lane's trouble and not theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace

TRIP = 3
"""Failures in a row after which a lane rests."""

FIRST_RESTS = (2.0, 6.0)
SHORT_REST = 9.0
SHORT_RESTS = 13
LATER_RESTS = (20.0, 40.0, 55.0)
"""Seconds between two looks whether a service is there again. For two minutes it is looked after
every ten seconds, so that it is found soon; a longer outage is looked after once a minute."""

OUTAGE = frozenset({0, 502, 503, 504, 520, 521, 522, 523, 524, 530})
"""Statuses that speak of the service or the way to it; 0 is no answer at all. The 52x are what
the edge in front of the service answers when the service does not (observed)."""

RESTS = (*FIRST_RESTS, *[SHORT_REST] * SHORT_RESTS, *LATER_RESTS)


def rest_number(number: int) -> float:
    """Seconds of the rest after so many others in a row; they grow from 2 to 55."""
    return RESTS[min(number, len(RESTS) - 1)]


DOUBTFUL = frozenset({500})
"""Statuses that may speak of the service as well as of the one thing asked for; how many things
meet them in a row tells."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a lane has fared lately.

    failures: outages in a row. keys: the tasks that met them. rests: how often the lane has rested
    for them.
    """

    failures: int = 0
    rests: int = 0
    keys: frozenset[str] = frozenset()

    def succeeded(self) -> Breaker:
        """Any answer that is about its task closes the matter."""
        return Breaker()

    def failed(self, key: str) -> Breaker:
        """One more outage in a row, met by this task."""
        return replace(self, failures=self.failures + 1, keys=self.keys | {key})

    @property
    def rest(self) -> float:
        """Seconds to rest now; 0 while the failures may still be about the tasks."""
        if self.failures < TRIP:
            return 0.0
        return rest_number(self.rests)

    @property
    def is_lanes(self) -> bool:
        """Whether more than one task met it, so that no single one can be to blame."""
        return len(self.keys) > 1

    def rested(self) -> Breaker:
        """The same after a rest; one more failure trips it again."""
        return replace(self, failures=TRIP - 1, rests=self.rests + 1)
