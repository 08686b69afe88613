"""What `retry` does from its words to its exit status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import anyio

from civitai_dl._compose import archive
from civitai_dl._unfinished import Unfinished, read_unfinished
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import Settings
from civitai_dl.domain.entities import RunReport, Wanted
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import UsageError

from ._again import write_leftovers
from ._exit import OK
from ._frame import framed
from ._left_view import show_left
from ._options import given_names, read_targets
from ._session import heeding_signals, reporting, say, say_the_end

WORST = (130, 4, 3, 1, 0)
"""Of the exit statuses of several runs, the first of these that occurs is the one of all."""


def run_retry(flags: Mapping[str, object]) -> int:
    """Try again what was left; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        targets, reasons = flags.get("targets"), flags.get("reasons")
        wanted = read_targets(targets if isinstance(targets, tuple) else ())
        settings = replace(settings, reasons=reasons if isinstance(reasons, tuple) else ())
        if flags.get("dry_run") or flags.get("as_json"):
            return show_left(settings, wanted, messages, as_json=bool(flags.get("as_json")))
        read = partial(read_unfinished, settings, wanted, given=given_names(flags))
        wishes = anyio.run(read)
        if wishes is None:
            folder = local_path(settings.output)
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        if not wishes:
            if not settings.quiet and settings.reasons:
                say(messages.say("nothing failed, or cannot be had, for these reasons"))
            elif not settings.quiet:
                say(messages.say("nothing failed, and nothing was left: there is nothing to retry"))
            return OK
        return anyio.run(_go, settings, wishes, messages)

    return framed(flags, work)


async def _go(settings: Settings, wishes: Sequence[Unfinished], messages: Messages) -> int:
    clock, stop = SystemClock(), anyio.Event()
    reports: list[RunReport] = []
    for wish in wishes:
        with (
            reporting(settings, messages, clock) as reporter,
            heeding_signals(stop, reporter, messages),
        ):
            report = await archive(
                wish.settings, wish.wanted, reporter=reporter, stop=stop, clock=clock
            )
        reports.append(report)
        say_the_end(wish.settings, report, messages)
        if report.exit_code > 1:
            break
    things: list[Wanted] = [thing for wish in wishes for thing in wish.wanted]
    write_leftovers(settings, things, together(reports))
    codes = {report.exit_code for report in reports}
    return next(code for code in WORST if code in codes)


def together(reports: Sequence[RunReport]) -> RunReport:
    """One report for the files that tell what is left of all of them."""
    return replace(
        reports[-1],
        failures=tuple(trace for report in reports for trace in report.failures),
        unavailable=tuple(trace for report in reports for trace in report.unavailable),
    )
