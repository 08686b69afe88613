"""States of archives in the middle of their work, and what stands in them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from civitai_dl.adapters.catalog import Database, Root, Runs, SqliteCatalog, SqliteQueue
from civitai_dl.domain.decisions import gallery_task, listed_image_task, model_task
from civitai_dl.domain.entities import (
    Deferred,
    Digests,
    Expanded,
    Failed,
    Failure,
    FileRef,
    GalleryQuery,
    Held,
    Image,
    Kind,
    Lane,
    ModelId,
    ModelTarget,
    Outcome,
    Planned,
    Reason,
    Role,
    Selection,
    Stored,
    Task,
    Trouble,
    Unavailable,
    Wanted,
)

TABLES = ("tasks", "edges", "partials", "runs", "targets")
TROUBLE = Failure(Trouble.TRANSIENT, "the connection broke", 502, hint="try again")

Rows = dict[str, list[dict[str, object]]]


class StillClock:
    """A clock that stands."""

    def now(self) -> float:
        """See ports.Clock."""
        return 1_000.0

    def jitter(self) -> float:
        """See ports.Clock."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """See ports.Clock."""
        raise AssertionError("a queue does not wait")


def file(model: int, number: int) -> Planned:
    """A file of a model."""
    digest = hashlib.sha256(b"%d" % number).hexdigest()
    ref = FileRef(
        model,
        10,
        number,
        f"{number}.safetensors",
        f"model_0/{model}/10-v1/{number}.safetensors",
        digests=Digests(sha256=digest),
        size_hint=1_000,
    )
    task = Task(
        f"file:10:{number}",
        Kind.FILE,
        Lane.FILES,
        Role.FILE,
        ref,
        f"file {number}",
        source=f"sha256:{digest}",
        model_id=ModelId(model),
        group=f"dress:{model}/files",
    )
    return Planned(task)


async def filled_state(path: Path, models: int = 3) -> None:
    """Write a state with tasks in every condition, and close it."""
    database, clock = Database(path), StillClock()
    database.start()
    try:
        roots = []
        for number in range(1, models + 1):
            gallery = gallery_task(GalleryQuery(model_id=ModelId(number)), Selection())
            planned = (Planned(model_task(ModelId(number))), Planned(gallery))
            wanted = Wanted(ModelTarget(ModelId(number)), f"models/{number}", f"list:{number}")
            roots.append(Root(wanted, planned))
        begun = await Runs(database).begin(roots, roles=set(Role), now=clock.now(), key=True)
        queue = SqliteQueue(database, clock, begun.run, key=True)

        async def do(outcome: Outcome, lane: Lane = Lane.FILES) -> None:
            (lease,) = await queue.claim(lane, most=1)
            await queue.settle([(lease, outcome)])

        for model in range(1, models + 1):
            files = tuple(file(model, 100 * model + number) for number in range(30))
            await do(Expanded(files), Lane.MODEL_PAGES)
            gallery = gallery_task(GalleryQuery(model_id=ModelId(model)), Selection())
            images = [
                Image(f"https://image.civitai.com/x/{number:032x}/{number}.jpeg", number)
                for number in range(1_000 * model, 1_000 * model + 40)
            ]
            found = [listed_image_task(one, gallery.subject, Role.GALLERY) for one in images]
            await do(Expanded(tuple(Planned(task) for task in found)), Lane.IMAGE_PAGES)
        for lane, count in ((Lane.FILES, 40), (Lane.IMAGES, 70)):
            for number in range(count):
                sha256 = hashlib.sha256(b"%d" % number).hexdigest()
                stored = Stored(
                    f"model_0/{lane.value}/{number}.bin", sha256, 1_000, prefixes=(sha256, sha256)
                )
                await do(stored, lane)
        for _ in range(5):
            await do(Failed(TROUBLE))
            await do(Unavailable(Reason.EARLY_ACCESS, "until May", until=9_000.0))
            await do(Deferred(2_000.0, TROUBLE))
        await SqliteCatalog(database).hold("file:10:120", Held(700, '"abc"', "h.example", 1_300))
    finally:
        database.close()


def rows_of(path: Path) -> Rows:
    """Everything that a state holds."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]
            for table in TABLES
        }


def times_aside(rows: Mapping[str, list[dict[str, object]]]) -> Rows:
    """The same without the moments of the last write and the last check."""
    aside = {"updated_at", "checked_at"}
    return {
        table: [{name: row[name] for name in row if name not in aside} for row in found]
        for table, found in rows.items()
    }
