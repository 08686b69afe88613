"""Who looks on while files are placed or taken back, and may stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from civitai_dl.errors import UsageError


class Stopped(Exception):
    """The work was stopped between two slices."""


@dataclass(slots=True)
class Progress:
    """How far it is, for whoever looks from another thread. bytes: read or copied."""

    files: int = 0
    of: int = 0
    bytes: int = 0


def hear_of(progress: Progress, stop: Callable[[], bool]) -> Callable[[int], None]:
    """What is told of bytes between two slices; it raises Stopped when the person wishes it."""

    def hear(count: int) -> None:
        progress.bytes += count
        if stop():
            raise Stopped

    return hear


def root_of(given: Path) -> Path:
    """The real path of an application's folder. Raises: UsageError when there is none."""
    root = given.expanduser().resolve()
    if not root.is_dir():
        raise UsageError(f"this is no directory: {given}")
    return root
