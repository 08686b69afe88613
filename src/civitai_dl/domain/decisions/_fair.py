"""Who is next where many lanes share one limit: each lane gets the same, however many ask in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Turns:
    """How far each lane has been served, in units (bytes) of a time of its own.

    reached: where the one stands that was served last. ends: lane -> where its last turn ended. A
    lane that asked for nothing in a while saves nothing up: it begins where the others stand.
    """

    reached: float = 0.0
    ends: Mapping[str, float] = field(default_factory=dict)

    def next_of(self, lanes: Iterable[str]) -> str:
        """The lane to be served next, the first of equals. Raises: ValueError without any."""
        return min(lanes, key=self._begin)

    def served(self, lane: str, amount: float) -> Turns:
        """After the lane was given so much."""
        begin = self._begin(lane)
        ends = {name: end for name, end in self.ends.items() if end > begin}
        return Turns(begin, {**ends, lane: begin + amount})

    def _begin(self, lane: str) -> float:
        return max(self.reached, self.ends.get(lane, 0.0))
