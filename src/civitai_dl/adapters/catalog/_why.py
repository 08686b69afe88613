"""How single things stand, for whoever asks about one of them. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from civitai_dl.domain.entities import ModelId

from ._database import Database
from ._tree import WANTED

MOST = 200
"""Things in trouble that are told one by one."""

_COLUMNS = (
    "key, type, role, status, label, run, model_id, why, detail, hint, until, path, size, "
    "not_before, updated_at"
)
_KNOWN = f"SELECT {_COLUMNS} FROM tasks"  # noqa: S608  # our own columns
_OF_KEYS = f"{_KNOWN} WHERE key IN (SELECT value FROM json_each(?)) ORDER BY id"  # noqa: S608  # our own columns
_FILE = f"{_KNOWN} WHERE type = 'file' AND key LIKE ?"
_RANGE = f"{_KNOWN} WHERE key >= ? AND key < ? ORDER BY id"
_OF_MODEL = f"{_KNOWN} WHERE model_id = ? AND type IN ('model', 'file', 'gallery') ORDER BY id"
_DIGEST = f"{_KNOWN} WHERE type = 'file' AND {{}} ORDER BY id"

_COUNTS = "role, status, COALESCE(why, '') AS why, COUNT(*) AS count"
_COUNTED = "type IN ('file', 'image')"
_BELOW = (
    f"{WANTED} SELECT {_COUNTS} FROM tasks JOIN below USING (id) "  # noqa: S608  # our own words
    f"WHERE {_COUNTED} GROUP BY role, status, why"
)
_OF_IMAGES = (
    f"SELECT {_COUNTS} FROM tasks WHERE model_id = ? AND type = 'image' "  # noqa: S608  # ours
    "AND role IN ('preview', 'description') GROUP BY role, status, why"
)
_TROUBLED = (
    f"{WANTED} SELECT {_COLUMNS} FROM tasks JOIN below USING (id) "  # noqa: S608  # our own words
    f"WHERE status IN ('failed', 'unavailable') ORDER BY status, id LIMIT {MOST}"
)
_IMAGES_IN_TROUBLE = (
    f"{_KNOWN} WHERE model_id = ? AND type = 'image' AND role IN ('preview', 'description') "
    f"AND status IN ('failed', 'unavailable') ORDER BY id LIMIT {MOST}"
)
_MODELS = f"""
{WANTED} SELECT DISTINCT model_id FROM tasks JOIN below USING (id)
WHERE type = 'model' AND model_id IS NOT NULL ORDER BY model_id
"""  # noqa: S608  # our own words


@dataclass(frozen=True, slots=True)
class KnownThing:
    """A task as its row tells it. run: the one that wanted it last; status: a state's value.

    until, not_before, updated_at: seconds since the epoch.
    """

    key: str
    kind: str
    role: str
    status: str
    label: str
    run: int
    model_id: int | None
    why: str | None
    detail: str | None
    hint: str | None
    until: float | None
    path: str | None
    size: int | None
    not_before: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Counted:
    """How many files or images of a role stand alike. why: a Reason's or Trouble's value."""

    role: str
    status: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run wanted: the texts that it noted, and when it began (seconds since the epoch)."""

    selection: str
    settings: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Standings:
    """Looks up what is known of single things. Raises: CatalogError."""

    database: Database

    async def of_keys(self, keys: Collection[str]) -> list[KnownThing]:
        """The tasks of these keys that there are."""
        return await self._things(_OF_KEYS, (json.dumps(list(keys)),))

    async def beginning(self, *prefixes: str) -> list[KnownThing]:
        """The tasks whose keys begin so; no prefix ends with the last character of all."""
        found: list[KnownThing] = []
        for prefix in prefixes:
            end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
            found += await self._things(_RANGE, (prefix, end))
        return found

    async def of_model(self, model_id: ModelId) -> list[KnownThing]:
        """Pages, files and listings of a model."""
        return await self._things(_OF_MODEL, (model_id,))

    async def of_digest(self, digest: str) -> list[KnownThing]:
        """Files of a SHA256 or of its first ten digits, as listed or as stored; any case."""
        low = digest.lower()
        if len(low) == 64:  # digits of a SHA256
            where, facts = "(source = ? OR sha256 = ?)", (f"sha256:{low}", low)
        else:
            where, facts = "(source LIKE ? OR sha256 LIKE ?)", (f"sha256:{low}%", f"{low}%")
        return await self._things(_DIGEST.format(where), facts)

    async def file(self, file_id: int) -> list[KnownThing]:
        """The file of an id, in each of its versions."""
        return await self._things(_FILE, (f"file:%:{file_id}",))

    async def in_trouble(self, keys: Sequence[str]) -> list[KnownThing]:
        """What has failed, or cannot be had, of these and below them; the first MOST."""
        return await self._things(_TROUBLED, (json.dumps(keys),))

    async def images_in_trouble(self, model_id: ModelId) -> list[KnownThing]:
        """Previews and images of the descriptions of a model that are not to be had."""
        return await self._things(_IMAGES_IN_TROUBLE, (model_id,))

    async def counts(self, keys: Sequence[str]) -> list[Counted]:
        """The files and images below some tasks, by how they stand."""
        return await self._counted(_BELOW, (json.dumps(keys),))

    async def image_counts(self, model_id: ModelId) -> list[Counted]:
        """The previews and the images of the descriptions of a model."""
        return await self._counted(_OF_IMAGES, (model_id,))

    async def models_below(self, keys: Sequence[str]) -> list[ModelId]:
        """The models that were found below some tasks."""

        def work(connection: sqlite3.Connection) -> list[ModelId]:
            return [ModelId(row[0]) for row in connection.execute(_MODELS, (json.dumps(keys),))]

        return await self.database.run(work, "models_below")

    async def run(self, number: int) -> RunFacts | None:
        """What a run wanted; None for one that is not known."""

        def work(connection: sqlite3.Connection) -> RunFacts | None:
            row = connection.execute(
                "SELECT selection, settings, started_at FROM runs WHERE id = ?", (number,)
            ).fetchone()
            return None if row is None else RunFacts(*tuple(row))

        return await self.database.run(work, "run_facts")

    async def _things(self, statement: str, facts: Sequence[object]) -> list[KnownThing]:
        def work(connection: sqlite3.Connection) -> list[KnownThing]:
            return [KnownThing(*tuple(row)) for row in connection.execute(statement, facts)]

        return await self.database.run(work, "known_things")

    async def _counted(self, statement: str, facts: Sequence[object]) -> list[Counted]:
        def work(connection: sqlite3.Connection) -> list[Counted]:
            return [Counted(*tuple(row)) for row in connection.execute(statement, facts)]

        return await self.database.run(work, "counted_things")
