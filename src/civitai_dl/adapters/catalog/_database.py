"""One SQLite file, one writer thread, many askers.

Functions that take a connection are handed to the thread, which runs all that wait in one
transaction and answers after the commit: durability is paid once for many. SQLite before 3.51.3
can corrupt a WAL that two connections write at once, so there is only this one.

A full disk or a foreign lock is waited for: askers keep waiting, and nothing is lost. Whatever
ends the thread is told to all who wait, and to all who ask later.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from civitai_dl.errors import CatalogError, CivitaiDLError, StorageFull

from ._open import open_connection, open_for_reading
from ._trouble import Verdict, as_catalog_error, damaged, judge

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

MOST_PER_COMMIT = 200

RETRY_SECONDS = 1.0
"""Real seconds between two tries while there is no room, or somebody else holds a lock."""

OPENING_TRIES = 6
"""Tries of ten seconds to open what another program holds."""


class _Ask:
    """One function on its way to the thread, and the future its result goes to."""

    __slots__ = ("error", "function", "future", "loop", "name", "result")

    def __init__(
        self, function: Operation[object], loop: asyncio.AbstractEventLoop, name: str
    ) -> None:
        self.function = function
        self.loop = loop
        self.name = name
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


def _send(asks: Sequence[_Ask]) -> None:
    """Have answers delivered, waking each loop once."""
    for loop, of_loop in itertools.groupby(asks, key=lambda ask: ask.loop):
        try:
            loop.call_soon_threadsafe(_answer_all, tuple(of_loop))
        except RuntimeError:
            # The askers' loop has ended; the commit stands, and nobody waits for the answers.
            continue


def _answer_all(asks: Sequence[_Ask]) -> None:
    for ask in asks:
        ask.answer()


class Database:
    """The thread and its connection. Open with `start`, end with `close`.

    writable: False for a look beside a run at work; such a database must exist and never changes.

    The hooks are called in the thread, and one that raises is the thread's death. trouble: with
    the reason when a transaction has to wait for room or for a lock, with None when it is over.
    relieve: called once when room runs out, to make some. watch: called with "begin", "commit"
    (about to) and "committed" (just done) of each transaction, whose names are in `names`; while
    an older database is migrated also with "backup".
    """

    def __init__(
        self,
        path: Path,
        *,
        writable: bool = True,
        trouble: Callable[[CivitaiDLError | None], None] | None = None,
        relieve: Callable[[], None] | None = None,
        watch: Callable[[str, sqlite3.Connection], None] | None = None,
    ) -> None:
        self._path = path
        self._begin = "BEGIN IMMEDIATE" if writable else "BEGIN"
        self._open = open_connection if writable else open_for_reading
        self._trouble = trouble or _ignore
        self._relieve = relieve
        self._watch = watch or _ignore
        self._asks: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="catalog", daemon=True)
        self._opened: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._impatient = threading.Event()
        self._end: BaseException | None = CatalogError("the state database is not open")
        self._check = False
        self.names: list[str] = []

    def start(self, *, check: bool = False) -> None:
        """Open the file, creating, checking or migrating its schema.

        check: first read all of it and look for damage, as after a stop out of order. Raises:
        CatalogError, StorageError; a file that is refused is left as it is.
        """
        self._check = check
        self._thread.start()
        error = self._opened.get()
        if error is not None:
            raise error

    async def run(self, function: Operation[T], name: str = "") -> T:
        """Run a function in the writer thread, inside a transaction of its own fate.

        It sees all earlier writes; when it raises, only its own writes are undone. It may be
        called more than once: whatever it changes but the database must bear that. The result
        comes after the commit. Raises: StorageFull, CatalogError, and what the function raises.
        """
        ask = _Ask(function, asyncio.get_running_loop(), name)
        with self._door:
            if self._end is not None:
                raise _because(self._end)
            self._asks.put(ask)
        return await ask.future  # type: ignore[return-value]  # the future carries T

    def impatient(self) -> None:
        """From now on wait for neither room nor locks: askers are told. Safe to repeat."""
        self._impatient.set()

    def close(self) -> None:
        """Finish what was asked, and close. Safe to repeat."""
        if self._thread.is_alive():
            self._asks.put(None)
            self._thread.join()

    # in the thread

    def _work(self) -> None:
        try:
            connection = self._open_patiently()
        except BaseException as error:  # noqa: BLE001  # handed to the one who opens, whole
            self._opened.put(error)
            return
        self._end = None
        self._opened.put(None)
        last: BaseException = CatalogError("the state database was closed")
        try:
            while self._serve(connection):
                pass
        except BaseException as error:  # noqa: BLE001  # told to everybody who asks
            last = error
        finally:
            self._leave(last)
            connection.close()

    def _open_patiently(self) -> sqlite3.Connection:
        waiting = False
        for left in reversed(range(OPENING_TRIES)):
            try:
                connection = self._open(self._path, check=self._check, watch=self._watching)
            except CatalogError as error:
                locked = isinstance(error.__cause__, sqlite3.Error)
                locked = locked and "is locked" in str(error.__cause__)
                if not locked or not left or self._impatient.is_set():
                    raise
                if not waiting:
                    self._trouble(error)
                waiting = True
                continue
            if waiting:
                self._trouble(None)
            return connection
        raise AssertionError("the last try returns or raises")

    def _watching(self, moment: str, connection: sqlite3.Connection) -> None:
        self.names = ["migrate"]
        self._watch(moment, connection)

    def _leave(self, last: BaseException) -> None:
        """Let nobody ask any more, and tell those who have."""
        with self._door:
            self._end = last
            while True:
                try:
                    ask = self._asks.get_nowait()
                except queue.Empty:
                    return
                if ask is not None:
                    ask.error = _because(last)
                    _send([ask])

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
            self._answer(connection, asks)
        return going_on

    def _answer(self, connection: sqlite3.Connection, asks: list[_Ask]) -> None:
        """Run asks in one transaction and send their answers, also when that is the thread's end.

        When one of them makes the whole fail, each is run by itself, so that it fails alone.
        """
        try:
            error = self._transact(connection, asks)
        except BaseException as end:  # whatever it is: nobody may be left waiting
            for ask in asks:
                ask.error = _because(end)
            _send(asks)
            raise
        if error is not None and len(asks) > 1:
            for ask in asks:
                self._answer(connection, [ask])
            return
        for ask in asks:
            if error is not None:
                ask.error = as_catalog_error(error)
        _send(asks)

    def _transact(self, connection: sqlite3.Connection, asks: list[_Ask]) -> sqlite3.Error | None:
        """Commit them all, waiting as long as it takes; returns an error of no known remedy."""
        relieved = waiting = False
        while True:
            try:
                self._attempt(connection, asks)
                break
            except sqlite3.Error as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                verdict = judge(error, self._path)
                if verdict is Verdict.DAMAGED:
                    raise damaged(error) from error
                if verdict is Verdict.RAISE:
                    return error
                full = verdict is Verdict.WAIT_FOR_ROOM
                if full and not relieved and self._relieve is not None:
                    relieved = True
                    self._relieve()
                    continue
                if self._impatient.is_set():
                    return sqlite3.OperationalError("database or disk is full") if full else error
                if not waiting:
                    waiting = True
                    self._trouble(_no_room() if full else as_catalog_error(error))
                self._impatient.wait(RETRY_SECONDS)
        if waiting:
            self._trouble(None)
        return None

    def _attempt(self, connection: sqlite3.Connection, asks: list[_Ask]) -> None:
        connection.execute(self._begin)
        self.names = [ask.name for ask in asks]
        self._watch("begin", connection)
        alone = len(asks) == 1
        for ask in asks:
            ask.result = ask.error = None
            # A savepoint keeps a copy of every page that changes; one ask alone needs none.
            (_run_alone if alone else _run_one)(connection, ask)
        if not connection.in_transaction:
            return
        self._watch("commit", connection)
        connection.execute("COMMIT")
        self._watch("committed", connection)


def _run_alone(connection: sqlite3.Connection, ask: _Ask) -> None:
    try:
        ask.result = ask.function(connection)
    except sqlite3.IntegrityError as error:
        connection.execute("ROLLBACK")
        ask.error = error
    except sqlite3.DatabaseError:
        raise
    except UnicodeDecodeError as error:
        # Only what is read from the database is decoded here.
        raise damaged(error) from error
    except Exception as error:  # noqa: BLE001  # whatever it is, it is raised to its asker
        connection.execute("ROLLBACK")
        ask.error = error


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
    except UnicodeDecodeError as error:
        raise damaged(error) from error
    except Exception as error:  # noqa: BLE001  # whatever it is, it is raised to its asker
        connection.execute("ROLLBACK TO one")
        ask.error = error
    connection.execute("RELEASE one")


def _because(end: BaseException) -> CatalogError:
    """The error for one asker of a thread that has ended; each gets one of its own."""
    known = end if isinstance(end, CatalogError) else None
    message = known.message if known else f"the state database failed: {end!r}"
    error = CatalogError(message, hint=known.hint if known else "")
    error.__cause__ = end
    return error


def _no_room() -> StorageFull:
    return StorageFull(
        "no space is left for the state database", hint="free some space; it goes on by itself"
    )


def _ignore(*facts: object) -> None:
    del facts
