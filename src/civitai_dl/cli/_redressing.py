"""What `sidecars` does from its words to its exit status."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._embedding import FOLDER, EmbedReport
from civitai_dl._redress import RedressReport, redress
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import STATE, local_path
from civitai_dl.domain.entities import Event, Notice
from civitai_dl.domain.messages import Messages, printable
from civitai_dl.errors import CivitaiDLError, UsageError

from ._frame import framed
from ._options import given_names
from ._session import heeding_signals, open_log, say

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Reporter

TICK = 5.0
"""Seconds between two lines that tell how far it is."""


def run_sidecars(flags: Mapping[str, object]) -> int:
    """Write what belongs to the models of an archive; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        folder = local_path(settings.output)
        if not (folder / STATE).is_dir():
            # Before a log is opened there, which would make the directory.
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        return anyio.run(partial(_go, settings, messages, given_names(flags)))

    return framed(flags, work)


async def _go(settings: Settings, messages: Messages, given: frozenset[str]) -> int:
    stop, report = anyio.Event(), RedressReport()
    trouble: CivitaiDLError | None = None
    with ExitStack() as stack:
        teller = _Teller(open_log(settings, SystemClock(), stack), messages)
        stack.enter_context(heeding_signals(stop, teller, messages))
        async with anyio.create_task_group() as group:
            if not settings.quiet:
                group.start_soon(_tick, report, messages)
            try:
                await redress(settings, report, reporter=teller, stop=stop, given=given)
            except CivitaiDLError as error:
                # Past the group, which would wrap it.
                trouble = error
            group.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
    if not (settings.quiet and report.exit_code == 0):
        say(account_of(report, messages))
    return report.exit_code


async def _tick(report: RedressReport, messages: Messages) -> None:
    """Tell how far it is, until cancelled."""
    while True:
        await anyio.sleep(TICK)
        text = messages.count("{n} model so far", "{n} models so far", report.models)
        sys.stderr.write(f"{text}\n")


MOST_TOLD = 20
"""Sentences for the person; the log has all of them, and the account their number."""


@dataclass(slots=True)
class _Teller:
    """A Reporter: the log has everything, the person is told of what is out of order."""

    log: Reporter
    messages: Messages
    told: int = 0

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        self.log.emit(event)
        if isinstance(event, Notice) and self.told < MOST_TOLD:
            self.told += 1
            sys.stderr.write(f"{self.messages.warning(printable(event.text))}\n")


def account_of(report: RedressReport, messages: Messages) -> str:
    """What was done, in words."""
    counts = {"models": f"{report.models:,}", "sidecars": f"{report.sidecars:,}"}
    lines = [messages.say("sidecars in place: {sidecars}, of {models} models", **counts)]
    others = (
        (report.left, "documents left as they are, nothing can be added to them: {n}"),
        (report.untold, "models passed over, their model.json is missing or was edited: {n}"),
        (report.failed, "models that could not be written: {n}"),
    )
    lines += [messages.say(text, n=f"{count:,}") for count, text in others if count]
    if report.embedded is not None:
        lines += _embedded(report.embedded, messages)
    if report.interrupted:
        lines.append(messages.say("stopped; the same command does the rest"))
    return "\n".join(lines)


def _embedded(report: EmbedReport, messages: Messages) -> list[str]:
    facts = {"new": f"{report.copies:,}", "old": f"{report.there:,}", "folder": FOLDER}
    lines = [messages.say("images with prompts in {folder}/: {new} new, {old} before", **facts)]
    for name, text in LEFT.items():
        count = report.left[name]
        if count:
            lines.append(messages.say(text, n=f"{count:,}"))
    if report.broken:
        lines += [f"  {printable(path)}" for path in report.broken]
    return lines


LEFT = {
    "CARRIES": "images that carry a prompt already: {n}",
    "TOO_LONG": "images whose prompt is too long for a JPEG: {n}",
    "OTHER": "images that are no PNG, JPEG or WebP: {n}",
    "BROKEN": "images that are not whole, left as they are: {n}",
}
"""Why images have no copy, in the words of the account; by the names of Left."""
