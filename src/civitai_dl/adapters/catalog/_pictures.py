"""Which images with a prompt an archive holds, a batch at a time."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from civitai_dl.domain.entities import ImageRef

from ._database import Database
from ._rows import CLAIMABLE, task_of

LISTED = f"""
SELECT {CLAIMABLE}, path, updated_at FROM tasks
WHERE id > ? AND updated_at >= ? AND path IS NOT NULL AND status = 'stored'
  AND role IN ('gallery', 'user_image')
ORDER BY id LIMIT ?
"""  # noqa: S608  # our own columns


@dataclass(frozen=True, slots=True)
class Listed:
    """An image of a gallery or a user: row, its place, that of its JSON, and since when it is so.

    stored_at: seconds since the epoch.
    """

    row: int
    path: str
    document: str
    stored_at: float


@dataclass(frozen=True, slots=True)
class Pictures:
    """Reads through the images that were listed with a JSON; memory stays flat."""

    database: Database

    async def stored_after(self, row: int, since: float, most: int) -> list[Listed]:
        """Up to `most` images of greater rows that were stored at that time or later, in order."""

        def work(connection: sqlite3.Connection) -> list[Listed]:
            return [_listed(found) for found in connection.execute(LISTED, (row, since, most))]

        return await self.database.run(work, "stored_after")


def _listed(row: sqlite3.Row) -> Listed:
    subject = task_of(row).subject
    stem = subject.stem if isinstance(subject, ImageRef) else row["path"].rpartition(".")[0]
    return Listed(row["id"], row["path"], f"{stem}.json", row["updated_at"])
