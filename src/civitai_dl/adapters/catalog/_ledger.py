"""What the end of a run, and `status`, are told from."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace

from civitai_dl.domain.entities import Account, Kind, Lane, Role, State, Task, Trace

from ._database import Database
from ._rows import CLAIMABLE, state_of, task_of
from ._tree import WANTED, WITHDRAWN

BATCH = 2000

COUNTED = f"""
{WANTED}SELECT type IN ('file', 'image') AS content, status, why, COUNT(*) AS count,
       COALESCE(SUM(size), 0) AS bytes, SUM(verified = 0) AS unverified
FROM tasks JOIN below USING (id)
WHERE role IN (SELECT value FROM json_each(?)) AND type <> 'dress'
  AND (status = 'stored' OR run = ?)
GROUP BY content, status, why
"""  # noqa: S608  # our own text

_OPEN = "run = :run AND status IN ('ready', 'waiting', 'claimed')"
_COUNTS = ", ".join(f"COALESCE(SUM(role = '{role.value}'), 0)" for role in Role)
# In one pass: grouping would set every row aside first, with all that it holds.
OUTLOOK = (
    f"SELECT {_COUNTS} FROM tasks WHERE {_OPEN} AND type IN ('file', 'image')"  # noqa: S608  # ours
)
_SIZES = "SELECT COALESCE(SUM(json_extract(payload, '$.size_hint')), 0) FROM tasks"
LISTED = f"{_SIZES} WHERE {_OPEN} AND type = 'file'"
"""Of images nobody tells the size."""

MODELS = """
SELECT COUNT(DISTINCT model_id) FROM tasks INDEXED BY tasks_model
WHERE model_id IS NOT NULL AND type = 'model' AND run = ?
"""

# By the three indexes that hold all that is open, and nothing of what the rows hold beside.
OPEN_COUNTS = """
SELECT lane, COUNT(*) FROM tasks INDEXED BY tasks_ready
WHERE run = :run AND status = 'ready' AND not_before = 0 GROUP BY lane
UNION ALL SELECT lane, COUNT(*) FROM tasks INDEXED BY tasks_due
WHERE run = :run AND status = 'ready' AND not_before > 0 GROUP BY lane
UNION ALL SELECT lane, COUNT(*) FROM tasks INDEXED BY tasks_claimed
WHERE run = :run AND status = 'claimed' GROUP BY lane
"""

TRACES = """
SELECT id, key, label, why, detail, hint, until FROM tasks INDEXED BY tasks_troubled
WHERE run = :run AND status = :status AND status IN ('failed', 'unavailable') ORDER BY id
"""

TROUBLED = """
WITH RECURSIVE above (id, key, root) AS (
  SELECT id, key, id FROM tasks WHERE id = ?
  UNION SELECT parent.id, parent.key, edges.child FROM edges
    JOIN above ON edges.child = above.id JOIN tasks AS parent ON parent.id = edges.parent
)
SELECT key FROM above
"""


@dataclass(frozen=True, slots=True)
class SqliteLedger:
    """The account of one run; see ports.Ledger."""

    database: Database
    run: int

    async def accounts(self) -> tuple[Account, ...]:
        """See ports.Ledger."""
        return await self.database.run(self._accounts, "accounts")

    def _accounts(self, connection: sqlite3.Connection) -> tuple[Account, ...]:
        roles = self._roles(connection)
        rows = connection.execute(
            "SELECT text, origin, roots FROM targets WHERE run = ? ORDER BY position", (self.run,)
        ).fetchall()
        return tuple(
            _account(
                connection,
                row["roots"],
                roles,
                run=self.run,
                text=row["text"],
                origin=row["origin"],
            )
            for row in rows
        )

    async def total(self, accounts: Sequence[Account] = ()) -> Account:
        """See ports.Ledger. accounts: those of all targets, where they are known already."""
        if len(accounts) == 1:
            # A million things need not be counted twice.
            return replace(accounts[0], text="", origin="", cancelled=False)

        def work(connection: sqlite3.Connection) -> Account:
            roots: dict[str, None] = {}
            for row in connection.execute("SELECT roots FROM targets WHERE run = ?", (self.run,)):
                roots.update(dict.fromkeys(json.loads(row[0])))
            roles = self._roles(connection)
            told = json.dumps(list(roots))
            total = _account(connection, told, roles, run=self.run, text="", origin="")
            return replace(total, cancelled=False)

        return await self.database.run(work, "total")

    async def failures(self) -> tuple[Trace, ...]:
        """See ports.Ledger."""
        return await self._traces(State.FAILED)

    async def unavailable(self) -> tuple[Trace, ...]:
        """See ports.Ledger."""
        return await self._traces(State.UNAVAILABLE)

    async def _traces(self, state: State) -> tuple[Trace, ...]:
        def work(connection: sqlite3.Connection) -> tuple[Trace, ...]:
            targets = self._targets(connection)
            facts = {"run": self.run, "status": state.value}
            rows = connection.execute(TRACES, facts).fetchall()
            return tuple(_trace(connection, row, targets) for row in rows)

        return await self.database.run(work, "traces")

    async def open_counts(self) -> dict[Lane, int]:
        """See ports.Ledger."""

        def work(connection: sqlite3.Connection) -> dict[Lane, int]:
            counts: Counter[Lane] = Counter()
            for row in connection.execute(OPEN_COUNTS, {"run": self.run}):
                counts[Lane(row[0])] += int(row[1])
            return dict(counts)

        return await self.database.run(work, "open_counts")

    async def models(self) -> int:
        """See ports.Ledger."""

        def work(connection: sqlite3.Connection) -> int:
            row = connection.execute(MODELS, (self.run,)).fetchone()
            return int(row[0])

        return await self.database.run(work, "models")

    async def outlook(self) -> dict[str, tuple[int, int]]:
        """What is still to be fetched: role -> (things, bytes as far as they are listed)."""

        def work(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
            counts = connection.execute(OUTLOOK, {"run": self.run}).fetchone()
            listed = int(connection.execute(LISTED, {"run": self.run}).fetchone()[0])
            return {
                role.value: (int(count), listed if role is Role.FILE else 0)
                for role, count in zip(Role, counts, strict=True)
                if count
            }

        return await self.database.run(work, "outlook")

    async def rows(self, kinds: Collection[Kind]) -> AsyncIterator[tuple[Task, str]]:
        """See ports.Ledger."""
        last = 0
        while True:
            batch = await self.database.run(
                lambda connection, after=last: _batch(connection, kinds, after)  # type: ignore[misc]  # mypy cannot type a lambda's default
            )
            if not batch:
                return
            for last, task, status in batch:  # noqa: B007  # carried to the next batch
                yield task, status

    def _roles(self, connection: sqlite3.Connection) -> str:
        row = connection.execute("SELECT roles FROM runs WHERE id = ?", (self.run,)).fetchone()
        return "[]" if row is None else str(row[0])

    def _targets(self, connection: sqlite3.Connection) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in connection.execute(
            "SELECT text, roots FROM targets WHERE run = ? ORDER BY position", (self.run,)
        ):
            for key in json.loads(row["roots"]):
                found.setdefault(key, row["text"])
        return found


def _batch(
    connection: sqlite3.Connection, kinds: Collection[Kind], after: int
) -> list[tuple[int, Task, str]]:
    rows = connection.execute(
        f"SELECT {CLAIMABLE}, status FROM tasks WHERE id > ? "  # noqa: S608  # our own columns
        "AND type IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
        (after, json.dumps([kind.value for kind in kinds]), BATCH),
    ).fetchall()
    return [(int(row["id"]), task_of(row), str(row["status"])) for row in rows]


def _account(
    connection: sqlite3.Connection, roots: str, roles: str, *, run: int, text: str, origin: str
) -> Account:
    expected = stored = size = left = unread = unverified = 0
    unavailable: dict[str, int] = {}
    failed: dict[str, int] = {}
    for row in connection.execute(COUNTED, (roots, roles, run)):
        count, why = int(row["count"]), str(row["why"] or "")
        status = state_of(row["status"])
        if row["content"]:
            expected += count
        if status is State.FAILED:
            failed[why] = failed.get(why, 0) + count
        elif status is State.UNAVAILABLE:
            unavailable[why] = unavailable.get(why, 0) + count
        elif status in (State.READY, State.CLAIMED, State.WAITING):
            left += count if row["content"] else 0
            unread += 0 if row["content"] else count
        elif row["content"]:
            stored += count
            size += int(row["bytes"])
            unverified += int(row["unverified"] or 0)
    return Account(
        text=text,
        origin=origin,
        expected=expected,
        stored=stored,
        bytes=size,
        unavailable=unavailable,
        failed=failed,
        open=left,
        unverified=unverified,
        unread=unread,
        cancelled=roots == WITHDRAWN,
    )


def _trace(connection: sqlite3.Connection, row: sqlite3.Row, targets: dict[str, str]) -> Trace:
    above: Sequence[sqlite3.Row] = connection.execute(TROUBLED, (row["id"],)).fetchall()
    roots = [targets[found["key"]] for found in above if found["key"] in targets]
    return Trace(
        key=row["key"],
        label=row["label"],
        why=row["why"] or "",
        detail=row["detail"] or "",
        target=roots[0] if roots else "",
        hint=row["hint"] or "",
        until=row["until"],
    )
