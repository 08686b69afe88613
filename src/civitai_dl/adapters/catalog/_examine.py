"""Looking for damage in a whole database: its structure, its rows, and what they say together.

SQLite knows when its pages and indexes contradict each other. That a text or a number was altered
it does not know: for that there are the seals, and what no program of ours would write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from civitai_dl.domain.entities import Kind, Lane, Role, State

from ._seal import CONTENT, FACTS, teach

SEALED = 2
"""The version of the schema from which on rows have seals."""

YEARS = 1e11
"""Seconds since the epoch that no clock shows."""


def _words(*words: str) -> str:
    return ", ".join(repr(word) for word in words)


WORDS = " OR ".join(
    f"{column} NOT IN ({_words(*(member.value for member in words))})"
    for column, words in (("status", State), ("lane", Lane), ("type", Kind), ("role", Role))
)

FIGURES = " OR ".join(
    [f"typeof({name}) <> 'integer'" for name in ("priority", "run", "token", "retries", "crashes")]
    + [f"{name} NOT BETWEEN 0 AND 100000" for name in ("retries", "crashes", "mismatches")]
    + [f"{name} NOT BETWEEN 0 AND {YEARS:.0f}" for name in ("not_before", "updated_at")]
    # Older versions could note a wait below nought.
    + [f"waited NOT BETWEEN -{YEARS:.0f} AND {YEARS:.0f}"]
    + [
        "job_done NOT IN (0, 1)",
        "token < 0",
        "run <> 0 AND run NOT IN (SELECT id FROM runs)",
        "staged IS NOT NULL AND NOT json_valid(staged)",
    ]
)

FIGURES_2 = (
    "parked NOT IN (0, 1) OR (parked = 1 AND not_before <= 0) "
    f"OR checked_at NOT BETWEEN 0 AND {YEARS:.0f}"
)

SEALS = f"seal IS NOT seal_of({CONTENT}) OR proof IS NOT proof_of({FACTS})"

EDGES = (
    "SELECT parent FROM edges WHERE (run > 0 AND run NOT IN (SELECT id FROM runs)) "
    "OR parent NOT IN (SELECT id FROM tasks) OR child NOT IN (SELECT id FROM tasks)"
)

RUNS = (
    "SELECT id FROM runs WHERE NOT json_valid(roles) "  # noqa: S608  # our own words
    "OR EXISTS (SELECT 1 FROM json_each(roles) "
    f"WHERE value NOT IN ({_words(*(role.value for role in Role))})) "
    f"OR started_at NOT BETWEEN 0 AND {YEARS:.0f} OR finished_at NOT BETWEEN 0 AND {YEARS:.0f}"
)

TARGETS = "SELECT run FROM targets WHERE run NOT IN (SELECT id FROM runs) OR NOT json_valid(roots)"

TASKS = "SELECT id FROM tasks WHERE "

QUESTIONS = (
    ("an edge leads from or to nothing ({})", EDGES),
    ("run {} cannot be read", RUNS),
    ("what run {} was asked for cannot be read", TARGETS),
    ("the checkpoint {} cannot be", "SELECT key FROM partials WHERE size < 0 OR size > total"),
)

QUESTIONS_2 = (
    ("the settings of run {} cannot be read", "SELECT id FROM runs WHERE NOT json_valid(settings)"),
)


def examine(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with a database of ours, each kind of trouble once, as sentences.

    Reads all of it. Raises: sqlite3.Error where the damage is such that SQLite gives up.
    """
    found = examine_structure(connection)
    if found is not None:
        yield found
    yield from examine_rows(connection)


def examine_structure(connection: sqlite3.Connection) -> str | None:
    """Where pages, tables and indexes contradict each other; None when they do not."""
    found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return None if found == "ok" else " ".join(found.split())


def examine_rows(connection: sqlite3.Connection) -> Iterator[str]:
    """What rows say that no program of ours has written."""
    teach(connection)
    sealed = int(connection.execute("PRAGMA user_version").fetchone()[0]) >= SEALED
    # One walk through the largest table for all that is asked of it.
    wrong = f"{WORDS} OR {FIGURES}" + (f" OR {FIGURES_2} OR {SEALS}" if sealed else "")
    row = connection.execute(f"{TASKS}{wrong} LIMIT 1").fetchone()
    if row is not None:
        yield f"row {row[0]} of tasks is not what was written"
    for sentence, question in QUESTIONS + (QUESTIONS_2 if sealed else ()):
        row = connection.execute(f"{question} LIMIT 1").fetchone()
        if row is not None:
            yield sentence.format(row[0])
