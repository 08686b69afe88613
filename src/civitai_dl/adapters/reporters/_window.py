"""How much came lately: a rate over the last seconds, in constant memory."""

from __future__ import annotations

from collections import deque


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
