"""How many transfers of a lane may be at work at once: counted, measured, decided anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from civitai_dl.domain.decisions import Streams, Window
from civitai_dl.domain.entities import (
    BytesReceived,
    Deferred,
    Event,
    Failed,
    Lane,
    Outcome,
    Trouble,
)

WINDOW_SECONDS = 2.0
LEAST_ENDED = 2
"""A window lasts two seconds, and until as many transfers have ended, or brought so much."""

LEAST_RECEIVED = 1 << 20
LONGEST_SECONDS = 15.0
"""After so long a window ends whatever came in it."""


@dataclass(slots=True)
class Traffic:
    """A listener that knows how many bytes each lane has received in this run."""

    bytes: Counter[Lane] = field(default_factory=Counter)

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, BytesReceived):
            self.bytes[event.task.lane] += event.count


@dataclass(slots=True)
class Growth:
    """The streams of one lane. Times are seconds since the epoch; counts are of all transfers."""

    streams: Streams
    at_work: int = 0
    _since: float = -1.0
    _looked: float = 0.0
    _busy: float = 0.0
    _received: int = 0
    _ended: int = 0
    _troubled: int = 0

    def began(self, now: float) -> None:
        """One more transfer is at work."""
        self._pass(now)
        self.at_work += 1

    def ended(self, now: float) -> None:
        """One less is."""
        self._pass(now)
        self.at_work -= 1
        self._ended += 1

    def met_trouble(self) -> None:
        """One of those that ended did so for the far side's sake."""
        self._troubled += 1

    def break_off(self, received: int) -> None:
        """Begin a new window: somebody held the lane up in this one. received: see `look`."""
        self._since, self._received = -1.0, received
        self._busy, self._ended, self._troubled = 0.0, 0, 0

    def look(self, now: float, received: int) -> int:
        """How many may be at work now. received: bytes of the lane since the run began."""
        self._pass(now)
        seconds = now - self._since
        came = received - self._received
        is_telling = self._ended >= LEAST_ENDED * self.streams.now or came >= LEAST_RECEIVED
        if seconds >= LONGEST_SECONDS or (seconds >= WINDOW_SECONDS and is_telling):
            window = Window(came, self._busy, seconds, self._ended, self._troubled)
            self.streams = self.streams.heard(window, now)
            self._since, self._received = now, received
            self._busy, self._ended, self._troubled = 0.0, 0, 0
        return self.streams.now

    def _pass(self, now: float) -> None:
        if self._since < 0:
            self._since = self._looked = now
        self._busy += self.at_work * (now - self._looked)
        self._looked = now


def is_theirs(outcome: Outcome) -> bool:
    """Whether the far side, or the way to it, did not bear what was asked."""
    if not isinstance(outcome, (Deferred, Failed)):
        return False
    return outcome.failure.trouble in (Trouble.TRANSIENT, Trouble.THROTTLED)
