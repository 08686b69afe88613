"""Stopping the program at a step of its work on the disk and on its state, before or after it.

A failpoint is `step:n:what`, as in `publish-move.after:2:kill`: at the n-th time the step is
taken, what happens is `kill` (SIGKILL), `eio` or `enospc` (the error, instead of the call or in
spite of it), `sleep` (a moment, in which others overtake), `slow` (the same
each time from then on), `hang` (half a minute), or `full`: from
then on and for ever nothing can be written.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from civitai_dl.adapters.catalog import Database
from civitai_dl.adapters.storage import RunLock, System

T = TypeVar("T")
NAP = 0.3
LONG = 30.0

STORAGE_STEPS = (
    "partial-create",
    "partial-open",
    "partial-reserve",
    "partial-write",
    "partial-truncate",
    "partial-remove",
    "take-over",
    "checkpoint-sync",
    "checkpoint-folder",
    "finish-sync",
    "publish-move",
    "publish-link",
    "publish-remove",
    "folder-sync",
    "make-folder",
    "link",
    "copy-create",
    "copy-write",
    "copy-sync",
    "copy-move",
    "document-create",
    "document-write",
    "document-sync",
    "document-replace",
    "quarantine-move",
    "quarantine-folder",
    "evidence-replace",
    "reserve-create",
    "reserve-write",
    "reserve-sync",
    "reserve-replace",
    "list-create",
    "list-write",
    "list-sync",
    "list-replace",
    "list-folder",
    "leftovers",
    "lock",
    "unlock",
)
STATE_STEPS = (
    "claim",
    "settle",
    "stage",
    "hold",
    "recover",
    "recall_rates",
    "begin",
    "finish",
    "unclaim",
    "missing",
    "migrate",
)
STEPS = (
    *(
        f"{step}.{moment}"
        for step in (*STORAGE_STEPS, *(f"state-{name}" for name in STATE_STEPS))
        for moment in ("before", "after")
    ),
    "state-migrate.backup",
)
"""Every step there is. state-...: a commit of that name."""


class Failpoints:
    """What is to happen where, and what was passed. Safe in every thread."""

    def __init__(self, order: str, trace: str | None) -> None:
        step, number, what = order.split(":") if order else ("", "0", "")
        self._step, self._number, self._what = step, int(number), what
        self._trace = trace
        self._full = False
        self._lock = threading.Lock()
        self.passed: Counter[str] = Counter()

    def pass_by(self, name: str) -> None:
        """Take note of a step, and do what is ordered for it. Raises: OSError when that is it."""
        with self._lock:
            self.passed[name] += 1
            is_due = name == self._step and self._is_due(self.passed[name])
            self._full |= is_due and self._what == "full"
            if self._full and name.endswith("-write.before"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._trace is not None:
                Path(self._trace).write_text(json.dumps(self.passed))
        if is_due:
            self._act()

    def _is_due(self, times: int) -> bool:
        return times == self._number or (self._what == "slow" and times > self._number)

    def _act(self) -> None:
        if self._what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._what in ("sleep", "slow", "hang"):
            time.sleep(LONG if self._what == "hang" else NAP)
        elif self._what != "full":
            number = errno.EIO if self._what == "eio" else errno.ENOSPC
            raise OSError(number, os.strerror(number))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step with its two sides."""
        self.pass_by(f"{name}.before")
        yield
        self.pass_by(f"{name}.after")

    def around(self, name: str, function: Callable[..., T]) -> Callable[..., T]:
        """A function as a step."""

        @wraps(function)
        def stepped(*args: Any, **named: Any) -> T:
            with self.step(name):
                return function(*args, **named)

        return stepped


def from_environment(environment: Mapping[str, str]) -> Failpoints | None:
    """What the environment orders; None when it orders nothing."""
    order = environment.get("CIVITAI_DL_FAILPOINT", "")
    trace = environment.get("CIVITAI_DL_FAILPOINT_TRACE")
    return Failpoints(order, trace) if order or trace else None


def kind_of(path: Path) -> str:
    """What a file is in the archive, by its name."""
    if path.name.endswith(".part"):
        return "partial"
    if path.name.endswith(".evidence.json"):
        return "evidence"
    if path.parent.name == "corrupted":
        return "quarantined"
    for word, kind in (
        ("document-", "document"),
        ("copy-", "copy"),
        ("stream-", "list"),
        ("reserve", "reserve"),
    ):
        if path.name.startswith(word):
            return kind
    return "archived"


def within(*names: str) -> bool:
    """Whether a function of one of these names is at work here."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in names:
            return True
        frame = frame.f_back  # type: ignore[assignment]  # the outermost has none
    return False


class FailingSystem(System):
    """Passes every call on, through the failpoints."""

    def __init__(self, system: System, points: Failpoints) -> None:
        self._system = system
        self._points = points
        self._paths: dict[int, Path] = {}

    def _handle(self, name: str, path: Path, function: Callable[[Path], int]) -> int:
        with self._points.step(f"{kind_of(path)}-{name}"):
            handle = function(path)
            self._paths[handle] = path
        return handle

    def create(self, path: Path) -> int:
        """See System."""
        return self._handle("create", path, self._system.create)

    def open(self, path: Path) -> int:
        """See System."""
        if not path.exists():
            return self._system.open(path)
        return self._handle("open", path, self._system.open)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """See System."""
        with self._points.step(f"{kind_of(self._paths[handle])}-write"):
            return self._system.write(handle, data)

    def write_at(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """See System."""
        with self._points.step(f"{kind_of(self._paths[handle])}-write"):
            return self._system.write_at(handle, data, offset)

    def truncate(self, handle: int, size: int) -> None:
        """See System."""
        with self._points.step("partial-truncate"):
            self._system.truncate(handle, size)

    def reserve(self, handle: int, size: int) -> bool:
        """See System."""
        with self._points.step("partial-reserve"):
            return self._system.reserve(handle, size)

    def sync(self, handle: int) -> None:
        """See System."""
        kind = kind_of(self._paths[handle])
        if kind == "partial":
            # What is set aside was finished before, and synced by that.
            kind = "checkpoint" if within("_checkpoint") else "finish"
        with self._points.step(f"{kind}-sync"):
            self._system.sync(handle)

    def sync_folder(self, folder: Path) -> None:
        """See System."""
        names = {
            "tmp": "checkpoint-folder",
            "corrupted": "quarantine-folder",
            "lists": "list-folder",
        }
        with self._points.step(names.get(folder.name, "folder-sync")):
            self._system.sync_folder(folder)

    def make_folder(self, folder: Path) -> None:
        """See System."""
        with self._points.step("make-folder"):
            self._system.make_folder(folder)

    def link(self, existing: Path, new: Path) -> None:
        """See System."""
        name = "publish-link" if kind_of(existing) == "partial" else "link"
        with self._points.step(name):
            self._system.link(existing, new)

    def move(self, existing: Path, new: Path) -> None:
        """See System."""
        kind = kind_of(existing)
        bad = new.parent.name == "corrupted"
        name = "quarantine" if bad else "publish" if kind == "partial" else kind
        with self._points.step(f"{name}-move"):
            self._system.move(existing, new)

    def replace(self, existing: Path, new: Path) -> None:
        """See System."""
        kind = "evidence" if kind_of(new) == "evidence" else kind_of(existing)
        name = "take-over" if kind == kind_of(new) == "partial" else f"{kind}-replace"
        with self._points.step(name):
            self._system.replace(existing, new)

    def remove(self, path: Path) -> None:
        """See System."""
        if not path.exists():
            self._system.remove(path)
            return
        kind = "publish" if within("give_name") else kind_of(path)
        with self._points.step(f"{kind}-remove"):
            self._system.remove(path)


def watched(database: type[Database], points: Failpoints) -> type[Database]:
    """A database whose commits are steps: state-<name>."""
    moments = {"begin": "begin", "commit": "before", "committed": "after", "backup": "backup"}

    class Watched(database):  # type: ignore[misc, valid-type]  # a class made at run time
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **{**named, "watch": self._heard})

        def _heard(self, moment: str, connection: sqlite3.Connection) -> None:
            del connection
            if moment in moments:
                for name in sorted(set(self.names)):
                    points.pass_by(f"state-{name}.{moments[moment]}")

    return Watched


def watched_lock(lock: type[RunLock], points: Failpoints) -> type[RunLock]:
    """A lock that is taken and left in steps."""

    class Watched(lock):  # type: ignore[misc, valid-type]  # a class made at run time
        __enter__ = points.around("lock", lock.__enter__)
        __exit__ = points.around("unlock", lock.__exit__)

    return Watched
