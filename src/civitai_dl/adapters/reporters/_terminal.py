"""The live display of a run in a terminal."""

from __future__ import annotations

import sys
from threading import Event as Signal
from threading import Lock, Thread
from typing import IO, TYPE_CHECKING, cast

from civitai_dl.domain.entities import BytesReceived
from civitai_dl.domain.messages import cell_width, wrap

from ._can_draw import can_draw
from ._layout import ASCII, UNICODE, frame, headline
from ._lines import LineReporter
from ._sayings import Sayings
from ._sink import Sink
from ._tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import TextIO

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text
    from typing_extensions import Self

    from civitai_dl.domain.entities import Event
    from civitai_dl.domain.messages import Messages
    from civitai_dl.ports import Clock

    from ._layout import Line

INTERVAL = 0.25
"""Seconds between two frames; 4 Hz cost 2.8 % of a core, 10 Hz four times that (measured)."""

PATIENCE = 2.0
"""Seconds to wait at the end for a terminal that does not take its text (Ctrl-S)."""

_STYLES = {"warning": "yellow", "alert": "bold red"}


class TerminalReporter:
    """Draws the state of the run four times a second, below whatever else is printed.

    Use it as a context manager: it draws between entering and leaving, and leaves one closing
    line. `emit` only counts: a thread draws, so that a stopped terminal never stops the run. Where
    nothing can be drawn it writes lines instead, as LineReporter does.
    environment: for TERM, NO_COLOR, COLUMNS and LINES.
    """

    def __init__(
        self,
        clock: Clock,
        messages: Messages,
        stream: TextIO,
        *,
        environment: Mapping[str, str],
    ) -> None:
        self._clock = clock
        self._messages = messages
        self._sink = Sink(stream)
        self._environment = environment
        self._tally = Tally()
        self._sayings = Sayings(messages)
        self._above: list[tuple[str, str]] = []
        # Held for counting and for taking a snapshot, never while something is written.
        self._lock = Lock()
        self._stop = Signal()
        self._screen: _Screen | None = None
        self._thread: Thread | None = None
        self._lines: LineReporter | None = None
        if not can_draw(stream, environment):
            self._lines = LineReporter(clock, messages, stream)

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._lines is None:
            self._screen = _Screen(self._sink, self._environment)
            self._screen.open()
            self._thread = Thread(target=self._draw_on, name="civitai-dl display", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wipe the display, and leave its first line behind. Safe to repeat."""
        thread, self._thread = self._thread, None
        screen = self._screen
        if thread is None or screen is None:
            return
        self._stop.set()
        thread.join(PATIENCE)
        if thread.is_alive():
            # The terminal is stopped; to write to it would stop us as well.
            return
        with self._lock:
            now = self._clock.now()
            view = self._tally.view(now)
        self._draw(screen)
        room = max(1, screen.size()[0] - 1)
        screen.close(headline(view, self._messages, room, screen.look))

    def emit(self, event: Event) -> None:
        """Count the event; it shows in the next frame."""
        if self._lines is not None:
            self._lines.emit(event)
            return
        now = self._clock.now()
        said = None if isinstance(event, BytesReceived) else self._sayings.hear(event, now)
        with self._lock:
            self._tally.hear(event, now)
            if said is not None:
                self._above.append(said)

    def _draw_on(self) -> None:
        assert self._screen is not None
        while not self._stop.wait(INTERVAL) and not self._sink.broken:
            self._draw(self._screen)

    def _draw(self, screen: _Screen) -> None:
        with self._lock:
            view = self._tally.view(self._clock.now())
            above, self._above = self._above, []
        width, height = screen.size()
        lines = frame(view, self._messages, width=width, height=height, look=screen.look)
        told = [(wrap(text, width - 1), _STYLES.get(level, "")) for level, text in above]
        screen.show(told, lines)


class _Screen:
    """The one place that knows rich."""

    def __init__(self, sink: Sink, environment: Mapping[str, str]) -> None:
        # Here and not above: 94 ms that a run without a terminal need not spend.
        from rich.console import Console  # imported only on a terminal
        from rich.control import Control
        from rich.live import Live
        from rich.segment import ControlType
        from rich.text import Text

        self._text = Text
        self._erase_up = Control(
            ControlType.CARRIAGE_RETURN,
            (ControlType.ERASE_IN_LINE, 2),
            (ControlType.CURSOR_UP, 1),
        )
        self._console: Console = Console(
            file=cast("IO[str]", sink),  # a Sink has what rich asks a file for
            force_terminal=True,
            force_interactive=True,
            highlight=False,
            markup=False,
            emoji=False,
            _environ=environment,
        )
        self._live: Live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            # What others print goes above the display; a redirected stream is left alone.
            redirect_stdout=_on_terminal(sys.stdout),
            redirect_stderr=_on_terminal(sys.stderr),
            vertical_overflow="crop",
        )
        self.look = UNICODE if sink.encoding.lower().startswith("utf") else ASCII
        self._shown: list[Line] = []
        self._width = 0

    def open(self) -> None:
        self._live.start()

    def close(self, last: Line) -> None:
        self._live.stop()
        self._console.print(self._as_text([last]), soft_wrap=True)

    def size(self) -> tuple[int, int]:
        width, height = self._console.size
        return width, height

    def show(self, above: list[tuple[str, str]], lines: list[Line]) -> None:
        """Draw a frame, and lines above it, in one write; nothing when nothing has changed."""
        width, _ = self.size()
        if lines == self._shown and width == self._width and not above:
            return
        with self._console:
            for _ in range(self._torn(width)):
                self._console.control(self._erase_up)
            for text, style in above:
                self._console.print(self._text(text, style=style), soft_wrap=True)
            self._live.update(self._as_text(lines), refresh=True)
        self._shown, self._width = lines, width

    def _torn(self, width: int) -> int:
        """Rows more than rich knows of, because the terminal became narrower and wrapped them."""
        if width >= self._width:
            return 0
        widths = (sum(cell_width(text) for text, _ in line) for line in self._shown)
        return sum(max(0, -(-cells // width) - 1) for cells in widths)

    def _as_text(self, lines: list[Line]) -> Text:
        text = self._text(no_wrap=True, overflow="crop", end="\n")
        for number, line in enumerate(lines):
            if number:
                text.append("\n")
            for part, style in line:
                text.append(part, style)
        return text


def _on_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()
