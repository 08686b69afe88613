"""Looking at what lies at a path: what it is, and what its bytes are. Called in worker threads."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

from civitai_dl.domain.decisions import Seen, There
from civitai_dl.errors import StorageDenied

from ._errors import BROKEN
from ._files import READ_SIZE, Meter, heed_cancellation

LOST = (BROKEN - {errno.ESTALE}) | {errno.EBADMSG}
"""Answers of a disk, or of a file system with checksums, that cannot give the bytes any more."""

Hear = Callable[[int], None]
"""Told, in the thread that reads, how many bytes more were read."""


def inspect_path(
    resolve: Callable[[str], Path], path: str, *, read: bool, hear: Hear | None = None
) -> Seen:
    """What lies at an archive path; read: digest it as well, which costs a full read.

    Raises nothing for what is wrong with this one file. Cancellable between slices of 1 MiB.
    """
    try:
        found = resolve(path)
        facts = found.lstat()
    except FileNotFoundError:
        return Seen(There.NOTHING)
    except StorageDenied as error:
        return Seen(There.DENIED, why=error.message)
    except OSError as error:
        return _not_seen(error, Seen(There.NOTHING))
    kind = _kind_of(facts.st_mode)
    seen = Seen(
        kind,
        size=facts.st_size,
        modified=facts.st_mtime,
        identity=(facts.st_dev, facts.st_ino),
        names=facts.st_nlink,
    )
    if kind is not There.FILE or not read:
        return seen
    try:
        return _read(found, seen, hear)
    except FileNotFoundError:
        return Seen(There.NOTHING)
    except OSError as error:
        return _not_seen(error, seen)


def _kind_of(mode: int) -> There:
    if S_ISREG(mode):
        return There.FILE
    if S_ISDIR(mode):
        return There.FOLDER
    return There.LINK if S_ISLNK(mode) else There.OTHER


def _not_seen(error: OSError, seen: Seen) -> Seen:
    """What the disk does not give is lost; any other trouble is for a person to set right."""
    there = There.BROKEN if error.errno in LOST else There.DENIED
    why = error.strerror or str(error)
    return Seen(there, seen.size, seen.modified, seen.identity, seen.names, why=why)


def _read(path: Path, seen: Seen, hear: Hear | None) -> Seen:
    meter = Meter(crc=False)
    with path.open("rb", buffering=0) as source:
        while chunk := source.read(READ_SIZE):
            heed_cancellation()
            meter.feed(chunk)
            if hear is not None:
                hear(len(chunk))
    # Without its first and last bytes: of a million files they would be gigabytes.
    measured = replace(meter.measured(), head=b"", tail=b"")
    # It may have grown since: what counts is what was read.
    return Seen(
        seen.there, measured.size, seen.modified, seen.identity, seen.names, measured=measured
    )


def read_part(path: Path, offset: int, size: int) -> bytes:
    """Up to `size` bytes of a file. Raises: OSError."""
    with path.open("rb", buffering=0) as source:
        source.seek(offset)
        parts = []
        while size > 0 and (chunk := source.read(size)):
            parts.append(chunk)
            size -= len(chunk)
    return b"".join(parts)


def names_of(folder: Path, identity: tuple[int, int]) -> list[str]:
    """The names in a folder that are this very file. Raises: OSError."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            # On Windows an entry knows neither device nor inode: only asking the file tells.
            if _same(Path(entry.path), identity)
        )


def _same(path: Path, identity: tuple[int, int]) -> bool:
    try:
        facts = path.lstat()
    except OSError:
        return False
    return (facts.st_dev, facts.st_ino) == identity
