"""Progress where there is no terminal: a plain line now and then, for logs and pipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.domain.entities import BytesReceived, RunFinished
from civitai_dl.domain.messages import format_bytes, format_clock, format_rate, printable

from ._layout import headline_text
from ._sayings import Sayings
from ._sink import Sink
from ._tally import Tally

if TYPE_CHECKING:
    from typing import TextIO

    from civitai_dl.domain.entities import Event
    from civitai_dl.domain.messages import Messages
    from civitai_dl.ports import Clock

    from ._view import LaneView, View


class LineReporter:
    """One line of progress at most every `every` seconds, when something has changed.

    Notices, failures and the first and last line come at once. Events drive it: where nothing
    happens, nothing is written. The stream's own encoding is respected.
    """

    def __init__(
        self, clock: Clock, messages: Messages, stream: TextIO, *, every: float = 5.0
    ) -> None:
        self._clock = clock
        self._messages = messages
        self._sink = Sink(stream)
        self._every = every
        self._tally = Tally()
        self._sayings = Sayings(messages)
        self._last = clock.now()
        self._shown: tuple[object, ...] | None = None

    def emit(self, event: Event) -> None:
        """Count the event, and write a line when it is time."""
        now = self._clock.now()
        self._tally.hear(event, now)
        if not isinstance(event, BytesReceived):
            said = self._sayings.hear(event, now)
            if said is not None:
                self._sink.line(said[1])
        if isinstance(event, RunFinished):
            self._sink.line(self._text(self._tally.view(now)))
        elif now - self._last >= self._every:
            self._last = now
            view = self._tally.view(now)
            shown = _what_counts(view)
            if shown != self._shown:
                self._shown = shown
                self._sink.line(self._text(view))

    def _text(self, view: View) -> str:
        say = self._messages
        head = headline_text(view, say)
        parts = [self._lane(lane) for lane in (view.files, view.images) if lane.expected]
        if view.unavailable:
            parts.append(say.unavailable(view.unavailable))
        if view.listing.going:
            parts.append(say.listing(view.listing.pages))
        if view.held.lanes:
            parts.append(say.held(view.held.lanes, everything=view.held.all))
        for pause in view.pauses:
            reason = printable(pause.reason)
            if pause.left is None:
                parts.append(say.stopped(pause.lane, reason))
            else:
                parts.append(say.paused(pause.lane, reason, pause.left))
        return f"[{format_clock(view.elapsed)}] {'; '.join([head, *parts])}"

    def _lane(self, lane: LaneView) -> str:
        share = self._messages.share(lane.done, lane.expected, growing=lane.growing)
        text = f"{self._messages.lane(lane.lane)} {share}"
        if lane.bytes:
            text += f" {format_bytes(lane.bytes)}"
        if lane.open and lane.rate:
            text += f" {format_rate(lane.rate)}"
        if lane.eta is not None:
            text += f" {self._messages.left(lane.eta, growing=lane.growing)}"
        return text


def _what_counts(view: View) -> tuple[object, ...]:
    """What must have changed for another line to be worth its place: not the time, not a rate."""
    lanes = [
        (x.expected, x.done, x.failed, x.unavailable, x.bytes) for x in (view.files, view.images)
    ]
    pauses = [(pause.lane, pause.reason) for pause in view.pauses]
    return (lanes, view.models, view.listing, view.failed, view.retrying, pauses, view.held)
