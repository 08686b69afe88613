"""Doing the real work on the disk while writing down what was done, in one total order."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from model import Disk, Op

from civitai_dl.adapters.storage import System


@dataclass(slots=True)
class Log:
    """What was done, on which disk, and the databases that were committed.

    start: the disk before the first call. disk: after the last one.
    """

    start: Disk
    disk: Disk
    ops: list[Op] = field(default_factory=list)
    snapshots: list[bytes] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, op: Op) -> None:
        """Write down a call that was made; under the lock."""
        self.disk.do(op)
        self.ops.append(op)

    def watch(self, moment: str, connection: sqlite3.Connection) -> None:
        """See Database: what is about to be committed may be durable, what was committed is."""
        with self.lock:
            if moment == "commit":
                self.ops.append(Op("commit"))
            elif moment == "committed":
                data = copy_of(connection)
                if not self.snapshots or self.snapshots[-1] != data:
                    self.snapshots.append(data)
                self.ops.append(Op("committed", snapshot=len(self.snapshots) - 1))


class RecordingSystem(System):
    """The operating system, with every call that changes something written down.

    durable: whether syncs are done, too. plain: without the rename that replaces nothing.
    """

    def __init__(self, root: Path, log: Log, *, durable: bool = True, plain: bool = False) -> None:
        self._root = root
        self._log = log
        self._durable = durable
        self._plain = plain
        self._nodes: dict[int, int] = {}

    def _path(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def create(self, path: Path) -> int:
        """See System."""
        with self._log.lock:
            handle = super().create(path)
            self._log.add(Op("create", self._path(path)))
            self._nodes[handle] = self._log.disk.find(self._path(path))
            return handle

    def open(self, path: Path) -> int:
        """See System."""
        with self._log.lock:
            handle = super().open(path)
            self._nodes[handle] = self._log.disk.find(self._path(path))
            return handle

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """See System."""
        with self._log.lock:
            offset = os.lseek(handle, 0, os.SEEK_CUR)
            done = super().write(handle, data)
            written = bytes(memoryview(data)[:done])
            self._log.add(Op("write", node=self._nodes[handle], offset=offset, data=written))
            return done

    def write_at(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """See System."""
        with self._log.lock:
            done = super().write_at(handle, data, offset)
            written = bytes(memoryview(data)[:done])
            self._log.add(Op("write", node=self._nodes[handle], offset=offset, data=written))
            return done

    def truncate(self, handle: int, size: int) -> None:
        """See System."""
        with self._log.lock:
            super().truncate(handle, size)
            self._log.add(Op("truncate", node=self._nodes[handle], offset=size))

    def sync(self, handle: int) -> None:
        """See System."""
        with self._log.lock:
            if self._durable:
                super().sync(handle)
            self._log.add(Op("sync", node=self._nodes[handle]))

    def sync_found(self, path: Path) -> None:
        """See System."""
        with self._log.lock:
            if self._durable:
                System.sync_folder(self, path)
            self._log.add(Op("sync", node=self._log.disk.find(self._path(path))))

    def sync_folder(self, folder: Path) -> None:
        """See System."""
        with self._log.lock:
            if self._durable:
                super().sync_folder(folder)
            self._log.add(Op("sync_folder", self._path(folder)))

    def make_folder(self, folder: Path) -> None:
        """See System."""
        with self._log.lock:
            super().make_folder(folder)
            self._log.add(Op("make_folder", self._path(folder)))

    def link(self, existing: Path, new: Path) -> None:
        """See System."""
        with self._log.lock:
            super().link(existing, new)
            self._log.add(Op("link", self._path(existing), self._path(new)))

    def move(self, existing: Path, new: Path) -> None:
        """See System."""
        if self._plain:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        with self._log.lock:
            super().move(existing, new)
            self._log.add(Op("move", self._path(existing), self._path(new)))

    def replace(self, existing: Path, new: Path) -> None:
        """See System."""
        with self._log.lock:
            super().replace(existing, new)
            self._log.add(Op("replace", self._path(existing), self._path(new)))

    def remove(self, path: Path) -> None:
        """See System."""
        with self._log.lock:
            super().remove(path)
            self._log.add(Op("remove", self._path(path)))


class QuietSystem(System):
    """The operating system without its slow promises; changes counts the calls that change."""

    def __init__(self) -> None:
        self.changes = 0

    def create(self, path: Path) -> int:
        """See System."""
        self.changes += 1
        return super().create(path)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """See System."""
        self.changes += 1
        return super().write(handle, data)

    def write_at(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """See System."""
        self.changes += 1
        return super().write_at(handle, data, offset)

    def truncate(self, handle: int, size: int) -> None:
        """See System."""
        self.changes += 1
        super().truncate(handle, size)

    def sync(self, handle: int) -> None:
        """Nothing: the test that runs it will not lose its power."""

    def sync_folder(self, folder: Path) -> None:
        """As sync."""

    def make_folder(self, folder: Path) -> None:
        """See System."""
        self.changes += 1
        super().make_folder(folder)

    def link(self, existing: Path, new: Path) -> None:
        """See System."""
        self.changes += 1
        super().link(existing, new)

    def move(self, existing: Path, new: Path) -> None:
        """See System."""
        self.changes += 1
        super().move(existing, new)

    def replace(self, existing: Path, new: Path) -> None:
        """See System."""
        self.changes += 1
        super().replace(existing, new)

    def remove(self, path: Path) -> None:
        """See System; a name that is gone is no change."""
        super().remove(path)
        self.changes += 1


def read_disk(root: Path) -> Disk:
    """The disk as it is, all of it durable."""
    disk = Disk()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            disk.do(Op("make_folder", name))
        else:
            disk.do(Op("create", name))
            disk.do(Op("write", node=disk.find(name), data=path.read_bytes()))
    disk.settle()
    return disk


def copy_of(connection: sqlite3.Connection) -> bytes:
    """A database as bytes, as a file without a log would have them."""
    if hasattr(connection, "serialize"):
        data = bytes(connection.serialize())
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "copy.db")
            copy = sqlite3.connect(path)
            connection.backup(copy)
            copy.close()
            data = path.read_bytes()
    # Bytes 18 and 19 say "with a log", which a copy does not have; 24-27 and 92-95 only count.
    return data[:18] + b"\1\1" + data[20:]
