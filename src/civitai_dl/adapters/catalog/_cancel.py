"""Withdrawing targets: what only they want leaves the queue, and asking for them brings it back.

No row is deleted. What is withdrawn is *skipped*, with the word CANCELLED for its reason, and of no
run: nobody wants it. A target itself keeps its line, and begins with nothing any more.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from civitai_dl.domain.decisions import CANCELLED, UNDONE, withdrawn_state
from civitai_dl.domain.entities import Lane, ModelId

from ._adding import release_groups
from ._database import Database
from ._rows import PAGES
from ._tree import BELOW, WANTED, WITHDRAWN

_UNDONE = ", ".join(f"'{state.value}'" for state in UNDONE)
_PAGES = ", ".join(f"'{kind}'" for kind in PAGES)
_FACTS = f"'{CANCELLED}', NULL, NULL, NULL"

ASKED = f"""
SELECT asked.run, asked.text, asked.roots,
  (runs.finished_at IS NULL OR EXISTS (SELECT 1 FROM tasks INDEXED BY tasks_troubled
     WHERE tasks.run = asked.run AND tasks.status = 'failed'
       AND tasks.status IN ('failed', 'unavailable')))
  AND NOT (json_valid(runs.settings) AND COALESCE(json_extract(runs.settings, '$.dry_run'), 0))
  AS is_open
FROM (SELECT MAX(run) AS run, text, roots FROM targets
  WHERE roots <> '{WITHDRAWN}' GROUP BY roots) AS asked
JOIN runs ON runs.id = asked.run ORDER BY asked.run, asked.text
"""  # noqa: S608  # our own text
"""Each target as it was asked for last. is_open: its run has something left, and was no dry run."""

MINE = f"""
INSERT INTO mine (id) {BELOW} SELECT id FROM below
"""  # noqa: S608  # our own text

NOT_MINE = f"""
DELETE FROM mine WHERE id IN ({WANTED} SELECT id FROM below)
"""  # noqa: S608  # our own text

DROP = f"""
UPDATE tasks SET
  status = CASE WHEN path IS NULL THEN '{withdrawn_state(has_stored=False).value}'
    ELSE '{withdrawn_state(has_stored=True).value}' END,
  proof = CASE WHEN path IS NULL THEN proof_of(path, sha256, size, verified, prefixes, {_FACTS})
    ELSE proof_of(path, sha256, size, verified, prefixes) END,
  why = CASE WHEN path IS NULL THEN '{CANCELLED}' END,
  detail = NULL, hint = NULL, until = NULL, staged = NULL, run = 0, token = 0, retries = 0,
  waited = 0, mismatches = 0, not_before = 0, parked = 0, job_done = 0
WHERE id IN (SELECT id FROM mine) AND status IN ({_UNDONE})
"""  # noqa: S608  # our own text
"""A file that was to be replaced stays what it is."""

FREE_PAGES = f"""
UPDATE tasks SET run = 0, job_done = 0
WHERE id IN (SELECT id FROM mine) AND status = 'stored' AND type IN ({_PAGES})
"""  # noqa: S608  # our own text
"""Whoever tells of such a page later, in the same run too, has it read again."""

REOPEN = f"""
UPDATE tasks SET status = '{withdrawn_state(has_stored=False).value}', why = '{CANCELLED}',
  proof = proof_of(path, sha256, size, verified, prefixes, {_FACTS})
WHERE id IN (SELECT id FROM mine) AND status = 'stored' AND type = 'gallery' AND EXISTS (
  SELECT 1 FROM edges JOIN tasks AS child ON child.id = edges.child
  WHERE edges.parent = tasks.id AND child.status = 'skipped' AND child.why = '{CANCELLED}')
"""  # noqa: S608  # our own text
"""A listing that was complete is not, once something of it was withdrawn: it is no known ground."""

STRIKE = """
UPDATE targets SET roots = ? WHERE roots = ? AND (
  run = (SELECT MAX(run) FROM targets AS newest WHERE newest.roots = targets.roots)
  OR run IN (SELECT id FROM runs WHERE finished_at IS NULL))
"""
"""The line of a target stays, and begins with nothing."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What has become of one target.

    asked: it was asked for by itself and not withdrawn since. things: what has left the queue, by
    lane. kept: still to be had, for others want it. models: those of which nothing is to be done
    any more.
    """

    text: str
    asked: bool = False
    things: dict[Lane, int] = field(default_factory=dict)
    kept: int = 0
    models: tuple[ModelId, ...] = ()

    @property
    def dropped(self) -> int:
        """How much has left the queue."""
        return sum(self.things.values())


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """targets: in the order given. busy: keys of tasks that are being worked on: end these first.

    partials: keys of tasks whose bytes nobody wants any more.
    """

    targets: tuple[Withdrawn, ...]
    busy: frozenset[str] = frozenset()
    partials: tuple[str, ...] = ()


async def withdraw(
    database: Database, targets: Sequence[tuple[str, Collection[str]]], now: float, *, alone: bool
) -> Withdrawal:
    """Take from the queue what only these targets want. targets: texts, and keys of their roots.

    What is stored stays, and so does what another target wants that was not withdrawn. alone: no
    run is at work, so that claims are those of the dead; otherwise nothing is changed while `busy`
    is not empty. Nothing is changed either when one of them was not asked for. Raises:
    CatalogError. Safe to repeat.
    """

    def work(connection: sqlite3.Connection) -> Withdrawal:
        return _withdraw(connection, targets, now, alone=alone)

    return await database.run(work, "withdraw")


def _withdraw(
    connection: sqlite3.Connection,
    targets: Sequence[tuple[str, Collection[str]]],
    now: float,
    *,
    alone: bool,
) -> Withdrawal:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS mine (id INTEGER PRIMARY KEY)")
    asked = [
        (row["text"], frozenset(json.loads(row["roots"])), row["roots"], bool(row["is_open"]))
        for row in connection.execute(ASKED)
    ]
    withdrawn = frozenset[str]()
    found: list[tuple[str, list[str]]] = []
    for text, keys in targets:
        mine = [one for one in asked if one[1] and one[1] <= frozenset(keys)]
        withdrawn |= {one[2] for one in mine}
        found.append((text, sorted({key for one in mine for key in one[1]})))
    others = [
        key
        for _, keys, roots, is_open in asked
        if is_open and roots not in withdrawn
        for key in keys
    ]
    busy = set() if alone else _busy(connection, found, others)
    if busy or not all(roots for _, roots in found):
        told = tuple(Withdrawn(text, asked=bool(roots)) for text, roots in found)
        return Withdrawal(told, frozenset(busy))
    ends, partials = [], list[str]()
    for text, roots in found:
        _gather(connection, roots, others)
        ends.append(_end(connection, text, roots, partials, now))
    connection.execute("DELETE FROM mine")
    for roots_text in withdrawn:
        connection.execute(STRIKE, (WITHDRAWN, roots_text))
    return Withdrawal(tuple(ends), partials=tuple(partials))


def _gather(connection: sqlite3.Connection, roots: Sequence[str], others: Sequence[str]) -> None:
    """Fill the table `mine` with what is below some roots and below none of the others."""
    connection.execute("DELETE FROM mine")
    connection.execute(MINE, (json.dumps(roots),))
    connection.execute(NOT_MINE, (json.dumps(others),))


def _busy(
    connection: sqlite3.Connection,
    found: Sequence[tuple[str, Sequence[str]]],
    others: Sequence[str],
) -> set[str]:
    _gather(connection, [key for _, roots in found for key in roots], others)
    rows = connection.execute(
        "SELECT key FROM tasks INDEXED BY tasks_claimed "
        "WHERE status = 'claimed' AND id IN (SELECT id FROM mine)"
    )
    return {str(row[0]) for row in rows}


def _end(
    connection: sqlite3.Connection,
    text: str,
    roots: Sequence[str],
    partials: list[str],
    now: float,
) -> Withdrawn:
    things: Counter[Lane] = Counter()
    models, groups = set[ModelId](), set[tuple[str, int]]()
    rows = connection.execute(
        f"SELECT lane, type, model_id, grp, run FROM tasks JOIN mine USING (id) "  # noqa: S608  # our own text
        f"WHERE status IN ({_UNDONE})"
    )
    for lane, kind, model_id, group, run in rows:
        things[Lane(lane)] += kind != "dress"
        if model_id is not None:
            models.add(ModelId(int(model_id)))
        if group is not None:
            groups.add((group, run))
    partials += [
        str(row[0])
        for row in connection.execute(
            "SELECT key FROM partials JOIN tasks USING (key) "  # noqa: S608  # our own text
            f"JOIN mine USING (id) WHERE status IN ({_UNDONE})"
        )
    ]
    kept = connection.execute(
        f"{BELOW} SELECT COUNT(*) FROM tasks JOIN below USING (id) "  # noqa: S608  # our own text
        f"WHERE status IN ({_UNDONE}) AND type <> 'dress' AND id NOT IN (SELECT id FROM mine)",
        (json.dumps(roots),),
    ).fetchone()[0]
    connection.execute(DROP)
    connection.execute(REOPEN)
    connection.execute(FREE_PAGES)
    connection.executemany("DELETE FROM partials WHERE key = ?", [(key,) for key in partials])
    for run in {run for _, run in groups}:
        named = {group for group, of in groups if of == run}
        release_groups(connection, named, run=run, now=now)
    counted = {lane: count for lane, count in things.items() if count}
    return Withdrawn(text, asked=True, things=counted, kept=int(kept), models=tuple(sorted(models)))
