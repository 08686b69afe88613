"""From one version of the schema to the next, so that a kill leaves the old one or the new one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from pkgutil import get_data

from ._seal import teach
from ._trouble import damaged

SCHEMA_VERSION = 6

STEPS = {
    1: "schema.sql",
    2: "schema-2.sql",
    3: "schema-3.sql",
    4: "schema-4.sql",
    5: "schema-5.sql",
    6: "schema-6.sql",
}
"""The script that leads to each version; a new database takes all of them."""

Watch = Callable[[str, sqlite3.Connection], None]


def migrate(connection: sqlite3.Connection, path: Path, version: int, watch: Watch) -> None:
    """Bring a database from a version that is not 0 up to date.

    A copy is made first (`state.db.before-<version>`) and goes when the result was checked; each
    step is one transaction. watch: called with "backup", and for each step with "begin", "commit"
    and "committed". Raises: sqlite3.Error, OSError, CatalogError.
    """
    backup = backup_path(path)
    if version < SCHEMA_VERSION:
        # What a killed migration left is incomplete, or says the same.
        backup.unlink(missing_ok=True)
        connection.execute("VACUUM INTO ?", (str(backup),))
        make_durable(backup)
        watch("backup", connection)
        take_steps(connection, version, watch)
    if backup.exists():
        trouble = quick_check(connection)
        if trouble is not None:
            raise damaged(f"{trouble}; how it was before the update is in {backup.name}")
        backup.unlink()


def backup_path(path: Path) -> Path:
    """Where the copy from before a migration lies."""
    return path.with_name(f"{path.name}.before-{SCHEMA_VERSION}")


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of a new database, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            # Otherwise another process has just made them.
            for step in STEPS:
                _apply(connection, step)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def take_steps(connection: sqlite3.Connection, version: int, watch: Watch) -> None:
    """Each step from a version on, in a transaction of its own."""
    for step in range(version + 1, SCHEMA_VERSION + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            watch("begin", connection)
            _apply(connection, step)
            watch("commit", connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        watch("committed", connection)


def _apply(connection: sqlite3.Connection, step: int) -> None:
    teach(connection)
    # importlib.resources does the same, and imports zipfile, tempfile and what they are made of.
    script = get_data(__package__, STEPS[step])
    assert script is not None
    for statement in _statements(script.decode()):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {step}")


def _statements(script: str) -> Iterator[str]:
    # executescript would commit the transaction that is open.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def quick_check(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the structure of a database; None when nothing is. Reads all of it."""
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if found == "ok" else " ".join(found.split())


@lru_cache
def expected_shape(version: int) -> dict[tuple[str, str], str]:
    """The tables and indexes of a version, by type and name, as SQLite keeps their text."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for step in range(1, version + 1):
            _apply(connection, step)
        return shape_of(connection)
    finally:
        connection.close()


def shape_of(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """The tables and indexes of a database; whitespace does not count."""
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {(row[0], row[1]): " ".join(str(row[2]).split()) for row in rows}


def make_durable(path: Path) -> None:
    """Sync a file and its name."""
    places = [(path, os.O_RDWR)]
    if os.name != "nt":
        places.append((path.parent, os.O_RDONLY))
    for place, flags in places:
        handle = os.open(place, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
