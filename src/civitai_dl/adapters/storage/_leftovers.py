"""What earlier processes left in the scratch folder, and which of it is ours to take."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ._files import drop
from ._owner import read_owner
from ._system import System

ORPHAN_SECONDS = 86_400.0
"""How long bytes are kept that nobody is known to want."""


@dataclass(frozen=True, slots=True)
class Left:
    """A partial of an earlier attempt. ours: its writer is gone for sure, so it may be taken."""

    path: Path
    size: int
    ours: bool


def task_name(file_name: str) -> str:
    """The part of a partial's file name that stands for its task."""
    return file_name.split(".", 1)[0]


def find_leftovers(system: System, scratch: Path, *, trusted: bool) -> dict[str, Left]:
    """The partials that earlier processes left, by the name of their task; the rest is removed.

    trusted: nobody else can be at work here, so that everything is ours. Otherwise only what its
    dead owner left is, and drafts only after a day: their writer may be at it right now.
    Raises: OSError.
    """
    found: dict[str, Left] = {}
    for entry in os.scandir(scratch):
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        path = Path(entry.path)
        ours = trusted or _is_of_the_dead(entry.name)
        is_part = entry.name.endswith(".part") and not entry.name.startswith("copy-")
        if not is_part:
            # Drafts and copies are worth nothing once their writer is gone.
            if ours or time.time() - facts.st_mtime > ORPHAN_SECONDS:
                drop(system, path)
        elif facts.st_nlink > 1:
            # It was published by a process that died before it could drop this first name: to write
            # into it would be to write into the archive.
            if ours:
                drop(system, path)
        else:
            _keep_better(system, found, Left(path, facts.st_size, ours))
    return found


def sweep(system: System, left: dict[str, Left], wanted: set[str]) -> int:
    """Remove partials that are a day old and that no task wants; returns how many.

    wanted: names of tasks. Raises: OSError.
    """
    removed = 0
    for name in [name for name in left if name not in wanted]:
        try:
            age = time.time() - left[name].path.stat().st_mtime
        except FileNotFoundError:
            age = 0.0
        if age > ORPHAN_SECONDS:
            drop(system, left.pop(name).path)
            removed += 1
    return removed


def _is_of_the_dead(name: str) -> bool:
    parts = name.split(".")
    owner = read_owner(parts[1]) if len(parts) > 2 else None
    return owner is not None and owner.is_dead


def _keep_better(system: System, found: dict[str, Left], new: Left) -> None:
    """Of two partials of one task, the one that is ours, then the one that is whole for longer."""
    name = task_name(new.path.name)
    old = found.get(name)
    if old is None:
        found[name] = new
        return
    better, worse = sorted((old, new), key=lambda left: (left.ours, _solid(left)), reverse=True)
    found[name] = better
    if worse.ours:
        drop(system, worse.path)


def _solid(left: Left) -> int:
    """How far a partial goes without a hole: the checkpoint may be about the other one."""
    seek_hole = getattr(os, "SEEK_HOLE", None)
    if seek_hole is None:
        return left.size
    try:
        handle = os.open(left.path, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return os.lseek(handle, 0, seek_hole)
    except OSError:
        # An empty file, or a file system that does not tell.
        return left.size
    finally:
        os.close(handle)


def take_over(system: System, left: Left, mine: Path) -> Left | None:
    """Make an earlier attempt's partial ours; None when it is gone, or was published after all."""
    try:
        if left.path.stat().st_nlink > 1:
            # To write into it would be to write into the archive.
            drop(system, left.path)
            return None
        system.replace(left.path, mine)
    except FileNotFoundError:
        # Somebody cleaned up.
        return None
    return left
