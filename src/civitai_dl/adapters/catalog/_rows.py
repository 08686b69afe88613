"""Between rows and entities."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from itertools import compress

import msgspec

from civitai_dl.domain.entities import (
    SUBJECTS,
    Begun,
    Held,
    Kind,
    Lane,
    Role,
    State,
    Stored,
    StoredFile,
    Subject,
    Task,
    Unavailable,
)

from ._islands import load_islands
from ._seal import FACTS, proof_of, seal_of
from ._trouble import damaged

CONTENT = (Kind.FILE.value, Kind.IMAGE.value)
PAGES = (
    Kind.MODEL.value,
    Kind.LOOKUP.value,
    Kind.CREATOR.value,
    Kind.SEARCH.value,
    Kind.GALLERY.value,
)

CLAIMABLE = (
    "id, key, type, lane, role, payload, label, source, batch, model_id, priority, grp, "
    "waits_for, retries, waited, mismatches, seal"
)

FORGET = """
UPDATE tasks SET status = 'ready', run = ?, path = NULL, sha256 = NULL, size = NULL,
  verified = NULL, prefixes = NULL, checked_at = NULL, why = NULL, detail = NULL, hint = NULL,
  until = NULL, proof = NULL, staged = NULL, retries = 0, waited = 0, mismatches = 0,
  not_before = 0, parked = 0, token = 0
WHERE id = ?
"""
"""Take back that a task has stored something: it is due in a run (0: in whichever wants it)."""

word_of = str.__str__
"""The text of a member of an Enum of texts: its `value` takes five times as long, and a page of
images asks for a thousand."""

_encoder = msgspec.json.Encoder()
_decoders = {kind: msgspec.json.Decoder(subject) for kind, subject in SUBJECTS.items()}
_stored = msgspec.json.Decoder(Stored)


def dump_subject(subject: Subject) -> str:
    """The payload column."""
    return _encoder.encode(subject).decode()


def load_subject(kind: Kind, payload: str) -> Subject:
    """The subject of a payload column. Raises: CatalogError for a row that is damaged."""
    try:
        return _decoders[kind].decode(payload)
    except (msgspec.MsgspecError, ValueError) as error:
        raise damaged(error) from error


def begun_of(connection: sqlite3.Connection, row: sqlite3.Row) -> Begun:
    """What is known of a row with key, source and `staged`. Raises: CatalogError when damaged."""
    twins: list[StoredFile] = []
    if row["source"] is not None:
        twins = find_stored(connection, "source = ?", row["source"])
    staged = None if row["staged"] is None else load_stored(row["staged"])
    return Begun(staged, held_of(connection, row["key"]), tuple(twins))


def find_stored(connection: sqlite3.Connection, condition: str, value: str) -> list[StoredFile]:
    """Stored files of which a condition holds. Raises: CatalogError when a row is damaged."""
    statement = (
        f"SELECT id, proof, {FACTS} FROM tasks "  # noqa: S608  # our own conditions
        f"WHERE {condition} AND path IS NOT NULL AND status = 'stored' ORDER BY id LIMIT 20"
    )
    return [stored_file_of(row) for row in connection.execute(statement, (value,))]


def held_of(connection: sqlite3.Connection, key: str) -> Held | None:
    """The checkpoint of a partial."""
    row = connection.execute(
        "SELECT size, etag, host, total, islands FROM partials WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    size, etag, host, total, islands = tuple(row)
    return Held(size, etag, host, total, load_islands(islands))


def dump_stored(stored: Stored) -> str:
    """The staged column."""
    return _encoder.encode(stored).decode()


def load_stored(text: str) -> Stored:
    """What a staged column holds. Raises: CatalogError for a row that is damaged."""
    try:
        return _stored.decode(text)
    except (msgspec.MsgspecError, ValueError) as error:
        raise damaged(error) from error


def task_of(row: sqlite3.Row, begun: Begun | None = None) -> Task:
    """A task from a row that has the CLAIMABLE columns. Raises: CatalogError when it is damaged."""
    seal = seal_of(
        row["key"],
        row["type"],
        row["lane"],
        row["role"],
        row["payload"],
        row["label"],
        row["source"],
        row["batch"],
        row["model_id"],
        row["grp"],
        row["waits_for"],
    )
    if seal != row["seal"]:
        raise damaged(f"row {row['id']} is not what was written")
    try:
        kind, lane, role = Kind(row["type"]), Lane(row["lane"]), Role(row["role"])
    except ValueError as error:
        raise damaged(error) from error
    return Task(
        key=row["key"],
        kind=kind,
        lane=lane,
        role=role,
        subject=load_subject(kind, row["payload"]),
        label=row["label"],
        source=row["source"],
        batch=row["batch"],
        model_id=row["model_id"],
        priority=row["priority"],
        group=row["grp"],
        waits_for=row["waits_for"],
        attempt=row["retries"],
        waited=row["waited"],
        mismatches=row["mismatches"],
        begun=begun,
    )


def stored_file_of(row: sqlite3.Row) -> StoredFile:
    """A stored file from a row with id, proof and the FACTS. Raises: CatalogError when damaged."""
    check_facts(row)
    return StoredFile(row["path"], row["sha256"], row["size"], bool(row["verified"]))


def check_facts(row: sqlite3.Row) -> None:
    """Raise CatalogError when the FACTS of a row are not what its `proof` says."""
    proof = proof_of(
        row["path"],
        row["sha256"],
        row["size"],
        row["verified"],
        row["prefixes"],
        row["why"],
        row["detail"],
        row["hint"],
        row["until"],
    )
    if proof != row["proof"]:
        raise damaged(f"row {row['id']} is not what was written")


def state_of(word: str) -> State:
    """The state that a status column says. Raises: CatalogError for a row that is damaged."""
    try:
        return State(word)
    except ValueError as error:
        raise damaged(error) from error


def dump_prefixes(prefixes: tuple[str, ...]) -> str | None:
    """The prefixes column."""
    return _encoder.encode(prefixes).decode() if prefixes else None


SURE = "id, key, type, lane, role, status, payload, label, priority, run, updated_at, seal"
MAYBE = "source, batch, model_id, grp, waits_for, why, detail, until, proof"
INSERTED = (*SURE.split(", "), *MAYBE.split(", "))
"""The columns that `insert_row` gives; those of MAYBE may be NULL."""

_SURE = len(SURE.split(", "))


def insert_row(
    row_id: int, task: Task, state: State, verdict: Unavailable | None, *, run: int, now: float
) -> tuple[object, ...]:
    """The INSERTED columns of a new task. verdict: why it cannot be had, when that is known."""
    payload = dump_subject(task.subject)
    kind, lane, role = word_of(task.kind), word_of(task.lane), word_of(task.role)
    content = (task.source, task.batch, task.model_id)
    waits = (task.group, task.waits_for)
    seal = seal_of(task.key, kind, lane, role, payload, task.label, *content, *waits)
    why = detail = until = proof = None
    if verdict is not None:
        why, detail, until = verdict.reason.value, verdict.detail, verdict.until
        proof = proof_of(why=why, detail=detail, until=until)
    return (
        row_id,
        task.key,
        kind,
        lane,
        role,
        word_of(state),
        payload,
        task.label,
        task.priority,
        run,
        now,
        seal,
        *content,
        *waits,
        why,
        detail,
        until,
        proof,
    )


def write_rows(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[object, ...]],
    *,
    verb: str = "INSERT",
) -> None:
    """Insert what `insert_row` gave. Raises: sqlite3.Error."""
    # Columns that are NULL are left out: to hand over None takes longer than to write a text.
    shapes: defaultdict[tuple[bool, ...], list[tuple[object, ...]]] = defaultdict(list)
    for row in rows:
        rest = row[_SURE:]
        there = tuple([value is not None for value in rest])
        shapes[there].append((*row[:_SURE], *[value for value in rest if value is not None]))
    for there, shaped in shapes.items():
        connection.executemany(f"{verb} {_into(there)}", shaped)


def _into(there: tuple[bool, ...]) -> str:
    names = [*INSERTED[:_SURE], *compress(INSERTED[_SURE:], there)]
    marks = ", ".join("?" for _ in names)
    return f"INTO tasks ({', '.join(names)}) VALUES ({marks})"
