"""Streams of a lane that no task needs, for those that are at work and can use more than one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from civitai_dl.domain.entities import Lane

MOST_LEFT = 64


@dataclass(frozen=True, slots=True)
class _Ears:
    """Told of each stream that is taken, and of each that is given back (and if it met trouble).

    left: told of each task that needs its own no more.
    """

    began: Callable[[], None]
    ended: Callable[[bool], None]
    left: Callable[[], None]


@dataclass(slots=True)
class Spare:
    """See ports.SpareStreams. What is spare each lane's runner says whenever it has looked."""

    at_work: Counter[Lane] = field(default_factory=Counter)
    left: defaultdict[Lane, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Tasks, by key, that need their own stream no more."""

    _offered: Counter[Lane] = field(default_factory=Counter)
    _ears: dict[Lane, _Ears] = field(default_factory=dict)
    _bell: anyio.Event = field(default_factory=anyio.Event)

    def listen(
        self,
        lane: Lane,
        *,
        began: Callable[[], None],
        ended: Callable[[bool], None],
        left: Callable[[], None],
    ) -> None:
        """From now on tell these of the lane's streams."""
        self._ears[lane] = _Ears(began, ended, left)

    def offer(self, lane: Lane, count: int) -> None:
        """So many are spare until something else is said; 0 while tasks may need them."""
        self._offered[lane] = max(0, count)
        if count > 0:
            bell, self._bell = self._bell, anyio.Event()
            bell.set()

    def free(self, lane: Lane) -> int:
        """See ports.SpareStreams."""
        return self._offered[lane]

    async def take(self, lane: Lane) -> None:
        """See ports.SpareStreams."""
        while self._offered[lane] <= 0:
            await self._bell.wait()
        self._offered[lane] -= 1
        self.at_work[lane] += 1
        if lane in self._ears:
            self._ears[lane].began()

    def leave(self, lane: Lane, key: str) -> None:
        """See ports.SpareStreams. So that memory is bounded, only so many may."""
        if lane in self._ears and len(self.left[lane]) < MOST_LEFT:
            self.left[lane].add(key)
            self._ears[lane].left()

    def has_left(self, lane: Lane, key: str) -> bool:
        """Whether a task that has ended now had left its stream before; that is forgotten then."""
        had = key in self.left[lane]
        self.left[lane].discard(key)
        return had

    def beside(self, lane: Lane) -> int:
        """How many more streams are in use than tasks are at work."""
        return self.at_work[lane] - len(self.left[lane])

    def give(self, lane: Lane, *, troubled: bool = False) -> None:
        """See ports.SpareStreams. It goes back to the lane, where a task may be waiting."""
        self.at_work[lane] -= 1
        if lane in self._ears:
            self._ears[lane].ended(troubled)
