"""How much came lately: a rate over the last seconds, in constant memory, and in whose time."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from ._view import HeldView

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Lane, LanesHeld


class Window:
    """Amounts in buckets of one second; what is older than `span` seconds is forgotten."""

    __slots__ = ("_buckets", "_since", "_span")

    def __init__(self, span: int) -> None:
        self._span = span
        self._buckets: deque[tuple[int, int]] = deque()
        self._since: float | None = None

    def add(self, now: float, amount: int) -> None:
        """Note an amount; `now` never runs backwards."""
        if self._since is None:
            self._since = now
        second = int(now)
        if self._buckets and self._buckets[-1][0] >= second:
            last, held = self._buckets.pop()
            self._buckets.append((last, held + amount))
        else:
            self._buckets.append((second, amount))
            if len(self._buckets) > self._span:
                self._buckets.popleft()

    def rate(self, now: float, over: int | None = None) -> float:
        """Amount per second over the last `over` seconds (default: the whole window).

        In the first seconds it is taken over the time since the first amount, at least one second,
        so that it neither starts near zero nor jumps.
        """
        if self._since is None:
            return 0.0
        # A bucket counts whole, so the window begins where a bucket does.
        first = int(now) - (over or self._span) + 1
        amount = sum(held for second, held in self._buckets if second >= first)
        return amount / max(1.0, now - max(self._since, float(first)))


class HeldTime:
    """Time as a lane has it: it stands still while a person holds the lane up.

    Rates and the time left are reckoned by it, so that a pause makes nothing slow.
    """

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
