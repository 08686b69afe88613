"""The folder of an application, into which files of the archive are placed. Blocking; in threads.

Nothing here replaces anything: every name is given in a step that fails when it is taken.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

from civitai_dl.domain.decisions import There
from civitai_dl.domain.placing import Facts, Way
from civitai_dl.errors import StorageDenied, StorageError, StorageFull

from ._errors import FULL, NO_LINKS, storage_errors
from ._files import READ_SIZE, drop, give_name, write_all
from ._system import System

Hear = Callable[[int], None]
"""Told, between two slices, how many bytes more were read; what it raises ends the work."""


class NoLinksHere(StorageError):
    """The file system of a folder makes no such link to the archive's files."""


class DamagedSource(StorageError):
    """What was read from the archive is not what the archive is known to hold."""


def look_at(path: Path) -> Facts:
    """What lies at a path, without following it. Raises: StorageError."""
    with storage_errors(f"looking at {path}"):
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return Facts(There.NOTHING)
        kind, target = There.OTHER, ""
        if S_ISREG(found.st_mode):
            kind = There.FILE
        elif S_ISDIR(found.st_mode):
            kind = There.FOLDER
        elif S_ISLNK(found.st_mode):
            kind, target = There.LINK, str(path.readlink())
        return Facts(
            kind,
            found.st_size,
            found.st_ino,
            found.st_mtime_ns,
            found.st_dev,
            target,
            found.st_nlink,
        )


def names_in(folder: Path) -> list[str]:
    """The names right in a folder; none where there is no folder. Raises: StorageError."""
    with storage_errors(f"looking into {folder}"):
        try:
            return sorted(path.name for path in folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []


def digest_of(path: Path, hear: Hear) -> str:
    """The SHA256 of a file. Raises: StorageError; what `hear` raises."""
    digest = hashlib.sha256()
    with storage_errors(f"reading {path}"), path.open("rb", buffering=0) as source:
        while chunk := source.read(READ_SIZE):
            digest.update(chunk)
            hear(len(chunk))
    return digest.hexdigest()


class Application:
    """Places, removes and makes folders. system: what does the work on the disk."""

    def __init__(self, system: System | None = None) -> None:
        self._system = system or System()

    def make_folder(self, folder: Path) -> list[Path]:
        """Make a folder and those above it; returns what was made. Raises: StorageError."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            with storage_errors(f"making {one}"):
                try:
                    self._system.make_folder(one)
                except FileExistsError as error:
                    raise StorageDenied(
                        f"this is no folder: {one}",
                        hint="a file, or a symbolic link that leads nowhere, has its name",
                    ) from error
                self._system.sync_folder(one.parent)
        return missing

    def place(
        self, source: Path, final: Path, way: Way, *, sha256: str, draft: Path, hear: Hear
    ) -> Facts:
        """Give a file of the archive a name in the application; returns what lies there then.

        way: reflinks and copies are made under the name `draft`, beside it. sha256: of what is
        copied. Raises: FileExistsError; NoLinksHere, where the file system does not do it in this
        way; DamagedSource; StorageError.
        """
        with storage_errors(f"placing {final}"):
            try:
                self._place(source, final, way, sha256=sha256, draft=draft, hear=hear)
            except OSError as error:
                if isinstance(error, (FileExistsError, FileNotFoundError)):
                    raise
                if error.errno in FULL:
                    raise StorageFull(
                        f"no space is left for {final}",
                        hint="free some space, then the same command goes on",
                    ) from error
                if way in (Way.HARDLINK, Way.REFLINK) and error.errno in NO_LINKS:
                    raise NoLinksHere(f"{error.strerror}: {final}") from error
                if way is Way.SYMLINK and getattr(error, "winerror", 0) == 1314:
                    raise StorageError(
                        f"Windows does not let this user make symbolic links: {final}",
                        hint="turn on developer mode, or use --mode copy",
                    ) from error
                raise
        return look_at(final)

    def _place(
        self, source: Path, final: Path, way: Way, *, sha256: str, draft: Path, hear: Hear
    ) -> None:
        if way is Way.HARDLINK:
            self._system.link(source, final)
        elif way is Way.SYMLINK:
            self._system.symlink(str(source), final)
        else:
            # What a killed run has left of it is not to be trusted.
            drop(self._system, draft)
            try:
                if way is Way.REFLINK:
                    self._system.clone(source, draft)
                else:
                    self._copy(source, draft, sha256, hear)
                give_name(self._system, draft, final)
            except BaseException:  # whatever ends it, half a copy is worth nothing
                drop(self._system, draft)
                raise

    def _copy(self, source: Path, draft: Path, sha256: str, hear: Hear) -> None:
        digest = hashlib.sha256()
        target = self._system.create(draft)
        try:
            with source.open("rb", buffering=0) as reader:
                while chunk := reader.read(READ_SIZE):
                    digest.update(chunk)
                    write_all(self._system, target, chunk)
                    hear(len(chunk))
            self._system.sync(target)
        finally:
            os.close(target)
        if digest.hexdigest() != sha256:
            raise DamagedSource(f"this is not what was stored: {source}")

    def remove(self, path: Path) -> None:
        """Remove a name that may be gone already. Raises: StorageError."""
        with storage_errors(f"removing {path}"):
            drop(self._system, path)

    def remove_folder(self, folder: Path) -> bool:
        """Remove a folder if it is empty; whether it is gone. Raises: StorageError."""
        with storage_errors(f"removing {folder}"):
            try:
                self._system.remove_folder(folder)
            except (FileNotFoundError, NotADirectoryError):
                return True
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return False
                raise
        return True

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable. Raises: StorageError."""
        with storage_errors(f"writing to {folder}"):
            self._system.sync_folder(folder)
