"""Making what is not stored below a root due in a run: by sets, for there may be a million."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import CANCELLED
from civitai_dl.domain.entities import Kind, Role, Trouble

from ._rows import CONTENT, PAGES
from ._tree import BELOW, WANT_AGAIN, WANTED

if TYPE_CHECKING:
    from ._adding import Adding

WALKS = "('gallery', 'creator', 'search')"
"""Lists that are read page by page: what one had found counts as found by the one that goes on."""

# CASE, for AND and OR would call the function for every row, whatever the row says.
COLLECT = f"""
INSERT INTO touched (id, walk, keep) {{below}}
SELECT tasks.id, type IN {WALKS},
       CASE WHEN status = 'stored' THEN 1
         WHEN status = 'unavailable' OR (status = 'failed' AND why = '{Trouble.CORRUPT.value}')
         THEN NOT is_due(status, why, until, updated_at) ELSE 0 END
FROM tasks JOIN below USING (id)
WHERE (status <> 'stored' OR type NOT IN ('file', 'image'))
  AND role IN ({{roles}}) AND type IN ({{kinds}}){{slices}}{{cancelled}}
"""  # noqa: S608  # our own text

EARLIER = """
DELETE FROM touched WHERE keep AND id IN (
  SELECT tasks.id FROM tasks JOIN touched USING (id)
  WHERE type IN (SELECT value FROM json_each(?)) AND run NOT IN (SELECT value FROM json_each(?)))
"""

OPEN_SLICES = " AND (type <> 'gallery' OR (key LIKE '%/%' AND status <> 'stored'))"
"""A part of a split listing (its key says which) that was not read to its end."""

NOT_CANCELLED = f" AND NOT (status = 'skipped' AND why IS '{CANCELLED}')"
"""What was withdrawn is not tried again, but asked for again."""


def touch(
    connection: sqlite3.Connection,
    keys: Sequence[str],
    adding: Adding,
    *,
    roles: Collection[Role],
    pages: bool,
    left_out: bool = False,
    jobs: Collection[int] | None = None,
) -> None:
    """Make what is not stored below some roots due in this run.

    left_out: also what the wish that its page was read for last left out; it is wanted again.

    pages: their jobs go on, so that their pages count as well. Otherwise pages are read anew and
    bring their tasks along, but for listings, which stop at known ground: their images are due,
    and so are the slices of a listing that were given up. jobs: the runs that are continued, None
    for any: a page that was read before them is not read by this job yet, and whatever tells of it
    again makes it due.
    """
    kinds = [*CONTENT, Kind.DRESS.value, *PAGES] if pages else [*CONTENT, Kind.GALLERY.value]
    if not keys:
        return
    names = {role.value for role in roles}
    if not pages:
        names &= {Role.GALLERY.value, Role.USER_IMAGE.value}
    collect = COLLECT.format(
        below=BELOW if left_out else WANTED,
        roles=", ".join("?" for _ in names),
        kinds=", ".join("?" for _ in kinds),
        # A whole listing is asked anew, by its root or by the page that tells of it.
        slices="" if pages else OPEN_SLICES,
        cancelled=NOT_CANCELLED if adding.failed_too else "",
    )
    connection.create_function("is_due", 4, adding.is_due)
    _begin(connection)
    connection.execute(collect, (json.dumps(keys), *names, *kinds))
    if jobs is not None:
        connection.execute(EARLIER, (json.dumps(PAGES), json.dumps(list(jobs))))
    if left_out:
        connection.execute(WANT_AGAIN, (adding.run,))
    _arm(connection, adding, walks=pages)


REASONED = f"""
INSERT INTO touched (id, walk, keep) {WANTED}
SELECT tasks.id, type IN {WALKS}, why NOT IN (SELECT value FROM json_each(?))
FROM tasks JOIN below USING (id)
WHERE status IN ('failed', 'unavailable') AND role IN (SELECT value FROM json_each(?))
"""  # noqa: S608  # our own text

DRESSES = """
INSERT OR IGNORE INTO touched (id, walk, keep)
SELECT id, 0, 0 FROM tasks WHERE type = 'dress' AND model_id IN (
  SELECT model_id FROM tasks JOIN touched USING (id) WHERE NOT keep AND model_id IS NOT NULL)
"""
"""What comes belongs into the page of its model."""


def touch_reasons(
    connection: sqlite3.Connection,
    keys: Sequence[str],
    adding: Adding,
    *,
    roles: Collection[Role],
    reasons: Collection[str],
) -> None:
    """Make due in this run what failed below some roots, or cannot be had, for these reasons.

    What did so for others stays as it is, and this run tells of it. What an earlier run has not
    tried at all stays with that run.
    """
    if not keys:
        return
    _begin(connection)
    names = json.dumps([role.value for role in roles])
    connection.execute(REASONED, (json.dumps(keys), json.dumps(sorted(reasons)), names))
    connection.execute(DRESSES)
    _arm(connection, adding, walks=True)


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS touched "
        "(id INTEGER PRIMARY KEY, walk INTEGER NOT NULL, keep INTEGER NOT NULL)"
    )
    connection.execute("DELETE FROM touched")


def _arm(connection: sqlite3.Connection, adding: Adding, *, walks: bool) -> None:
    """Make due what was collected. walks: listings go on where they were."""
    if walks:
        # A walk that goes on is one walk: what it had found counts as found by it.
        connection.execute(
            "UPDATE edges SET run = ? WHERE parent IN (SELECT id FROM touched WHERE walk) "
            "AND run = (SELECT run FROM tasks WHERE id = edges.parent)",
            (adding.run,),
        )
    # FAIL takes nothing back by itself: the transaction does, and no second copy is kept for it.
    connection.execute(
        "UPDATE OR FAIL tasks SET retries = 0, waited = 0, mismatches = 0, not_before = 0, "
        "parked = 0, job_done = 0, "
        "status = CASE WHEN waits_for IS NULL THEN 'ready' ELSE 'waiting' END "
        "WHERE id IN (SELECT id FROM touched WHERE NOT keep) AND (retries OR waited OR mismatches "
        "OR not_before OR parked OR job_done "
        "OR status <> CASE WHEN waits_for IS NULL THEN 'ready' ELSE 'waiting' END)"
    )
    adding.groups.update(
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT waits_for FROM tasks JOIN touched USING (id) "
            "WHERE waits_for IS NOT NULL AND NOT keep AND NOT EXISTS ("
            # A model is dressed when its page has been read, which may tell of more to wait for.
            "SELECT 1 FROM tasks AS page WHERE page.model_id = tasks.model_id "
            "AND page.type = 'model' AND page.status = 'ready')"
        )
    )
    # Most rows of a job that goes on change nothing but this, and so only the indexes of it.
    connection.execute(
        "UPDATE OR FAIL tasks SET run = ? WHERE id IN (SELECT id FROM touched)", (adding.run,)
    )
    connection.execute("DELETE FROM touched")
