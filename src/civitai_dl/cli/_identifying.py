"""What `identify` does from its words to its exit status."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from civitai_dl._identified import Fate, IdentifyReport
from civitai_dl._identify import Errand, identify
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import local_path
from civitai_dl.domain.entities import Taking
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import CivitaiDLError, UsageError
from civitai_dl.worker import Progress

from ._again import write_beside, write_leftovers
from ._frame import framed
from ._identified import account_of, json_of, unidentified_txt
from ._session import heeding_signals, say
from ._stage import Stage

if TYPE_CHECKING:
    from civitai_dl.config import Settings

READ = "{share} files read, {n} could not be"
LISTED = "unidentified.txt"


def run_identify(flags: Mapping[str, object]) -> int:
    """Identify files; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        errand = read_errand(flags, messages)
        as_json = flags.get("as_json") is True
        return anyio.run(partial(_go, settings, errand, messages, as_json=as_json))

    return framed(flags, work)


def read_errand(flags: Mapping[str, object], messages: Messages) -> Errand:
    """What is to be identified. Raises: UsageError for a path where there is nothing."""
    paths = flags.get("paths")
    named = [str(path) for path in paths] if isinstance(paths, tuple) else []
    missing = [path for path in named if not Path(path).expanduser().exists()]
    if missing:
        raise UsageError(
            "\n".join(messages.say("there is nothing here: {path}", path=path) for path in missing)
        )
    jobs = flags.get("jobs")
    return Errand(
        paths=[str(Path(path).expanduser()) for path in named],
        every=flags.get("all_files") is True,
        taking=Taking(str(flags.get("mode") or "auto")),
        complete=flags.get("complete") is True,
        images=flags.get("no_images") is not True,
        jobs=jobs if isinstance(jobs, int) else os.cpu_count() or 1,
    )


async def _go(settings: Settings, errand: Errand, messages: Messages, *, as_json: bool) -> int:
    clock, stop, progress = SystemClock(), anyio.Event(), Progress()
    report: IdentifyReport | None = None
    trouble: CivitaiDLError | None = None
    with ExitStack() as stack:
        stage = Stage(settings, messages, clock, progress, stack, silent=as_json, said=READ)
        stack.callback(stage.close)
        stack.enter_context(heeding_signals(stop, stage, messages))
        async with anyio.create_task_group() as group:
            group.start_soon(stage.run)
            try:
                report = await identify(
                    settings, errand, reporter=stage, stop=stop, progress=progress, clock=clock
                )
            except CivitaiDLError as error:
                # Past the group, which would wrap it.
                trouble = error
            group.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
    assert report is not None
    _leave_behind(settings, report)
    if as_json:
        say(json_of(report))
    elif not (settings.quiet and report.exit_code == 0):
        say(account_of(report, messages, output=settings.output, dry=settings.dry_run))
    return report.exit_code


def _leave_behind(settings: Settings, report: IdentifyReport) -> None:
    """Write the lists beside the archive; those of an earlier run that are stale go."""
    if settings.dry_run:
        return
    if report.run is not None:
        write_leftovers(settings, [], report.run)
    if not report.interrupted:
        nobodys = report.of(Fate.UNKNOWN, Fate.NOT_SHOWN)
        text = unidentified_txt(nobodys) if nobodys else None
        write_beside(local_path(settings.output) / LISTED, text)
