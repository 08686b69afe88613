"""What a run would do: every thing that is wanted, judged and counted by sets.

There may be a million of them, so they are gathered in a temporary table, which lies on the disk
where it is large, and what leaves here is sums, or rows one batch after the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from civitai_dl.domain.entities import FileRef, ImageRef, Kind, Role
from civitai_dl.domain.outlook import Foreseen, Prospect, Scope, Share

from ._database import Database
from ._rows import load_subject
from ._tree import WANTED

BATCH = 2000
SAMPLE = 10_000
LEAST_SAMPLE = 20
"""Stored images, the newest, of which the average weight is taken; fewer say nothing."""

ASKED = """
CREATE TEMP TABLE asked (id INTEGER PRIMARY KEY, target INTEGER NOT NULL)
"""

GATHER = f"""
INSERT OR IGNORE INTO asked (id, target) {WANTED}
SELECT tasks.id, ? FROM tasks JOIN below USING (id)
WHERE role IN (SELECT value FROM json_each(?)) AND type <> 'dress'
  AND (run = ? OR (status = 'stored' AND type IN ('file', 'image')))
"""  # noqa: S608  # our own text

PROSPECTS = """
CREATE TEMP TABLE prospects (
  id INTEGER PRIMARY KEY, target INTEGER NOT NULL, role TEXT NOT NULL, kind TEXT NOT NULL,
  prospect TEXT NOT NULL, reason TEXT NOT NULL, until REAL, bytes INTEGER, held INTEGER NOT NULL,
  model_id INTEGER, version_id INTEGER)
"""

# The rank is the order in which the lane claims. Of equal bytes the first that may be had is
# fetched, and the others find it there; what is asked for before it is refused for good.
JUDGE = """
INSERT INTO prospects
WITH facts AS (
  SELECT tasks.id, target, role, type, status, source, why, detail, until, size, staged, key,
    payload, model_id, (priority + 10) * 1099511627776 + tasks.id AS rank,
    type IN ('file', 'image') AS content,
    CASE WHEN type = 'file' AND status IN ('ready', 'waiting', 'claimed')
      THEN json_extract(payload, '$.foretold') END AS foretold
  FROM asked JOIN tasks USING (id)
), gates AS (
  SELECT id, rank, source, foretold IS NOT NULL AND (
      json_extract(foretold, '$.until') IS NULL OR json_extract(foretold, '$.until') > :now
    ) AS barred
  FROM facts WHERE content AND status IN ('ready', 'waiting', 'claimed')
), lines AS (
  SELECT id, rank, barred, MIN(CASE WHEN NOT barred THEN rank END) OVER (
    PARTITION BY CASE WHEN source IS NULL OR source LIKE 'file:%' THEN id ELSE source END
  ) AS first
  FROM gates
), judged AS (
  SELECT facts.*, CASE
    WHEN status = 'stored' AND content THEN 'stored'
    WHEN status = 'stored' THEN 'listed'
    WHEN status IN ('unavailable', 'skipped') THEN status
    WHEN status = 'failed' AND content THEN 'failed'
    WHEN NOT content THEN 'unlisted'
    WHEN staged IS NOT NULL THEN 'reuse'
    WHEN EXISTS (
      SELECT 1 FROM tasks AS twin WHERE twin.source = facts.source AND twin.path IS NOT NULL
        AND twin.status = 'stored' AND type = 'image') THEN 'reuse'
    WHEN type = 'file' AND source LIKE 'sha256:%' AND (EXISTS (
      SELECT 1 FROM tasks AS twin WHERE twin.sha256 = substr(facts.source, 8)
        AND twin.path IS NOT NULL AND twin.status = 'stored')
      OR is_owned(substr(source, 8))) THEN 'reuse'
    WHEN barred AND (first IS NULL OR first > lines.rank) THEN 'unavailable'
    WHEN barred OR first < lines.rank THEN 'reuse'
    ELSE 'fetch' END AS prospect
  FROM facts LEFT JOIN lines USING (id)
), sized AS (
  SELECT judged.*, CASE WHEN prospect = 'stored' THEN size
    WHEN type = 'file' THEN json_extract(payload, '$.size_hint') END AS bytes
  FROM judged
)
SELECT id, target, CASE WHEN content THEN role ELSE 'page' END,
  CASE type WHEN 'file' THEN COALESCE(json_extract(payload, '$.kind'), 'Model')
    WHEN 'image' THEN '' ELSE type END,
  prospect,
  CASE WHEN prospect <> 'unavailable' OR status = 'unavailable'
    THEN CASE WHEN status IN ('unavailable', 'failed') THEN COALESCE(why, '')
      WHEN status = 'skipped' THEN COALESCE(detail, '') ELSE '' END
    ELSE COALESCE(json_extract(foretold, '$.reason'), '') END,
  CASE WHEN prospect <> 'unavailable' THEN NULL WHEN status = 'unavailable' THEN until
    ELSE json_extract(foretold, '$.until') END,
  bytes,
  CASE WHEN prospect <> 'fetch' OR bytes IS NULL THEN 0 ELSE MIN(bytes, COALESCE((
    SELECT partials.size + COALESCE((
      SELECT SUM(json_extract(value, '$[1]') - json_extract(value, '$[0]'))
      FROM json_each(CASE WHEN json_valid(islands) THEN islands ELSE '[]' END)), 0)
    FROM partials WHERE partials.key = sized.key), 0)) END,
  model_id,
  CASE WHEN type = 'file' THEN json_extract(payload, '$.version_id')
    WHEN role = 'preview' THEN CAST(substr(json_extract(payload, '$.stem'),
      length('model_' || (model_id / 1000) || '/' || model_id || '/') + 1) AS INTEGER) END
FROM sized
"""

_SUMS = (
    "SELECT role, kind, prospect, reason, COUNT(*), COALESCE(SUM(bytes), 0), "
    "SUM(bytes IS NULL AND role <> 'page'), SUM(held), MIN(until), MAX(until) FROM prospects"
)
_NUMBERS = (
    "SELECT COUNT(DISTINCT CASE WHEN prospect = 'listed' AND kind = 'model' THEN model_id END), "
    "COUNT(DISTINCT version_id) FROM prospects"
)
_GROUPS = "WHERE prospect <> 'listed' GROUP BY role, kind, prospect, reason"
SUMS, NUMBERS = f"{_SUMS} {_GROUPS}", _NUMBERS
SUMS_BELOW = f"{WANTED}{_SUMS} JOIN below USING (id) {_GROUPS}"
NUMBERS_BELOW = f"{WANTED}{_NUMBERS} JOIN below USING (id)"

ROWS = (
    "SELECT prospects.*, tasks.key, type, payload, label, path, sha256, detail, hint "
    "FROM prospects JOIN tasks USING (id) "
    "WHERE prospects.id > ? AND {which} ORDER BY prospects.id LIMIT ?"
)
THINGS = ROWS.format(which="prospect <> 'listed'")
UNLISTED = ROWS.format(which="prospect = 'unlisted'")

WEIGHT = """
SELECT AVG(size), COUNT(*) FROM (
  SELECT size FROM tasks WHERE type = 'image' AND status = 'stored' ORDER BY id DESC LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class SqliteOutlook:
    """What run `run` would do if it went on now. Begin with `gather`; all is told as of then."""

    database: Database
    run: int

    async def gather(self, now: float, is_owned: Callable[[str], bool]) -> None:
        """Judge everything that is wanted. is_owned: whether the user has a file of a SHA256."""

        def work(connection: sqlite3.Connection) -> None:
            connection.create_function("is_owned", 1, is_owned)
            for table in ("asked", "prospects"):
                connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
            connection.execute(ASKED)
            connection.execute(PROSPECTS)
            roles = connection.execute("SELECT roles FROM runs WHERE id = ?", (self.run,))
            wanted_roles = str((roles.fetchone() or ("[]",))[0])
            for row in self._targets(connection):
                facts = (row["roots"], row["position"], wanted_roles, self.run)
                connection.execute(GATHER, facts)
            connection.execute(JUDGE, {"now": now})
            connection.execute("DROP TABLE temp.asked")

        await self.database.run(work, "gather")

    async def scopes(self) -> tuple[Scope, ...]:
        """What is behind each target, in their order; what two of them want counts in both."""

        def work(connection: sqlite3.Connection) -> tuple[Scope, ...]:
            return tuple(
                _scope(
                    row["text"],
                    row["origin"],
                    connection.execute(NUMBERS_BELOW, (row["roots"],)).fetchone(),
                    connection.execute(SUMS_BELOW, (row["roots"],)),
                )
                for row in self._targets(connection)
            )

        return await self.database.run(work, "scopes")

    async def total(self) -> Scope:
        """All of them together, each thing once."""

        def work(connection: sqlite3.Connection) -> Scope:
            numbers = connection.execute(NUMBERS).fetchone()
            return _scope("", "", numbers, connection.execute(SUMS))

        return await self.database.run(work, "total")

    async def rows(self, *, unlisted: bool = False) -> AsyncIterator[Foreseen]:
        """Every thing, in the order of its listing. unlisted: only pages that were not read."""
        last, statement = 0, UNLISTED if unlisted else THINGS
        while True:
            batch = await self.database.run(
                lambda connection, after=last: _batch(connection, statement, after)  # type: ignore[misc]  # mypy knows no default of a lambda
            )
            for row in batch:
                yield _foreseen(row)
            if len(batch) < BATCH:
                return
            last = int(batch[-1]["id"])

    async def image_bytes(self) -> float | None:
        """What a stored image weighs on average; None while too few are there."""

        def work(connection: sqlite3.Connection) -> float | None:
            average, count = connection.execute(WEIGHT, (SAMPLE,)).fetchone()
            return None if count < LEAST_SAMPLE else float(average)

        return await self.database.run(work, "image_bytes")

    def _targets(self, connection: sqlite3.Connection) -> list[sqlite3.Row]:
        return connection.execute(
            "SELECT position, text, origin, roots FROM targets WHERE run = ? ORDER BY position",
            (self.run,),
        ).fetchall()


def _batch(connection: sqlite3.Connection, statement: str, after: int) -> list[sqlite3.Row]:
    return connection.execute(statement, (after, BATCH)).fetchall()


def _scope(text: str, origin: str, numbers: sqlite3.Row, shares: sqlite3.Cursor) -> Scope:
    return Scope(text, origin, int(numbers[0]), int(numbers[1]), tuple(map(_share, shares)))


def _share(row: sqlite3.Row) -> Share:
    role, kind, prospect, *rest = tuple(row)
    return Share(Role(role), kind, Prospect(prospect), *rest)


def _foreseen(row: sqlite3.Row) -> Foreseen:
    subject = load_subject(Kind(row["type"]), row["payload"])
    file_id = image_id = None
    name = path = ""
    sha256 = row["sha256"] if row["prospect"] == Prospect.STORED.value else None
    if isinstance(subject, FileRef):
        # Of an archived version nobody tells the files.
        file_id, name, path = subject.file_id or None, subject.name, subject.destination
        sha256 = sha256 or subject.digests.sha256
    elif isinstance(subject, ImageRef):
        image_id, path = subject.image_id, subject.stem
        name = path.rpartition("/")[2]
    return Foreseen(
        key=row["key"],
        target=row["target"],
        role=Role(row["role"]),
        kind=row["kind"] or row["role"],
        prospect=Prospect(row["prospect"]),
        label=row["label"],
        model_id=row["model_id"],
        version_id=row["version_id"],
        file_id=file_id,
        image_id=image_id,
        name=name,
        path=row["path"] if row["prospect"] == Prospect.STORED.value else path,
        bytes=row["bytes"],
        sha256=sha256,
        reason=row["reason"],
        detail=row["detail"] or "",
        hint=row["hint"] or "",
        until=row["until"],
    )
