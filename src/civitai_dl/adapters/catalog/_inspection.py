"""What `verify` asks the catalog, and what it writes into it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from civitai_dl.domain.decisions import Kept, Part, Subset

from ._database import Database
from ._rows import FORGET, check_facts
from ._seal import FACTS
from ._tree import ABOVE, BELOW, WITHIN

STORED = "status = 'stored' AND path IS NOT NULL AND type IN ('file', 'image')"

_prefixes = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class Chosen:
    """How much is to be looked at; bytes as they were stored."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Fate:
    """How a thing stands now: its state's value, and where and what it is, or why not."""

    status: str
    path: str = ""
    sha256: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One look through what is stored. The choice lives as long as the database is open."""

    database: Database

    async def choose(self, roots: Collection[str] | None, subset: Subset | None) -> Chosen:
        """Choose what is looked at. roots: only what is below these tasks; None for everything.

        What was not looked at for the longest time comes first where a share is asked for, else
        the order is that of the rows.
        """

        def work(connection: sqlite3.Connection) -> Chosen:
            connection.execute("DROP TABLE IF EXISTS temp.chosen")
            connection.execute(
                "CREATE TEMP TABLE chosen (position INTEGER PRIMARY KEY, id INTEGER NOT NULL)"
            )
            head, condition, facts = "", STORED, []
            if roots is not None:
                head, condition = BELOW, f"{STORED} AND {WITHIN}"
                facts.append(json.dumps(list(roots)))
            order, most = "id", -1
            if isinstance(subset, Part):
                condition += f" AND id % {subset.of:d} = {subset.number - 1:d}"
            elif subset is not None:
                order = "checked_at IS NOT NULL, checked_at, id"
                counted = f"{head} SELECT COUNT(*) FROM tasks WHERE {condition}"  # noqa: S608  # our own text
                most = subset.most(int(connection.execute(counted, facts).fetchone()[0]))
            connection.execute(
                f"{head} INSERT INTO temp.chosen (id) SELECT id FROM tasks "  # noqa: S608  # our own text
                f"WHERE {condition} ORDER BY {order} LIMIT {most:d}",
                facts,
            )
            row = connection.execute(
                "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM temp.chosen JOIN tasks USING (id)"
            ).fetchone()
            return Chosen(int(row[0]), int(row[1]))

        return await self.database.run(work, "choose")

    async def kept_after(self, position: int, most: int) -> list[tuple[int, Kept]]:
        """Up to `most` of the chosen with a greater position. Raises: CatalogError when damaged."""

        def work(connection: sqlite3.Connection) -> list[tuple[int, Kept]]:
            rows = connection.execute(
                f"SELECT position, id, key, checked_at, proof, {FACTS} "  # noqa: S608  # our columns
                "FROM temp.chosen JOIN tasks USING (id) WHERE position > ? "
                f"AND {STORED} ORDER BY position LIMIT ?",
                (position, most),
            )
            return [(int(row["position"]), _kept(row)) for row in rows]

        return await self.database.run(work, "kept_after")

    async def checked(self, rows: Sequence[int], now: float) -> None:
        """These were read and are good."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE tasks SET checked_at = ? WHERE id = ?", [(now, row) for row in rows]
            )

        await self.database.run(work, "checked")

    async def elsewhere(self, sha256: str) -> list[str]:
        """Where files of this digest are stored, by the catalog's word."""

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                f"SELECT path FROM tasks WHERE sha256 = ? AND {STORED} "  # noqa: S608  # our own text
                "ORDER BY id LIMIT 100",
                (sha256,),
            )
            return [str(row[0]) for row in rows]

        return await self.database.run(work, "elsewhere")

    async def settings_of(self, run: int) -> str:
        """What a run noted of its settings, as JSON."""

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute("SELECT settings FROM runs WHERE id = ?", (run,)).fetchone()
            return str(row[0])

        return await self.database.run(work, "settings_of")

    async def begin(self, rows: Sequence[int], now: float) -> int:
        """Make things due in a run of their own, told of under what they were asked for.

        Returns the run's number. It has the targets of earlier runs that led to these things.
        """

        def work(connection: sqlite3.Connection) -> int:
            return _begin(connection, rows, now)

        return await self.database.run(work, "begin_healing")

    async def fates(self, rows: Sequence[int]) -> dict[int, Fate]:
        """How things stand, by row."""

        def work(connection: sqlite3.Connection) -> dict[int, Fate]:
            found = connection.execute(
                "SELECT id, status, path, sha256, detail FROM tasks "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rows)),),
            )
            return {int(row["id"]): Fate(*(str(fact or "") for fact in row[1:])) for row in found}

        return await self.database.run(work, "fates")


def _kept(row: sqlite3.Row) -> Kept:
    check_facts(row)
    prefixes = tuple(_prefixes.decode(row["prefixes"])) if row["prefixes"] else ()
    return Kept(
        row=int(row["id"]),
        key=row["key"],
        path=row["path"],
        sha256=row["sha256"],
        size=int(row["size"]),
        prefixes=prefixes,
        checked_at=row["checked_at"],
        verified=bool(row["verified"]),
    )


def _begin(connection: sqlite3.Connection, rows: Sequence[int], now: float) -> int:
    above = {row[0] for row in connection.execute(ABOVE, (json.dumps(list(rows)),))}
    found = connection.execute(
        "SELECT MAX(run) AS run, text, origin, roots FROM targets GROUP BY text, origin "
        "ORDER BY run, position"
    )
    targets = [row for row in found if above.intersection(json.loads(row["roots"]))]
    newest = max((int(row["run"]) for row in targets), default=0)
    roles: set[str] = set()
    for number in {int(row["run"]) for row in targets}:
        wanted = connection.execute("SELECT roles FROM runs WHERE id = ?", (number,)).fetchone()
        roles.update(json.loads(wanted[0]))
    like = connection.execute(
        "SELECT selection, settings FROM runs WHERE id = ?", (newest,)
    ).fetchone()
    selection, settings = ("", "{}") if like is None else tuple(like)
    lonely = _lonely(connection, rows, [key for row in targets for key in json.loads(row["roots"])])
    roles.update(row["role"] for row in lonely)
    cursor = connection.execute(
        "INSERT INTO runs (started_at, roles, selection, settings) VALUES (?, ?, ?, ?)",
        (now, json.dumps(sorted(roles)), selection, settings),
    )
    run = cursor.lastrowid
    assert run is not None
    named = [(row["text"], row["origin"], row["roots"]) for row in targets]
    named += [(_name(row), "verify", json.dumps([row["key"]])) for row in lonely]
    connection.executemany(
        "INSERT INTO targets (run, position, text, origin, roots) VALUES (?, ?, ?, ?, ?)",
        [(run, position, *target) for position, target in enumerate(named)],
    )
    connection.executemany(FORGET, [(run, row) for row in rows])
    return run


def _lonely(
    connection: sqlite3.Connection, rows: Sequence[int], roots: Sequence[str]
) -> list[sqlite3.Row]:
    """The things that no target leads to, as after a rebuilding of the database."""
    return connection.execute(
        f"{BELOW} SELECT id, key, label, model_id, role FROM tasks "  # noqa: S608  # our own text
        "WHERE id IN (SELECT value FROM json_each(?)) AND id NOT IN (SELECT id FROM below)",
        (json.dumps(list(roots)), json.dumps(list(rows))),
    ).fetchall()


def _name(row: sqlite3.Row) -> str:
    return str(row["label"]) if row["model_id"] is None else f"model:{row['model_id']}"
