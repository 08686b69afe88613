"""The durable queue: claim, settle, release. Each function is one transaction."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from civitai_dl.domain.decisions import next_state
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Failed,
    Lane,
    LaneClosed,
    Lease,
    Outcome,
    Planned,
    Skipped,
    State,
    Stored,
    Trouble,
    Unavailable,
)
from civitai_dl.ports import Added, Clock

from ._adding import Adding
from ._database import Database
from ._rows import dump_subject, task_of

CLAIM = """
SELECT id, key, type, lane, role, payload, label, source, batch, model_id, priority, grp,
       waits_for, retries, waited, mismatches
FROM tasks INDEXED BY tasks_ready
WHERE lane = ? AND run = ? AND status = 'ready' AND not_before <= ?
  AND (source IS NULL OR NOT EXISTS (
    SELECT 1 FROM tasks AS other WHERE other.status = 'claimed' AND other.source = tasks.source))
ORDER BY priority, id
"""

_tokens = itertools.count(1)


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

        return await self.database.run(work)

    async def claim(self, lane: Lane, *, most: int) -> tuple[Lease, ...]:
        """See ports.Queue."""
        return await self.database.run(lambda connection: self._claim(connection, lane, most))

    def _claim(self, connection: sqlite3.Connection, lane: Lane, most: int) -> tuple[Lease, ...]:
        now = self.clock.now()
        first = connection.execute(f"{CLAIM} LIMIT 1", (lane.value, self.run, now)).fetchone()
        if first is None:
            return ()
        rows = [first]
        if first["batch"] is not None and most > 1:
            rows = [
                row
                for row in connection.execute(f"{CLAIM} LIMIT ?", (lane.value, self.run, now, most))
                if row["batch"] == first["batch"]
            ]
        leases = []
        for row in rows:
            token = next(_tokens)
            connection.execute(
                "UPDATE tasks SET status = 'claimed', token = ?, updated_at = ? WHERE id = ?",
                (token, now, row["id"]),
            )
            leases.append(Lease(task_of(row), token))
        return tuple(leases)

    async def settle(self, leases: Sequence[tuple[Lease, Outcome]]) -> Added:
        """See ports.Queue."""

        def work(connection: sqlite3.Connection) -> Added:
            adding = self._adding(connection)
            for lease, outcome in leases:
                self._settle(connection, lease, outcome, adding)
            return adding.finish()

        return await self.database.run(work)

    def _settle(
        self, connection: sqlite3.Connection, lease: Lease, outcome: Outcome, adding: Adding
    ) -> None:
        now = self.clock.now()
        row = connection.execute(
            "SELECT id FROM tasks WHERE key = ? AND status = 'claimed' AND token = ?",
            (lease.task.key, lease.token),
        ).fetchone()
        if row is None:
            # The lease is not ours any more; whoever has it will settle the task.
            return
        state = next_state(State.CLAIMED, outcome)
        changes: dict[str, object] = {"status": state.value, "token": 0, "updated_at": now}
        changes.update(_changes(lease, outcome, now))
        columns = ", ".join(f"{column} = ?" for column in changes)
        connection.execute(
            f"UPDATE tasks SET {columns} WHERE id = ?",  # noqa: S608  # our own column names
            (*changes.values(), row["id"]),
        )
        if isinstance(outcome, Expanded):
            adding.add(outcome.children, int(row["id"]))
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

        await self.database.run(work)

    async def next_due(self, lane: Lane) -> float | None:
        """See ports.Queue."""

        def work(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(
                "SELECT MIN(not_before) FROM tasks INDEXED BY tasks_ready "
                "WHERE lane = ? AND run = ? AND status = 'ready'",
                (lane.value, self.run),
            ).fetchone()
            return None if row[0] is None else float(row[0])

        return await self.database.run(work)

    def _adding(self, connection: sqlite3.Connection) -> Adding:
        return Adding(connection, self.run, self.clock.now(), self.key)


def row_id(connection: sqlite3.Connection, key: str) -> int:
    """The row of a task that is there."""
    row = connection.execute("SELECT id FROM tasks WHERE key = ?", (key,)).fetchone()
    return int(row[0])


def _changes(lease: Lease, outcome: Outcome, now: float) -> dict[str, object]:
    """The columns that an outcome sets, beside status and time."""
    cleared: dict[str, object] = {"why": None, "detail": None, "hint": None, "until": None}
    if isinstance(outcome, Stored):
        facts = {"path": outcome.path, "sha256": outcome.sha256, "size": outcome.size}
        note = outcome.note or None
        return {**cleared, **facts, "verified": outcome.verified, "staged": None, "detail": note}
    if isinstance(outcome, Expanded):
        if outcome.onward is None:
            return cleared
        # A page that goes on is a new question: what went before does not count against it.
        batch = lease.task.batch if outcome.onward == lease.task.subject else None
        return {
            **cleared,
            "payload": dump_subject(outcome.onward),
            "batch": batch,
            "retries": 0,
            "waited": 0.0,
            "not_before": now + outcome.wait,
        }
    if isinstance(outcome, Deferred):
        # Waiting for the service is counted; waiting for room on the disk is not its fault.
        waits = not outcome.counts and outcome.failure.trouble is not Trouble.STORAGE
        return {
            "retries": (0 if outcome.progress else lease.task.attempt) + int(outcome.counts),
            "mismatches": lease.task.mismatches + int(outcome.mismatch),
            "waited": lease.task.waited + (outcome.until - now if waits else 0.0),
            "not_before": outcome.until,
            "why": outcome.failure.trouble.value,
            "detail": outcome.failure.detail,
        }
    if isinstance(outcome, (Failed, LaneClosed)):
        failure = outcome.failure
        facts = {"why": failure.trouble.value, "detail": failure.detail, "hint": failure.hint}
        if isinstance(outcome, Failed):
            facts["retries"] = lease.task.attempt + 1
        return facts
    if isinstance(outcome, Unavailable):
        return {"why": outcome.reason.value, "detail": outcome.detail, "until": outcome.until}
    assert isinstance(outcome, Skipped)
    return {**cleared, "detail": outcome.reason}
