"""The model files that are stored, for whoever wants to use them elsewhere. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ._database import Database

BATCH = 5_000


@dataclass(frozen=True, slots=True)
class ShelfFile:
    """A stored model file: its task's key, its model, its archive path, and what its bytes are."""

    key: str
    model_id: int
    path: str
    sha256: str
    size: int


async def read_shelf(database: Database) -> AsyncIterator[list[ShelfFile]]:
    """Every stored model file, in batches, in the order in which they became known."""
    last = 0
    while True:
        after = last

        def work(connection: sqlite3.Connection, after: int = after) -> list[sqlite3.Row]:
            return connection.execute(
                "SELECT id, key, model_id, path, sha256, size FROM tasks "
                "WHERE id > ? AND type = 'file' AND status = 'stored' AND path IS NOT NULL "
                "AND sha256 IS NOT NULL AND model_id IS NOT NULL ORDER BY id LIMIT ?",
                (after, BATCH),
            ).fetchall()

        rows = await database.run(work, "read_shelf")
        if not rows:
            return
        last = int(rows[-1]["id"])
        yield [
            ShelfFile(
                row["key"], int(row["model_id"]), row["path"], row["sha256"], int(row["size"] or 0)
            )
            for row in rows
        ]
