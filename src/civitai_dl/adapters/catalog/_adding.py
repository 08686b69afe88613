"""Taking found tasks in: new ones, known ones, and known ones that are due again."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from civitai_dl.domain.decisions import is_due, is_same_wish, list_again, walk_again
from civitai_dl.domain.entities import (
    CreatorRef,
    Expanded,
    FileRef,
    GalleryRef,
    Kind,
    Planned,
    Reason,
    Role,
    State,
    Task,
    Trouble,
    Unavailable,
)
from civitai_dl.ports import Added

from ._rows import CLAIMABLE, INSERTED, insert_row, load_subject, task_of, write_rows
from ._seal import proof_of
from ._touch import touch
from ._tree import IS_LEFT_OUT, LEAVE_ALL_OUT, LEAVE_OUT

TOGETHER = 500
"""Tasks that are looked up and written by one statement."""

LISTED = (Role.GALLERY, Role.USER_IMAGE)

OPEN = (
    "SELECT 1 FROM tasks AS other INDEXED BY tasks_group "
    "WHERE other.status IN ('waiting', 'ready', 'claimed') AND other.run = ? AND"
)

STILL_OPEN = f"{OPEN} other.grp > ? AND other.grp < ? LIMIT 1"

EDGES = """
INSERT INTO edges (parent, child, run) SELECT ?, value, ? FROM json_each(?)
WHERE true ON CONFLICT (parent, child) DO UPDATE SET run = excluded.run
"""
"""WHERE: without it SQLite takes ON for a part of a join."""

KNOWN = (
    "SELECT id, key, status, run, payload, why, until, updated_at, path, sha256, size, verified, "
    "prefixes FROM tasks WHERE key"
)


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
    _roused: list[str] = field(default_factory=list)
    _wishes: dict[int, str] = field(default_factory=dict)
    _rows: list[tuple[object, ...]] = field(default_factory=list)
    _edges: defaultdict[int, list[int]] = field(default_factory=partial(defaultdict, list))
    _next: int = 0

    def add(self, planned: Sequence[Planned], parent: int | None) -> None:
        """Take tasks and all below them; `parent` is the row of the page that told of them."""
        flat = list(_flatten(planned, None))
        self._next = 1 + int(
            self.connection.execute("SELECT COALESCE(MAX(id), 0) FROM tasks").fetchone()[0]
        )
        ids: list[int] = []
        for start in range(0, len(flat), TOGETHER):
            part = flat[start : start + TOGETHER]
            there = self._look_up([found.task.key for found, _ in part])
            for found, above in part:
                row_id = self._take(found, there)
                ids.append(row_id)
                owner = parent if above is None else ids[above]
                if owner is not None:
                    self._edges[owner].append(row_id)
            self._write()
        for (found, _), row_id in zip(flat, ids, strict=True):
            if isinstance(found.verdict, Expanded):
                self.leave_out(row_id, found.verdict.left_out)

    def _look_up(self, keys: Sequence[str]) -> dict[str, sqlite3.Row | None]:
        rows = self.connection.execute(
            f"{KNOWN} IN (SELECT value FROM json_each(?))",  # noqa: S608  # our own text
            (json.dumps(keys),),
        )
        return {row["key"]: row for row in rows}

    def _write(self) -> None:
        write_rows(self.connection, self._rows)
        for parent, children in self._edges.items():
            self.connection.execute(EDGES, (parent, self.run, json.dumps(children)))
        self._rows.clear()
        self._edges.clear()

    def leave_out(self, parent: int, keys: Sequence[str]) -> None:
        """Note that the selection does not want these of what a page (by its row) tells of."""
        if keys:
            self.connection.execute(LEAVE_OUT, (parent, json.dumps(keys)))

    def finish(self) -> Added:
        """Release what waits for nothing, and say what was found."""
        touch(self.connection, self._roused, self, roles=LISTED, pages=False)
        release_groups(self.connection, self.groups, run=self.run, now=self.now)
        return Added(tuple(self.new), self.known)

    def _take(self, found: Planned, there: dict[str, sqlite3.Row | None]) -> int:
        """The row of a task, known or new. there: rows by key; None: written a moment ago."""
        task = found.task
        if task.kind is Kind.DRESS and found.verdict is not None:
            known = there.get(task.key)
            if known is not None and self._stays_dressed(task, known):
                self.known += 1
                return int(known["id"])
            found = Planned(task)
        if task.waits_for is not None:
            self.groups.add(task.waits_for)
        if task.key not in there:
            row_id, self._next = self._next, self._next + 1
            state = _first_state(found)
            verdict = found.verdict if isinstance(found.verdict, Unavailable) else None
            self._rows.append(insert_row(row_id, task, state, verdict, run=self.run, now=self.now))
            there[task.key] = None
            self.new.append(_flat(found))
            return row_id
        row = there[task.key]
        if row is None:
            self._write()
            row = self.connection.execute(f"{KNOWN} = ?", (task.key,)).fetchone()
            assert row is not None
        if self._is_news(row, found):
            self._arm(row, found)
            there[task.key] = None
            self.new.append(_flat(found))
        else:
            self.known += 1
        return int(row["id"])

    def _stays_dressed(self, task: Task, row: sqlite3.Row) -> bool:
        """Whether a model that lies there as it would be written needs not be written again.

        What is still to come of it changes what is written.
        """
        if row["status"] != State.SKIPPED.value:
            return False
        self._write()
        group = f"dress:{task.model_id}"
        # '0' is the character after '/': the range holds all that begins with `group/`.
        wanted = (self.run, f"{group}/", f"{group}0")
        return self.connection.execute(STILL_OPEN, wanted).fetchone() is None

    def _is_news(self, row: sqlite3.Row, found: Planned) -> bool:
        status = State(row["status"])
        if row["run"] == self.run:
            if found.task.kind is Kind.DRESS:
                # Dressed, about to be, or being dressed, and its page is read only now: it has to
                # wait again. Whoever has the claim finds that it is not theirs any more.
                return status in (State.SKIPPED, State.READY, State.CLAIMED)
            # A page that waits for its turn may have been read by the way.
            return status is State.READY and isinstance(found.verdict, Expanded)
        if found.task.kind not in (Kind.FILE, Kind.IMAGE):
            return True
        if status is State.STORED:
            return _was_replaced(row, found) and found.verdict is None
        if row["why"] == Reason.UNSAFE.value:
            # The page judges that anew each time; time changes nothing about it.
            return True
        due = self.is_due(row["status"], row["why"], row["until"], row["updated_at"])
        if found.verdict is None and not due and not _was_altered(row, found):
            # It stays as it is, and this run's account tells of it.
            self.connection.execute("UPDATE tasks SET run = ? WHERE id = ?", (self.run, row["id"]))
            return False
        return True

    def is_due(self, status: str, why: str | None, until: float | None, tried_at: float) -> bool:
        """Whether a task that stands so is worth a try in this run.

        Three downloads that agreed on other bytes than the service lists are not repeated at every
        run either: they would be the same again, and they may be large.
        """
        refused = status == State.UNAVAILABLE.value
        if refused and why == Reason.UNSAFE.value:
            return False
        corrupt = status == State.FAILED.value and why == Trouble.CORRUPT.value
        if self.failed_too or not (refused or corrupt):
            return True
        return is_due(why or "", until=until, tried_at=tried_at, now=self.now, key=self.key)

    def _arm(self, row: sqlite3.Row, found: Planned) -> None:
        """Make a known task due, with what is known of it now; where it belongs stays."""
        claimable = self.connection.execute(
            f"SELECT {CLAIMABLE} FROM tasks WHERE id = ?", (row["id"],)  # noqa: S608  # our columns
        ).fetchone()
        before, task = task_of(claimable), found.task
        subject = task.subject
        if isinstance(subject, GalleryRef):
            assert isinstance(before.subject, GalleryRef)
            complete = row["status"] == State.STORED.value
            if not is_same_wish(subject, before.subject):
                # What it lists for this wish is what counts below it.
                self.connection.execute(LEAVE_ALL_OUT, (row["id"],))
            elif complete and self._was_other_wish(row):
                self._roused.append(task.key)
            # Names that differ only in case are one user, with one folder.
            folder = before.subject.folder
            subject = replace(walk_again(subject, before.subject, complete=complete), folder=folder)
        elif isinstance(subject, CreatorRef):
            assert isinstance(before.subject, CreatorRef)
            complete = row["status"] == State.STORED.value
            subject = list_again(subject, before.subject, complete=complete)
        now = replace(
            before,
            subject=subject,
            label=task.label,
            source=task.source,
            batch=task.batch,
            priority=task.priority,
            group=task.group,
        )
        verdict = found.verdict if isinstance(found.verdict, Unavailable) else None
        content = insert_row(
            row["id"], now, _first_state(found), verdict, run=self.run, now=self.now
        )
        named = dict(zip(INSERTED, content, strict=True))
        stays = {name: row[name] for name in ("path", "sha256", "size", "verified", "prefixes")}
        facts = {name: named[name] for name in ("why", "detail", "until")}
        named["proof"] = proof_of(**stays, **facts)
        columns = ", ".join(f"{name} = ?" for name in named)
        self.connection.execute(
            f"UPDATE tasks SET {columns}, retries = 0, "  # noqa: S608  # our own column names
            "waited = 0, mismatches = 0, not_before = 0, parked = 0, job_done = 0, hint = NULL "
            "WHERE id = ?",
            (*named.values(), row["id"]),
        )

    def _was_other_wish(self, row: sqlite3.Row) -> bool:
        """Whether a listing was read for another wish, or another one left it out since then."""
        if self.connection.execute(IS_LEFT_OUT, (row["id"],)).fetchone() is not None:
            return True
        return self._wish_of(int(row["run"])) != self._wish_of(self.run)

    def _wish_of(self, run: int) -> str:
        if run not in self._wishes:
            asked = "SELECT selection FROM runs WHERE id = ?"
            found = self.connection.execute(asked, (run,)).fetchone()
            self._wishes[run] = "" if found is None else str(found[0])
        return self._wishes[run]


def _flatten(
    planned: Sequence[Planned], above: int | None, start: int = 0
) -> Iterator[tuple[Planned, int | None]]:
    """Tasks and all below them, each with the position of the one above it."""
    for found in planned:
        here = start
        yield found, above
        start += 1
        if found.children:
            for below in _flatten(found.children, here, start):
                start += 1
                yield below


def _was_replaced(row: sqlite3.Row, found: Planned) -> bool:
    """Whether the service now lists other bytes for a file than those that are stored."""
    subject = found.task.subject
    listed = subject.digests.sha256 if isinstance(subject, FileRef) else None
    return listed is not None and listed != row["sha256"]


def _was_altered(row: sqlite3.Row, found: Planned) -> bool:
    """Whether the service tells another digest of a file, or another end of its early access.

    That is, other than when it was tried: an early access may end before its day.
    """
    if not isinstance(found.task.subject, FileRef):
        return False
    before = load_subject(Kind.FILE, row["payload"])
    assert isinstance(before, FileRef)
    if row["why"] == Reason.EARLY_ACCESS.value and before.free_at != found.task.subject.free_at:
        return True
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
            f"UPDATE tasks SET status = 'ready', updated_at = ? "  # noqa: S608  # our own text
            f"WHERE waits_for = ? AND status = 'waiting' AND NOT EXISTS ({OPEN} other.grp = ?) "
            f"AND NOT EXISTS ({OPEN} other.grp > ? AND other.grp < ?)",
            # '0' is the character after '/': the range holds all that begins with `group/`.
            (now, group, run, group, run, f"{group}/", f"{group}0"),
        )
