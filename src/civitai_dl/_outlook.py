"""What a run would do, read from the state that a listing left behind."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import anyio.to_thread

from civitai_dl.adapters.catalog import (
    STATE_FILE,
    Database,
    Runs,
    SqliteOutlook,
    SqlitePaces,
    SqliteRates,
)
from civitai_dl.adapters.storage import STATE, local_path, owned_digests
from civitai_dl.domain.entities import Lane
from civitai_dl.domain.outlook import Outlook, Pace, forecast, judge_space

if TYPE_CHECKING:
    from pathlib import Path

    from civitai_dl.config import Settings


@dataclass(frozen=True, slots=True)
class View:
    """An outlook, and the things that it counts: `things.rows()`."""

    outlook: Outlook
    things: SqliteOutlook


@asynccontextmanager
async def viewing(settings: Settings, *, now: float, free: int | None) -> AsyncIterator[View]:
    """What the run would do that goes on from the last one of an archive; read beside everybody.

    free: bytes free on its disk (see `free_bytes`). It changes nothing. Raises: CatalogError.
    """
    folder = local_path(settings.output)
    database = Database(folder / STATE / STATE_FILE, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        run = await Runs(database).last()
        things = SqliteOutlook(database, run or 0)
        owned = await anyio.to_thread.run_sync(owned_digests, folder / STATE)
        await things.gather(now, owned.__contains__)
        yield View(await _outlook(settings, database, things, free), things)
    finally:
        await anyio.to_thread.run_sync(database.close)


async def _outlook(
    settings: Settings, database: Database, things: SqliteOutlook, free: int | None
) -> Outlook:
    targets, total = await things.scopes(), await things.total()
    weight = await things.image_bytes()
    pace = await _pace(settings, database)
    return Outlook(
        targets=targets,
        total=total,
        unlisted=tuple([row async for row in things.rows(unlisted=True)]),
        space=judge_space(total, weight, free),
        pace=pace,
        time=forecast(total, pace, weight),
    )


async def _pace(settings: Settings, database: Database) -> Pace:
    """The pace of the last transfers, never above what was learned of the service's limits."""
    measured = await SqlitePaces(database).recall()
    known = await SqliteRates(database, settings.token).recall()
    rates = {lane.name: one.rate for lane, one in known.items()}
    links = min(settings.max_rate_resolve or inf, rates.get("api.resolve", inf))
    images = measured.get(Lane.IMAGES)
    return Pace(
        files=measured.get(Lane.FILES),
        images=None if images is None else min(images, rates.get("cdn.image", inf)),
        links=0.0 if links == inf else links,
        limit=settings.limit_rate,
    )


def free_bytes(folder: Path) -> int | None:
    """Bytes free on the disk of a directory, or of the nearest one above it; None for no answer."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
