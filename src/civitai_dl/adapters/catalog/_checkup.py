"""A look at a whole state that changes nothing: is it sound, what does it hold, is it still so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from ._examine import examine
from ._header import glance
from ._open import open_for_reading
from ._trouble import damaged


@dataclass(frozen=True, slots=True)
class Checkup:
    """What a state is. size, wal: bytes. states: tasks by the value of their state.

    stored: files and images that are stored; missing: those of them that are not there any more,
    or have another size. troubles: sentences on what is damaged.
    """

    version: int
    size: int
    wal: int
    states: dict[str, int]
    stored: int
    missing: int
    troubles: tuple[str, ...]


def check_up(path: Path, folder: Path) -> Checkup:
    """Look at the state of the archive in `folder`: reads all of it, and asks after each file.

    Blocking. Raises: CatalogError where it cannot even be opened, CatalogTooNew.
    """
    found = glance(path)
    connection = open_for_reading(path)
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        troubles = list(examine(connection))
        states = {
            str(row[0]): int(row[1])
            for row in connection.execute("SELECT status, COUNT(*) FROM tasks GROUP BY status")
        }
        stored = missing = 0
        for place, size in _stored(connection):
            stored += 1
            missing += _size(folder / place) != size
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise damaged(error) from error
    finally:
        connection.close()
    return Checkup(
        version, found.size or 0, found.wal or 0, states, stored, missing, tuple(troubles)
    )


def _stored(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    rows = connection.execute(
        "SELECT path, size FROM tasks WHERE status = 'stored' AND path IS NOT NULL"
    )
    for row in rows:
        yield str(row[0]), int(row[1])


def _size(path: Path) -> int | None:
    try:
        facts = path.lstat()
    except (OSError, ValueError):
        return None
    return facts.st_size if S_ISREG(facts.st_mode) else None
