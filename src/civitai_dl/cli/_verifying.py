"""What `verify` does from its words to its exit status."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._verify import Order, VerifyReport, verify
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import STATE, local_path
from civitai_dl.domain.decisions import read_subset
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import CivitaiDLError, UsageError
from civitai_dl.worker import Progress

from ._again import write_leftovers
from ._findings import account_of, json_of
from ._frame import framed
from ._options import given_names, read_targets
from ._session import heeding_signals, say
from ._stage import Stage

if TYPE_CHECKING:
    from civitai_dl.config import Settings


def run_verify(flags: Mapping[str, object]) -> int:
    """Verify an archive; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        order = read_order(flags)
        folder = local_path(settings.output)
        if not (folder / STATE).is_dir():
            # Before a log is opened there, which would make the directory.
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        as_json = flags.get("as_json") is True
        return anyio.run(partial(_go, settings, order, messages, as_json=as_json))

    return framed(flags, work)


def read_order(flags: Mapping[str, object]) -> Order:
    """What is to be verified. Raises: UsageError."""
    subset, jobs = flags.get("subset"), flags.get("jobs")
    targets = flags.get("targets")
    return Order(
        wanted=read_targets(targets if isinstance(targets, tuple) else ()),
        subset=None if subset is None else read_subset(str(subset)),
        heal=flags.get("no_heal") is not True,
        jobs=jobs if isinstance(jobs, int) else os.cpu_count() or 1,
        given=given_names(flags),
    )


async def _go(settings: Settings, order: Order, messages: Messages, *, as_json: bool) -> int:
    clock, stop, progress = SystemClock(), anyio.Event(), Progress()
    report: VerifyReport | None = None
    trouble: CivitaiDLError | None = None
    with ExitStack() as stack:
        stage = Stage(settings, messages, clock, progress, stack, silent=as_json)
        stack.callback(stage.close)
        stack.enter_context(heeding_signals(stop, stage, messages))
        async with anyio.create_task_group() as group:
            group.start_soon(stage.run)
            try:
                report = await verify(
                    settings,
                    order,
                    reporter=stage,
                    stop=stop,
                    progress=progress,
                    tell=partial(stage.tell, heal=order.heal),
                    clock=clock,
                )
            except CivitaiDLError as error:
                # Past the group, which would wrap it.
                trouble = error
            group.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
    assert report is not None
    if report.run is not None:
        again = ["civitai-dl", "retry", "-o", settings.output]
        write_leftovers(settings, [], report.run, again)
    if as_json:
        say(json_of(report))
    elif not (settings.quiet and report.exit_code == 0):
        say(account_of(report, messages))
    return report.exit_code
