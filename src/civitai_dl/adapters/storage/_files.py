"""Blocking file operations, each durable when it returns. Called in worker threads only."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path

import anyio.from_thread

from civitai_dl.domain.decisions import SEGMENT
from civitai_dl.domain.entities import Measured

from ._errors import NO_LINKS
from ._system import System

READ_SIZE = 1 << 20
HEAD = 4096
TAIL = 4096

BUFFER = 256 * 1024
"""Bytes gathered before one hop to a thread that writes and digests them; most small images take a
single hop."""

DIRECT = 64 * 1024
"""Bytes of a chunk above which a hop of its own costs less than gathering it."""

BLOCK = 512
"""The unit in which systems count the room that a file takes."""


class Meter:
    """Measures bytes as they pass: digests, the digests of their prefixes, head and tail."""

    def __init__(self, *, crc: bool) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._crc: int | None = 0 if crc else None
        self._head = self._tail = b""
        self._prefixes: list[str] = []

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take more bytes."""
        view = memoryview(chunk)
        if len(self._head) < HEAD:
            self._head = (self._head + bytes(view[:HEAD]))[:HEAD]
        self._tail = (self._tail + bytes(view[-TAIL:]))[-TAIL:]
        if self._crc is not None:
            self._crc = zlib.crc32(view, self._crc)
        while view:
            if self.size and self.size % SEGMENT == 0:
                # More comes after a whole segment: what it was up to here is worth knowing.
                self._prefixes.append(self._sha256.copy().hexdigest())
            part = view[: SEGMENT - self.size % SEGMENT]
            self._sha256.update(part)
            self.size += len(part)
            view = view[len(part) :]

    def copy(self) -> Meter:
        """Another one that has met the same bytes."""
        other = Meter(crc=self._crc is not None)
        other.size, other._sha256, other._crc = self.size, self._sha256.copy(), self._crc
        other._head, other._tail, other._prefixes = self._head, self._tail, self._prefixes[:]
        return other

    def measured(self) -> Measured:
        """What they were."""
        crc = "" if self._crc is None else f"{self._crc:08x}"
        digest = self._sha256.hexdigest()
        return Measured(self.size, digest, crc, self._head, self._tail, tuple(self._prefixes))


class Syncs:
    """Makes one file durable, until that fails once.

    The system believes its pages clean then, and a second try would lie. failed: what happened.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self.failed: OSError | None = None

    def sync(self, handle: int) -> None:
        """Make what was written durable. Raises: OSError, the first one again and again."""
        if self.failed is not None:
            raise self.failed
        try:
            self._system.sync(handle)
        except OSError as error:
            self.failed = error
            raise


def heed_cancellation() -> None:
    """Between two slices of long work in a thread: end when the task that waits is cancelled."""
    try:
        anyio.from_thread.check_cancelled()
    except RuntimeError:
        # Not in a worker thread: nobody can cancel it.
        return


def check_identity(handle: int, path: Path, size: int) -> None:
    """Refuse what somebody put in the place of our file, or wrote unasked. Raises: OSError."""
    ours, there = os.fstat(handle), path.stat()
    if ours.st_size != size or not os.path.samestat(ours, there):
        raise OSError(errno.EIO, "the partial was changed by somebody else")


def read_back(read: Callable[[int], bytes], size: int, meter: Meter) -> None:
    """Have a meter meet what is there, up to a size. Raises: OSError when it is not all there."""
    while meter.size < size:
        heed_cancellation()
        chunk = read(min(READ_SIZE, size - meter.size))
        if not chunk:
            raise OSError(errno.EIO, "the partial became shorter while it was read")
        meter.feed(chunk)


def copy_begun(
    system: System, left: Path, handle: int, offset: int, end: int, meter: Meter
) -> None:
    """Copy a file up to an end, and have a meter meet what is before the offset.

    Whoever writes next does so at the offset.
    """

    def copy(size: int) -> bytes:
        chunk = source.read(size)
        write_all(system, handle, chunk)
        return chunk

    with left.open("rb") as source:
        read_back(copy, offset, meter)
        while source.tell() < end and copy(min(READ_SIZE, end - source.tell())):
            heed_cancellation()
    os.lseek(handle, offset, os.SEEK_SET)


def give_name(system: System, existing: Path, final: Path) -> None:
    """Give a finished file its name, replacing nothing; the old name goes. The name is not durable.

    In one step where the system has it; else by a second name; on file systems that know neither
    (FAT on some systems) after a look, which leaves a moment in which somebody else's new file of
    the same name would be lost.

    Raises: FileExistsError.
    """
    try:
        system.move(existing, final)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
    else:
        return
    try:
        system.link(existing, final)
    except OSError as error:
        if isinstance(error, FileExistsError) or error.errno not in NO_LINKS:
            raise
        if final.exists() or final.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from error
        system.replace(existing, final)
    else:
        system.remove(existing)


def second_name(system: System, existing: Path, final: Path, scratch: Path) -> None:
    """Give a file a second name, by link where it can be, else by a copy that is complete first.

    The name is not durable yet. Raises: FileExistsError, FileNotFoundError.
    """
    try:
        system.link(existing, final)
    except OSError as error:
        if isinstance(error, (FileExistsError, FileNotFoundError)) or error.errno not in NO_LINKS:
            raise
        copy = scratch / f"copy-{secrets.token_hex(8)}.tmp"
        try:
            copy_file(system, existing, copy)
            give_name(system, copy, final)
        except BaseException:  # whatever ends it, half a copy is worth nothing
            drop(system, copy)
            raise


def copy_file(system: System, existing: Path, copy: Path) -> None:
    """Copy a file whole, durably, to a name that must be free."""
    target = system.create(copy)
    try:
        with existing.open("rb") as source:
            while chunk := source.read(READ_SIZE):
                heed_cancellation()
                write_all(system, target, chunk)
        system.sync(target)
    finally:
        os.close(target)


def write_all(system: System, handle: int, data: bytes | memoryview) -> int:
    """Write all of it; returns the number of bytes. Raises: OSError, with part of it written."""
    view, done = memoryview(data), 0
    while done < len(view):
        done += system.write(handle, view[done:])
    return done


def room_taken(path: Path) -> int:
    """Bytes for which the disk has given room; a file of islands may be longer than that."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0
    return min(found.st_size, getattr(found, "st_blocks", found.st_size) * BLOCK)


def drop(system: System, path: Path) -> None:
    """Remove a name that may be gone already."""
    try:
        system.remove(path)
    except FileNotFoundError:
        return


def write_document(system: System, path: Path, data: bytes, scratch: Path) -> None:
    """Write a small file whole, in place of an older one; its name is not durable yet."""
    draft = scratch / f"document-{secrets.token_hex(8)}.tmp"
    handle = system.create(draft)
    try:
        try:
            write_all(system, handle, data)
            system.sync(handle)
        finally:
            os.close(handle)
        if path.suffix == ".sh":
            draft.chmod(0o755)
        system.replace(draft, path)
    except BaseException:  # as above
        drop(system, draft)
        raise


def is_same(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes; reads them when their sizes are equal."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while chunk := first.read(READ_SIZE):
            heed_cancellation()
            if chunk != second.read(READ_SIZE):
                return False
    return True


def is_written(path: Path, data: bytes) -> bool:
    """Whether a document is there already with this content."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def measure_file(path: Path) -> Measured:
    """Read and digest a whole file. Cancellable between slices when called in a worker thread."""
    meter = Meter(crc=True)
    with path.open("rb") as source:
        while chunk := source.read(READ_SIZE):
            heed_cancellation()
            meter.feed(chunk)
    return meter.measured()
