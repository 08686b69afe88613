"""Opening the state of an archive: nothing is made of a file before it is known to be ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from civitai_dl.errors import CatalogError, CatalogTooNew, StorageDenied

from ._examine import examine_rows, examine_structure
from ._header import glance
from ._migrate import (
    SCHEMA_VERSION,
    Watch,
    create,
    expected_shape,
    migrate,
    shape_of,
)
from ._seal import teach
from ._trouble import REBUILD, as_catalog_error, damaged

BUSY_SECONDS = 10.0
WAL_BYTES = 64 << 20
"""The log is cut back to this size once it was written back."""

MEMORY = ":memory:"

STATE_FILE = "state.db"
"""How the file is called, in the folder for the state."""


def open_connection(
    path: Path, *, check: bool = False, watch: Watch | None = None
) -> sqlite3.Connection:
    """The one writing connection; a new file is made, an older one migrated.

    check: read the whole file and look for damage before anything else. Raises: CatalogError,
    CatalogTooNew (and the files are as they were, to the byte), StorageFull, StorageDenied.
    """
    _look(path, writable=True)
    connection = _connect(str(path), uri=False)
    with _closed_by_errors(connection, path):
        _prepare(connection)
        version = _verify(connection, check=check)
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit that was answered survives a power cut; group commit makes it cheap.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        if version == 0:
            create(connection)
        else:
            migrate(connection, path, version, watch or _nobody)
        # Only now: what a migration sets aside is as large as the state.
        connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def open_for_reading(
    path: Path, *, check: bool = False, watch: Watch | None = None
) -> sqlite3.Connection:
    """A connection that cannot write. Raises: CatalogError, CatalogTooNew."""
    del watch
    _look(path, writable=False)
    connection = _connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    with _closed_by_errors(connection, path):
        _prepare(connection)
        _verify(connection, check=check)
    return connection


@contextmanager
def _closed_by_errors(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Close a connection when anything goes wrong with it, and say what that means."""
    try:
        yield
    except BaseException as error:  # also a watcher's: the file must not stay open
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise as_catalog_error(error) from error
        if isinstance(error, UnicodeDecodeError):
            raise damaged(error) from error
        if isinstance(error, OSError):
            raise StorageDenied(f"{error.strerror}: {path.name}") from error
        raise


def _connect(address: str, *, uri: bool) -> sqlite3.Connection:
    try:
        return sqlite3.connect(address, uri=uri, timeout=BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise as_catalog_error(error) from error


def _look(path: Path, *, writable: bool) -> None:
    """Refuse what must not be opened, from the bytes alone: opening may already change a file."""
    if str(path) == MEMORY:
        return
    try:
        found = glance(path)
    except OSError as error:
        text = f"{error.strerror}: {path.name}"
        raise StorageDenied(f"the state database cannot be read: {text}") from error
    if found.size is None:
        if found.wal and writable:
            raise damaged("its log is there, and it is not")
        return
    if found.size == 0:
        if found.wal or holds_an_archive(path.parent.parent):
            raise damaged("it is empty, and the archive is not")
        return
    if found.version is None:
        raise damaged("the file is not a database")
    if found.version > SCHEMA_VERSION:
        raise CatalogTooNew(
            f"the state of this archive was written by a newer civitai-dl (schema {found.version})",
            hint="update civitai-dl; nothing was changed",
        )
    if not found.wal and found.size < found.pages:
        raise damaged(f"{found.pages - found.size} of {found.pages} bytes are missing")


def holds_an_archive(folder: Path) -> bool:
    """Whether models or users lie in a folder, which somebody must have stored there."""
    try:
        return any(
            entry.name == "users" or entry.name.startswith("model_") for entry in folder.iterdir()
        )
    except OSError:
        return False


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    # A file that others hand around may hold functions in its schema; ours holds none.
    connection.execute("PRAGMA trusted_schema = OFF")
    teach(connection)


def _verify(connection: sqlite3.Connection, *, check: bool) -> int:
    """The version of a database that is ours and sound. Raises: CatalogError, sqlite3.Error."""
    if check:
        # Before anything is believed, even the version.
        trouble = examine_structure(connection)
        if trouble is not None:
            raise damaged(trouble)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    shape = shape_of(connection)
    if version == 0:
        if shape:
            raise CatalogError("state.db is the database of another program", hint=REBUILD)
        return version
    if version > SCHEMA_VERSION:
        # The header said otherwise a moment ago: a newer program has just migrated it.
        raise CatalogTooNew(
            f"the state of this archive was written by a newer civitai-dl (schema {version})",
            hint="update civitai-dl; nothing was changed",
        )
    expected = expected_shape(version)
    lost = [name for (kind, name), text in expected.items() if shape.get((kind, name)) != text]
    if lost:
        raise damaged(f"tables or indexes are not what they were: {', '.join(sorted(lost))}")
    for trouble in examine_rows(connection) if check else ():
        raise damaged(trouble)
    return version


def _nobody(moment: str, connection: sqlite3.Connection) -> None:
    del moment, connection
