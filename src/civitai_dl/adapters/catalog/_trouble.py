"""What a SQLite error means: to a person, and to the thread that met it."""

from __future__ import annotations

import errno
import secrets
import sqlite3
from contextlib import suppress
from enum import Enum
from pathlib import Path

from civitai_dl.errors import CatalogError, StorageDenied, StorageError, StorageFull

REBUILD = (
    "run `civitai-dl doctor -o DIR --rebuild`: it moves the database aside and makes a new one "
    "from what can be read of it and from what is on disk"
)

PROBE = 1 << 17
"""Bytes that a disk must still take to count as one with room."""


class Verdict(Enum):
    """What to do about an error."""

    WAIT_FOR_ROOM = "room"
    WAIT_FOR_LOCK = "lock"
    DAMAGED = "damaged"
    RAISE = "raise"


def judge(error: sqlite3.Error, path: Path) -> Verdict:
    """What to do about an error; asks the disk whether it is full when SQLite does not say."""
    text = str(error)
    if "is locked" in text or "database schema is locked" in text:
        return Verdict.WAIT_FOR_LOCK
    if "is full" in text or ("disk I/O error" in text and has_no_room(path.parent)):
        return Verdict.WAIT_FOR_ROOM
    if is_damage(text):
        return Verdict.DAMAGED
    return Verdict.RAISE


def is_damage(text: str) -> bool:
    """Whether an error's text says that the file is not what we have written."""
    # An index or a table of ours that is missing was lost with the page that named it.
    words = ("malformed", "not a database", "decode", "no such index", "no such table")
    return any(word in text for word in words)


def has_no_room(folder: Path) -> bool:
    """Whether a small file cannot be written because the disk, or a quota, is full."""
    probe = folder / f"probe-{secrets.token_hex(4)}"
    try:
        with probe.open("xb", buffering=0) as target:
            target.write(bytes(PROBE))
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    finally:
        # A disk that cannot even forget is not a full one; the next try will tell.
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return False


def damaged(error: object) -> CatalogError:
    """The error for what no writer of ours has written."""
    return CatalogError(f"the state database is damaged: {error}", hint=REBUILD)


def as_catalog_error(error: sqlite3.Error) -> CatalogError | StorageError:
    """What a SQLite error means to a person."""
    text = str(error)
    if "is full" in text:
        return StorageFull("no space is left for the state database", hint="free some space")
    if "readonly" in text or "unable to open" in text:
        return StorageDenied(f"the state database cannot be written: {text}")
    if is_damage(text):
        return damaged(text)
    if "is locked" in text:
        return CatalogError(
            "another program holds the state database",
            hint="close what has .civitai-dl/state.db open",
        )
    return CatalogError(f"the state database could not be used: {text}")
