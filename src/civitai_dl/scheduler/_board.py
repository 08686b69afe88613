"""What the lanes of one run must know of each other: who works, who idles, when all is done."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from civitai_dl.domain.entities import Lane


@dataclass(slots=True)
class Board:
    """Every method is synchronous, so that nothing happens between a look and a note."""

    lanes: frozenset[Lane]
    idle: set[Lane] = field(default_factory=set)
    working: dict[Lane, int] = field(default_factory=dict)
    done: anyio.Event = field(default_factory=anyio.Event)
    _bell: anyio.Event | None = None

    def ring(self) -> None:
        """Something was settled or added: every lane looks again."""
        self.idle.clear()
        if self._bell is not None:
            self._bell.set()
            self._bell = None

    def started(self, lane: Lane) -> None:
        """One more is being worked on."""
        self.working[lane] = self.working.get(lane, 0) + 1

    def ended(self, lane: Lane) -> None:
        """One less is being worked on."""
        self.working[lane] -= 1
        self.ring()

    @property
    def bell(self) -> anyio.Event:
        """Take it before you look, and wait for it when you saw nothing."""
        if self._bell is None:
            self._bell = anyio.Event()
        return self._bell

    def nothing_to_do(self, lane: Lane) -> None:
        """The lane has neither work nor anything due; with all of them so, the run is done."""
        self.idle.add(lane)
        if self.idle >= self.lanes and not any(self.working.values()):
            self.done.set()
