"""What is to be tried again, and how it was asked for; read beside whoever works on the archive."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio.to_thread

from civitai_dl.adapters.catalog import (
    STATE_FILE,
    Asked,
    Database,
    Left,
    Undone,
    find_left,
    find_undone,
)
from civitai_dl.adapters.storage import STATE, local_path
from civitai_dl.config import parse_user
from civitai_dl.domain.entities import Selection, Target, Wanted
from civitai_dl.errors import TargetError
from civitai_dl.sources import parse_target

from ._memory import recall, recall_selection, was_dry
from ._scope import roots_of

if TYPE_CHECKING:
    from civitai_dl.config import Settings


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One wish with something left: what was wanted, and how. count: of things left."""

    settings: Settings
    wanted: tuple[Wanted, ...]
    count: int


async def read_unfinished(
    settings: Settings, wanted: Sequence[Wanted], *, given: Collection[str]
) -> list[Unfinished] | None:
    """The wishes of earlier runs that left something, the oldest first; None without an archive.

    wanted: only these; everything without any. given: names of Settings that count as they are.
    With settings.reasons only what failed, or cannot be had, for these is left. Changes nothing.
    Raises: CatalogError, ConfigError (see recall).
    """
    database = await _opened(settings)
    if database is None:
        return None
    try:
        undone = await find_undone(database, _keys(wanted), settings.reasons)
    finally:
        await anyio.to_thread.run_sync(database.close)
    return _wishes(settings, [one for one in undone if not was_dry(one.settings)], wanted, given)


async def read_left(
    settings: Settings, wanted: Sequence[Wanted]
) -> tuple[list[Left], dict[str, int]] | None:
    """What would be tried again, as read_unfinished tells it: see adapters.catalog.find_left.

    None without an archive. Changes nothing. Raises: CatalogError.
    """
    database = await _opened(settings)
    if database is None:
        return None
    try:
        return await find_left(database, _keys(wanted), settings.reasons)
    finally:
        await anyio.to_thread.run_sync(database.close)


async def _opened(settings: Settings) -> Database | None:
    path = local_path(settings.output) / STATE / STATE_FILE
    if not path.is_file():
        return None
    database = Database(path, writable=False)
    await anyio.to_thread.run_sync(database.start)
    return database


def _keys(wanted: Sequence[Wanted]) -> set[str] | None:
    """The keys of the tasks that these begin with; None for everything."""
    if not wanted:
        return None
    roots = roots_of(wanted, Selection())
    return {planned.task.key for root in roots for planned in root.planned}


def _wishes(
    settings: Settings, undone: Sequence[Undone], wanted: Sequence[Wanted], given: Collection[str]
) -> list[Unfinished]:
    """Runs that wanted in the same way are one wish; of one thing the newest words count."""
    found: dict[tuple[str, str], dict[Target, Wanted]] = {}
    counts: dict[tuple[str, str], int] = {}
    for one in undone:
        way = (one.selection, one.settings)
        counts[way] = counts.get(way, 0) + one.count
        things = list(wanted) or [thing for asked in one.asked for thing in read_asked(asked)]
        found.setdefault(way, {}).update({thing.target: thing for thing in things})
    return [
        Unfinished(_settings(settings, way, given), tuple(things.values()), counts[way])
        for way, things in found.items()
        if things
    ]


def _settings(settings: Settings, way: tuple[str, str], given: Collection[str]) -> Settings:
    selection = recall_selection(way[0]) or settings.selection
    found = recall(settings, way[1], given=given)
    return replace(found, selection=selection, only_failed=True, dry_run=False)


def read_asked(asked: Asked) -> list[Wanted]:
    """The target that a run was asked for; none for a text that names nothing any more.

    A bare name, or a number, in a list of users is a user: what it began with tells.
    """
    of_user = any(key.startswith(("creator:", "gallery:user:")) for key in asked.roots)
    try:
        target = parse_user(asked.text, parse_target) if of_user else parse_target(asked.text)
    except TargetError:
        return []
    return [Wanted(target, asked.text, asked.origin)]
