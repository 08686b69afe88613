"""A queue of many rows, filled and claimed from as a run does it. Driven by scale.py.

    python bench/_queue_child.py fill ARCHIVE ROWS BODIES   (fills it; then claims and settles)
    python bench/_queue_child.py scan ARCHIVE FILES         (files on disk, then the start-up scan)

The last line of the output is JSON. Rows are images of one user's gallery, as pages list them.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import uuid
from pathlib import Path

import anyio

from civitai_dl._memory import remember, remember_selection
from civitai_dl._scope import roles_of, roots_of
from civitai_dl._stock import take_stock
from civitai_dl.adapters.catalog import STATE_FILE, Database, Runs, SqliteQueue
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import STATE, open_storage
from civitai_dl.config import Settings
from civitai_dl.domain.decisions import listed_image_task
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorTarget,
    Expanded,
    GalleryRef,
    Image,
    ImageId,
    Lane,
    Part,
    Planned,
    Skipped,
    Wanted,
)
from civitai_dl.testing._service._context import ACCOUNT

PAGE = 200
"""Images of a page of the Image API."""

CLAIMS = 1000
USER = "ann"
FIRST = 10_000_000


def picture(number: int, bodies: str) -> Image:
    """The image of a row; equal numbers are equal images."""
    name = uuid.UUID(int=(number << 64) | (number * 0x9E3779B97F4A7C15 & (1 << 64) - 1))
    url = f"{bodies}/{ACCOUNT}/{name}/original=true/{number}.jpeg"
    return Image(url=url, id=ImageId(number), creator=CreatorName(USER), level=1)


async def fill(archive: Path, rows: int, bodies: str) -> dict[str, float]:
    """Take so many images in, page by page, as a walk through a gallery does."""
    clock, settings = SystemClock(), Settings()
    database = Database(archive / STATE / STATE_FILE)
    database.start()
    try:
        runs = Runs(database)
        wanted = Wanted(CreatorTarget(CreatorName(USER), Part.IMAGES), USER, "argument")
        begun = await runs.begin(
            roots_of([wanted], settings.selection),
            roles=roles_of(settings.selection),
            now=clock.now(),
            key=True,
            selection=remember_selection(settings.selection),
            settings=remember(settings),
        )
        queue = SqliteQueue(database, clock, begun.run, key=True)
        adding = await _walk(queue, rows, bodies)
        claims, settles = await _claims(queue, min(CLAIMS, rows // 2))
    finally:
        database.close()
    return {
        "rows": rows,
        "enqueued_per_second": rows / adding,
        "claim_median": statistics.median(claims),
        "claim_p99": _percentile(claims, 99),
        "settle_median": statistics.median(settles),
    }


async def _walk(queue: SqliteQueue, rows: int, bodies: str) -> float:
    """Settle page after page; the seconds that the queue took, without those that plan the page."""
    took = 0.0
    for start in range(0, rows, PAGE):
        (lease,) = await queue.claim(Lane.IMAGE_PAGES, most=1)
        ref = lease.task.subject
        assert isinstance(ref, GalleryRef)
        numbers = range(FIRST + start, FIRST + min(rows, start + PAGE))
        children = tuple(
            Planned(listed_image_task(picture(number, bodies), ref, lease.task.role))
            for number in numbers
        )
        begun = time.perf_counter()
        await queue.settle([(lease, Expanded(children, onward=ref))])
        took += time.perf_counter() - begun
    return took


async def _claims(queue: SqliteQueue, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each claim and of each settling, one after the other."""
    claims, settles = [], []
    for _ in range(count):
        begun = time.perf_counter()
        (lease,) = await queue.claim(Lane.IMAGES, most=1)
        claimed = time.perf_counter()
        await queue.settle([(lease, Skipped("measured"))])
        claims.append((claimed - begun) * 1000)
        settles.append((time.perf_counter() - claimed) * 1000)
    return claims, settles


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def scan(archive: Path, files: int) -> dict[str, float]:
    """Look after so many stored files, as every start does."""
    database = Database(archive / STATE / STATE_FILE)
    database.start()
    try:
        await database.run(
            lambda connection: connection.execute(
                "UPDATE tasks SET status = 'stored', size = 1, "
                "path = 'stock/' || (id / 4096) || '/' || id || '.png' "
                "WHERE id IN (SELECT id FROM tasks WHERE type = 'image' LIMIT ?)",
                (files,),
            ).rowcount
        )
        runs, storage = Runs(database), open_storage(str(archive))
        last, put = 0, 0
        while batch := await runs.stored_after(last, 10_000):
            last = batch[-1][0]
            for _, path, _ in batch:
                _put(archive / path)
            put += len(batch)
        begun = time.perf_counter()
        there = 0
        async for stock in take_stock(runs, storage):
            there += stock.there
        took = time.perf_counter() - begun
    finally:
        database.close()
    if there != put or put != files:
        raise RuntimeError(f"{files} files were due, {put} were written, {there} were found")
    return {"files": files, "scan_seconds": took}


def _put(path: Path) -> None:
    try:
        path.write_bytes(b"x")
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")


def main() -> None:
    """Do what is asked and tell of it."""
    what, archive, count, *rest = sys.argv[1:]
    folder = Path(archive)
    (folder / STATE).mkdir(parents=True, exist_ok=True)
    if what == "fill":
        told = anyio.run(fill, folder, int(count), rest[0])
    else:
        told = anyio.run(scan, folder, int(count))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
