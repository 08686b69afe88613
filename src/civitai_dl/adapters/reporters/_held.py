"""Time as a lane has it: it stands still while a person holds the lane up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ._view import HeldView

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Lane, LanesHeld


class HeldTime:
    """Rates and the time left are reckoned by it, so that a pause makes nothing slow."""

    def __init__(self) -> None:
        self.view = HeldView()
        self._since: dict[Lane, float] = {}
        self._lost: Counter[Lane] = Counter()

    def hear(self, event: LanesHeld, now: float) -> None:
        """From now on these lanes are held up, and no others."""
        self.view = HeldView(event.lanes, event.all)
        for lane in [lane for lane in self._since if lane not in event.lanes]:
            self._lost[lane] += int(now - self._since.pop(lane))
        for lane in event.lanes:
            self._since.setdefault(lane, now)

    def time(self, lane: Lane, now: float) -> float:
        """Seconds that never run backwards, without those for which the lane was held up."""
        return min(now, self._since.get(lane, now)) - self._lost[lane]
