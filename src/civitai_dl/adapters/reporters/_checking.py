"""How far a look through the archive is: one line drawn again and again, or one now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Notice
from civitai_dl.domain.messages import cut, format_bytes, format_clock, format_rate, printable

from ._can_draw import can_draw
from ._sink import Sink
from ._window import Window

if TYPE_CHECKING:
    from typing import TextIO

    from civitai_dl.domain.entities import Event
    from civitai_dl.domain.messages import Messages
    from civitai_dl.ports import Clock

SPAN = 10
"""Seconds over which the rate is taken."""

EVERY = 5.0
"""Seconds between two lines where nothing can be drawn."""


CHECKED = "{share} files checked, {n} damaged"
"""What is said of files that are compared with what they should be."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """How far it is: files and bytes done, of all; bytes read from the disk; files damaged."""

    done: int
    files: int
    passed: int
    bytes: int
    read: int
    damaged: int


class CheckReporter:
    """Shows a look through the archive; call `tick` four times a second, and `close` at the end.

    view: how far it is; said: the words for that. Notices are printed above the line, or between
    the lines. A stream that breaks is written to no more.
    """

    def __init__(
        self,
        clock: Clock,
        messages: Messages,
        stream: TextIO,
        *,
        environment: Mapping[str, str],
        view: Callable[[], CheckView],
        said: str = CHECKED,
    ) -> None:
        self._said = said
        self._clock = clock
        self._messages = messages
        self._sink = Sink(stream)
        self._draws = can_draw(stream, environment)
        self._view = view
        self._window = Window(SPAN)
        self._began = self._last = clock.now()
        self._read = 0
        self._closed = False

    def emit(self, event: Event) -> None:
        """Print a notice; other events are no business of this reporter."""
        if isinstance(event, Notice):
            text = event.text if event.level == "info" else self._messages.warning(event.text)
            self._wipe()
            for line in text.splitlines():
                self._sink.line(printable(line))

    def tick(self) -> None:
        """Show how far it is, when it is time."""
        now, view = self._clock.now(), self._view()
        self._window.add(now, view.read - self._read)
        self._read = view.read
        if self._closed:
            return
        if self._draws:
            width = get_terminal_size((80, 24)).columns
            self._sink.write(f"\r\x1b[K{cut(self._text(view, now), width - 1)}")
            self._sink.flush()
        elif now - self._last >= EVERY:
            self._last = now
            self._sink.line(self._text(view, now))

    def close(self) -> None:
        """Leave one closing line behind. Safe to repeat."""
        if not self._closed:
            self._wipe()
            self._sink.line(self._text(self._view(), self._clock.now()))
        self._closed = True

    def _wipe(self) -> None:
        if self._draws and not self._closed:
            self._sink.write("\r\x1b[K")

    def _text(self, view: CheckView, now: float) -> str:
        say, rate = self._messages, self._window.rate(now)
        share = say.share(view.done, view.files)
        parts = [say.say(self._said, share=share, n=f"{view.damaged:,}")]
        if view.bytes:
            of = {"done": format_bytes(view.passed), "total": format_bytes(view.bytes)}
            parts.append(say.say("{done} of {total}", **of))
        if rate and view.done < view.files:
            parts.append(format_rate(rate))
            parts.append(say.left((view.bytes - view.passed) / rate))
        return f"[{format_clock(now - self._began)}] {'; '.join(parts)}"
