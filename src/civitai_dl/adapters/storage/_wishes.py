"""What somebody asks of a run at work, and what it answers: small files in its state.

One file a wish, so that none takes the place of another; a wish is gone once it is answered. The
run itself tells how it stands in a file of its own. All of it dies with the run that it was for.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ._errors import storage_errors
from ._files import drop, write_all, write_document
from ._system import System

FOLDER = "wishes"
AT_WORK = "at-work.json"
MOST = 1 << 22
"""Bytes of a wish that are read; one names what is cancelled, which may be a long list."""

Fact = Union[dict[str, "Fact"], list["Fact"], str, int, float, bool, None]
Facts = dict[str, Fact]


@dataclass(frozen=True, slots=True)
class Wish:
    """name: by which it is answered. facts: what is asked for."""

    name: str
    facts: Facts


def leave_wish(state: Path, facts: Mapping[str, Fact], system: System | None = None) -> str:
    """Ask something of the run that holds this state; returns the name of the wish.

    Raises: StorageError.
    """
    system = system or System()
    # In the order in which they were asked.
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.wish"
    with storage_errors("asking the run at work"):
        (state / FOLDER).mkdir(exist_ok=True)
        data = json.dumps(facts).encode()
        write_document(system, state / FOLDER / name, data, state / "tmp")
    return name


def waiting_wishes(state: Path) -> list[Wish]:
    """What was asked for and not answered yet, the oldest first. Never raises."""
    try:
        names = sorted(entry.name for entry in os.scandir(state / FOLDER))
    except OSError:
        return []
    return [
        Wish(name, read_facts(state / FOLDER / name)) for name in names if name.endswith(".wish")
    ]


def answer_wish(
    state: Path, name: str, facts: Mapping[str, Fact], system: System | None = None
) -> None:
    """Say what has become of a wish, and take it away. Raises: StorageError."""
    system = system or System()
    with storage_errors("answering a wish"):
        data = json.dumps(facts).encode()
        write_document(system, state / FOLDER / f"{name}.answer", data, state / "tmp")
        drop(system, state / FOLDER / name)


def take_answer(state: Path, name: str, system: System | None = None) -> Facts | None:
    """The answer to a wish, which is taken away; None while there is none. Never raises."""
    path = state / FOLDER / f"{name}.answer"
    if not path.exists():
        return None
    facts = read_facts(path)
    with suppress(OSError):
        # Somebody else's folder, maybe; the next run sweeps it.
        drop(system or System(), path)
    return facts


def take_back_wish(state: Path, name: str, system: System | None = None) -> None:
    """Ask no more: nobody is there to hear it. Never raises."""
    with suppress(OSError):
        drop(system or System(), state / FOLDER / name)


def forget_work(state: Path, system: System | None = None) -> None:
    """The run has ended: what it told of itself is true no more. Never raises."""
    with suppress(OSError):
        drop(system or System(), state / AT_WORK)


def forget_wishes(state: Path, system: System | None = None) -> None:
    """Take away whatever was asked of, answered or told by runs that have ended. Never raises."""
    system = system or System()
    for name in _names_in(state / FOLDER):
        with suppress(OSError):
            drop(system, state / FOLDER / name)
    forget_work(state, system)


def tell_work(state: Path, facts: Mapping[str, Fact], system: System | None = None) -> None:
    """Let others see how the run at work stands; not durable. Raises: OSError."""
    system = system or System()
    draft = state / "tmp" / f"work-{secrets.token_hex(8)}.tmp"
    handle = system.create(draft)
    try:
        try:
            write_all(system, handle, json.dumps(facts).encode())
        finally:
            os.close(handle)
        system.replace(draft, state / AT_WORK)
    except BaseException:  # whatever it is, the draft is worth nothing
        drop(system, draft)
        raise


def told_work(state: Path) -> Facts:
    """What the last run told of itself, empty for nothing. Never raises."""
    return read_facts(state / AT_WORK)


def read_facts(path: Path) -> Facts:
    """A small file of JSON; empty for one that cannot be read, or holds something else."""
    try:
        with path.open("rb") as source:
            found = json.loads(source.read(MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except OSError:
        return []
