"""The file of the library: disposable, so that a strange or an older one is made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pkgutil import get_data

VERSION = 1
"""Raised by whoever changes the schema or what is written; older files are thrown away then."""

APPLICATION = 0x63766C62
"""Stands in the header of the file, so that no other database is taken for it."""

INDEX_FILE = "browse.db"
"""How the file is called, in the folder for the state."""

BUSY_SECONDS = 10.0
CACHE_KIB = 16_384


def open_writing(path: Path) -> sqlite3.Connection:
    """The one writing connection; an index of another version, or no index at all, is replaced.

    Raises: sqlite3.Error, OSError where nothing can be written there.
    """
    connection = _connect(path)
    try:
        if _is_ours(connection):
            return connection
    except sqlite3.DatabaseError:
        # Damaged, or none: it is made of what lies on the disk.
        pass
    except BaseException:
        # Whatever it was: the file must not stay open.
        connection.close()
        raise
    connection.close()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with suppress(FileNotFoundError):
            path.with_name(name).unlink()
    connection = _connect(path)
    try:
        _create(connection)
    except BaseException:
        # Whatever it was: the file must not stay open.
        connection.close()
        raise
    return connection


def open_reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads, for any one thread at a time."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    return connection


def _is_ours(connection: sqlite3.Connection) -> bool:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if (application, version) != (APPLICATION, VERSION):
        return False
    _set_up(connection)
    return True


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # Nothing is lost that cannot be read again; a power cut must only not damage it.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA journal_size_limit = 16777216")


def _create(connection: sqlite3.Connection) -> None:
    _set_up(connection)
    script = get_data(__package__, "schema.sql")
    assert script is not None
    marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    # All of it, or nothing that would be taken for an index.
    connection.executescript(f"BEGIN IMMEDIATE; {script.decode()} {marks} COMMIT;")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # Also when it is cancelled: the next transaction begins on clean ground.
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
