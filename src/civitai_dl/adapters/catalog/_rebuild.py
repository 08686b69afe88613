"""Writing a new state from what an old one and the disk still tell."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from civitai_dl.domain.entities import State, Stored, Task

from ._database import Database
from ._rows import dump_prefixes, insert_row, write_rows
from ._seal import proof_of
from ._wreck import Row

MENDED = (
    "id, key, type, lane, role, status, payload, label, source, batch, model_id, priority, grp, "
    "waits_for, why, detail, hint, until, path, sha256, size, verified, prefixes, staged, "
    "updated_at, seal, proof"
)

STORE = (
    "UPDATE tasks SET status = 'stored', path = ?, sha256 = ?, size = ?, verified = ?, "
    "prefixes = ?, checked_at = ?, why = NULL, detail = ?, hint = NULL, until = NULL, "
    "staged = NULL, token = 0, proof = ? "
    "WHERE key = ? AND NOT (status = 'stored' AND path IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """The writing side; the database is a new one that nobody else knows yet."""

    database: Database

    async def take_runs(self, runs: Sequence[Row], targets: Sequence[Row]) -> None:
        """Write what runs there were, and what they were asked for."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO runs (id, started_at, finished_at, roles, selection, "
                "settings) VALUES (:id, :started_at, :finished_at, :roles, :selection, :settings)",
                runs,
            )
            connection.executemany(
                "INSERT OR IGNORE INTO targets (run, position, text, origin, roots) "
                "SELECT :run, :position, :text, :origin, :roots "
                "WHERE :run IN (SELECT id FROM runs)",
                targets,
            )

        await self.database.run(work, "take_runs")

    async def take_followed(self, followed: Sequence[Row]) -> None:
        """Write what is to be kept current; all of it is looked at in full next time."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO followed (identity, text, origin, added_at, selection) "
                "VALUES (:identity, :text, :origin, :added_at, :selection)",
                followed,
            )

        await self.database.run(work, "take_followed")

    async def take_rows(self, rows: Sequence[Row]) -> int:
        """Write tasks as they are; returns how many were new. Runs nobody knows become none."""
        values = ", ".join(f":{name}" for name in MENDED.split(", "))

        def work(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            connection.executemany(
                f"INSERT OR IGNORE INTO tasks ({MENDED}, run) "  # noqa: S608  # our own columns
                f"VALUES ({values}, "
                "CASE WHEN :run IN (SELECT id FROM runs) THEN :run ELSE 0 END)",
                rows,
            )
            return connection.total_changes - before

        return await self.database.run(work, "take_rows")

    async def take_edges(self, edges: Sequence[tuple[int, int]]) -> None:
        """Write which page told of which task, as far as both are there."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO edges (parent, child, run) SELECT :parent, :child, 0 "
                "WHERE :parent IN (SELECT id FROM tasks) AND :child IN (SELECT id FROM tasks)",
                [{"parent": parent, "child": child} for parent, child in edges],
            )

        await self.database.run(work, "take_edges")

    async def take_partials(self, partials: Sequence[Row]) -> None:
        """Write the checkpoints of tasks that are there."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO partials (key, size, etag, host, total, islands) "
                "SELECT :key, :size, :etag, :host, :total, :islands "
                "WHERE :key IN (SELECT key FROM tasks)",
                partials,
            )

        await self.database.run(work, "take_partials")

    async def stored(self, keys: Collection[str]) -> set[str]:
        """Which of these tasks are known to be stored."""

        def work(connection: sqlite3.Connection) -> set[str]:
            rows = connection.execute(
                "SELECT key FROM tasks WHERE key IN (SELECT value FROM json_each(?)) "
                "AND status = 'stored' AND path IS NOT NULL",
                (json.dumps(list(keys)),),
            )
            return {str(row[0]) for row in rows}

        return await self.database.run(work, "stored")

    async def take_stored(self, found: Sequence[tuple[Task, Stored]], now: float) -> None:
        """Write that these bytes were read just now and are good."""

        def work(connection: sqlite3.Connection) -> None:
            following = connection.execute("SELECT COALESCE(MAX(id), 0) FROM tasks").fetchone()[0]
            rows = [
                insert_row(following + number, task, State.READY, None, run=0, now=now)
                for number, (task, _) in enumerate(found, 1)
            ]
            write_rows(connection, rows, verb="INSERT OR IGNORE")
            connection.executemany(STORE, [_facts(task, stored, now) for task, stored in found])

        await self.database.run(work, "take_stored")


def _facts(task: Task, stored: Stored, now: float) -> tuple[object, ...]:
    prefixes, note = dump_prefixes(stored.prefixes), stored.note or None
    facts = (stored.path, stored.sha256, stored.size, int(stored.verified), prefixes)
    return (*facts, now, note, proof_of(*facts, detail=note), task.key)
