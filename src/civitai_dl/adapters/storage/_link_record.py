"""The record of what was placed in an application's folder, kept in that folder.

A text of JSON lines that is only added to: a line is durable before what it tells of is done, so
that a kill at any moment leaves nothing unknown. The last line about a path counts. A line that
cannot be read tells of nothing: what it told of stays where it is, as if it were the user's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

import msgspec

from civitai_dl.domain.placing import Facts, Record

from ._errors import storage_errors
from ._files import drop, write_all, write_document
from ._lock import RunLock
from ._system import System

FOLDER = ".civitai-dl-links"
_FILE = "record.jsonl"
_LOCK = "lock"


class _Placed(msgspec.Struct, tag="placed", tag_field="is"):
    record: Record


class _Gone(msgspec.Struct, tag="gone", tag_field="is"):
    path: str


class _Made(msgspec.Struct, tag="folder", tag_field="is"):
    path: str


class _Theirs(msgspec.Struct, tag="theirs", tag_field="is"):
    """A file that we did not place, and its digest as long as it stays as it is."""

    path: str
    inode: int
    size: int
    modified: int
    sha256: str


class _Layout(msgspec.Struct, tag="layout", tag_field="is"):
    name: str


_Line = Union[_Placed, _Gone, _Made, _Theirs, _Layout]
_decoder: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class LinkRecord:
    """What is known of an application's folder; paths are relative to it, or absolute.

    records: by path. folders: that were made. unread: lines that could not be read. digest: of what
    was read. system: what does the work on the disk.
    """

    root: Path
    system: System = field(default_factory=System)
    layout: str = ""
    records: dict[str, Record] = field(default_factory=dict)
    folders: dict[str, None] = field(default_factory=dict)
    unread: int = 0
    digest: str = ""
    _theirs: dict[str, _Theirs] = field(default_factory=dict)
    _lines: int = 0
    _fresh: list[_Line] = field(default_factory=list)
    _is_torn: bool = False

    @property
    def exists(self) -> bool:
        """Whether anything was ever placed here and is not undone."""
        return (self.root / FOLDER).is_dir()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known that is worth keeping."""
        return not (self.records or self.folders or self._theirs)

    def read(self) -> None:
        """Take in what is on disk. Raises: StorageError."""
        with storage_errors(f"reading {self._path}"):
            try:
                text = self._path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return
        self.digest = hashlib.sha256(text).hexdigest()
        # A last line without its end was never complete, and what it tells of was never done.
        self._is_torn = bool(text) and not text.endswith(b"\n")
        for line in text.split(b"\n"):
            if line:
                self._lines += 1
                try:
                    self._take(_decoder.decode(line))
                except (msgspec.MsgspecError, ValueError):
                    self.unread += 1

    @property
    def _path(self) -> Path:
        return self.root / FOLDER / _FILE

    def _take(self, line: _Line) -> None:
        if isinstance(line, _Placed):
            self.records[line.record.path] = line.record
            self._theirs.pop(line.record.path, None)
        elif isinstance(line, _Gone):
            self.records.pop(line.path, None)
            self.folders.pop(line.path, None)
            self._theirs.pop(line.path, None)
        elif isinstance(line, _Made):
            self.folders[line.path] = None
        elif isinstance(line, _Theirs):
            self._theirs[line.path] = line
        else:
            self.layout = line.name

    def _note(self, line: _Line) -> None:
        self._take(line)
        self._fresh.append(line)

    def lock(self) -> RunLock:
        """The lock of this folder; to hold it makes the record's own folder. Raises: Busy."""
        return RunLock(self.root / FOLDER / _LOCK)

    def note_layout(self, name: str) -> None:
        """Whose folder it is."""
        if name != self.layout:
            self._note(_Layout(name))

    def note(self, records: Iterable[Record]) -> None:
        """These are placed, or are about to be."""
        for record in records:
            if self.records.get(record.path) != record:
                self._note(_Placed(record))

    def note_gone(self, path: str) -> None:
        """This is no longer ours, or no longer there."""
        if path in self.records or path in self.folders:
            self._note(_Gone(path))

    def note_folder(self, path: str) -> None:
        """This folder was made, or is about to be."""
        if path not in self.folders:
            self._note(_Made(path))

    def note_theirs(self, path: str, facts: Facts, sha256: str) -> None:
        """Somebody's own file was read, and need not be read again as long as it stays."""
        self._note(_Theirs(path, facts.inode, facts.size, facts.modified, sha256))

    def theirs(self, path: str, facts: Facts) -> str:
        """The digest of somebody's own file, "" when it was not read, or changed since."""
        found = self._theirs.get(path)
        if found is None:
            return ""
        known = (found.inode, found.size, found.modified)
        return found.sha256 if known == (facts.inode, facts.size, facts.modified) else ""

    def save(self) -> None:
        """Make durable what was noted; to be called under the lock. Raises: StorageError."""
        if not self._fresh:
            return
        lines, self._fresh = self._fresh, []
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        # What follows half a line must not become a part of it.
        data, self._is_torn = (b"\n" + data if self._is_torn else data), False
        with storage_errors(f"writing {self._path}"):
            is_new = not self._path.exists()
            handle = self.system.append(self._path)
            try:
                write_all(self.system, handle, data)
                self.system.sync(handle)
            finally:
                os.close(handle)
            if is_new:
                self.system.sync_folder(self._path.parent)
                self.system.sync_folder(self.root)
        self._lines += len(lines)

    def tidy(self) -> None:
        """Leave out what later lines have changed, when it is most of it. Raises: StorageError."""
        kept: list[_Line] = [_Layout(self.layout)] if self.layout else []
        kept += map(_Made, self.folders)
        kept += map(_Placed, self.records.values())
        kept += self._theirs.values()
        if self._lines <= 2 * len(kept) or self.unread:
            return
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in kept)
        with storage_errors(f"writing {self._path}"):
            write_document(self.system, self._path, data, self._path.parent)
            self.system.sync_folder(self._path.parent)
        self._lines = len(kept)

    def forget(self) -> None:
        """Remove the record, under the lock: nothing is placed here any more.

        Raises: StorageError.
        """
        folder = self.root / FOLDER
        with storage_errors(f"removing {folder}"):
            drop(self.system, self._path)
            for draft in folder.glob("document-*.tmp"):
                drop(self.system, draft)

    def leave(self) -> None:
        """Remove the record's own folder when it holds nothing but the lock, which is not held.

        Raises: StorageError.
        """
        folder = self.root / FOLDER
        with storage_errors(f"removing {folder}"), suppress(FileNotFoundError):
            if {path.name for path in folder.iterdir()} <= {_LOCK}:
                # Windows removes no file that is open, so that it cannot be done under the lock.
                drop(self.system, folder / _LOCK)
                self.system.remove_folder(folder)
                self.system.sync_folder(self.root)
