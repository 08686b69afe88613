"""Where a run begins and ends: what is continued, what is asked again, what is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from civitai_dl.domain.decisions import latest_wait
from civitai_dl.domain.entities import Look, Planned, Role, Wanted

from ._adding import Adding
from ._database import Database
from ._rows import FORGET, PAGES
from ._touch import touch, touch_reasons
from ._tree import WANTED

DEADLY = 3
"""Times a task may be at work when the program dies, before it has to wait for all others."""

LAST = 1000
"""Added to the priority of such a task."""

FIRST = -1
"""The priority of a task that only needs its name."""

ROOT = """
SELECT tasks.id, tasks.run AS job, job_done, selection, started_at,
  json_extract(payload, '$.look') AS look
FROM tasks LEFT JOIN runs ON runs.id = tasks.run WHERE key = ?
"""

FRESH = 43_200.0
"""Seconds for which a complete listing is not asked again, while its transfers go on."""


@dataclass(frozen=True, slots=True)
class RunBegun:
    """A run's number, and whether it goes on with work that an earlier one left."""

    run: int
    continued: bool


@dataclass(frozen=True, slots=True)
class Root:
    """One thing asked for, and the tasks it begins with."""

    wanted: Wanted
    planned: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Runs:
    """The beginning and the end of runs."""

    database: Database

    async def recover(self, now: float) -> int:
        """Take back what a dead process had claimed; returns how many tasks that were.

        A task that was at work in each of three deaths may be what kills. It may as well be a
        large file on a machine that is often switched off, so it is not given up: it goes last,
        when nothing else can come to harm. What was about to get its name goes first, before
        something else that has the same bytes would fetch them once more. A clock that ran ahead
        when a task was put off must not keep it waiting for years.
        """

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "UPDATE tasks SET crashes = crashes + 1, "
                "priority = CASE WHEN crashes + 1 = ? THEN priority + ? "
                "WHEN crashes + 1 < ? AND staged IS NOT NULL THEN ? ELSE priority END "
                "WHERE status = 'claimed'",
                (DEADLY, LAST, DEADLY, FIRST),
            )
            cursor = connection.execute(
                "UPDATE tasks SET status = 'ready', token = 0, not_before = 0, parked = 0, "
                "updated_at = ? WHERE status = 'claimed'",
                (now,),
            )
            connection.execute(
                "UPDATE tasks SET not_before = 0, parked = 0 WHERE id IN ("
                "SELECT id FROM tasks INDEXED BY tasks_due "
                "WHERE status = 'ready' AND not_before > 0 AND not_before > ?)",
                (latest_wait(now),),
            )
            return cursor.rowcount

        return await self.database.run(work, "recover")

    async def partial_keys(self) -> set[str]:
        """The tasks of which a part is known to be on disk."""

        def work(connection: sqlite3.Connection) -> set[str]:
            return {str(row[0]) for row in connection.execute("SELECT key FROM partials")}

        return await self.database.run(work, name="partials")

    async def stored_after(self, row_id: int, most: int) -> list[tuple[int, str, int]]:
        """Up to `most` stored things with a greater row id: (row id, path, size)."""

        def work(connection: sqlite3.Connection) -> list[tuple[int, str, int]]:
            rows = connection.execute(
                "SELECT id, path, size FROM tasks WHERE id > ? AND status = 'stored' "
                "AND path IS NOT NULL ORDER BY id LIMIT ?",
                (row_id, most),
            )
            return [(int(row[0]), str(row[1]), int(row[2])) for row in rows]

        return await self.database.run(work, "stored_after")

    async def missing(self, row_ids: Sequence[int]) -> None:
        """These are not on disk any more: they are to be fetched again when wanted."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(FORGET, [(0, row_id) for row_id in row_ids])

        await self.database.run(work, "missing")

    async def begin(
        self,
        roots: Sequence[Root],
        *,
        roles: Collection[Role],
        now: float,
        key: bool,
        only_failed: bool = False,
        reasons: Collection[str] = (),
        selection: str = "",
        settings: str = "{}",
    ) -> RunBegun:
        """Begin a run for the things asked for.

        A job that was left unfinished is continued: its pages go on at their cursors and nothing
        that was listed is listed again. A finished one is asked anew. In both cases everything of
        it that is not stored is due again. only_failed: ask for nothing anew. reasons:
        then only what failed, or cannot be had, for one of these. selection: what of
        everything is wanted, as a text: pages that were read for another wish are read again.
        settings: JSON of what it takes to repeat the run; never the key.
        """

        def work(connection: sqlite3.Connection) -> RunBegun:
            run = _new_run(connection, roots, roles, selection, settings, now)
            all_failed = only_failed and not reasons
            adding = Adding(connection, run, now, key, failed_too=all_failed)
            going_on: list[str] = []
            other: list[str] = []
            known, fresh = [], []
            jobs: set[int] = set()
            for wanted, planned in ((one.wanted, task) for one in roots for task in one.planned):
                row = connection.execute(ROOT, (planned.task.key,)).fetchone()
                if row is not None and (
                    only_failed or _goes_on(connection, planned, row, selection, now, wanted)
                ):
                    same = row["selection"] == selection
                    (going_on if same else other).append(planned.task.key)
                    jobs.add(row["job"])
                    continue
                if row is not None and row["selection"] == selection:
                    # After another wish each listing tells by itself what is wanted of it now.
                    known.append(planned.task.key)
                if row is not None or not only_failed:
                    fresh.append(planned)
            # All roots together: a thousand of them share most of what each question costs. What is
            # asked anew comes first: it may lie below what goes on, which takes it as it finds it.
            touch(connection, known, adding, roles=roles, pages=False)
            adding.add(fresh, None)
            if reasons:
                again = [*going_on, *other]
                touch_reasons(connection, again, adding, roles=roles, reasons=reasons)
            else:
                of = None if only_failed else jobs
                touch(connection, going_on, adding, roles=roles, pages=True, jobs=of)
                touch(connection, other, adding, roles=roles, pages=True, jobs=of, left_out=True)
            adding.finish()
            return RunBegun(run, bool(going_on))

        return await self.database.run(work, "begin")

    async def finish(self, run: int, now: float) -> bool:
        """Close a run in which nothing is left to do; False when something is."""

        def work(connection: sqlite3.Connection) -> bool:
            left = connection.execute(
                "SELECT 1 FROM tasks WHERE run = ? AND status IN ('ready', 'claimed') LIMIT 1",
                (run,),
            ).fetchone()
            if left is not None:
                return False
            marks = ", ".join("?" for _ in PAGES)
            connection.execute(
                "UPDATE tasks SET job_done = 1 "  # noqa: S608  # marks are question marks
                f"WHERE run = ? AND type IN ({marks})",
                (run, *PAGES),
            )
            connection.execute("UPDATE runs SET finished_at = ? WHERE id = ?", (now, run))
            return True

        return await self.database.run(work, "finish")

    async def unclaim(self) -> None:
        """At the end of a process: nothing is being worked on any more."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE tasks SET status = 'ready', token = 0 WHERE status = 'claimed'"
            )

        await self.database.run(work, "unclaim")

    async def last(self) -> int | None:
        """The number of the last run, None before the first."""

        def work(connection: sqlite3.Connection) -> int | None:
            row = connection.execute("SELECT MAX(id) FROM runs").fetchone()
            return None if row[0] is None else int(row[0])

        return await self.database.run(work, "last")


def _goes_on(
    connection: sqlite3.Connection,
    planned: Planned,
    row: sqlite3.Row,
    selection: str,
    now: float,
    wanted: Wanted,
) -> bool:
    """Whether an unfinished job is continued without asking its pages again.

    Pages read for another wish may lack what is wanted now, and so may those that were not looked
    at in full. Where all pages are read and only transfers are open, the reading is good for half a
    day: whoever comes back every night wants to see what is new, too. Who brings an archive up to
    date wants that at once.
    """
    if row["job_done"] or row["selection"] != selection:
        return False
    if wanted.look is Look.FULL and row["look"] != Look.FULL.value:
        return False
    if wanted.look is Look.USUAL and abs(now - row["started_at"]) < FRESH:
        return True
    marks = ", ".join("?" for _ in PAGES)
    unread = connection.execute(
        f"{WANTED} SELECT 1 FROM tasks JOIN below USING (id) "  # noqa: S608  # question marks
        f"WHERE status = 'ready' AND type IN ({marks}) LIMIT 1",
        (json.dumps([planned.task.key]), *PAGES),
    ).fetchone()
    return unread is not None


def _new_run(
    connection: sqlite3.Connection,
    roots: Sequence[Root],
    roles: Collection[Role],
    selection: str,
    settings: str,
    now: float,
) -> int:
    cursor = connection.execute(
        "INSERT INTO runs (started_at, roles, selection, settings) VALUES (?, ?, ?, ?)",
        (now, json.dumps(sorted(role.value for role in roles)), selection, settings),
    )
    run = cursor.lastrowid
    assert run is not None
    connection.executemany(
        "INSERT INTO targets (run, position, text, origin, roots) VALUES (?, ?, ?, ?, ?)",
        [
            (
                run,
                position,
                root.wanted.text,
                root.wanted.origin,
                json.dumps([planned.task.key for planned in root.planned]),
            )
            for position, root in enumerate(roots)
        ],
    )
    return run
