"""One download from the words of the command to its exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import anyio

from civitai_dl._compose import archive
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import Fan, FileLog, can_draw
from civitai_dl.adapters.storage import STATE, as_storage_error, local_path
from civitai_dl.archive import closing_account
from civitai_dl.config import (
    STDIN,
    BadLine,
    Settings,
    collect,
    different_tokens,
    parse_any,
    parse_model,
    parse_user,
)
from civitai_dl.domain.entities import Notice, RunReport, Selection, Wanted
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import UsageError
from civitai_dl.sources import parse_target

from ._again import write_leftovers
from ._exit import INTERRUPTED
from ._frame import framed, nowhere
from ._search_flags import SEARCH_FLAGS

if TYPE_CHECKING:
    from civitai_dl.ports import Clock, Reporter


def download(flags: Mapping[str, object]) -> int:
    """Run a download; returns the exit status."""
    if flags.get("dry_run") is True:
        from ._planning import plan

        return plan(flags)

    def work(settings: Settings, messages: Messages) -> int:
        asked, hook = _texts(flags.get("why")), flags.get("on_finish")
        # What only some runs need is not loaded by the others.
        if asked:
            from ._explaining import read_asked_about, tell_why

            about = read_asked_about(asked)
        wanted = read_wanted(flags, messages, settings.selection)
        if isinstance(hook, str):
            from ._finishing import go_and_tell

            code = anyio.run(go_and_tell, settings, wanted, messages, hook)
        else:
            code = anyio.run(_go, settings, wanted, messages)
        if asked:
            tell_why(settings, about, messages)
        return code

    return framed(flags, work)


def read_wanted(
    flags: Mapping[str, object], messages: Messages, selection: Selection | None = None
) -> list[Wanted]:
    """What is asked for. Raises: UsageError that names every line that cannot be read.

    selection: its types and base models narrow searches that do not say otherwise.
    """
    lists = [(name, parse_user) for name in _texts(flags.get("users"))]
    lists += [(name, parse_model) for name in _texts(flags.get("models"))]
    anything = _texts(flags.get("input_file"))
    lists += [(name, parse_any) for name in anything]
    arguments = _texts(flags.get("targets"))
    if "-" in _texts(flags.get("exclude")) and "-" in [*(name for name, _ in lists), *arguments]:
        raise UsageError(messages.say("standard input cannot be two lists at once"))
    wanted, bad = collect(lists, arguments, parse=parse_target, stdin=sys.stdin.buffer.read)
    _complain(bad, messages, skip=flags.get("skip_bad_lines") is True)
    for number in (item for item in arguments if item.isdigit()):
        _warn(messages.say("{number} is taken as a model", number=number), messages)
    for name in {STDIN if name == "-" else name for name in [*anything, *_dashes(arguments)]}:
        _tell_numbers(name, wanted, messages)
    chosen = selection is not None and bool(selection.types or selection.base_models)
    if chosen or any(flags.get(name) is not None for name in SEARCH_FLAGS):
        from ._narrowing import narrow_by_flags

        wanted = narrow_by_flags(wanted, flags, selection or Selection(), messages)
    names = different_tokens(os.environ)
    if names and not flags.get("token"):
        joined = ", ".join(names)
        _warn(
            messages.say("{names} hold different keys; the first is used", names=joined), messages
        )
    if not wanted:
        raise UsageError(
            messages.say("nothing is asked for"),
            hint=messages.say("give --users, --models, or a link; see civitai-dl --help"),
        )
    return wanted


def _dashes(arguments: Sequence[str]) -> list[str]:
    return [word for word in arguments if word == "-"]


def _tell_numbers(name: str, wanted: Sequence[Wanted], messages: Messages) -> None:
    """A number in a list of anything could be anything: say once what it is taken for."""
    bare = [item for item in wanted if item.text.isdigit() and item.origin.startswith(f"{name}:")]
    if bare:
        said = messages.say(
            "{origin}: bare numbers are taken as models ({count}, such as {number})",
            origin=name,
            count=len(bare),
            number=bare[0].text,
        )
        _warn(said, messages)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _complain(bad: Sequence[BadLine], messages: Messages, *, skip: bool) -> None:
    lines = [_complaint(line) for line in bad]
    if skip:
        for line in lines:
            _warn(line, messages)
    elif lines:
        raise UsageError(
            "\n".join(lines),
            hint=messages.say("nothing was requested; --skip-bad-lines leaves such lines out"),
        )


def _complaint(line: BadLine) -> str:
    return f"{line.origin}: {line.why}" + (f" ({line.hint})" if line.hint else "")


def _warn(text: str, messages: Messages) -> None:
    sys.stderr.write(f"{messages.warning(text)}\n")


async def _go(settings: Settings, wanted: list[Wanted], messages: Messages) -> int:
    return (await run_and_say(settings, wanted, messages, [])).exit_code


async def run_and_say(
    settings: Settings, wanted: list[Wanted], messages: Messages, ears: Sequence[Reporter]
) -> RunReport:
    """One run with all that is shown and left of it. ears: who hears of it beside."""
    clock = SystemClock()
    stop = anyio.Event()
    with (
        reporting(settings, messages, clock) as shown,
        heeding_signals(stop, shown, messages),
    ):
        reporter = Fan([*ears, shown])
        report = await archive(settings, wanted, reporter=reporter, stop=stop, clock=clock)
    write_leftovers(settings, wanted, report)
    say_the_end(settings, report, messages)
    return report


def say_the_end(settings: Settings, report: RunReport, messages: Messages) -> None:
    """Print the closing account, unless JSON was asked for, or silence and all went well."""
    if settings.json_logs or (settings.quiet and report.exit_code == 0):
        return
    width = get_terminal_size((100, 24)).columns
    windows = os.name == "nt"
    say(closing_account(report, messages, output=settings.output, width=width, windows=windows))


def say(text: str) -> None:
    """Print to standard output, for as long as somebody reads it."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        # Whoever read us has gone, or their disk is full; the archive is what counts.
        sys.stdout = nowhere()


@contextmanager
def reporting(settings: Settings, messages: Messages, clock: Clock) -> Iterator[Reporter]:
    """The log file, and what is shown of a run."""
    with ExitStack() as stack:
        log = open_log(settings, clock, stack)
        yield Fan([log, *open_displays(settings, messages, clock, stack)])


def open_displays(
    settings: Settings, messages: Messages, clock: Clock, stack: ExitStack
) -> list[Reporter]:
    """What is shown of a run: JSON, lines or a live display, or nothing at all."""
    # Each is imported where it is shown, and only there.
    if settings.json_logs:
        from civitai_dl.adapters.reporters import JsonReporter

        return [JsonReporter(clock, sys.stdout)]
    if settings.verbose:
        from civitai_dl.adapters.reporters import StreamLog

        return [StreamLog(clock, sys.stderr)]
    if settings.quiet:
        return []
    if can_draw(sys.stderr, os.environ):
        from civitai_dl.adapters.reporters import TerminalReporter

        display = TerminalReporter(clock, messages, sys.stderr, environment=os.environ)
        return [stack.enter_context(display)]
    from civitai_dl.adapters.reporters import LineReporter

    return [LineReporter(clock, messages, sys.stderr)]


def open_log(settings: Settings, clock: Clock, stack: ExitStack) -> Reporter:
    """The log file of an archive. Raises: StorageError."""
    path = Path(settings.log_file) if settings.log_file else None
    if path is None:
        path = local_path(settings.output) / STATE / "logs" / "civitai-dl.log"
    try:
        return stack.enter_context(FileLog(clock, path))
    except OSError as error:
        raise as_storage_error(error, f"writing the log {path}") from error


@contextmanager
def heeding_signals(stop: anyio.Event, reporter: Reporter, messages: Messages) -> Iterator[None]:
    """The first signal ends the run in order, the second at once; both leave the state safe."""
    import asyncio

    loop = asyncio.get_running_loop()
    text = messages.say("stopping: what is on its way is kept; press again to leave at once")

    def hear() -> None:
        if stop.is_set():
            if sys.stderr.isatty():
                # The display hides the cursor, and will not come to show it again.
                sys.stderr.write("\x1b[?25h\n")
                sys.stderr.flush()
            os._exit(INTERRUPTED)
        reporter.emit(Notice("warning", text))
        stop.set()

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What was ignored stays so: under nohup a hang-up is no reason to stop.
    names = [name for name in names if signal.getsignal(getattr(signal, name)) != signal.SIG_IGN]
    try:
        for name in names:
            loop.add_signal_handler(getattr(signal, name), hear)
    except (NotImplementedError, RuntimeError, ValueError):
        # Windows, or a loop outside the main thread: KeyboardInterrupt does what it does there.
        yield
        return
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(getattr(signal, name))
            if stop.is_set():
                # The loop is about to be taken down, where a KeyboardInterrupt leaves riddles.
                signal.signal(getattr(signal, name), _leave)


def _leave(*_: object) -> None:
    """A second signal, when the run has ended already."""
    os._exit(INTERRUPTED)
