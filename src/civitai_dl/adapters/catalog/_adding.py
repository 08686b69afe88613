"""Taking found tasks in: new ones, known ones, and known ones that are due again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from civitai_dl.domain.decisions import is_due, walk_again
from civitai_dl.domain.entities import (
    Expanded,
    FileRef,
    GalleryRef,
    Kind,
    Planned,
    State,
    Trouble,
    Unavailable,
)
from civitai_dl.ports import Added

from ._rows import dump_subject, insert_task, load_subject


@dataclass(slots=True)
class Adding:
    """One adding, within one transaction.

    key: whether an API key is at hand. failed_too: whatever failed is due, however it failed.
    """

    connection: sqlite3.Connection
    run: int
    now: float
    key: bool
    failed_too: bool = False
    new: list[Planned] = field(default_factory=list)
    known: int = 0
    groups: set[str] = field(default_factory=set)

    def add(self, planned: Sequence[Planned], parent: int | None) -> None:
        """Take tasks and all below them; `parent` is the row of the page that told of them."""
        for found in planned:
            row_id = self._take(found)
            if parent is not None:
                self.connection.execute(
                    "INSERT INTO edges (parent, child, run) VALUES (?, ?, ?) "
                    "ON CONFLICT (parent, child) DO UPDATE SET run = excluded.run",
                    (parent, row_id, self.run),
                )
            if found.children:
                self.add(found.children, row_id)

    def finish(self) -> Added:
        """Release what waits for nothing, and say what was found."""
        release_groups(self.connection, self.groups, run=self.run, now=self.now)
        return Added(tuple(self.new), self.known)

    def _take(self, found: Planned) -> int:
        task = found.task
        if task.waits_for is not None:
            self.groups.add(task.waits_for)
        row = self.connection.execute(
            "SELECT id, status, run, payload, why, until, updated_at, sha256 FROM tasks "
            "WHERE key = ?",
            (task.key,),
        ).fetchone()
        if row is None:
            row_id = insert_task(
                self.connection, task, _first_state(found), run=self.run, now=self.now
            )
            self._note_verdict(row_id, found)
            self.new.append(_flat(found))
            return row_id
        if self._is_news(row, found):
            self._arm(row, found)
            self.new.append(_flat(found))
        else:
            self.known += 1
        return int(row["id"])

    def _is_news(self, row: sqlite3.Row, found: Planned) -> bool:
        status = State(row["status"])
        if row["run"] == self.run:
            # A page that waits for its turn may have been read by the way.
            return status is State.READY and isinstance(found.verdict, Expanded)
        if found.task.kind not in (Kind.FILE, Kind.IMAGE):
            return True
        if status is State.STORED:
            return _was_replaced(row, found)
        if found.verdict is None and not self.is_due(row) and not _has_other_digest(row, found):
            # It stays as it is, and this run's account tells of it.
            self.connection.execute("UPDATE tasks SET run = ? WHERE id = ?", (self.run, row["id"]))
            return False
        return True

    def is_due(self, row: sqlite3.Row) -> bool:
        """Whether a row with status, why, until and updated_at is worth a try in this run.

        Three downloads that agreed on other bytes than the service lists are not repeated at every
        run either: they would be the same again, and they may be large.
        """
        refused = row["status"] == State.UNAVAILABLE.value
        corrupt = row["status"] == State.FAILED.value and row["why"] == Trouble.CORRUPT.value
        if self.failed_too or not (refused or corrupt):
            return True
        return is_due(
            row["why"], until=row["until"], tried_at=row["updated_at"], now=self.now, key=self.key
        )

    def _arm(self, row: sqlite3.Row, found: Planned) -> None:
        subject = found.task.subject
        if isinstance(subject, GalleryRef):
            before = load_subject(Kind.GALLERY, row["payload"])
            assert isinstance(before, GalleryRef)
            complete = row["status"] == State.STORED.value
            # Names that differ only in case are one user, with one folder.
            subject = replace(walk_again(subject, before, complete=complete), folder=before.folder)
        self.connection.execute(
            "UPDATE tasks SET status = ?, run = ?, payload = ?, label = ?, source = ?, batch = ?, "
            "priority = ?, grp = ?, retries = 0, waited = 0, mismatches = 0, not_before = 0, "
            "job_done = 0, why = NULL, detail = NULL, hint = NULL, until = NULL, updated_at = ? "
            "WHERE id = ?",
            (
                _first_state(found).value,
                self.run,
                dump_subject(subject),
                found.task.label,
                found.task.source,
                found.task.batch,
                found.task.priority,
                found.task.group,
                self.now,
                row["id"],
            ),
        )
        self._note_verdict(int(row["id"]), found)

    def _note_verdict(self, row_id: int, found: Planned) -> None:
        if isinstance(found.verdict, Unavailable):
            self.connection.execute(
                "UPDATE tasks SET why = ?, detail = ?, until = ? WHERE id = ?",
                (
                    found.verdict.reason.value,
                    found.verdict.detail,
                    found.verdict.until,
                    row_id,
                ),
            )


def _was_replaced(row: sqlite3.Row, found: Planned) -> bool:
    """Whether the service now lists other bytes for a file than those that are stored."""
    subject = found.task.subject
    listed = subject.digests.sha256 if isinstance(subject, FileRef) else None
    return listed is not None and listed != row["sha256"]


def _has_other_digest(row: sqlite3.Row, found: Planned) -> bool:
    """Whether the service lists another digest for a file than when it was tried."""
    if not isinstance(found.task.subject, FileRef):
        return False
    before = load_subject(Kind.FILE, row["payload"])
    assert isinstance(before, FileRef)
    return before.digests != found.task.subject.digests


def _flat(found: Planned) -> Planned:
    """Without children: they are news of their own, or not."""
    return Planned(found.task, found.verdict) if found.children or found.verdict else found


def _first_state(found: Planned) -> State:
    if isinstance(found.verdict, Expanded):
        return State.STORED
    if isinstance(found.verdict, Unavailable):
        return State.UNAVAILABLE
    if found.verdict is not None:
        return State.SKIPPED
    return State.WAITING if found.task.waits_for is not None else State.READY


def release_groups(
    connection: sqlite3.Connection, groups: set[str], *, run: int, now: float
) -> None:
    """Make ready what waits for groups in which nothing is open any more.

    A group is also open while one below it is: `dress:5` waits for `dress:5/images`. What only
    another run wanted holds up nothing.
    """
    above = {group.rpartition("/")[0] for group in groups if "/" in group}
    for group in groups | above:
        connection.execute(
            "UPDATE tasks SET status = 'ready', updated_at = ? "
            "WHERE waits_for = ? AND status = 'waiting' AND NOT EXISTS ("
            "SELECT 1 FROM tasks AS other INDEXED BY tasks_group "
            "WHERE (other.grp = ? OR (other.grp > ? AND other.grp < ?)) "
            "AND other.status IN ('waiting', 'ready', 'claimed') AND other.run = ?)",
            # '0' is the character after '/': the range holds all that begins with `group/`.
            (now, group, group, f"{group}/", f"{group}0", run),
        )
