"""What earlier runs did not bring home, and in what words it was asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from ._database import Database
from ._tree import ABOVE, BELOW, WITHDRAWN, WITHIN

UNDONE = "status IN ('failed', 'ready', 'waiting', 'claimed')"
REASONED = "status IN ('failed', 'unavailable')"


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that a run was asked for. roots: keys of the tasks it began with."""

    text: str
    origin: str
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """One run with something left. selection, settings: as it noted them. count: of things left."""

    run: int
    selection: str
    settings: str
    asked: tuple[Asked, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Left:
    """A thing that failed, or cannot be had, and is to be tried again."""

    key: str
    lane: str
    label: str
    why: str
    detail: str
    hint: str


async def find_undone(
    database: Database, roots: Collection[str] | None, reasons: Collection[str] = ()
) -> list[Undone]:
    """The runs that left something, the oldest first.

    Each thing belongs to the last run that wanted it. roots: only what is below these tasks; then
    what is found is counted under the newest run. reasons: only what failed, or cannot be had, for
    one of these. Raises: CatalogError.
    """

    def work(connection: sqlite3.Connection) -> list[Undone]:
        counts = _counts(connection, roots, reasons)
        if not counts:
            return []
        if roots is not None:
            newest = _newest(connection, counts)
            return [_undone(connection, newest, sum(counts.values()))]
        found = {run: _undone(connection, run, count) for run, count in counts.items() if run}
        lost = _lost(connection, set(found)) if 0 in counts else []
        return [found[run] for run in sorted(found)] + lost

    return await database.run(work, "find_undone")


def _counts(
    connection: sqlite3.Connection, roots: Collection[str] | None, reasons: Collection[str]
) -> dict[int, int]:
    """Things left, by run; 0 stands for what was missing on disk, which no run has wanted since."""
    head, condition, facts = _chosen(roots, reasons)
    rows = connection.execute(
        f"{head} SELECT run, COUNT(*) FROM tasks WHERE {condition} GROUP BY run",  # noqa: S608  # our own text
        facts,
    )
    return {int(row[0]): int(row[1]) for row in rows}


def _chosen(roots: Collection[str] | None, reasons: Collection[str]) -> tuple[str, str, list[str]]:
    """Head, condition and parameters of a statement about what is to be tried again."""
    head, condition, facts = "", UNDONE, list[str]()
    if reasons:
        condition = REASONED
    if roots is not None:
        head, condition = BELOW, f"{condition} AND {WITHIN}"
        facts.append(json.dumps(list(roots)))
    if reasons:
        facts.append(json.dumps(sorted(reasons)))
        condition += " AND why IN (SELECT value FROM json_each(?))"
    return head, condition, facts


async def find_left(
    database: Database, roots: Collection[str] | None, reasons: Collection[str] = ()
) -> tuple[list[Left], dict[str, int]]:
    """What would be tried again: each thing with its reason, and counts by lane of the others.

    The others are those that were not tried yet; with reasons there are none. See find_undone.
    """

    def work(connection: sqlite3.Connection) -> tuple[list[Left], dict[str, int]]:
        head, condition, facts = _chosen(roots, reasons)
        states = "" if reasons else " AND status = 'failed'"
        rows = connection.execute(
            f"{head} SELECT key, lane, label, why, detail, hint "  # noqa: S608  # our own text
            f"FROM tasks WHERE {condition}{states} ORDER BY why, id",
            facts,
        )
        named = [Left(*(str(fact or "") for fact in row)) for row in rows]
        if reasons:
            return named, {}
        counted = connection.execute(
            f"{head} SELECT lane, COUNT(*) FROM tasks "  # noqa: S608  # our own text
            f"WHERE {condition} AND status <> 'failed' GROUP BY lane",
            facts,
        )
        return named, {str(row[0]): int(row[1]) for row in counted}

    return await database.run(work, "find_left")


def _newest(connection: sqlite3.Connection, counts: dict[int, int]) -> int:
    newest = max(counts)
    if newest:
        return newest
    return int(connection.execute("SELECT COALESCE(MAX(id), 0) FROM runs").fetchone()[0])


def _undone(connection: sqlite3.Connection, run: int, count: int) -> Undone:
    like = connection.execute(
        "SELECT selection, settings FROM runs WHERE id = ?", (run,)
    ).fetchone()
    rows = connection.execute(
        "SELECT text, origin, roots FROM targets WHERE run = ? AND roots <> ? ORDER BY position",
        (run, WITHDRAWN),
    )
    asked = tuple(
        Asked(row["text"], row["origin"], tuple(json.loads(row["roots"]))) for row in rows
    )
    selection, settings = ("", "{}") if like is None else tuple(like)
    return Undone(run, selection, settings, asked, count)


def _lost(connection: sqlite3.Connection, known: set[int]) -> list[Undone]:
    """What was missing on disk belongs to whoever asked for it last."""
    statement = f"SELECT id FROM tasks WHERE run = 0 AND {UNDONE}"  # noqa: S608  # our own text
    ids = [row[0] for row in connection.execute(statement)]
    above = {row[0] for row in connection.execute(ABOVE, (json.dumps(ids),))}
    found = connection.execute(
        "SELECT MAX(run) AS run, roots FROM targets GROUP BY text, origin ORDER BY run"
    )
    runs = {int(row["run"]) for row in found if above.intersection(json.loads(row["roots"]))}
    return [_undone(connection, run, len(ids)) for run in sorted(runs - known)]
