"""Between rows and entities."""

from __future__ import annotations

import sqlite3

import msgspec

from civitai_dl.domain.entities import (
    SUBJECTS,
    FileRef,
    ImageRef,
    Kind,
    Lane,
    Role,
    State,
    Stored,
    StoredFile,
    Subject,
    Task,
)
from civitai_dl.errors import CatalogError

CONTENT = (Kind.FILE.value, Kind.IMAGE.value)
PAGES = (Kind.MODEL.value, Kind.LOOKUP.value, Kind.CREATOR.value, Kind.GALLERY.value)

CLAIMABLE = (
    "id, key, type, lane, role, payload, label, source, batch, model_id, priority, grp, "
    "waits_for, retries, waited, mismatches"
)

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


def damaged(error: Exception) -> CatalogError:
    """The error for a row that no writer of ours has written."""
    return CatalogError(
        f"the state database is damaged: {error}",
        hint="move .civitai-dl/state.db* aside and run again; what is on disk is adopted",
    )


def dump_stored(stored: Stored) -> str:
    """The staged column."""
    return _encoder.encode(stored).decode()


def load_stored(text: str) -> Stored:
    """What a staged column holds."""
    return _stored.decode(text)


def task_of(row: sqlite3.Row) -> Task:
    """A task from a row that has the CLAIMABLE columns. Raises: CatalogError."""
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
    )


def stored_file_of(row: sqlite3.Row) -> StoredFile:
    """A stored file from a row with path, sha256, size, verified."""
    return StoredFile(row["path"], row["sha256"], row["size"], bool(row["verified"]))


def place_of(subject: Subject) -> str | None:
    """The archive path a subject was given, without extension for images."""
    if isinstance(subject, FileRef):
        return subject.destination
    return subject.stem if isinstance(subject, ImageRef) else None


def insert_task(
    connection: sqlite3.Connection, task: Task, state: State, *, run: int, now: float
) -> int:
    """Write a new row; returns its id."""
    cursor = connection.execute(
        "INSERT INTO tasks (key, type, lane, role, status, payload, label, source, batch, "
        "model_id, priority, grp, waits_for, run, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task.key,
            task.kind.value,
            task.lane.value,
            task.role.value,
            state.value,
            dump_subject(task.subject),
            task.label,
            task.source,
            task.batch,
            task.model_id,
            task.priority,
            task.group,
            task.waits_for,
            run,
            now,
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid
