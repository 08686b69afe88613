"""What the file system under an archive can do, tried with small files that are removed again."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from civitai_dl.adapters.storage import RunLock, System, kind_of, may_be_shared
from civitai_dl.errors import CivitaiDLError

LONGEST = 255
"""Bytes that a name in an archive may have."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What there is under an archive; None where it could not be tried.

    kind: the name of the file system, "" where nobody tells it; shared: other machines may write
    to it, too. clones: files can share bytes
    (reflinks). moves: a name can be given in one step that replaces nothing. longest: bytes of the
    longest name, up to 255. trouble: why nothing could be tried.
    """

    free: int | None
    kind: str
    shared: bool
    links: bool | None = None
    clones: bool | None = None
    moves: bool | None = None
    syncs: bool | None = None
    locks: bool | None = None
    case_matters: bool | None = None
    longest: int | None = None
    trouble: str = ""


def probe(folder: Path, scratch: Path) -> Ground:
    """Try the file system under an archive, in a new folder below `scratch`. Raises nothing."""
    try:
        free: int | None = shutil.disk_usage(folder).free
    except OSError:
        free = None
    kind, shared = kind_of(folder), may_be_shared(folder)
    place = scratch / f"doctor-{os.getpid()}"
    made = [new for new in (scratch, place) if not new.exists()]
    try:
        place.mkdir(parents=True)
        return Ground(
            free,
            kind,
            shared,
            links=_works(lambda: _link(place)),
            clones=_works(lambda: _clone(place)),
            moves=_works(lambda: _move(place)),
            syncs=_works(lambda: _sync(place)),
            locks=_works(lambda: _lock(place)),
            case_matters=_case_matters(place),
            longest=_longest(place),
        )
    except OSError as error:
        return Ground(free, kind, shared, trouble=error.strerror or str(error))
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for folder_made in made:
            if folder_made.is_dir() and not any(folder_made.iterdir()):
                folder_made.rmdir()


def _works(attempt: Callable[[], bool]) -> bool:
    try:
        return attempt()
    except (OSError, CivitaiDLError):
        return False


def _file(place: Path, name: str) -> Path:
    path = place / name
    path.write_bytes(b"civitai-dl doctor\n")
    return path


def _link(place: Path) -> bool:
    first = _file(place, "link-1")
    System().link(first, place / "link-2")
    return first.stat().st_nlink == 2


def _clone(place: Path) -> bool:
    System().clone(_file(place, "clone-1"), place / "clone-2")
    return (place / "clone-2").exists()


def _move(place: Path) -> bool:
    system, first, taken = System(), _file(place, "move-1"), _file(place, "move-2")
    try:
        system.move(first, taken)
    except FileExistsError:
        system.move(first, place / "move-3")
        return taken.exists() and not first.exists()
    return False


def _sync(place: Path) -> bool:
    system, path = System(), _file(place, "sync")
    handle = system.open(path)
    try:
        system.sync(handle)
    finally:
        os.close(handle)
    system.sync_folder(place)
    return True


def _lock(place: Path) -> bool:
    with RunLock(place / "locks" / "lock") as lock:
        return lock.proven


def _case_matters(place: Path) -> bool:
    return not (place / _file(place, "Case").name.lower()).exists()


def _longest(place: Path) -> int:
    """By halving: the longest name that is accepted, up to what an archive needs."""
    low, high = 1, LONGEST
    while low < high:
        middle = (low + high + 1) // 2
        try:
            _file(place, "n" * middle).unlink()
            low = middle
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            high = middle - 1
    return low
