"""What an archive keeps current: things put down, taken off, and told of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio.to_thread

from civitai_dl.adapters.catalog import STATE_FILE, Asked, Database, SqliteFollowed
from civitai_dl.adapters.storage import STATE, local_path
from civitai_dl.domain.entities import Followed, Selection, Wanted

from ._memory import recall_selection
from ._opening import opened_archive
from ._scope import roots_of
from ._unfinished import read_asked

if TYPE_CHECKING:
    from civitai_dl.ports import Clock, Reporter


@dataclass(frozen=True, slots=True)
class Added:
    """What adding did. new: things that were not there; known: those that were."""

    new: int
    known: int


def identity_of(wanted: Wanted) -> str:
    """What tells two ways to name one thing from two things: the tasks that it begins with."""
    (root,) = roots_of([wanted], Selection())
    return json.dumps(sorted(planned.task.key for planned in root.planned))


async def follow(
    output: str,
    wanted: Sequence[Wanted],
    selection: str | None,
    *,
    from_runs: bool,
    reporter: Reporter,
    clock: Clock,
) -> Added:
    """Put things down to be kept current; the archive is made where there is none.

    selection: JSON of what of them is wanted, None for what a run wants by default. from_runs: what
    earlier runs were asked for, too. Raises: UsageError, Busy, StorageError, CatalogError.
    """
    if selection is not None:
        roots_of(wanted, recall_selection(selection) or Selection())
    async with opened_archive(output, reporter, make=not from_runs) as (_, database):
        table = SqliteFollowed(database)
        things = [*await _asked_before(table), *wanted] if from_runs else list(wanted)
        found = {
            identity_of(thing): Followed(
                identity_of(thing), thing.text, thing.origin, clock.now(), selection
            )
            for thing in things
        }
        new = await table.put(list(found.values()))
        return Added(new, len(found) - new)


async def _asked_before(table: SqliteFollowed) -> list[Wanted]:
    """What earlier runs were asked for; things that name nothing any more are left out."""
    asked = [
        Asked(text, origin, tuple(json.loads(roots))) for text, origin, roots in await table.asked()
    ]
    return [thing for one in asked for thing in read_asked(one)]


async def unfollow(output: str, wanted: Sequence[Wanted], reporter: Reporter) -> list[Wanted]:
    """Take things off; returns those that were not there. What is stored of them stays.

    Raises: UsageError, Busy, StorageError, CatalogError.
    """
    async with opened_archive(output, reporter) as (_, database):
        dropped = await SqliteFollowed(database).drop([identity_of(thing) for thing in wanted])
        return [thing for thing in wanted if identity_of(thing) not in dropped]


async def read_followed(output: str) -> list[Followed] | None:
    """What an archive keeps current, read beside whoever works on it; None without an archive.

    Raises: CatalogError.
    """
    path = local_path(output) / STATE / STATE_FILE
    if not path.is_file():
        return None
    database = Database(path, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        return await SqliteFollowed(database).all()
    finally:
        await anyio.to_thread.run_sync(database.close)


def wanted_of(one: Followed) -> Wanted | None:
    """The thing itself; None for words that name nothing any more."""
    roots = tuple(json.loads(one.identity))
    found = read_asked(Asked(one.text, one.origin, roots))
    return replace(found[0], origin=one.origin) if found else None
