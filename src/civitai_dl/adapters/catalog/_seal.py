"""Checksums of rows: SQLite notices when its own structure is damaged, not when a text is."""

from __future__ import annotations

import sqlite3
from zlib import crc32

CONTENT = "key, type, lane, role, payload, label, source, batch, model_id, grp, waits_for"
"""The columns of what a task is, in the order in which they are sealed."""

FACTS = "path, sha256, size, verified, prefixes, why, detail, hint, until"
"""The columns of how a task ended, in the order in which they are proven."""


def seal_of(*content: object) -> int:
    """The checksum of the CONTENT columns: text, whole numbers and None."""
    text = "\x1f".join(
        [
            value if type(value) is str else "\0" if value is None else str(value)
            for value in content
        ]
    )
    return crc32(text.encode("utf-8", "surrogatepass"))


def proof_of(
    path: object = None,
    sha256: object = None,
    size: object = None,
    verified: object = None,
    prefixes: object = None,
    why: object = None,
    detail: object = None,
    hint: object = None,
    until: object = None,
) -> int | None:
    """The checksum of the FACTS columns, given as values or as read; None when all are NULL."""
    # As SQLite gives them back: a truth as a number, a time as a float.
    truth = None if verified is None else int(bool(verified))
    moment = float(until) if isinstance(until, (int, float)) else until
    facts = (path, sha256, size, truth, prefixes, why, detail, hint, moment)
    return None if all(value is None for value in facts) else seal_of(*facts)


def teach(connection: sqlite3.Connection) -> None:
    """Make both known to a connection's SQL."""
    connection.create_function("seal_of", -1, seal_of, deterministic=True)
    connection.create_function("proof_of", -1, proof_of, deterministic=True)
