"""A plan from its words to its exit status: list, look at what was listed, tell of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import anyio

from civitai_dl._compose import archive
from civitai_dl._outlook import free_bytes, viewing
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import local_path
from civitai_dl.errors import UsageError

from ._frame import framed, nowhere
from ._session import heeding_signals, read_wanted, reporting, say

if TYPE_CHECKING:
    from civitai_dl._outlook import View
    from civitai_dl.config import Settings
    from civitai_dl.domain.entities import RunReport, Wanted
    from civitai_dl.domain.messages import Messages
    from civitai_dl.domain.outlook import Outlook

COLUMNS = (100, 24)
"""What a text is laid out for where there is no terminal."""


def plan(flags: Mapping[str, object]) -> int:
    """List what is wanted, and print what a download would do; the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        form = _form(flags, messages)
        # A dry run with lines of JSON has nothing else on standard output; a plan has no lines.
        lines = settings.json_logs and flags.get("dry_run") is True
        form = "lines" if lines else form
        chosen = replace(settings, dry_run=True, json_logs=lines)
        going = partial(_go, chosen, read_wanted(flags, messages, chosen.selection), messages, form)
        asked = flags.get("why")
        if not isinstance(asked, (list, tuple)) or not asked:
            return anyio.run(going)
        from ._explaining import read_asked_about, tell_why

        about = read_asked_about(asked)
        code: int = anyio.run(going)
        # Beside a document it is told on the other output, as beside lines of JSON.
        tell_why(replace(chosen, json_logs=form != "text"), about, messages)
        return code

    return framed(flags, work)


def _form(flags: Mapping[str, object], messages: Messages) -> str:
    chosen = [name for name in ("json", "csv") if flags.get(f"as_{name}") is True]
    if len(chosen) > 1:
        raise UsageError(messages.say("--json and --csv are two forms of one output: give one"))
    return chosen[0] if chosen else "text"


async def _go(settings: Settings, wanted: list[Wanted], messages: Messages, form: str) -> int:
    clock = SystemClock()
    stop = anyio.Event()
    with (
        reporting(settings, messages, clock) as reporter,
        heeding_signals(stop, reporter, messages),
    ):
        report = await archive(settings, wanted, reporter=reporter, stop=stop, clock=clock)
    free = free_bytes(local_path(settings.output))
    async with viewing(settings, now=clock.now(), free=free) as view:
        status = status_of(report, view.outlook)
        await _tell(view, report, settings, messages, form=form, status=status)
    return status


def status_of(report: RunReport, outlook: Outlook) -> int:
    """The exit status: that of the listing. What failed in earlier transfers is no part of it."""
    if report.exit_code in (0, 1):
        return 1 if outlook.total.unread else 0
    return report.exit_code


async def _tell(
    view: View,
    report: RunReport,
    settings: Settings,
    messages: Messages,
    *,
    form: str,
    status: int,
) -> None:
    if form == "lines":
        return
    if form == "csv":
        from ._outlook_data import csv_chunks

        try:
            async for chunk in csv_chunks(view):
                sys.stdout.write(chunk)
            sys.stdout.flush()
        except OSError:
            # As with `say`: whoever read us has had enough.
            sys.stdout = nowhere()
        return
    if form == "json":
        from ._outlook_data import outlook_json

        say(outlook_json(view.outlook, report, output=settings.output, status=status))
        return
    from ._outlook import outlook_text

    width = get_terminal_size(COLUMNS).columns
    say(outlook_text(view.outlook, report, messages, output=settings.output, width=width))
