"""How fast transfers were when they were last measured, kept beside the learned rates."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from civitai_dl.domain.entities import Lane

from ._database import Database
from ._rates import NOTE, READ
from ._seal import seal_of

NAMES = {Lane.FILES: "bytes.files", Lane.IMAGES: "count.images"}
"""Bytes of files, and images, per second; no host and no key: they say more about our own line."""


@dataclass(frozen=True, slots=True)
class SqlitePaces:
    """What was measured, per second, by lane."""

    database: Database

    async def recall(self) -> dict[Lane, float]:
        """The last measurements. Raises: CatalogError."""

        def work(connection: sqlite3.Connection) -> dict[Lane, float]:
            lanes = {name: lane for lane, name in NAMES.items()}
            return {
                lanes[row["lane"]]: float(row["rate"])
                for row in connection.execute(READ)
                if row["lane"] in lanes and row["seal"] == seal_of(*tuple(row)[:-1])
            }

        return await self.database.run(work, "recall_paces")

    async def note(self, paces: Mapping[Lane, float], now: float) -> None:
        """Remember measurements in place of earlier ones. Raises: CatalogError, StorageError."""

        def work(connection: sqlite3.Connection) -> None:
            for lane, pace in paces.items():
                facts = ("", "", NAMES[lane], pace, 0.0, 0.0, now)
                connection.execute(NOTE, (*facts, seal_of(*facts)))

        if paces:
            await self.database.run(work, "note_paces")
