"""What was learned about the rates of the service, from one run to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import inf, isfinite

from civitai_dl.domain.decisions import Known
from civitai_dl.domain.entities import PacedLane, Secret

from ._database import Database
from ._seal import seal_of

DIGEST_BYTES = 8
"""Enough to tell a few keys of one archive apart, and too few to be of use elsewhere."""

COLUMNS = "host, key, lane, rate, hold, paused_until, learned_at, seal"

READ = f"SELECT {COLUMNS} FROM rates"  # noqa: S608  # our own columns

NOTE = f"INSERT OR REPLACE INTO rates ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # as above


@dataclass(frozen=True, slots=True)
class SqliteRates:
    """See pacing.RateBook. token: the API key, None without; only its salted digest is kept."""

    database: Database
    token: Secret | None

    async def recall(self) -> Mapping[PacedLane, Known]:
        """See pacing.RateBook."""

        def work(connection: sqlite3.Connection) -> dict[PacedLane, Known]:
            key = self._digest(connection)
            found = {}
            for row in connection.execute(READ):
                lane = PacedLane(row["lane"], row["host"])
                facts = tuple(row)[:-1]
                if row["key"] == _owner(lane, key) and row["seal"] == seal_of(*facts):
                    found[lane] = Known(
                        inf if row["rate"] is None else float(row["rate"]),
                        float(row["hold"]),
                        float(row["paused_until"]),
                        float(row["learned_at"]),
                    )
            return found

        return await self.database.run(work, "recall_rates")

    async def note(self, rates: Mapping[PacedLane, Known]) -> None:
        """See pacing.RateBook."""

        def work(connection: sqlite3.Connection) -> None:
            key = self._digest(connection)
            for lane, known in rates.items():
                rate = known.rate if isfinite(known.rate) else None
                facts = (
                    lane.host,
                    _owner(lane, key),
                    lane.name,
                    rate,
                    float(known.hold),
                    float(known.paused_until),
                    float(known.learned_at),
                )
                connection.execute(NOTE, (*facts, seal_of(*facts)))

        if rates:
            await self.database.run(work, "note_rates")

    def _digest(self, connection: sqlite3.Connection) -> str:
        if self.token is None:
            return ""
        (salt,) = connection.execute("SELECT salt FROM salts").fetchone()
        digest = blake2b(self.token.reveal().encode(), digest_size=DIGEST_BYTES, salt=salt)
        return digest.hexdigest()


def _owner(lane: PacedLane, key: str) -> str:
    """Whose rate it is: only the API is sent a key."""
    return key if lane.name.startswith("api.") else ""
