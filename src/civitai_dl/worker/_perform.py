"""Doing tasks: the one function that every engine drives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from civitai_dl.domain.entities import (
    DressRef,
    FileRef,
    ImageRef,
    Kind,
    Notice,
    Outcome,
    Task,
)
from civitai_dl.errors import NotEnoughRoom, SourceError, StorageBroken, StorageError

from ._desk import WorkerDesk
from ._dress import dress
from ._files import fetch_file
from ._images import fetch_image
from ._publish import forget
from ._tools import Tools
from ._troubles import judge_storage


async def perform(tasks: Sequence[Task], tools: Tools) -> list[Outcome]:
    """Do tasks to their end: one outcome each, in order.

    More than one comes only where they share a batch. Every expected failure is a value, the disk's
    included; bugs, cancellation, a refused key and trouble with the state raise. Safe to repeat:
    what is stored is found, what is partial is continued.
    """
    try:
        if tasks[0].kind in (Kind.FILE, Kind.IMAGE, Kind.DRESS):
            return [await _perform_one(task, tools) for task in tasks]
        return await _expand(tasks, tools)
    except StorageError as error:
        if isinstance(error, StorageBroken):
            await _forget_suspects(tasks, tools)
        if isinstance(error, NotEnoughRoom):
            _tell_once(tasks[0], error, tools)
        clock = tools.clock
        return [
            judge_storage(task, error, now=clock.now(), jitter=clock.jitter(), policy=tools.policy)
            for task in tasks
        ]


def _tell_once(task: Task, error: NotEnoughRoom, tools: Tools) -> None:
    """Of a thousand files that do not fit the person hears once; the log has them all."""
    if "room" not in tools.told:
        tools.told.add("room")
        text = f"{task.label}: {error.message}; {error.hint}, and so do others that do not fit"
        tools.reporter.emit(Notice("alert", text))


async def _forget_suspects(tasks: Sequence[Task], tools: Tools) -> None:
    """Drop what an I/O error has made doubtful: the next try begins at the first byte."""
    for task in tasks:
        # A disk that does not even remove it: whoever publishes it later measures it before.
        with suppress(StorageError):
            async with tools.storage.partial(task.key) as partial:
                await forget(task, partial, tools)


async def _perform_one(task: Task, tools: Tools) -> Outcome:
    subject = task.subject
    if isinstance(subject, FileRef):
        return await fetch_file(task, subject, tools)
    if isinstance(subject, ImageRef):
        return await fetch_image(task, subject, tools)
    assert isinstance(subject, DressRef)
    return await dress(subject, tools)


async def _expand(tasks: Sequence[Task], tools: Tools) -> list[Outcome]:
    desk = WorkerDesk(tools)
    expand = tools.sources[tasks[0].kind]
    try:
        return await expand(tasks, desk)
    except SourceError as error:
        return [desk.judge(task, error) for task in tasks]
