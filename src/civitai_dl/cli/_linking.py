"""What `link` and `unlink` do from their words to their exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio

from civitai_dl.adapters.storage import local_path
from civitai_dl.config import Settings
from civitai_dl.domain.entities import Event, ImageTarget, Notice, PostTarget, Target
from civitai_dl.domain.messages import Messages, format_bytes
from civitai_dl.domain.placing import KINDS, Layout, Way, known_kind
from civitai_dl.errors import CivitaiDLError, UsageError
from civitai_dl.linking import Choice, LinkOrder, Progress, link, unlink

from ._frame import framed
from ._linked import link_account, link_json, unlink_account, unlink_json
from ._options import read_targets
from ._session import heeding_signals, say

EVERY = 3.0
"""Seconds between two lines about how far it is."""

T = TypeVar("T")


def run_link(flags: Mapping[str, object]) -> int:
    """Place files; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        order = read_order(flags)
        archive = local_path(settings.output)
        silent = settings.quiet or flags.get("as_json") is True
        begin = partial(link, archive, order)
        report = anyio.run(_go, begin, messages, silent)
        if flags.get("as_json") is True:
            say(link_json(report))
        elif not (settings.quiet and report.exit_code == 0):
            say(link_account(report, messages))
        return report.exit_code

    return framed(flags, work)


def run_unlink(flags: Mapping[str, object]) -> int:
    """Take back what was placed; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        silent = settings.quiet or flags.get("as_json") is True
        root = Path(str(flags["root"]))
        begin = partial(unlink, root, dry_run=settings.dry_run)
        report = anyio.run(_go, begin, messages, silent)
        if flags.get("as_json") is True:
            say(unlink_json(report))
        elif not (settings.quiet and report.exit_code == 0):
            say(unlink_account(report, messages))
        return report.exit_code

    return framed(flags, work)


def read_order(flags: Mapping[str, object]) -> LinkOrder:
    """What is to be placed. Raises: UsageError that names what cannot be read."""
    layout, mode = flags.get("layout"), str(flags.get("mode") or "auto")
    return LinkOrder(
        root=Path(str(flags["root"])),
        layout=None if layout is None else Layout(str(layout)),
        mode=None if mode == "auto" else Way(mode),
        folders=dict(_folder(text) for text in _texts(flags.get("folders"))),
        choice=Choice(
            targets=_targets(flags),
            kinds=frozenset(_kind(text) for text in _texts(flags.get("kinds"))),
            base_models=frozenset(text.lower() for text in _texts(flags.get("bases"))),
            newest=flags.get("newest") is True,
            sidecars=flags.get("no_sidecars") is not True,
        ),
        prune=flags.get("prune") is True,
        force=flags.get("force") is True,
        dry_run=flags.get("dry_run") is True,
    )


def _targets(flags: Mapping[str, object]) -> tuple[Target, ...]:
    targets = flags.get("targets")
    wanted = read_targets(targets if isinstance(targets, tuple) else ())
    for one in wanted:
        if isinstance(one.target, (ImageTarget, PostTarget)):
            raise UsageError(f"this names no model file: {one.text}")
    return tuple(one.target for one in wanted)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _kind(text: str) -> str:
    if known_kind(text) is None:
        raise UsageError(f"there is no such type: {text}", hint=f"one of {', '.join(KINDS)}")
    return text.strip().lower()


def _folder(text: str) -> tuple[str, str]:
    kind, equals, path = text.partition("=")
    if not equals or not path.strip():
        raise UsageError(
            f"--folder needs TYPE=PATH, not {text}",
            hint="for example --folder MotionModule=models/animatediff_models",
        )
    found = known_kind(_kind(kind))
    assert found is not None
    return found, Path(os.path.normpath(Path(path.strip()).expanduser())).as_posix()


@dataclass(slots=True)
class _Voice:
    """A Reporter that only tells what a person must see."""

    messages: Messages

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, Notice):
            sys.stderr.write(f"{self.messages.warning(event.text)}\n")


Begin = Callable[..., Awaitable[T]]


async def _go(begin: Begin[T], messages: Messages, silent: bool) -> T:  # noqa: FBT001  # anyio.run
    stop, progress = anyio.Event(), Progress()
    reports: list[T] = []
    trouble: CivitaiDLError | None = None
    with heeding_signals(stop, _Voice(messages), messages):
        async with anyio.create_task_group() as group:
            if not silent:
                group.start_soon(_tell, progress, messages)
            try:
                reports.append(await begin(progress=progress, stop=stop.is_set))
            except CivitaiDLError as error:
                # Past the group, which would wrap it.
                trouble = error
            group.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
    return reports[0]


async def _tell(progress: Progress, messages: Messages) -> None:
    """Say how far it is, every few seconds, until cancelled."""
    while True:
        await anyio.sleep(EVERY)
        text = messages.say(
            "{files} of {total} done, {size} read",
            files=f"{progress.files:,}",
            total=f"{progress.of:,}",
            size=format_bytes(progress.bytes),
        )
        sys.stderr.write(f"{text}\n")
