"""Blocking file operations, each durable when it returns. Called in worker threads only."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import zlib
from pathlib import Path

from civitai_dl.domain.entities import Measured

from ._errors import NO_LINKS

BINARY = getattr(os, "O_BINARY", 0)
READ_SIZE = 1 << 20
HEAD = 4096
TAIL = 4096


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; systems without folder handles do it by themselves."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, with durable names."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        try:
            new.mkdir(exist_ok=True)
        except FileExistsError as error:
            # A file of this name stands where a folder is due; that is not "the name is taken".
            raise NotADirectoryError(errno.ENOTDIR, "a file is in the way", str(new)) from error
        sync_folder(new.parent)


def give_name(existing: Path, final: Path) -> None:
    """Give a finished file its name, replacing nothing; the old name goes.

    Raises: FileExistsError.
    """
    try:
        os.link(existing, final)
    except OSError as error:
        if isinstance(error, FileExistsError) or error.errno not in NO_LINKS:
            raise
        _move_without_links(existing, final)
    else:
        existing.unlink()
    sync_folder(final.parent)


def _move_without_links(existing: Path, final: Path) -> None:
    """Where there are no hard links (FAT, some network disks): claim the name, then replace it."""
    os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY | BINARY))
    try:
        existing.replace(final)
    except OSError:
        final.unlink(missing_ok=True)
        raise


def second_name(existing: Path, final: Path, scratch: Path) -> None:
    """Give a file a second name, by link where it can be, else by a copy that is complete first.

    Raises: FileExistsError, FileNotFoundError.
    """
    try:
        os.link(existing, final)
    except OSError as error:
        if isinstance(error, (FileExistsError, FileNotFoundError)) or error.errno not in NO_LINKS:
            raise
        copy = scratch / f"copy-{secrets.token_hex(8)}.part"
        with existing.open("rb") as source, copy.open("xb") as target:
            shutil.copyfileobj(source, target, READ_SIZE)
            target.flush()
            os.fsync(target.fileno())
        try:
            give_name(copy, final)
        finally:
            copy.unlink(missing_ok=True)
    sync_folder(final.parent)


def write_document(path: Path, data: bytes, scratch: Path) -> set[Path]:
    """Write a small file whole, unless it is there already with this content.

    Returns the folders that must be synced before the name is durable: many documents share them.
    """
    changed = {path.parent}
    try:
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return set()
    except FileNotFoundError:
        changed |= _make_unsynced(path.parent)
    draft = scratch / f"document-{secrets.token_hex(8)}.tmp"
    with draft.open("xb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    if path.suffix == ".sh":
        draft.chmod(0o755)
    draft.replace(path)
    return changed


def _make_unsynced(folder: Path) -> set[Path]:
    """Make a folder and its parents; returns the folders whose new names are not durable yet."""
    above = set()
    place = folder
    while not place.is_dir():
        place = place.parent
        above.add(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "a file is in the way", str(folder)) from error
    return above


def measure_file(path: Path) -> Measured:
    """Read and digest a whole file."""
    sha256, crc, size, head, tail = hashlib.sha256(), 0, 0, b"", b""
    with path.open("rb") as source:
        while chunk := source.read(READ_SIZE):
            sha256.update(chunk)
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            if len(head) < HEAD:
                head = (head + chunk)[:HEAD]
            tail = (tail + chunk[-TAIL:])[-TAIL:]
    return Measured(size, sha256.hexdigest(), f"{crc:08x}", head, tail)
