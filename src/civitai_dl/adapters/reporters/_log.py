"""The log file in `.civitai-dl/logs`: what happened, one readable line each."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timezone
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Signal
from typing import TYPE_CHECKING

from civitai_dl.domain.messages import printable

from ._facts import FactTeller
from ._sink import Sink

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

    from typing_extensions import Self

    from civitai_dl.domain.entities import Event
    from civitai_dl.ports import Clock

    from ._facts import Facts

LARGEST = 10_000_000
KEPT = 5

GATHER_SECONDS = 0.02
"""How much later a line may be in the file than it could be."""

_LEVELS = {
    "failed": logging.ERROR,
    "stopped": logging.ERROR,
    "paused": logging.WARNING,
    "deferred": logging.WARNING,
    "unavailable": logging.WARNING,
}
_NOTICES = {"halt": logging.ERROR, "alert": logging.ERROR, "warning": logging.WARNING}


class FileLog:
    """A reporter that writes to a file of at most `largest` bytes, and keeps `kept` older ones.

    The file is written by a thread of its own between entering and leaving the context; events
    before and after are dropped. `handler` may be added to a stdlib logger, whose records then go
    to the same file. A log that cannot be written (full disk) is given up without a word.
    """

    def __init__(
        self, clock: Clock, path: str | Path, *, largest: int = LARGEST, kept: int = KEPT
    ) -> None:
        self._clock = clock
        self._path = Path(path)
        self._largest = largest
        self._kept = kept
        self._teller = FactTeller()
        self._listener: QueueListener | None = None
        queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
        self._queue = queue
        self.handler = QueueHandler(queue)

    def __enter__(self) -> Self:
        """Open the file and start the thread. Raises: OSError when the file cannot be opened."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        target = _Forgiving(
            self._path,
            maxBytes=self._largest,
            backupCount=self._kept,
            encoding="utf-8",
            errors="backslashreplace",
        )
        target.setFormatter(_Lines())
        self._listener = _Patient(self._queue, target)
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is still to be written, and close the file. Safe to repeat."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
            for handler in listener.handlers:
                # What a full disk did not take is lost, as it is while the log is open.
                with suppress(OSError):
                    handler.close()

    def emit(self, event: Event) -> None:
        """Hand the event over to the thread."""
        now = self._clock.now()
        for facts in self._teller.tell(event, now):
            if self._listener is not None:
                self.handler.enqueue(_record(facts, now))


class StreamLog:
    """A reporter that writes the same lines to a stream at once, for those who want to see all."""

    def __init__(self, clock: Clock, stream: TextIO) -> None:
        self._clock = clock
        self._sink = Sink(stream)
        self._teller = FactTeller()
        self._format = _Lines().format

    def emit(self, event: Event) -> None:
        """Write a line for each fact worth logging."""
        now = self._clock.now()
        for facts in self._teller.tell(event, now):
            self._sink.line(self._format(_record(facts, now)))


class _Forgiving(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Nothing: the default prints a traceback into the live display."""


class _Patient(QueueListener):
    """Lets records gather for a moment: to wake a thread for each costs more than to write it."""

    def __init__(self, queue: SimpleQueue[logging.LogRecord], target: logging.Handler) -> None:
        super().__init__(queue, target)
        self._stopping = Signal()

    def stop(self) -> None:
        """Write what is there, and end; nobody waits for more to come along."""
        self._stopping.set()
        super().stop()

    def dequeue(self, block: bool) -> logging.LogRecord:  # noqa: FBT001  # logging's signature
        """The next record; after a wait for one, those that follow at once come along."""
        is_first = self._is_empty()
        record = super().dequeue(block)
        if is_first:
            self._stopping.wait(GATHER_SECONDS)
        return record

    def _is_empty(self) -> bool:
        return isinstance(self.queue, SimpleQueue) and self.queue.empty()


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, tz=timezone.utc)
        stamp = moment.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
        return f"{stamp} {record.levelname:<7} {super().format(record)}"


def _record(facts: Facts, now: float) -> logging.LogRecord:
    event = str(facts["event"])
    level = _LEVELS.get(event, logging.INFO)
    if event == "notice":
        level = _NOTICES.get(str(facts["level"]), logging.INFO)
    return logging.makeLogRecord(
        {
            "name": "civitai_dl",
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": _line(event, facts),
            # The run's own clock, not the one that logging reads.
            "created": now,
        }
    )


def _line(event: str, facts: Facts) -> str:
    """The event, its label, then the rest by name: `stored       a.png (image 5)  bytes=12 ...`."""
    head = printable(str(facts.get("label", facts.get("text", ""))))
    rest = [
        f"{name}={_quoted(str(fact))}"
        for name, fact in facts.items()
        if name not in ("event", "label", "text", "level") and fact not in (None, "")
    ]
    return "  ".join(part for part in (f"{event:<12}", head, " ".join(rest)) if part).rstrip()


def _quoted(text: str) -> str:
    clean = printable(text)
    return f'"{clean}"' if " " in clean else clean
