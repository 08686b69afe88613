"""Listeners: what they write, where, and that nothing they meet can stop a run."""

import io
import json
import logging
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.adapters.reporters import (
    Fan,
    FileLog,
    JsonReporter,
    LineReporter,
    NullReporter,
    TerminalReporter,
    _terminal,
    can_draw,
)
from civitai_dl.adapters.reporters._layout import ASCII, UNICODE, frame, headline
from civitai_dl.adapters.reporters._sayings import MOST_FAILURES, MOST_NOTICES, Sayings
from civitai_dl.adapters.reporters._sink import Sink
from civitai_dl.adapters.reporters._view import (
    LaneView,
    ListingView,
    ModelsView,
    PauseView,
    TransferView,
    View,
)
from civitai_dl.domain.entities import (
    BytesReceived,
    CreatorRef,
    Deferred,
    Expanded,
    Failed,
    Failure,
    FileRef,
    Kind,
    Lane,
    LaneClosed,
    LanePaused,
    Notice,
    PageExpanded,
    Planned,
    Reason,
    Role,
    RunFinished,
    RunReport,
    RunStarted,
    Skipped,
    Stored,
    Task,
    TaskSettled,
    TransferStarted,
    Trouble,
    Unavailable,
)
from civitai_dl.domain.messages import Language, Messages, cell_width

EN, JA = Messages(Language.EN), Messages(Language.JA)
BOTH = pytest.mark.parametrize("messages", [EN, JA], ids=["en", "ja"])
SIGNED = "https://cdn.example/a/b.safetensors?X-Amz-Signature=abc&token=secret"
FOUND = "https://cdn.example/a/b.safetensors"

BROKE = Failure(Trouble.TRANSIENT, "the connection broke", status=503, hint="wait a little")
STORED = Stored("model_0/1/a.pt", "ab" * 32, 1_000_000)
GATED = Unavailable(Reason.EARLY_ACCESS, "buyers only", until=1_788_264_000.0)
CREATOR = Task(
    "creator:ann", Kind.CREATOR, Lane.MODEL_PAGES, Role.PAGE, CreatorRef("ann"), "models of ann"
)


class StillClock:
    """Time moves when the test moves it."""

    def __init__(self, moment=1_788_000_000.0):
        self.moment = moment

    def now(self):
        return self.moment

    def jitter(self):
        return 0.5

    async def sleep(self, seconds):
        self.moment += seconds


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


class BrokenPipe(io.StringIO):
    """A stream whose reader has gone."""

    encoding = "utf-8"

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


def file(number, name="a.pt"):
    ref = FileRef(1, 2, number, name, "x", size_hint=1_000_000)
    label = f"{name} (model 1, version 2, file {number})"
    return Task(f"file:2:{number}", Kind.FILE, Lane.FILES, Role.FILE, ref, label, model_id=1)


def whole_run():
    """One of each event, as a run would tell them."""
    return [
        RunStarted("./civitai", 2, True, {Lane.FILES: 7}),
        PageExpanded(CREATOR, (Planned(file(1)), Planned(file(9), GATED)), 3),
        TransferStarted(file(1), 0, 1_000_000),
        BytesReceived(file(1), 1_000_000),
        TaskSettled(file(1), Deferred(1_788_000_009.0, BROKE)),
        LanePaused(Lane.FILES, 12.0, "throttled"),
        TaskSettled(file(1), STORED),
        TaskSettled(file(2), Failed(BROKE, evidence="corrupted/x")),
        TaskSettled(file(3), GATED),
        TaskSettled(file(4), Skipped("there")),
        TaskSettled(CREATOR, Expanded()),
        TaskSettled(file(5), LaneClosed(BROKE, 1_788_000_099.0)),
        Notice("alert", f"look at {SIGNED} now"),
        RunFinished(RunReport(stored=1, seconds=2.5, bytes_received=1_000_000)),
    ]


# --- the layout of the live display

NAMES = st.text(
    st.sampled_from("ab_-. 日本語モデル🦊👩💻\u200d\u0301\u202e\x1b\n") | st.characters(),
    max_size=60,
)
COUNTS = st.integers(0, 10**7)
RATES = st.sampled_from([0.0, 1.0, 3.4e5, 9.999e8])
LANES = st.builds(
    LaneView,
    st.sampled_from([Lane.FILES, Lane.IMAGES]),
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    st.integers(0, 10**15),
    RATES,
    st.none() | st.floats(0, 1e7),
    st.booleans(),
)
TRANSFERS = st.builds(
    TransferView,
    NAMES,
    st.sampled_from([Lane.FILES, Lane.IMAGES]),
    COUNTS,
    st.none() | COUNTS,
    RATES,
    st.floats(0, 99),
)
PAUSES = st.builds(
    PauseView,
    st.sampled_from(Lane),
    st.sampled_from(["throttled", "quota", "transient"]) | NAMES,
    st.none() | st.floats(0, 1e5),
)
VIEWS = st.builds(
    View,
    st.builds(ModelsView, COUNTS, COUNTS, COUNTS, COUNTS, st.booleans()),
    LANES,
    LANES,
    st.builds(ListingView, COUNTS, COUNTS, st.booleans()),
    COUNTS,
    COUNTS,
    COUNTS,
    st.integers(0, 10**15),
    RATES,
    st.floats(0, 1e7),
    st.lists(TRANSFERS, max_size=20).map(tuple),
    st.lists(PAUSES, max_size=4).map(tuple),
    NAMES,
    st.booleans(),
)


def text_of(line):
    return "".join(part for part, _ in line)


def texts(view, messages=EN, *, width=80, height=24, look=UNICODE):
    return [text_of(line) for line in frame(view, messages, width=width, height=height, look=look)]


def some_view(**facts):
    shown = {
        "models": ModelsView(42, 180, growing=True),
        "files": LaneView(Lane.FILES, 512, 120, 3, 2, 387, 1, 8_100_000_000, 31.2e6, 724.0, True),
        "images": LaneView(Lane.IMAGES, 9120, 3402, 0, 0, 5718, 0, 1_100_000_000, 2.9e6, 2400.0),
        "listing": ListingView(61, 7, going=True),
        "failed": 2,
        "retrying": 1,
        "unavailable": 2,
        "bytes": 9_200_000_000,
        "rate": 34.1e6,
        "elapsed": 751.0,
        **facts,
    }
    return View(**shown)


@BOTH
@given(view=VIEWS, width=st.integers(1, 200), height=st.integers(1, 60), plain=st.booleans())
def test_the_display_never_leaves_the_screen(messages, view, width, height, plain):
    """No line reaches the last column, no frame the last row, and no control gets through."""
    lines = texts(view, messages, width=width, height=height, look=ASCII if plain else UNICODE)
    assert 1 <= len(lines) <= max(1, height - 1)
    for line in lines:
        assert cell_width(line) <= max(1, width - 1)
        assert line == line.rstrip()
        assert re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", line) is None


@BOTH
@given(view=VIEWS)
def test_the_headline_is_whole_at_80_columns(messages, view):
    """At 80 columns nothing of the headline is cut off, whatever the figures."""
    words = "(retrying...)" if messages is EN else "(再試行中…)"
    line = texts(view, messages)[0]
    assert (words in line) is (view.retrying > 0)
    assert cell_width(line) <= 79


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (EN, "42/180+ models, 3 failed (retrying...)"),
        (JA, "現在 42/180+ モデル、失敗 3 件 (再試行中…)"),
    ],
)
def test_the_first_line_is_the_headline(messages, expected):
    """The headline begins the display; what it moved and since when stand at the right edge."""
    line = texts(some_view(), messages)[0]
    assert line.startswith(expected)
    assert line.endswith("9.2 GB   34.1 MB/s  12:31")
    assert cell_width(line) == 79


def test_a_run_of_images_has_a_headline_of_images():
    """Without any model the headline counts images."""
    images = LaneView(Lane.IMAGES, 100, 42, open=58)
    view = some_view(models=ModelsView(), files=LaneView(Lane.FILES), images=images)
    assert texts(view)[0].startswith("42/100 images, 3 failed (retrying...)")
    view = some_view(models=ModelsView(growing=True), images=images)
    assert texts(view)[0].startswith("0/? models")


@BOTH
@pytest.mark.parametrize("width", [80, 160])
def test_columns_stand_under_each_other(messages, width):
    """The bars of both lanes begin and end in the same cell."""
    files, images = texts(some_view(), messages, width=width)[1:3]
    edges = [[cell_width(line[: line.index(s)]) for s in "━"] for line in (files, images)]
    assert edges[0] == edges[1]
    ends = [cell_width(line[: line.rindex("─")]) for line in (files, images)]
    assert ends[0] == ends[1]


def test_columns_do_not_move_when_figures_change():
    """A failure, a long rate or a long time leaves the bar where it was."""
    calm = some_view()
    wild = some_view(
        files=LaneView(Lane.FILES, 512, 120, 99, 9, 284, 9, 10, 9e8, 36_000.0, growing=True)
    )
    for width in (80, 160):
        bars = [re.search("[━─]+", texts(view, width=width)[1]).span() for view in (calm, wild)]
        assert bars[0] == bars[1]


def test_wide_screens_tell_more():
    """With room, a lane tells what failed, waits and cannot be had."""
    assert "3 failed, 1 to be retried, 2 unavailable" in texts(some_view(), width=160)[1]
    assert "failed" not in texts(some_view())[1]


def test_the_listing_is_told_while_it_goes_on():
    """The listing line says that totals grow, and disappears when there is nothing to say."""
    assert texts(some_view())[3].startswith("still listing: 61 pages read, totals will grow")
    quiet = some_view(listing=ListingView(61), unavailable=0)
    assert len(texts(quiet)) == 3


def test_lanes_without_work_take_no_room():
    """A lane in which nothing is expected has no line."""
    view = some_view(files=LaneView(Lane.FILES), listing=ListingView(), unavailable=0)
    assert [line.split()[0] for line in texts(view)[1:]] == ["images"]
    none = some_view(files=LaneView(Lane.FILES), images=LaneView(Lane.IMAGES))
    assert texts(none)[1].startswith("still listing")


def test_a_transfer_shows_what_it_has():
    """A line per transfer; a share of 100 % is told only when all is there."""
    transfers = (
        TransferView("model_fp16.safetensors", Lane.FILES, 500, 1000, 100.0, 9.0),
        TransferView("x" * 50 + "fp16.safetensors", Lane.FILES, 1999, 2000, 0.0, 9.0),
        TransferView("unknown.bin", Lane.FILES, 7_000_000, None, 1e6, 9.0),
        TransferView("new.bin", Lane.FILES, 0, 1000, 0.0, 0.1),
        TransferView("empty.txt", Lane.FILES, 0, 0, 0.0, 9.0),
    )
    lines = texts(some_view(transfers=transfers))[4:]
    assert re.search(r"model_fp16.safetensors .*━━─.* 50%  +1.0 kB  +100 B/s +0:05$", lines[0])
    assert re.search(r"x…x?p?16.safetensors|…\S*safetensors", lines[1])
    assert re.search(r" 99%  +2.0 kB  +0 B/s$", lines[1])
    assert re.search(r"unknown.bin +─+ +7.0 MB +1.0 MB/s$", lines[2])
    assert re.search(r" 0%  +1.0 kB$", lines[3])
    assert "empty.txt" in lines[4]


def test_images_that_come_and_go_do_not_flicker():
    """An image is shown only when it takes long; a file always."""
    transfers = (
        TransferView("image 1", Lane.IMAGES, 0, 10, 0.0, 0.3),
        TransferView("image 2", Lane.IMAGES, 0, 10, 0.0, 3.0),
        TransferView("file", Lane.FILES, 0, 10, 0.0, 0.3),
    )
    lines = "\n".join(texts(some_view(transfers=transfers)))
    assert "image 1" not in lines
    assert "image 2" in lines
    assert "file" in lines


def test_more_transfers_than_room_are_counted():
    """A third of the screen is for transfers; the others are a number."""
    transfers = tuple(TransferView(f"f{n}", Lane.FILES, 0, 9, 0.0, 9.0) for n in range(20))
    lines = texts(some_view(transfers=transfers))
    assert lines[-1] == "  and 13 more transfers"
    assert len(texts(some_view(transfers=transfers), height=6)) == 5
    assert texts(some_view(transfers=transfers), height=5)[-1].startswith("still listing")


def test_pauses_and_the_alert_stand_at_the_end():
    """Who rests and why, and the last alert, come below the transfers."""
    pauses = (
        PauseView(Lane.IMAGE_PAGES, "throttled", 11.2),
        PauseView(Lane.FILES, "no space left", None),
    )
    lines = texts(some_view(pauses=pauses, alert="5 minutes of waiting"))
    assert lines[-3:] == [
        "Image API asked us to slow down: 12 s",
        "File server stopped for this run: no space left",
        "! 5 minutes of waiting",
    ]
    assert "12 秒" in texts(some_view(pauses=pauses), JA)[-2]


def test_ascii_consoles_get_ascii():
    """Where line signs may be missing or wide, the whole English display is ASCII."""
    transfers = (TransferView("x" * 90, Lane.FILES, 5, 9, 1.0, 9.0),)
    assert all(t.isascii() for t in texts(some_view(transfers=transfers), look=ASCII))


def test_the_closing_line_has_no_rate():
    """When the run is over, the headline tells bytes and time, and no speed."""
    line = text_of(headline(some_view(finished=True, retrying=0), EN, 79))
    assert line.endswith("9.2 GB  12:31")
    assert "MB/s" not in line


# --- the live display


def drawn(terminal):
    """What stands on a terminal after it has taken all that was written: rows of text."""
    rows, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[^\x1b]", terminal.getvalue()):
        if piece == "\n":
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif piece == "\r":
            column = 0
        elif piece == "\x1b[2K":
            rows[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", piece):
            row = max(0, row - int(piece[2:-1] or 1))
        elif not piece.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + piece + rows[row][column + 1 :]
            column += 1
    return [text.rstrip() for text in rows]


def on_terminal(terminal, messages=EN, clock=None, **environment):
    settings = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environment}
    return TerminalReporter(clock or StillClock(), messages, terminal, environment=settings)


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


@BOTH
def test_the_terminal_shows_the_run_and_leaves_one_line(messages):
    """At the end only the headline stays of the display, below what was said above it."""
    terminal, clock = Terminal(), StillClock()
    with on_terminal(terminal, messages, clock) as reporter:
        for event in whole_run()[:-3]:
            clock.moment += 1
            reporter.emit(event)
        wait_for(lambda: any("━" in row for row in drawn(terminal)))
        reporter.emit(Notice("warning", "a notice above"))
        wait_for(lambda: any("a notice above" in row for row in drawn(terminal)))
        shown = drawn(terminal)
        at = next(n for n, row in enumerate(shown) if "a notice above" in row)
        assert any("━" in row for row in shown[at:])
        assert "./civitai" in shown[0]
        reporter.emit(whole_run()[-1])
    rows = [row for row in drawn(terminal) if row]
    assert re.search(r"\d+/\d+ (models|モデル)", rows[-1])
    assert not any("━" in row for row in rows)
    assert sum("./civitai" in row for row in rows) == 1


def test_a_display_is_left_only_once():
    """Leaving twice, or without having entered, does nothing more."""
    terminal = Terminal()
    reporter = on_terminal(terminal)
    reporter.__exit__(None, None, None)
    assert terminal.getvalue() == ""
    with reporter:
        pass
    before = terminal.getvalue()
    reporter.__exit__(None, None, None)
    assert before == terminal.getvalue()


def test_nothing_is_written_when_nothing_changes():
    """A display that stands still costs the terminal nothing."""
    terminal = Terminal()
    with on_terminal(terminal) as reporter:
        reporter.emit(whole_run()[0])
        wait_for(lambda: "./civitai" in terminal.getvalue())
        time.sleep(0.4)
        before = len(terminal.getvalue())
        time.sleep(0.6)
        assert before == len(terminal.getvalue())


def test_no_color_is_respected():
    """With NO_COLOR no colour is ever set."""
    shown = {}
    for name, environment in (("colour", {}), ("none", {"NO_COLOR": "1"})):
        terminal = Terminal()
        with on_terminal(terminal, **environment) as reporter:
            for event in whole_run()[:4]:
                reporter.emit(event)
            wait_for(lambda terminal=terminal: "━" in terminal.getvalue())
        shown[name] = set(re.findall(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m", terminal.getvalue()))
    assert shown["colour"]
    assert not shown["none"]


def test_a_dumb_terminal_gets_lines():
    """Where nothing can be drawn, plain lines are written and no escape."""
    terminal = Terminal()
    with on_terminal(terminal, TERM="dumb") as reporter:
        for event in whole_run():
            reporter.emit(event)
    assert "\x1b" not in terminal.getvalue()
    assert "models" in terminal.getvalue().splitlines()[-1]


def test_what_can_be_drawn_on():
    """A terminal that is not dumb, and is still open."""
    assert can_draw(Terminal(), {"TERM": "xterm"})
    assert can_draw(Terminal(), {})
    assert not can_draw(Terminal(), {"TERM": "dumb"})
    assert not can_draw(io.StringIO(), {"TERM": "xterm"})
    closed = Terminal()
    closed.close()
    assert not can_draw(closed, {})


def test_a_narrower_terminal_is_wiped_whole():
    """When the terminal becomes narrower its wrapped lines are wiped with the rest."""
    terminal, settings = Terminal(), {"TERM": "xterm", "COLUMNS": "160", "LINES": "24"}
    clock = StillClock()
    reporter = TerminalReporter(clock, EN, terminal, environment=settings)
    with reporter:
        reporter.emit(whole_run()[0])
        wait_for(lambda: "7+" in terminal.getvalue() or "0/7" in terminal.getvalue())
        before = len(terminal.getvalue())
        reporter._screen._console.width = 60
        wait_for(lambda: len(terminal.getvalue()) > before)
        ups = terminal.getvalue()[before:].count("\x1b[1A")
        assert ups > len(reporter._screen._shown) - 1


def test_emit_never_waits_for_the_terminal(monkeypatch):
    """A terminal that takes nothing (Ctrl-S) stops neither the run nor its end."""
    monkeypatch.setattr(_terminal, "PATIENCE", 0.1)
    flowing = threading.Event()
    flowing.set()

    class Stopped(Terminal):
        def write(self, text):
            flowing.wait(20)
            return len(text)

    with on_terminal(Stopped()) as reporter:
        flowing.clear()
        for _ in range(3):
            began = time.monotonic()
            for event in whole_run():
                reporter.emit(event)
            assert time.monotonic() - began < 1
            time.sleep(0.3)
        drawing = reporter._thread
        began = time.monotonic()
    assert time.monotonic() - began < 1
    flowing.set()
    drawing.join(10)
    reporter._screen._live.stop()


@pytest.mark.parametrize("stream", [BrokenPipe, io.StringIO])
def test_a_stream_that_breaks_does_not_stop_the_run(stream):
    """Closed pipes and closed files are no error of the run."""
    for make in (
        lambda out: LineReporter(StillClock(), EN, out),
        lambda out: JsonReporter(StillClock(), out),
    ):
        out = stream()
        reporter = make(out)
        if stream is io.StringIO:
            out.close()
        for event in whole_run():
            reporter.emit(event)


def test_a_terminal_that_goes_away_does_not_stop_the_run():
    """A terminal that breaks under the display is left alone."""

    class Gone(Terminal):
        def write(self, text):
            raise OSError(5, "Input/output error")

    with on_terminal(Gone()) as reporter:
        for event in whole_run():
            reporter.emit(event)
        wait_for(lambda: not reporter._thread.is_alive())


def test_a_broken_stream_is_no_terminal_any_more():
    """A stream is written to until it breaks, and asked nothing afterwards."""

    class Half(Terminal):
        def flush(self):
            raise OSError

    sink = Sink(Half())
    assert sink.isatty()
    sink.line("x")
    sink.line("y")
    assert sink.broken
    assert not sink.isatty()
    with pytest.raises(OSError, match="fileno"):
        sink.fileno()


def test_signs_that_a_console_lacks_are_replaced():
    """An encoding without Japanese gets question marks, not an exception."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    LineReporter(StillClock(), JA, out).emit(RunFinished(RunReport()))
    assert b"0/0 ???" in raw.getvalue()


def test_rich_is_imported_only_where_it_is_drawn():
    """Importing the reporters, or writing lines, does not import rich."""
    code = (
        "import io, sys; from civitai_dl.adapters.reporters import *; "
        "from civitai_dl.domain.messages import *; "
        "TerminalReporter(None or type('C', (), {'now': lambda s: 0.0})(), "
        "Messages(Language.EN), io.StringIO(), environment={}).__enter__(); "
        "assert not [name for name in sys.modules if name.split('.')[0] == 'rich']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- lines


def lines_of(events, *, messages=EN, every=5.0, step=1.0):
    out, clock = io.StringIO(), StillClock()
    reporter = LineReporter(clock, messages, out, every=every)
    for event in events:
        clock.moment += step
        reporter.emit(event)
    return out.getvalue().splitlines()


def test_lines_are_plain_ascii_in_english():
    """For logs and cron mails: no escapes, no wide signs, no trailing blanks."""
    text = "\n".join(lines_of(whole_run()))
    assert text.isascii()
    assert "\x1b" not in text


def test_a_line_comes_now_and_then():
    """Progress is told at most every five seconds, and only when something has changed."""
    start = [RunStarted("out", 1, False, {}), TransferStarted(file(1), 0, 10**6)]
    flow = [BytesReceived(file(1), 10) for _ in range(20)]
    lines = [line for line in lines_of(start + flow) if line.startswith("[")]
    assert len(lines) == 4
    same = [LanePaused(Lane.FILES, 3600.0, "quota") for _ in range(20)]
    assert len([line for line in lines_of(start + same) if line.startswith("[")]) == 1


def test_a_line_tells_the_whole_state():
    """One line: headline, lanes, what cannot be had, listing, pauses."""
    line = lines_of(whole_run())[-1]
    assert line.startswith("[0:13] 0/1 models, 1 failed; files 2/9 1.0 MB; 2 unavailable")
    pieces = lines_of(whole_run()[:-2], every=0.0)[-1].split("; ")
    assert "2 unavailable" in pieces
    assert any(piece.startswith("File server stopped") for piece in pieces)
    paused = lines_of([whole_run()[0], whole_run()[5]], every=0.0)[-1]
    assert "File server asked us to slow down: 12 s" in paused
    assert "still listing: 0 pages read" in paused


def test_rates_and_time_left_are_told_when_known():
    """A lane under way tells bytes, rate and time left."""
    line = lines_of([*whole_run()[:3], BytesReceived(file(1), 500_000)] * 2, every=0.0)[-1]
    assert re.search(r"files 0/\d+\+ \d.* [kM]B \d.*/s ETA \d", line)


def test_notices_and_failures_come_at_once():
    """What a person must see does not wait for the next line."""
    lines = lines_of([Notice("info", "hello"), Notice("alert", "look"), whole_run()[7]])
    assert lines == [
        "hello",
        "warning: look",
        "failed: a.pt (model 1, version 2, file 2): the connection broke (wait a little)",
    ]


def test_the_last_line_always_comes():
    """The end of the run is told, however short it was."""
    assert lines_of([RunFinished(RunReport())], step=0.0) == ["[0:00] 0/0 models, 0 failed"]
    assert lines_of([RunFinished(RunReport())], messages=JA, step=0.0) == [
        "[0:00] 現在 0/0 モデル、失敗 0 件"
    ]


def test_a_continued_run_says_so():
    """The first line names the archive, and what an earlier run left."""
    assert lines_of(whole_run()[:1]) == [
        "2 targets, archive in ./civitai",
        "Continuing an earlier run: 7 tasks left",
    ]
    assert lines_of([RunStarted("x", 1, False, {Lane.FILES: 1})]) == ["1 target, archive in x"]


def test_a_thousand_failures_are_told_twenty_times():
    """Beyond twenty, failures are counted, and the person is told where to look."""
    sayings = Sayings(EN)
    event = TaskSettled(file(1), Failed(BROKE))
    said = [sayings.hear(event, 0.0) for _ in range(1000)]
    told = [text for text in said if text is not None]
    assert len(told) == MOST_FAILURES + 1
    assert "failed.txt" in told[-1][1]


def test_a_full_disk_is_told_once_in_a_while():
    """A notice that every task repeats is told once in ten minutes; memory stays bounded."""
    sayings, full = Sayings(EN), Notice("alert", "the disk is full")
    assert [sayings.hear(full, float(now)) is not None for now in (0, 10, 599, 601, 700)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    for number in range(2 * MOST_NOTICES):
        assert sayings.hear(Notice("info", str(number)), 700.0) is not None
    assert len(sayings._noticed) == MOST_NOTICES


def test_names_cannot_steer_the_terminal():
    """Escapes in names, details and notices lose their teeth in lines."""
    evil = "x\x1b[2J\x07\u202e"
    events = [
        RunStarted(evil, 1, False, {}),
        Notice("warning", evil),
        LanePaused(Lane.FILES, 9.0, evil),
        TaskSettled(file(1, evil), Failed(Failure(Trouble.REFUSED, evil, hint=evil))),
        TaskSettled(file(1, evil), LaneClosed(Failure(Trouble.REFUSED, evil), 9.0)),
        RunFinished(RunReport()),
    ]
    assert re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", "".join(lines_of(events, every=0.0))) is None


# --- JSON


def records(events, step=1.0):
    out, clock = io.StringIO(), StillClock()
    reporter = JsonReporter(clock, out)
    for event in events:
        clock.moment += step
        reporter.emit(event)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_has_one_object_a_line():
    """Each event worth logging is one object with its time and name."""
    told = records(whole_run())
    assert [record["event"] for record in told] == [
        "run_started",
        "page",
        "unavailable",
        "deferred",
        "paused",
        "stored",
        "failed",
        "unavailable",
        "stopped",
        "notice",
        "run_finished",
    ]
    assert told[0]["time"] == "2026-08-29T10:40:01.000Z"


def test_json_tells_task_lane_label_bytes_and_seconds():
    """A stored file is told with all that a script asks for."""
    told = {record["event"]: record for record in records(whole_run())}
    stored = told["stored"]
    assert stored["task"] == "file:2:1"
    assert stored["lane"] == "files"
    assert stored["label"] == "a.pt (model 1, version 2, file 1)"
    assert stored["bytes"] == 1_000_000
    assert stored["sha256"] == "ab" * 32
    assert told["deferred"]["seconds"] == 2.0
    assert "seconds" not in stored
    assert told["deferred"]["attempt"] == 1
    assert told["failed"]["evidence"] == "corrupted/x"
    assert told["unavailable"]["until"] == "2026-09-01T12:00:00.000Z"
    assert told["paused"] == {
        "time": told["paused"]["time"],
        "event": "paused",
        "lane": "files",
        "seconds": 12.0,
        "why": "throttled",
    }
    assert (told["page"]["new"], told["page"]["known"]) == (2, 3)
    assert told["run_finished"]["exit_code"] == 0
    noted = records([TaskSettled(file(1), Stored("p", "0", 1, note="renamed"))])
    assert noted[0]["note"] == "renamed"
    bare = records([TaskSettled(file(1), Failed(Failure(Trouble.LINK, "gone")))])
    assert {"status", "hint", "evidence", "seconds"} & bare[0].keys() == set()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (SIGNED, FOUND),
        (f"<{SIGNED}>", f"<{FOUND}>"),
        (f"({SIGNED}, {SIGNED})", None),
        ("asked /api/download/models/5?token=secret twice", "asked /api/download/models/5 twice"),
        ("really/truly? yes", "really/truly? yes"),
    ],
)
def test_no_url_keeps_its_query(text, clean):
    """Whatever a sentence holds, the query of a URL is not logged."""
    failure = Failure(Trouble.LINK, text, hint=text)
    (record,) = records([TaskSettled(file(1, text), Failed(failure, evidence=text))])
    assert "secret" not in json.dumps(record)
    if clean is not None:
        assert record["detail"] == clean


@given(st.text())
def test_any_text_is_one_line_of_json(text):
    """Line ends, quotes and lone surrogates in a name do not break the log."""
    (record,) = records([Notice("info", text)])
    assert record["event"] == "notice"


def test_starts_that_never_end_are_forgotten():
    """Transfers whose end was not heard do not pile up."""
    reporter = JsonReporter(StillClock(), io.StringIO())
    for number in range(2000):
        reporter.emit(TransferStarted(file(number), 0, 9))
    assert len(reporter._teller._starts) <= 512


# --- the log file


def test_the_log_file_tells_the_same_in_readable_lines(tmp_path):
    """Every fact is one line with time and level; no query reaches the file."""
    path = tmp_path / "logs" / "run.log"
    clock = StillClock()
    with FileLog(clock, path) as log:
        for event in whole_run():
            clock.moment += 1
            log.emit(event)
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("2026-08-29 10:40:01.000Z INFO    run_started")
    assert "output=./civitai" in lines[0]
    assert "ERROR   failed        a.pt (model 1, version 2, file 2)" in lines[6]
    assert 'detail="the connection broke"' in lines[6]
    assert "WARNING unavailable" in lines[7]
    assert "ERROR   notice        look at" in lines[9]
    assert "secret" not in "".join(lines)


def test_events_outside_the_context_are_dropped(tmp_path):
    """Before it is opened and after it is closed, a log writes nothing."""
    path = tmp_path / "run.log"
    log = FileLog(StillClock(), path)
    log.emit(Notice("info", "before"))
    with log:
        log.emit(Notice("warning", "within"))
    log.emit(Notice("info", "after"))
    log.__exit__(None, None, None)
    assert re.fullmatch(r"\S+ \S+ WARNING notice +within\n", path.read_text("utf-8"))


def test_the_log_rotates(tmp_path):
    """A log that has become too large is set aside, and the oldest is dropped."""
    path = tmp_path / "run.log"
    with FileLog(StillClock(), path, largest=2000, kept=2) as log:
        for _ in range(200):
            log.emit(Notice("info", "x" * 50))
    assert {"run.log", "run.log.1", "run.log.2"} == {found.name for found in tmp_path.iterdir()}
    assert all(found.stat().st_size <= 2000 for found in tmp_path.iterdir())


def test_other_loggers_may_use_the_file(tmp_path):
    """Records of the standard library's loggers go to the same file."""
    path = tmp_path / "run.log"
    logger = logging.getLogger("civitai_dl.tests.reporters")
    with FileLog(StillClock(), path) as log:
        logger.addHandler(log.handler)
        logger.warning("from %s", "elsewhere")
        logger.removeHandler(log.handler)
    assert "WARNING from elsewhere" in path.read_text("utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_log_that_cannot_be_written_is_given_up(capsys):
    """A full disk under the log is no error of the run, and prints nothing into the display."""
    with FileLog(StillClock(), "/dev/full", largest=0) as log:
        log.emit(Notice("info", "hello"))
    assert capsys.readouterr().err == ""


def test_a_path_that_cannot_be_opened_is_told(tmp_path):
    """Opening the log raises, so that the person learns of a path that cannot be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), FileLog(StillClock(), tmp_path / "file" / "log"):
        pass


# --- several, and none


def test_a_fan_tells_everyone_in_order():
    """Each listener hears each event, the first one first."""
    heard = []

    class Ear:
        def __init__(self, name):
            self.name = name

        def emit(self, event):
            heard.append((self.name, event))

    event = Notice("info", "x")
    Fan([Ear("a"), Ear("b"), NullReporter()]).emit(event)
    assert heard == [("a", event), ("b", event)]


def test_a_listener_that_raises_is_a_bug():
    """An error in a listener is not hidden."""

    class Broken:
        def emit(self, event):
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        Fan([Broken()]).emit(Notice("info", "x"))
