"""`--json-logs`: one JSON object a line, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ._facts import FactTeller, timestamp
from ._sink import Sink

if TYPE_CHECKING:
    from typing import TextIO

    from civitai_dl.domain.entities import Event
    from civitai_dl.ports import Clock


_SPLITTING = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Signs that JSON allows, and that end a line or steer a terminal for some readers."""


class JsonReporter:
    """Writes `{"time": ..., "event": ..., ...}` lines; each is flushed when it is written.

    event: run_started, page, stored, unavailable, failed, deferred, paused, stopped, held,
    cancelled, notice, run_finished. time: ISO 8601, UTC. No record holds a URL with a query.
    """

    def __init__(self, clock: Clock, stream: TextIO) -> None:
        self._clock = clock
        self._sink = Sink(stream)
        self._teller = FactTeller()
        self._encoder = msgspec.json.Encoder()

    def emit(self, event: Event) -> None:
        """Write the event, when it is worth it."""
        now = self._clock.now()
        for facts in self._teller.tell(event, now):
            record = {"time": timestamp(now), **facts}
            line = self._encoder.encode(record).decode("utf-8")
            self._sink.line(line.translate(_SPLITTING))
