"""What an archive holds, told in portions to whoever goes through all of it. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from civitai_dl.domain.entities import ImageRef, Kind, ModelId, Reason, Role
from civitai_dl.domain.library import ModelHolding, StoredPicture, Tally

from ._database import Database
from ._rows import load_subject

PLACES = {Role.PREVIEW: "preview", Role.GALLERY: "gallery", Role.USER_IMAGE: "user"}
"""The images that are looked at for themselves; those of descriptions belong to their text."""

_ROLES = ", ".join(f"'{role.value}'" for role in PLACES)
_PICTURES = f"type = 'image' AND status = 'stored' AND path IS NOT NULL AND role IN ({_ROLES})"
_OPEN = "status IN ('waiting', 'ready', 'claimed')"

_TALLY = f"""
SELECT model_id,
  SUM(status = 'stored' AND type IN ('file', 'image')) AS stored,
  SUM({_OPEN} AND type IN ('file', 'image')) AS open,
  SUM(status = 'failed') AS failed,
  SUM(status = 'unavailable' AND type <> 'model') AS unavailable,
  SUM({_OPEN} AND type IN ('model', 'gallery')) AS listings_open,
  SUM(status = 'stored' AND type = 'file') AS files,
  SUM(status = 'stored' AND type = 'image') AS images,
  SUM(CASE WHEN status = 'stored' THEN size ELSE 0 END) AS bytes,
  MAX(key = 'model:' || model_id AND status = 'unavailable' AND why = '{Reason.GONE.value}')
    AS gone,
  MAX(updated_at) AS newest,
  COUNT(*) AS rows,
  MIN(CASE WHEN status = 'stored' AND type IN ('file', 'image') THEN updated_at END) AS added
FROM tasks WHERE model_id IN (SELECT value FROM json_each(?)) GROUP BY model_id
HAVING SUM(type <> 'model' OR status <> 'stored') > 0
"""  # noqa: S608  # our own words
"""Without models whose page was read and of which nothing was wanted."""


_HELD = """
SELECT DISTINCT model_id FROM tasks
WHERE model_id > ? AND path IS NOT NULL AND status = 'stored'
  AND role IN ('file', 'preview', 'description')
ORDER BY model_id LIMIT ?
"""

_LISTED = """
SELECT id, payload, path, updated_at FROM tasks
WHERE id > ? AND updated_at >= ? AND path IS NOT NULL AND status = 'stored'
  AND role IN ('gallery', 'user_image') AND type = 'image'
ORDER BY id LIMIT ?
"""

_FILES = """
SELECT id, key, model_id, path, sha256, COALESCE(size, 0) FROM tasks
WHERE id > ? AND type = 'file' AND status = 'stored' AND path IS NOT NULL
  AND sha256 IS NOT NULL AND model_id IS NOT NULL
ORDER BY id LIMIT ?
"""

AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A stored model file: its task's key, its model, its archive path, and what its bytes are."""

    key: str
    model_id: int
    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image of a gallery or a user: row, its place, that of its JSON, and since when it is so.

    stored_at: seconds since the epoch.
    """

    row: int
    path: str
    document: str
    stored_at: float


@dataclass(frozen=True, slots=True)
class Holdings:
    """Goes through the state in portions, so that memory stays flat. Raises: CatalogError."""

    database: Database

    async def version(self) -> int:
        """A number that is another one once somebody else has written; costs nothing."""

        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

        return await self.database.run(work, "data_version")

    async def extent(self) -> tuple[int, float, int]:
        """The last row, when a row was changed last, and how many pictures there are.

        Looks at every row: half a second for a million.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, float, int]:
            found = connection.execute(
                f"SELECT MAX(id), MAX(updated_at), SUM({_PICTURES}) FROM tasks"  # noqa: S608  # our own words
            ).fetchone()
            return int(found[0] or 0), float(found[1] or 0.0), int(found[2] or 0)

        return await self.database.run(work, "extent")

    async def pictures(self, after: int, most: int, *, since: float = 0.0) -> list[StoredPicture]:
        """Up to `most` stored images with a greater row, in order; since: changed then or later."""

        def work(connection: sqlite3.Connection) -> list[StoredPicture]:
            rows = connection.execute(
                "SELECT id, role, model_id, payload, path, size, sha256, updated_at "  # noqa: S608  # our own words
                f"FROM tasks WHERE id > ? AND {_PICTURES} AND updated_at >= ? ORDER BY id LIMIT ?",
                (after, since, most),
            )
            return [_picture(row) for row in rows]

        return await self.database.run(work, "pictures")

    async def models(self, after: int, most: int) -> list[ModelId]:
        """Up to `most` models with a greater number of which anything is known, in order."""

        def work(connection: sqlite3.Connection) -> list[ModelId]:
            rows = connection.execute(
                "SELECT DISTINCT model_id FROM tasks WHERE model_id > ? ORDER BY model_id LIMIT ?",
                (after, most),
            )
            return [ModelId(row[0]) for row in rows]

        return await self.database.run(work, "models")

    async def models_held(self, after: int, most: int) -> list[ModelId]:
        """As `models`, those of which something is stored that belongs to the model itself."""

        def work(connection: sqlite3.Connection) -> list[ModelId]:
            return [ModelId(row[0]) for row in connection.execute(_HELD, (after, most))]

        return await self.database.run(work, "models_held")

    async def models_since(self, moment: float) -> list[ModelId]:
        """The models of which something has changed then or later, in order."""

        def work(connection: sqlite3.Connection) -> list[ModelId]:
            rows = connection.execute(
                "SELECT DISTINCT model_id FROM tasks "
                "WHERE updated_at >= ? AND model_id IS NOT NULL ORDER BY model_id",
                (moment,),
            )
            return [ModelId(row[0]) for row in rows]

        return await self.database.run(work, "models_since")

    async def tallies(self, models: Collection[ModelId]) -> dict[ModelId, ModelHolding]:
        """How much there is of each of these models; without those of which nothing was wanted."""

        def work(connection: sqlite3.Connection) -> dict[ModelId, ModelHolding]:
            rows = connection.execute(_TALLY, (json.dumps(list(models)),))
            return {ModelId(row["model_id"]): _holding(row) for row in rows}

        return await self.database.run(work, "tallies")

    async def listed(self, after: int, since: float, most: int) -> list[ListedImage]:
        """Up to `most` images of galleries and users with a greater row, in order.

        since: stored at that time or later; seconds since the epoch.
        """

        def work(connection: sqlite3.Connection) -> list[ListedImage]:
            return [_listed(row) for row in connection.execute(_LISTED, (after, since, most))]

        return await self.database.run(work, "listed")

    async def model_files(self) -> AsyncIterator[list[HeldFile]]:
        """Every stored model file, in portions, in the order in which they became known."""
        after = 0
        while True:

            def work(connection: sqlite3.Connection, after: int = after) -> list[sqlite3.Row]:
                return connection.execute(_FILES, (after, AT_ONCE)).fetchall()

            rows = await self.database.run(work, "model_files")
            if not rows:
                return
            after = int(rows[-1]["id"])
            yield [HeldFile(*tuple(row)[1:]) for row in rows]

    async def files(self, model_id: ModelId) -> Mapping[str, FileStanding]:
        """How each file of a model stands, by task."""

        def work(connection: sqlite3.Connection) -> dict[str, FileStanding]:
            rows = connection.execute(
                "SELECT key, status, path, sha256, size, verified, why, detail, until "
                "FROM tasks WHERE model_id = ? AND type = 'file'",
                (model_id,),
            )
            return {row["key"]: FileStanding(*tuple(row)[1:]) for row in rows}

        return await self.database.run(work, "files")


@dataclass(frozen=True, slots=True)
class FileStanding:
    """Where a model file is, or why it is not. status: a state's value."""

    status: str
    path: str | None = None
    sha256: str | None = None
    size: int | None = None
    verified: int | None = None
    why: str | None = None
    detail: str | None = None
    until: float | None = None


def _listed(row: sqlite3.Row) -> ListedImage:
    subject = load_subject(Kind.IMAGE, row["payload"])
    assert isinstance(subject, ImageRef)
    return ListedImage(row["id"], row["path"], f"{subject.stem}.json", row["updated_at"])


def _picture(row: sqlite3.Row) -> StoredPicture:
    subject = load_subject(Kind.IMAGE, row["payload"])
    assert isinstance(subject, ImageRef)
    return StoredPicture(
        row=row["id"],
        place=PLACES[Role(row["role"])],
        model_id=row["model_id"],
        image_id=subject.image_id,
        url=subject.url,
        path=row["path"],
        size=row["size"] or 0,
        sha256=row["sha256"] or "",
        stamp=row["updated_at"],
    )


def _holding(row: sqlite3.Row) -> ModelHolding:
    tally = Tally(
        stored=row["stored"],
        open=row["open"],
        failed=row["failed"],
        unavailable=row["unavailable"],
        listings_open=row["listings_open"],
        files=row["files"],
        images=row["images"],
        bytes=row["bytes"] or 0,
        gone=bool(row["gone"]),
    )
    stamp = f"{row['newest']}/{row['rows']}/{row['stored']}"
    return ModelHolding(ModelId(row["model_id"]), tally, stamp, row["added"])
