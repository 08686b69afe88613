"""What is known of the user's own files, and giving them a second name in the archive.

`owned.db` in `.civitai-dl/` is a memory of digests: what is lost of it is measured again. It is a
database of its own, so that no older version of the state has to know of it.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread

from civitai_dl.domain.entities import OwnedFile, Taking
from civitai_dl.errors import StorageError

from ._errors import NO_LINKS, as_storage_error, storage_errors
from ._files import READ_SIZE, drop

if TYPE_CHECKING:
    from ._belongings import Belonging
    from ._local import LocalStorage

T = TypeVar("T")

OWNED = "owned.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path     BLOB PRIMARY KEY,
  size     INTEGER NOT NULL,
  mtime    INTEGER NOT NULL,
  inode    INTEGER NOT NULL,
  sha256   TEXT NOT NULL,
  prefixes TEXT NOT NULL,
  owned    INTEGER NOT NULL DEFAULT 0,
  done     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_sha256 ON files (sha256) WHERE owned > 0;
"""
HOW = (Taking.AUTO, Taking.LINK, Taking.COPY)
"""How an owned file may be taken, by its number from 1 on; 0 for one that was only measured."""


class OwnedBook:
    """The memory of digests; its methods may be called from every thread, and wait for the disk.

    What cannot be read of it is begun anew. Raises: StorageError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = self._do(self._open)
        except StorageError as error:
            if isinstance(error.__cause__, sqlite3.OperationalError):
                # It may be sound, and cannot be read or written now.
                raise
            for ending in ("", "-journal"):
                path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
            self._connection = self._do(self._open)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=30
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.executescript(SCHEMA)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def recall(self, file: Belonging) -> OwnedFile | None:
        """What was measured of a file, if it is still the same."""
        row = self._ask("path = ?", os.fsencode(file.path))
        known = row[0] if row else None
        if known is None or (known.size, known.mtime) != (file.size, file.mtime):
            return None
        return known if known.inode == file.inode else None

    def find(self, sha256: str) -> list[OwnedFile]:
        """The owned files of a digest."""
        return self._ask("sha256 = ? AND owned > 0", sha256)

    def unsettled(self, files: Sequence[OwnedFile]) -> set[str]:
        """Paths of those that an earlier run began to take and did not end."""
        return {
            file.path
            for file in files
            if self._rows(
                "SELECT 1 FROM files WHERE path = ? AND owned > 0 AND done = 0",
                (os.fsencode(file.path),),
            )
        }

    def note(self, files: Iterable[OwnedFile]) -> None:
        """Remember digests. What is known of the same file otherwise stays."""
        rows = [
            (
                os.fsencode(file.path),
                file.size,
                file.mtime,
                file.inode,
                file.sha256,
                json.dumps(file.prefixes),
            )
            for file in files
        ]
        self._write(
            "INSERT INTO files (path, size, mtime, inode, sha256, prefixes) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size = excluded.size, "
            "mtime = excluded.mtime, inode = excluded.inode, sha256 = excluded.sha256, "
            "prefixes = excluded.prefixes, owned = 0, done = 0",
            rows,
        )

    def own(self, paths: Iterable[str], taking: Taking) -> None:
        """These may be taken so."""
        rows = [(1 + HOW.index(taking), os.fsencode(path)) for path in paths]
        self._write("UPDATE files SET owned = ?, done = 0 WHERE path = ?", rows)

    def settle(self, paths: Iterable[str]) -> None:
        """Nothing is left to do for these."""
        rows = [(os.fsencode(path),) for path in paths]
        self._write("UPDATE files SET done = 1 WHERE path = ?", rows)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _ask(self, condition: str, value: object) -> list[OwnedFile]:
        rows = self._rows(
            "SELECT path, size, mtime, inode, sha256, prefixes, owned FROM files "  # noqa: S608  # ours
            f"WHERE {condition}",
            (value,),
        )
        return [_read(row) for row in rows]

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        with self._lock:
            return self._do(lambda: self._connection.execute(statement, values).fetchall())

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        def work() -> None:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

        if rows:
            with self._lock:
                self._do(work)

    def _do(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.Error as error:
            hint = f"if it is damaged, remove it: {self._path} only saves work"
            raise StorageError(f"{self._path.name}: {error}", hint=hint) from error


def _read(row: sqlite3.Row) -> OwnedFile:
    return OwnedFile(
        os.fsdecode(row["path"]),
        int(row["size"]),
        int(row["mtime"]),
        int(row["inode"]),
        str(row["sha256"]),
        tuple(json.loads(row["prefixes"])),
        HOW[max(0, int(row["owned"]) - 1)],
    )


class OwnedFiles:
    """See ports.Owned. storage: the archive that takes them."""

    def __init__(
        self, storage: LocalStorage, book: OwnedBook, *, only: Collection[str] | None = None
    ) -> None:
        self._storage = storage
        self._book = book
        self._only = only

    @property
    def only(self) -> Collection[str] | None:
        """See ports.Owned."""
        return self._only

    async def find(self, sha256: str) -> Sequence[OwnedFile]:
        """See ports.Owned."""
        try:
            return await anyio.to_thread.run_sync(self._book.find, sha256)
        except StorageError:
            # Without it a file is fetched, which is no trouble of the archive's disk.
            return ()

    async def link(self, file: OwnedFile, path: str) -> bool:
        """See ports.Owned."""

        def work() -> bool:
            with storage_errors(f"linking {path}"):
                final = self._storage.place_of(path)
                self._storage.volume.make_folder(final.parent)
                return self._link(file, final)

        return await anyio.to_thread.run_sync(work)

    def _link(self, file: OwnedFile, final: Path) -> bool:
        source, volume = Path(file.path), self._storage.volume
        if not _is_as_measured(source, file):
            raise _Gone(file.path)
        try:
            volume.system.link(source, final)
        except FileNotFoundError:
            raise _Gone(file.path) from None
        except OSError as error:
            if isinstance(error, FileExistsError) or error.errno not in NO_LINKS:
                raise
            return False
        if not _is_as_measured(final, file):
            # Somebody wrote to it just then.
            drop(volume.system, final)
            raise _Gone(file.path)
        volume.system.sync_found(final)
        volume.sync_names([final.parent])
        return True

    async def chunks(self, file: OwnedFile) -> AsyncIterator[bytes]:
        """See ports.Owned."""
        try:
            async with await anyio.open_file(file.path, "rb") as source:
                while chunk := await source.read(READ_SIZE):
                    yield chunk
        except OSError:
            # What came by now is not the whole of it, and whoever measures it finds that out.
            return

    def close(self) -> None:
        """Close the memory of digests."""
        self._book.close()


class _Gone(FileNotFoundError):
    """The user's file, not one of the archive's."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _is_as_measured(path: Path, file: OwnedFile) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns, found.st_ino) == (file.size, file.mtime, file.inode)


def owned_digests(state: Path) -> frozenset[str]:
    """The SHA256 of the files that may be taken and are as they were; changes nothing.

    A memory that cannot be read has none: then a file is fetched, which is no trouble.
    """
    address = f"{(state / OWNED).absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=30)
    except sqlite3.Error:
        return frozenset()
    connection.row_factory = sqlite3.Row
    try:
        rows = connection.execute(
            "SELECT path, size, mtime, inode, sha256, prefixes, owned FROM files WHERE owned > 0"
        )
        known = [_read(row) for row in rows]
    except (sqlite3.Error, ValueError):
        return frozenset()
    finally:
        connection.close()
    return frozenset(file.sha256 for file in known if _is_as_measured(Path(file.path), file))


def open_book(state: Path) -> OwnedBook:
    """The memory of digests in the folder of the state, made when it is not there.

    Raises: StorageError.
    """
    try:
        return OwnedBook(state / OWNED)
    except OSError as error:
        raise as_storage_error(error, OWNED) from error


def open_owned(storage: LocalStorage, state: Path) -> OwnedFiles | None:
    """The files that `identify` has found, for a run that may need them; None without any."""
    if not (state / OWNED).is_file():
        return None
    try:
        return OwnedFiles(storage, open_book(state))
    except StorageError:
        return None
