"""One SQLite file, one writer thread, many askers.

Functions that take a connection are handed to the thread, which runs all that wait in one
transaction and answers after the commit: durability is paid once for many. SQLite before 3.51.3
can corrupt a WAL that two connections write at once, so there is only this one.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeVar

from civitai_dl.errors import CatalogError, CatalogTooNew, StorageDenied, StorageFull

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

SCHEMA_VERSION = 1
MOST_PER_COMMIT = 200
BUSY_SECONDS = 10.0


class _Ask:
    """One function on its way to the thread, and the future its result goes to."""

    __slots__ = ("error", "function", "future", "loop", "result")

    def __init__(self, function: Operation[object], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.loop = loop
        self.future: asyncio.Future[object] = loop.create_future()
        self.result: object = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Deliver, in the asker's loop; an asker who was cancelled no longer listens."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """The thread and its connection. Open with `start`, end with `close`.

    writable: False for a look beside a run at work; such a database must exist and never changes.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self._path = path
        self._begin = "BEGIN IMMEDIATE" if writable else "BEGIN"
        self._open = open_connection if writable else open_for_reading
        self._asks: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="catalog", daemon=True)
        self._opened: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Open the file, creating or checking its schema. Raises: CatalogError, StorageError."""
        self._thread.start()
        error = self._opened.get()
        if error is not None:
            raise error

    async def run(self, function: Operation[T]) -> T:
        """Run a function in the writer thread, inside a transaction of its own fate.

        It sees all earlier writes; when it raises, only its own writes are undone. The result
        comes after the commit. Raises: StorageFull, CatalogError, and what the function raises.
        """
        loop = asyncio.get_running_loop()
        ask = _Ask(function, loop)
        self._asks.put(ask)
        return await ask.future  # type: ignore[return-value]  # the future carries T

    def close(self) -> None:
        """Finish what was asked, and close. Safe to repeat."""
        if self._thread.is_alive():
            self._asks.put(None)
            self._thread.join()

    def _work(self) -> None:
        try:
            connection = self._open(self._path)
        except BaseException as error:  # noqa: BLE001  # handed to the one who opens, whole
            self._opened.put(error)
            return
        self._opened.put(None)
        try:
            while self._serve(connection):
                pass
        finally:
            connection.close()

    def _serve(self, connection: sqlite3.Connection) -> bool:
        asks: list[_Ask] = []
        first = self._asks.get()
        going_on = first is not None
        if first is not None:
            asks.append(first)
        while going_on and len(asks) < MOST_PER_COMMIT:
            try:
                more = self._asks.get_nowait()
            except queue.Empty:
                break
            if more is None:
                going_on = False
            else:
                asks.append(more)
        if asks:
            self._transact(connection, asks)
        return going_on

    def _transact(self, connection: sqlite3.Connection, asks: list[_Ask]) -> None:
        try:
            connection.execute(self._begin)
            for ask in asks:
                _run_one(connection, ask)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for ask in asks:
                ask.error = as_catalog_error(error)
        for ask in asks:
            try:
                ask.loop.call_soon_threadsafe(ask.answer)
            except RuntimeError:
                # The asker's loop has ended; the commit stands, and nobody waits for the answer.
                continue


def _run_one(connection: sqlite3.Connection, ask: _Ask) -> None:
    connection.execute("SAVEPOINT one")
    try:
        ask.result = ask.function(connection)
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.IntegrityError):
            connection.execute("ROLLBACK TO one")
            ask.error = error
        else:
            raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is raised to its asker
        connection.execute("ROLLBACK TO one")
        ask.error = error
    connection.execute("RELEASE one")


def open_connection(path: Path) -> sqlite3.Connection:
    """The one writing connection. Raises: CatalogError, CatalogTooNew, StorageDenied."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        version = _check_version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit that was answered survives a power cut; group commit makes it cheap.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA cache_size = -32768")
        if version == 0:
            _create(connection)
    except sqlite3.Error as error:
        raise as_catalog_error(error) from error
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises: CatalogError, CatalogTooNew."""
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        _check_version(connection)
    except sqlite3.Error as error:
        raise as_catalog_error(error) from error
    return connection


def _check_version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        connection.close()
        raise CatalogTooNew(
            f"the state of this archive was written by a newer civitai-dl (schema {version})",
            hint="update civitai-dl; nothing was changed",
        )
    return version


def _create(connection: sqlite3.Connection) -> None:
    schema = resources.files(__package__).joinpath("schema.sql").read_text("utf-8")
    connection.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = 1; COMMIT;")


def as_catalog_error(error: sqlite3.Error) -> CatalogError | StorageFull | StorageDenied:
    """What a SQLite error means to a person."""
    text = str(error)
    if "full" in text:
        return StorageFull("no space is left for the state database", hint="free some space")
    if "readonly" in text or "unable to open" in text:
        return StorageDenied(f"the state database cannot be written: {text}")
    if any(word in text for word in ("malformed", "not a database", "decode")):
        return CatalogError(
            f"the state database is damaged: {text}",
            hint="move .civitai-dl/state.db* aside and run again; what is on disk is adopted",
        )
    return CatalogError(f"the state database could not be used: {text}")
