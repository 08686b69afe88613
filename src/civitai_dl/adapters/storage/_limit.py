"""A limit on bytes per second that somebody asks a run at work to keep to: a file in its state."""

from __future__ import annotations

from pathlib import Path

from ._errors import storage_errors
from ._files import drop, write_document
from ._system import System

NAME = "limit"


def ask_limit(state: Path, limit: int, system: System | None = None) -> None:
    """Ask the run that holds this state to keep to a limit, in place of an earlier wish.

    limit: bytes per second, 0 for none. The run takes the wish away when it heeds it. Raises:
    StorageError.
    """
    with storage_errors("asking for another limit"):
        write_document(system or System(), state / NAME, f"{limit}\n".encode(), state / "tmp")


def is_asked(state: Path) -> bool:
    """Whether a wish lies there that nobody has heeded yet."""
    return (state / NAME).exists()


def take_limit(state: Path, system: System | None = None) -> int | None:
    """The limit that somebody asked for since the last look; None when nobody did.

    What is no number is taken away and is no wish. Raises: StorageError.
    """
    path = state / NAME
    try:
        text = path.read_bytes()[:64].decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError:
        # It can be read another time, or never: no run ends for that.
        return None
    with storage_errors("heeding another limit"):
        drop(system or System(), path)
    return int(text) if text.isdigit() and len(text) <= 15 else None
