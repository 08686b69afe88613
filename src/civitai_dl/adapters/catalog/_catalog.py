"""What is stored and where; what is about to be; how far partials are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from civitai_dl.domain.entities import (
    Dressed,
    FileRef,
    Held,
    ImageRef,
    Kind,
    ModelId,
    ModelRef,
    Placed,
    Stored,
    StoredFile,
)

from ._database import Database
from ._dressed import note_dressed, recall_dressed
from ._islands import dump_islands
from ._rows import (
    CLAIMABLE,
    dump_stored,
    find_stored,
    held_of,
    load_stored,
    stored_file_of,
    task_of,
)
from ._seal import FACTS
from ._tree import BELOW

PLACED = f"""
SELECT {CLAIMABLE} FROM tasks
WHERE model_id = ? AND type IN ('file', 'image') AND role IN ('file', 'preview')
"""  # noqa: S608  # our own columns

STORED_UNDER = f"""
SELECT id, key, proof, {FACTS} FROM tasks
WHERE model_id = ? AND path IS NOT NULL AND status = 'stored'
  AND role IN ('file', 'preview', 'description')
"""  # noqa: S608  # our own columns


MODELS_UNDER = f"""
SELECT {CLAIMABLE} FROM tasks WHERE type = 'model' AND id IN (
  SELECT child FROM edges JOIN tasks AS above ON above.id = edges.parent
  WHERE above.key = ? AND NOT (? AND edges.run >= ?)
) ORDER BY id
"""  # noqa: S608  # our own columns


@dataclass(frozen=True, slots=True)
class SqliteCatalog:
    """See ports.Catalog. run: the run at work."""

    database: Database
    run: int = 0

    async def linked(
        self, parent: str, keys: Collection[str], *, this_run: bool = False
    ) -> set[str]:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> set[str]:
            found = set()
            for key in keys:
                row = connection.execute(
                    "SELECT 1 FROM edges JOIN tasks AS child ON child.id = edges.child "
                    "JOIN tasks AS parent ON parent.id = edges.parent "
                    "WHERE child.key = ? AND parent.key = ? AND edges.run >= ?",
                    (key, parent, self.run if this_run else 0),
                ).fetchone()
                if row is not None:
                    found.add(key)
            return found

        return await self.database.run(work, "linked")

    async def models_under(self, parent: str, *, missed: bool = False) -> list[ModelRef]:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> list[ModelRef]:
            rows = connection.execute(MODELS_UNDER, (parent, missed, self.run))
            subjects = [task_of(row).subject for row in rows]
            return [subject for subject in subjects if isinstance(subject, ModelRef)]

        return await self.database.run(work, "models_under")

    async def count_children(self, parent: str, kind: Kind) -> int:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT COUNT(*) FROM edges JOIN tasks AS child ON child.id = edges.child "
                "JOIN tasks AS parent ON parent.id = edges.parent "
                "WHERE parent.key = ? AND child.type = ?",
                (parent, kind.value),
            ).fetchone()
            return int(row[0])

        return await self.database.run(work, "count_children")

    async def placed(self, model_ids: Collection[ModelId]) -> dict[ModelId, Placed]:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> dict[ModelId, Placed]:
            return {
                model_id: _placed(connection.execute(PLACED, (model_id,)).fetchall())
                for model_id in model_ids
            }

        return await self.database.run(work, "placed")

    async def stored_as(self, key: str) -> StoredFile | None:
        """See ports.Catalog."""
        found = await self._stored("key = ?", key)
        return found[0] if found else None

    async def find_source(self, source: str) -> list[StoredFile]:
        """See ports.Catalog."""
        return await self._stored("source = ?", source)

    async def find_sha256(self, sha256: str) -> list[StoredFile]:
        """See ports.Catalog."""
        return await self._stored("sha256 = ?", sha256)

    async def _stored(self, condition: str, value: str) -> list[StoredFile]:
        return await self.database.run(
            lambda connection: find_stored(connection, condition, value), "find"
        )

    async def stored_under(self, model_id: ModelId) -> dict[str, StoredFile]:
        """See ports.Catalog."""
        return await self.database.run(
            lambda connection: _stored_under(connection, model_id), "stored_under"
        )

    async def dressed(
        self, model_ids: Collection[ModelId]
    ) -> dict[ModelId, tuple[Dressed, dict[str, StoredFile]]]:
        """See ports.Catalog."""

        def work(
            connection: sqlite3.Connection,
        ) -> dict[ModelId, tuple[Dressed, dict[str, StoredFile]]]:
            found = {}
            for model_id in model_ids:
                dressed = recall_dressed(connection, model_id)
                if dressed is not None:
                    found[model_id] = (dressed, _stored_under(connection, model_id))
            return found

        return await self.database.run(work, "dressed")

    async def note_dressed(self, model_id: ModelId, dressed: Dressed) -> None:
        """See ports.Catalog."""
        await self.database.run(
            lambda connection: note_dressed(connection, model_id, dressed), "note_dressed"
        )

    async def holds(self, key: str) -> bool:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                f"{BELOW} SELECT 1 FROM tasks JOIN below USING (id) "  # noqa: S608  # our own text
                "WHERE path IS NOT NULL AND status = 'stored' LIMIT 1",
                (json.dumps([key]),),
            ).fetchone()
            return row is not None

        return await self.database.run(work, "holds")

    async def staged(self, key: str) -> Stored | None:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> Stored | None:
            row = connection.execute("SELECT staged FROM tasks WHERE key = ?", (key,)).fetchone()
            return None if row is None or row[0] is None else load_stored(row[0])

        return await self.database.run(work, "staged")

    async def stage(self, about: Sequence[tuple[str, Stored]]) -> None:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE tasks SET staged = ? WHERE key = ?",
                [(dump_stored(stored), key) for key, stored in about],
            )

        await self.database.run(work, "stage")

    async def held(self, key: str) -> Held | None:
        """See ports.Catalog."""
        return await self.database.run(lambda connection: held_of(connection, key), "held")

    async def hold(self, key: str, held: Held | None) -> None:
        """See ports.Catalog."""

        def work(connection: sqlite3.Connection) -> None:
            if held is None:
                connection.execute("DELETE FROM partials WHERE key = ?", (key,))
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO partials (key, size, etag, host, total, islands) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        key,
                        held.size,
                        held.etag,
                        held.host,
                        held.total,
                        dump_islands(held.islands),
                    ),
                )

        await self.database.run(work, "hold")


def _stored_under(connection: sqlite3.Connection, model_id: ModelId) -> dict[str, StoredFile]:
    return {
        row["key"]: stored_file_of(row) for row in connection.execute(STORED_UNDER, (model_id,))
    }


def _placed(rows: list[sqlite3.Row]) -> Placed:
    folders: dict[int, str] = {}
    files: dict[int, str] = {}
    for row in rows:
        subject = task_of(row).subject
        if isinstance(subject, FileRef):
            if subject.file_id:
                files[subject.file_id] = subject.destination
            path = subject.destination
        else:
            assert isinstance(subject, ImageRef)
            path = subject.stem
        # model_<shard>/<model>/<version id>-<name>/...
        folder = path.split("/")[2]
        folders.setdefault(int(folder.split("-", 1)[0]), folder)
    return Placed(folders, files)
