"""What the lanes of one run must know of each other: who works, who idles, when all is done."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from civitai_dl.domain.entities import Lane

CONTENT = frozenset({Lane.FILES, Lane.IMAGES})
"""The lanes in which tasks wait for each other: for the bytes of a twin, or to dress a model."""


@dataclass(slots=True)
class Board:
    """Every method is synchronous, so that nothing happens between a look and a note."""

    lanes: frozenset[Lane]
    idle: set[Lane] = field(default_factory=set)
    working: dict[Lane, int] = field(default_factory=dict)
    done: anyio.Event = field(default_factory=anyio.Event)
    _bells: dict[Lane, anyio.Event] = field(default_factory=dict)

    def ring(self, lane: Lane) -> None:
        """There may be something to do for a lane: it looks again."""
        self.idle.discard(lane)
        bell = self._bells.pop(lane, None)
        if bell is not None:
            bell.set()

    def started(self, lane: Lane) -> None:
        """One more is being worked on."""
        self.working[lane] = self.working.get(lane, 0) + 1

    def ended(self, lane: Lane, *, found: bool) -> None:
        """One less is being worked on. found: it may have found work for every lane.

        Else it has made room in its own, and may be what others of its kind have waited for.
        """
        self.working[lane] -= 1
        for other in self.lanes if found else CONTENT | {lane}:
            self.ring(other)

    def bell(self, lane: Lane) -> anyio.Event:
        """Take it before you look, and wait for it when you saw nothing."""
        return self._bells.setdefault(lane, anyio.Event())

    def nothing_to_do(self, lane: Lane) -> None:
        """The lane has neither work nor anything due; with all of them so, the run is done."""
        self.idle.add(lane)
        if self.idle >= self.lanes and not any(self.working.values()):
            self.done.set()
