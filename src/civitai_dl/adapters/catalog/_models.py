"""Which models an archive holds, a batch at a time."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from civitai_dl.domain.entities import ModelId

from ._database import Database

HELD = """
SELECT DISTINCT model_id FROM tasks
WHERE model_id > ? AND path IS NOT NULL AND status = 'stored'
  AND role IN ('file', 'preview', 'description')
ORDER BY model_id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Reads through the models of which something is stored; memory stays flat."""

    database: Database

    async def models_after(self, model_id: int, most: int) -> list[ModelId]:
        """Up to `most` models with a greater id, in order."""

        def work(connection: sqlite3.Connection) -> list[ModelId]:
            return [ModelId(row[0]) for row in connection.execute(HELD, (model_id, most))]

        return await self.database.run(work, "models_after")
