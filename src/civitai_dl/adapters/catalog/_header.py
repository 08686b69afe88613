"""A look at a database's bytes before SQLite sees them: SQLite changes what it opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"SQLite format 3\0"
HEADER = 100
WAL_HEADER = 32
FRAME_HEADER = 24
WAL_MAGIC = (0x377F0682, 0x377F0683)
PAGE_SIZES = tuple(1 << bits for bits in range(9, 17))
FRACTIONS = bytes((64, 32, 32))
MOST_VERSIONS = 10_000
"""Beyond it a version is no number that anybody counted up to, but damage."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the files of a database show.

    size, wal: bytes of the file and of its log, None where there is none. version: the schema's,
    as the newest header tells it; None when the file is no database. pages: bytes that the header
    promises.
    """

    size: int | None
    wal: int | None = None
    version: int | None = None
    pages: int = 0


def glance(path: Path) -> Glance:
    """Read the headers of a database and of its log; changes nothing. Raises: OSError."""
    wal = path.with_name(f"{path.name}-wal")
    logged = wal.stat().st_size if wal.is_file() else None
    if not path.is_file():
        return Glance(None, logged)
    size = path.stat().st_size
    with path.open("rb") as source:
        head = source.read(HEADER)
    if len(head) < HEADER or not head.startswith(MAGIC):
        return Glance(size, logged)
    unit = _number(head[16:18])
    page = 65536 if unit == 1 else unit
    version = _number(head[60:64])
    if page not in PAGE_SIZES or head[21:24] != FRACTIONS or version > MOST_VERSIONS:
        return Glance(size, logged)
    if logged:
        with wal.open("rb") as source:
            newest = _version_in_wal(source, page)
        version = version if newest is None else newest
    # The count of pages is kept by all writers of this century; the counters prove it.
    counted = head[24:28] == head[92:96]
    return Glance(size, logged, version, page * _number(head[28:32]) if counted else 0)


def _version_in_wal(source: BinaryIO, page: int) -> int | None:
    """The schema version in the last committed copy of page 1 that a log holds."""
    header = source.read(WAL_HEADER)
    if len(header) < WAL_HEADER or _number(header[:4]) not in WAL_MAGIC or not page:
        return None
    salts, written, committed = header[16:24], None, None
    while len(frame := source.read(FRAME_HEADER)) == FRAME_HEADER and frame[8:16] == salts:
        body = source.read(HEADER)
        if len(body) < HEADER:
            break
        if _number(frame[:4]) == 1:
            written = _number(body[60:64])
        if _number(frame[4:8]):
            committed = written
        source.seek(page - HEADER, 1)
    return committed


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
