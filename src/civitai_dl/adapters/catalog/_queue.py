"""The durable queue: claim, settle, release. Each function is one transaction."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from civitai_dl.domain.decisions import HIDDEN_BATCH, HIDDEN_LAST, next_state
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Failed,
    Kind,
    Lane,
    LaneClosed,
    Lease,
    Look,
    ModelRef,
    Outcome,
    Planned,
    Skipped,
    State,
    Stored,
    Task,
    Unavailable,
)
from civitai_dl.ports import Added, Clock

from ._adding import Adding
from ._database import Database
from ._rows import (
    CLAIMABLE,
    CONTENT,
    begun_of,
    check_facts,
    dump_prefixes,
    dump_subject,
    task_of,
)
from ._seal import FACTS, proof_of, seal_of

_CLAIM = f"""
SELECT {CLAIMABLE}, staged
FROM tasks INDEXED BY {{index}}
WHERE lane = ? AND run = ? AND status = 'ready' AND {{which}} AND not_before <= ?
  AND (source IS NULL OR NOT EXISTS (
    SELECT 1 FROM tasks AS other WHERE other.status = 'claimed' AND other.source = tasks.source))
ORDER BY priority, id
"""  # noqa: S608  # our own columns

CLAIM = _CLAIM.format(index="tasks_ready", which="not_before = 0")
CLAIM_WOKEN = _CLAIM.format(index="tasks_woken", which="not_before > 0 AND parked = 0")

WAKE = """
UPDATE tasks SET parked = 0 WHERE id IN (
  SELECT id FROM tasks INDEXED BY tasks_due
  WHERE lane = ? AND run = ? AND status = 'ready' AND parked = 1 AND not_before > 0
    AND not_before <= ?
  ORDER BY not_before LIMIT ?)
"""

WAKE_MOST = 50
"""Parked tasks that one claim makes claimable: a hundred thousand that become due at once, after
an outage, must not make one claim wait for all of them."""

AT_ONCE = """
SELECT 1 FROM tasks INDEXED BY tasks_ready
WHERE lane = ? AND run = ? AND status = 'ready' AND not_before = 0 LIMIT 1
"""

NEXT_DUE = """
SELECT MIN(not_before) FROM tasks INDEXED BY tasks_due
WHERE lane = ? AND run = ? AND status = 'ready' AND not_before > 0 AND parked = ?
"""

# Two processes must not give out one token: the claim of a dead one would still look good.
_tokens = itertools.count(secrets.randbits(62))


@dataclass(frozen=True, slots=True)
class SqliteQueue:
    """The queue of one run. key: whether an API key is at hand, which makes some things due."""

    database: Database
    clock: Clock
    run: int
    key: bool

    async def add(self, planned: Sequence[Planned], parent: str | None = None) -> Added:
        """See ports.Queue."""

        def work(connection: sqlite3.Connection) -> Added:
            adding = self._adding(connection)
            adding.add(planned, None if parent is None else row_id(connection, parent))
            return adding.finish()

        return await self.database.run(work, "add")

    async def claim(self, lane: Lane, *, most: int, ahead: int = 1) -> tuple[Lease, ...]:
        """See ports.Queue."""
        return await self.database.run(
            lambda connection: self._claim(connection, lane, most, ahead), "claim"
        )

    def _claim(
        self, connection: sqlite3.Connection, lane: Lane, most: int, ahead: int
    ) -> tuple[Lease, ...]:
        now = self.clock.now()
        connection.execute(WAKE, (lane.value, self.run, now, WAKE_MOST))
        rows = self._due(connection, lane, now, ahead)
        if rows and rows[0]["batch"] is not None and most > 1:
            batch = rows[0]["batch"]
            rows = [row for row in self._due(connection, lane, now, most) if row["batch"] == batch]
        else:
            rows = list(_apart(rows))
        leases = []
        for row in rows:
            token = next(_tokens)
            connection.execute(
                "UPDATE tasks SET status = 'claimed', token = ?, updated_at = ? WHERE id = ?",
                (token, now, row["id"]),
            )
            begun = begun_of(connection, row) if row["type"] in CONTENT else None
            leases.append(Lease(task_of(row, begun), token))
        return tuple(leases)

    def _due(
        self, connection: sqlite3.Connection, lane: Lane, now: float, most: int
    ) -> list[sqlite3.Row]:
        """The first tasks that may be claimed, of those never put off and those that were."""
        found: list[sqlite3.Row] = []
        for statement in (CLAIM, CLAIM_WOKEN):
            found += connection.execute(
                f"{statement} LIMIT ?", (lane.value, self.run, now, most)
            ).fetchall()
        return sorted(found, key=lambda row: (row["priority"], row["id"]))[:most]

    async def settle(self, leases: Sequence[tuple[Lease, Outcome]]) -> Added:
        """See ports.Queue."""

        def work(connection: sqlite3.Connection) -> Added:
            adding = self._adding(connection)
            for lease, outcome in leases:
                self._settle(connection, lease, outcome, adding)
            return adding.finish()

        return await self.database.run(work, "settle")

    def _settle(
        self, connection: sqlite3.Connection, lease: Lease, outcome: Outcome, adding: Adding
    ) -> None:
        now = self.clock.now()
        row = connection.execute(
            f"SELECT id, proof, {FACTS} FROM tasks "  # noqa: S608  # our own columns
            "WHERE key = ? AND status = 'claimed' AND token = ?",
            (lease.task.key, lease.token),
        ).fetchone()
        if row is None:
            # The lease is not ours any more; whoever has it will settle the task.
            return
        check_facts(row)
        state = next_state(State.CLAIMED, outcome)
        changes: dict[str, object] = {"status": state.value, "token": 0, "updated_at": now}
        changes.update(_changes(lease, outcome, now))
        changes["proof"] = proof_of(*(changes.get(name, row[name]) for name in FACTS.split(", ")))
        if "payload" in changes:
            changes["seal"] = _seal(lease.task, changes["payload"], changes["batch"])
        columns = ", ".join(f"{column} = ?" for column in changes)
        connection.execute(
            f"UPDATE tasks SET {columns} WHERE id = ?",  # noqa: S608  # our own column names
            (*changes.values(), row["id"]),
        )
        if isinstance(outcome, Expanded):
            adding.add(outcome.children, int(row["id"]))
            adding.leave_out(int(row["id"]), outcome.left_out)
        if lease.task.group is not None:
            adding.groups.add(lease.task.group)

    async def release(self, leases: Sequence[Lease]) -> None:
        """See ports.Queue."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE tasks SET status = 'ready', token = 0 "
                "WHERE key = ? AND status = 'claimed' AND token = ?",
                [(lease.task.key, lease.token) for lease in leases],
            )

        await self.database.run(work, "release")

    async def next_due(self, lane: Lane) -> float | None:
        """See ports.Queue."""

        def work(connection: sqlite3.Connection) -> float | None:
            where = (lane.value, self.run)
            if connection.execute(AT_ONCE, where).fetchone() is not None:
                return 0.0
            found = [
                connection.execute(NEXT_DUE, (*where, parked)).fetchone()[0] for parked in (0, 1)
            ]
            return min((float(moment) for moment in found if moment is not None), default=None)

        return await self.database.run(work, "next_due")

    def _adding(self, connection: sqlite3.Connection) -> Adding:
        return Adding(connection, self.run, self.clock.now(), self.key)


def _apart(rows: Sequence[sqlite3.Row]) -> Iterator[sqlite3.Row]:
    """The first row, and those that may be claimed along with it: images of other bytes.

    A page that is dressed may be due again while it is; its claim must not wait in a line.
    """
    sources = set()
    for number, row in enumerate(rows):
        if number and (rows[0]["type"] != Kind.IMAGE.value or row["type"] != Kind.IMAGE.value):
            return
        if row["source"] is None or row["source"] not in sources:
            sources.add(row["source"])
            yield row


def row_id(connection: sqlite3.Connection, key: str) -> int:
    """The row of a task that is there."""
    row = connection.execute("SELECT id FROM tasks WHERE key = ?", (key,)).fetchone()
    return int(row[0])


def _seal(task: Task, payload: object, batch: object) -> int:
    """The seal of a page whose question has changed."""
    names = (task.key, task.kind.value, task.lane.value, task.role.value)
    return seal_of(
        *names,
        payload,
        task.label,
        task.source,
        batch,
        task.model_id,
        task.group,
        task.waits_for,
    )


def _changes(lease: Lease, outcome: Outcome, now: float) -> dict[str, object]:
    """The columns that an outcome sets, beside status and time."""
    cleared: dict[str, object] = {"why": None, "detail": None, "hint": None, "until": None}
    if isinstance(outcome, Stored):
        return {
            **cleared,
            "path": outcome.path,
            "sha256": outcome.sha256,
            "size": outcome.size,
            "verified": int(outcome.verified),
            "prefixes": dump_prefixes(outcome.prefixes),
            # A second name was neither written nor read.
            "checked_at": None if outcome.how in ("linked", "owned") else now,
            "staged": None,
            "detail": outcome.note or None,
        }
    if isinstance(outcome, Expanded):
        if outcome.onward is None:
            return cleared
        # A page that goes on is a new question: what went before does not count against it.
        batch = lease.task.batch if outcome.onward == lease.task.subject else None
        later: dict[str, object] = {}
        if isinstance(outcome.onward, ModelRef) and outcome.onward.look is Look.HIDDEN:
            batch, later = HIDDEN_BATCH, {"priority": HIDDEN_LAST}
        return {
            **cleared,
            **later,
            "payload": dump_subject(outcome.onward),
            "batch": batch,
            "retries": 0,
            "waited": 0.0,
            "not_before": now + outcome.wait,
            "parked": int(outcome.wait > 0),
        }
    if isinstance(outcome, Deferred):
        # Waiting that this task imposes is counted; what halts the whole run is not its fault.
        waits = not outcome.counts and not outcome.halt
        return {
            "retries": (0 if outcome.progress else lease.task.attempt) + int(outcome.counts),
            "mismatches": lease.task.mismatches + int(outcome.mismatch),
            # It may be noted only after its moment has come: the disk was slow, the machine slept.
            "waited": lease.task.waited + (max(0.0, outcome.until - now) if waits else 0.0),
            "not_before": outcome.until,
            "parked": int(outcome.until > now),
            "why": outcome.failure.trouble.value,
            "detail": outcome.failure.detail,
        }
    if isinstance(outcome, (Failed, LaneClosed)):
        failure = outcome.failure
        facts: dict[str, object] = {
            "why": failure.trouble.value,
            "detail": failure.detail,
            "hint": failure.hint,
        }
        if isinstance(outcome, Failed):
            facts["retries"] = lease.task.attempt + 1
        return facts
    if isinstance(outcome, Unavailable):
        return {"why": outcome.reason.value, "detail": outcome.detail, "until": outcome.until}
    assert isinstance(outcome, Skipped)
    return {**cleared, "detail": outcome.reason}
