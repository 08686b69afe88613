"""Doing tasks: the one function that every engine drives."""

from __future__ import annotations

from collections.abc import Sequence

from civitai_dl.domain.decisions import model_folder
from civitai_dl.domain.entities import (
    Deferred,
    DressRef,
    Failure,
    FileRef,
    ImageRef,
    Kind,
    Notice,
    Outcome,
    Skipped,
    Task,
    Trouble,
)
from civitai_dl.errors import SourceError, StorageFull

from ._desk import WorkerDesk
from ._files import fetch_file
from ._images import fetch_image
from ._tools import Tools

FULL_WAIT = 10.0
"""Seconds between two looks at a full disk."""


async def perform(tasks: Sequence[Task], tools: Tools) -> list[Outcome]:
    """Do tasks to their end: one outcome each, in order.

    More than one comes only where they share a batch. Every expected failure is a value; bugs,
    cancellation, a refused key and a broken disk raise. Safe to repeat: what is stored is found,
    what is partial is continued.
    """
    try:
        if tasks[0].kind in (Kind.FILE, Kind.IMAGE, Kind.DRESS):
            return [await _perform_one(task, tools) for task in tasks]
        return await _expand(tasks, tools)
    except StorageFull as error:
        # The lane rests, and looks again by itself; nobody's attempt is used up.
        tools.reporter.emit(Notice("alert", f"{error.message}; {error.hint}"))
        failure = Failure(Trouble.STORAGE, error.message, hint=error.hint)
        until = tools.clock.now() + FULL_WAIT
        return [Deferred(until, failure, counts=False, pause=FULL_WAIT) for _ in tasks]


async def _perform_one(task: Task, tools: Tools) -> Outcome:
    subject = task.subject
    if isinstance(subject, FileRef):
        return await fetch_file(task, subject, tools)
    if isinstance(subject, ImageRef):
        return await fetch_image(task, subject, tools)
    assert isinstance(subject, DressRef)
    return await _dress(subject, tools)


async def _dress(ref: DressRef, tools: Tools) -> Outcome:
    """Write a model's page and sidecars from what is on disk."""
    raw = await tools.storage.read(f"{model_folder(ref.model_id)}/model.json")
    if raw is None:
        return Skipped("the model's JSON is not there")
    stored = await tools.catalog.stored_under(ref.model_id)
    dressing = tools.dresser(raw, stored, sidecars=ref.sidecars)
    await tools.storage.save(dressing.documents)
    for existing, path in dressing.links:
        try:
            await tools.storage.link(existing, path)
        except (FileExistsError, FileNotFoundError):
            # A second name that is there stays: it may be the user's own picture.
            continue
    return Skipped("written")


async def _expand(tasks: Sequence[Task], tools: Tools) -> list[Outcome]:
    desk = WorkerDesk(tools)
    expand = tools.sources[tasks[0].kind]
    try:
        return await expand(tasks, desk)
    except SourceError as error:
        return [desk.judge(task, error) for task in tasks]
