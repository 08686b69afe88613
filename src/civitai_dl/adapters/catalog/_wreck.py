"""Reading what can be read of a state that may be damaged: row by row, and nothing on trust."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from civitai_dl.domain.decisions import listed_anew
from civitai_dl.domain.entities import Kind, Lane, Role, State
from civitai_dl.errors import CatalogError

from ._examine import YEARS
from ._rows import PAGES, dump_subject, load_stored, load_subject
from ._seal import CONTENT, FACTS, proof_of, seal_of, teach

STEP = 1_000
"""Rows that are asked for at once; where some cannot be read, it is halved down to one."""

PATIENCE = 200_000
"""Questions without an answer after which the rest of a table is given up."""

SMALLEST_ROW = 40
"""Bytes that a task takes at least: how many there can be at most, when nobody can say."""

Row = dict[str, object]


class Wreck:
    """An old state. Reads only; whatever cannot be read is left out. Close with `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failures = 0
        self._connection = _connect(path)
        self.columns = self._columns("tasks")

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def tasks(self) -> Iterator[Row]:
        """Every task that is what was written, as the columns of a row that nobody works on."""
        if not {"id", "payload", "status"} <= self.columns:
            return
        for row in self._by_range("tasks", "id"):
            mended = mend(row, sealed="seal" in self.columns)
            if mended is not None:
                yield mended

    def edges(self) -> Iterator[tuple[int, int]]:
        """Which page told of which task, by row ids."""
        for row in self._by_range("edges", "parent"):
            if isinstance(row["parent"], int) and isinstance(row["child"], int):
                yield row["parent"], row["child"]

    def runs(self) -> Iterator[Row]:
        """What runs there were."""
        for row in self._by_range("runs", "id"):
            known = {role.value for role in Role}
            with suppress(msgspec.MsgspecError, TypeError, ValueError, UnicodeError):
                roles = msgspec.json.decode(str(row["roles"]), type=list[str])
                msgspec.json.decode(str(row.setdefault("settings", "{}")))
                if set(roles) <= known and isinstance(row["selection"], str):
                    yield {**row, "started_at": _moment(row["started_at"])}

    def targets(self) -> Iterator[Row]:
        """What each run was asked for."""
        for row in self._by_range("targets", "run"):
            with suppress(msgspec.MsgspecError, TypeError, ValueError, UnicodeError):
                msgspec.json.decode(str(row["roots"]), type=list[str])
                if isinstance(row["text"], str) and isinstance(row["origin"], str):
                    yield row

    def partials(self) -> Iterator[Row]:
        """How many bytes of which partial are durable."""
        with suppress(sqlite3.Error, UnicodeError):
            for row in self._connection.execute("SELECT * FROM partials"):
                if isinstance(row["size"], int) and isinstance(row["host"], str):
                    # What is not there in an older one is nothing.
                    yield {"islands": None, **dict(row)}

    def followed(self) -> Iterator[Row]:
        """What was to be kept current."""
        if not self._columns("followed"):
            return
        for row in self._by_range("followed", "id"):
            with suppress(msgspec.MsgspecError, TypeError, ValueError, UnicodeError):
                msgspec.json.decode(str(row["identity"]), type=list[str])
                if isinstance(row["text"], str) and isinstance(row["origin"], str):
                    yield {**row, "added_at": _moment(row["added_at"])}

    def _columns(self, table: str) -> set[str]:
        with suppress(sqlite3.Error, UnicodeError):
            return {row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")}
        return set()

    def _by_range(self, table: str, key: str) -> Iterator[Row]:
        """The rows of a table by the whole number they are kept by; bad pages are stepped over."""
        self._failures = 0
        highest = self._highest(table, key)
        stack = [(low, min(low + STEP, highest + 1)) for low in range(0, highest + 1, STEP)][::-1]
        question = (
            f"SELECT * FROM {table} WHERE {key} >= ? AND {key} < ?"  # noqa: S608  # our names
        )
        while stack and self._failures < PATIENCE:
            low, high = stack.pop()
            try:
                rows = self._connection.execute(question, (low, high)).fetchall()
            except (sqlite3.Error, UnicodeError):
                self._failures += 1
                if high - low > 1:
                    middle = (low + high) // 2
                    stack += [(middle, high), (low, middle)]
                continue
            for row in rows:
                yield dict(row)

    def _highest(self, table: str, key: str) -> int:
        most = self._path.stat().st_size // SMALLEST_ROW
        with suppress(sqlite3.Error, UnicodeError):
            question = f"SELECT MAX({key}) FROM {table}"  # noqa: S608  # our names
            found = self._connection.execute(question).fetchone()[0]
            if found is None:
                return -1
            # A damaged number may be anything.
            return min(int(found), most) if isinstance(found, int) else most
        return most


def _connect(path: Path) -> sqlite3.Connection:
    """Open for reading with its log; where that fails, without it. Raises: sqlite3.Error."""
    address = path.resolve().as_uri()
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        # Asked from one thread after the other, never from two at once.
        connection = sqlite3.connect(
            f"{address}?{mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        teach(connection)
        try:
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except (sqlite3.Error, UnicodeError):
            if "immutable" in mode:
                return connection
            connection.close()
            continue
        return connection
    raise AssertionError("the second mode returns")


def mend(row: Mapping[str, object], *, sealed: bool) -> Row | None:
    """A row as it may stand in a new state; None when it is not what was written.

    sealed: the row has a seal and a proof. Pages are to be read anew, whatever they say; how a
    task ended is kept where it can be proven; nothing is at work, parked or counted.
    """
    content = tuple(row[name] for name in CONTENT.split(", "))
    if sealed and seal_of(*content) != row["seal"]:
        return None
    try:
        kind, state = Kind(row["type"]), State(row["status"])
        Lane(row["lane"])
        Role(row["role"])
        subject = load_subject(kind, str(row["payload"]))
    except (ValueError, CatalogError):
        return None
    mended = {name: row[name] for name in (*CONTENT.split(", "), "id", "run")}
    facts = {name: row.get(name) for name in FACTS.split(", ")}
    believed = not sealed or proof_of(**facts) == row["proof"]
    if kind.value in PAGES:
        mended["payload"] = dump_subject(listed_anew(subject))
        mended["batch"] = "models" if kind is Kind.MODEL else row["batch"]
        state, believed = State.READY, False
    if not believed and (state is State.STORED or state in (State.FAILED, State.UNAVAILABLE)):
        state = State.READY
    if not believed or state in (State.READY, State.CLAIMED, State.WAITING):
        facts = dict.fromkeys(facts)
    if state in (State.CLAIMED, State.WAITING):
        state = State.WAITING if row["waits_for"] is not None else State.READY
    mended["seal"] = seal_of(*(mended[name] for name in CONTENT.split(", ")))
    return {
        **mended,
        **facts,
        "status": state.value,
        "proof": proof_of(**facts),
        "priority": row["priority"] if isinstance(row["priority"], int) else 0,
        "staged": _staged(row["staged"]),
        "updated_at": _moment(row["updated_at"]),
    }


def _staged(text: object) -> object:
    if isinstance(text, str):
        with suppress(CatalogError):
            load_stored(text)
            return text
    return None


def _moment(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= YEARS else 0.0
