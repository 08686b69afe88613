"""What `sync` does from its words to its exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._following import read_followed
from civitai_dl._hooks import Hook, read_hook
from civitai_dl._sync import Manner, SyncReport, sync
from civitai_dl._told import Told, describe
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import Settings, read_span
from civitai_dl.domain.entities import Event, Notice
from civitai_dl.errors import (
    Busy,
    CatalogError,
    SourceError,
    StorageError,
    UsageError,
)

from ._again import write_beside, write_leftovers
from ._exit import OK, tell
from ._finish import hand_over
from ._frame import framed
from ._retrying import together
from ._session import heeding_signals, reporting, say, say_the_end
from ._whats_new import by_name, in_a_line

if TYPE_CHECKING:
    from civitai_dl.domain.messages import Messages
    from civitai_dl.ports import Clock, Reporter

PASSING = (Busy, CatalogError, SourceError, StorageError)
"""Trouble of one round that the next may not have."""


@dataclass(frozen=True, slots=True)
class Order:
    """How to sync. rest: seconds between two rounds, None for one round."""

    manner: Manner
    rest: float | None
    hook: Hook | None
    as_json: bool


def run_sync(flags: Mapping[str, object]) -> int:
    """Bring an archive up to date; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        order = _read_order(flags)
        followed = anyio.run(read_followed, settings.output)
        if followed is None:
            folder = local_path(settings.output)
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        if not followed:
            raise UsageError(
                messages.say("nothing is kept current here yet"),
                hint=messages.say(
                    "`civitai-dl add TARGET...` adds something, "
                    "`civitai-dl add --from-runs` all that earlier runs were asked for"
                ),
            )
        return anyio.run(partial(_go, settings, order, messages, SystemClock()))

    return framed(flags, work)


def _read_order(flags: Mapping[str, object]) -> Order:
    watch, hook = flags.get("watch"), flags.get("on_finish")
    every = read_span(str(flags.get("full_every") or "7d"))
    return Order(
        manner=Manner(full=flags.get("full") is True, every=every),
        rest=60.0 * watch if isinstance(watch, float) else None,
        hook=read_hook(hook) if isinstance(hook, str) else None,
        as_json=flags.get("as_json") is True,
    )


@dataclass(slots=True)
class _Relay:
    """A Reporter for what lasts longer than a round."""

    to: Reporter | None = None

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if self.to is not None:
            self.to.emit(event)
        elif isinstance(event, Notice):
            sys.stderr.write(f"{event.text}\n")


async def _go(settings: Settings, order: Order, messages: Messages, clock: Clock) -> int:
    stop, relay = anyio.Event(), _Relay()
    with heeding_signals(stop, relay, messages):
        while True:
            code = await _round_in_peace(settings, order, messages, clock, stop, relay)
            if order.rest is None or stop.is_set():
                return code
            await _rest(order.rest, clock, stop)
            if stop.is_set():
                # Nothing was going on: it is the ordinary end.
                return OK


async def _round_in_peace(
    settings: Settings,
    order: Order,
    messages: Messages,
    clock: Clock,
    stop: anyio.Event,
    relay: _Relay,
) -> int:
    """One round; with --watch its trouble is told, and the next round tries again."""
    try:
        return await _round(settings, order, messages, clock, stop, relay)
    except PASSING as error:
        if order.rest is None:
            raise
        return tell(error, messages)
    finally:
        relay.to = None


async def _round(
    settings: Settings,
    order: Order,
    messages: Messages,
    clock: Clock,
    stop: anyio.Event,
    relay: _Relay,
) -> int:
    with ExitStack() as stack:
        relay.to = stack.enter_context(reporting(settings, messages, clock))
        report = await sync(settings, order.manner, reporter=relay.to, stop=stop, clock=clock)
    relay.to = None
    if report.runs:
        again = ["civitai-dl", "retry", "-o", settings.output]
        write_leftovers(settings, [], together(report.runs), again)
    told = _told(settings, report, messages)
    place = _keep(settings, told) if report.news else ""
    _say(settings, order, report, told, messages, place=place)
    if order.hook is not None:
        await hand_over(order.hook, told, settings, messages, place=place)
    return report.exit_code


async def _rest(seconds: float, clock: Clock, stop: anyio.Event) -> None:
    """Sleep, holding nothing, until the next round or the end."""

    async def nap() -> None:
        await clock.sleep(seconds)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(nap)
        await stop.wait()
        group.cancel_scope.cancel()


def _told(settings: Settings, report: SyncReport, messages: Messages) -> Told:
    text = in_a_line(
        report.news,
        messages,
        targets=report.targets,
        seconds=report.seconds,
        well=report.exit_code == 0,
    )
    return Told(
        command="sync",
        output=str(local_path(settings.output).absolute()),
        status=report.exit_code,
        started=report.started,
        seconds=report.seconds,
        targets=report.targets,
        full=report.full,
        runs=report.runs,
        news=report.news,
        text=text,
    )


def _keep(settings: Settings, told: Told) -> str:
    """Keep the report in the archive; its archive path."""
    folder = local_path(settings.output)
    moment = datetime.fromtimestamp(told.started, timezone.utc).strftime("%Y%m%d-%H%M%S")
    for tail in ("", *(f"-{number}" for number in range(2, 100))):
        place = f"lists/{moment}_changes{tail}.json"
        if not (folder / place).exists():
            break
    text = json.dumps(describe(told), ensure_ascii=False, indent=2)
    write_beside(folder / place, f"{text}\n", archive=folder)
    return place


def _say(
    settings: Settings,
    order: Order,
    report: SyncReport,
    told: Told,
    messages: Messages,
    *,
    place: str,
) -> None:
    if order.as_json:
        say(json.dumps(describe(told), ensure_ascii=False, indent=2))
        return
    if settings.json_logs or (settings.quiet and report.exit_code == 0):
        return
    lines = [told.text]
    if report.news:
        lines += by_name(report.news, messages)
        lines.append(messages.say("all of it: {path}", path=place))
    say("\n".join(lines))
    for run in report.runs:
        if run.exit_code:
            say_the_end(replace(settings, dry_run=False), run, messages)
