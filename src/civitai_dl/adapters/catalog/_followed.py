"""What an archive keeps current: put down, taken off, and how it stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from civitai_dl.domain.entities import Followed

from ._database import Database

READ = """
SELECT identity, text, origin, added_at, selection, synced_at, full_at, complete FROM followed
ORDER BY id
"""

THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'followed'"

PUT = """
INSERT INTO followed (identity, text, origin, added_at, selection) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (identity) DO UPDATE SET
  text = excluded.text, origin = excluded.origin, selection = excluded.selection,
  full_at = CASE WHEN selection IS excluded.selection THEN full_at END
"""
"""What is wanted in another way now is looked at in full."""

SYNCED = """
UPDATE followed SET synced_at = ?, full_at = CASE WHEN ? THEN ? ELSE full_at END, complete = ?
WHERE identity = ?
"""

# Both words of the index are said, or SQLite does not see that it may use it.
_DONE = """
finished_at IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM tasks INDEXED BY tasks_troubled
  WHERE tasks.run = runs.id AND status = 'failed' AND status IN ('failed', 'unavailable'))
"""

OUTDATED = f"""
DELETE FROM targets WHERE run IN (SELECT id FROM runs WHERE id < :run AND {_DONE})
  AND (text, origin) IN (SELECT text, origin FROM targets WHERE run = :run)
"""  # noqa: S608  # our own text

FORGOTTEN = f"""
DELETE FROM runs WHERE id < :run AND {_DONE}
  AND NOT EXISTS (SELECT 1 FROM targets WHERE run = runs.id)
"""  # noqa: S608  # as above

ASKED = """
SELECT text, origin, roots FROM targets JOIN runs ON runs.id = targets.run
WHERE COALESCE(json_extract(settings, '$.dry_run'), 0) = 0 ORDER BY run, position
"""


@dataclass(frozen=True, slots=True)
class SqliteFollowed:
    """The things that an archive keeps current, in the order in which they were added."""

    database: Database

    async def all(self) -> list[Followed]:
        """All of them."""

        def work(connection: sqlite3.Connection) -> list[Followed]:
            if connection.execute(THERE).fetchone() is None:
                # A state of an older version, looked at and not brought up to date.
                return []
            return [
                Followed(
                    identity=row["identity"],
                    text=row["text"],
                    origin=row["origin"],
                    added_at=row["added_at"],
                    selection=row["selection"],
                    synced_at=row["synced_at"],
                    full_at=row["full_at"],
                    complete=bool(row["complete"]),
                )
                for row in connection.execute(READ)
            ]

        return await self.database.run(work, "followed")

    async def put(self, things: Sequence[Followed]) -> int:
        """Add things, or change how they are wanted; returns how many were not there."""

        def work(connection: sqlite3.Connection) -> int:
            before = _count(connection)
            connection.executemany(
                PUT,
                [
                    (one.identity, one.text, one.origin, one.added_at, one.selection)
                    for one in things
                ],
            )
            return _count(connection) - before

        return await self.database.run(work, "follow")

    async def drop(self, identities: Collection[str]) -> set[str]:
        """Take things off; returns those that were there."""

        def work(connection: sqlite3.Connection) -> set[str]:
            gone = set()
            for identity in identities:
                cursor = connection.execute("DELETE FROM followed WHERE identity = ?", (identity,))
                if cursor.rowcount:
                    gone.add(identity)
            return gone

        return await self.database.run(work, "unfollow")

    async def note(self, synced: Sequence[tuple[str, bool, bool]], at: float) -> None:
        """Note what was brought up to date by the last run; the sync began at `at`.

        synced: identity, whether it was looked at in full, whether it is complete. Older runs that
        were asked for the same, and left nothing that failed, are forgotten: who syncs every
        quarter of an hour would have more rows of them than of images.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                SYNCED,
                [(at, full, at, complete, identity) for identity, full, complete in synced],
            )
            run = connection.execute("SELECT MAX(id) FROM runs").fetchone()[0]
            connection.execute(OUTDATED, {"run": run})
            connection.execute(FORGOTTEN, {"run": run})

        await self.database.run(work, "note_synced")

    async def asked(self) -> list[tuple[str, str, str]]:
        """What runs were asked for, dry ones apart: text, origin, JSON of its roots."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
            return [(row["text"], row["origin"], row["roots"]) for row in connection.execute(ASKED)]

        return await self.database.run(work, "asked")


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COUNT(*) FROM followed").fetchone()[0])
