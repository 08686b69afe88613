"""A disk that promises no more than POSIX does: what may lie on it after the power has failed.

Bytes are safe after a sync of their file, names after a sync of their folder. What was done since
may have happened or not: a write per page of 4 KiB, a size by itself (pages that did not come are
zeros then), a name in any combination with others. A rename happens whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

PAGE = 4096
ROOT = 0

Slot = tuple[int, str]
"""A name in a folder: the folder's number and the name."""


@dataclass(frozen=True, slots=True)
class Op:
    """One call that changes the disk, or a moment of the database.

    what: create, write, truncate, sync, sync_folder, make_folder, link, move, replace, remove; or
    begin (open for writing), commit (about to be), committed (durable). Paths are relative to the
    archive. node: the file that a handle stands for. snapshot: number of the database's state.
    """

    what: str
    path: str = ""
    other: str = ""
    node: int = -1
    offset: int = 0
    data: bytes = b""
    snapshot: int = -1


@dataclass(slots=True)
class _File:
    """durable: as of the last sync. since: (offset, bytes) written, or (size, None) cut to."""

    durable: bytes = b""
    live: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    frozen: bytes | None = b""

    def whole(self) -> bytes:
        """The content as a process sees it."""
        if self.frozen is None:
            self.frozen = bytes(self.live)
        return self.frozen

    def change(self, offset: int, data: bytes | None) -> None:
        _lay(self.live, offset, data)
        self.since.append((offset, data))
        self.frozen = None

    def sync(self) -> None:
        self.durable = self.whole()
        self.since.clear()

    def copy(self) -> _File:
        return _File(self.durable, bytearray(self.live), list(self.since), self.frozen)


@dataclass(slots=True)
class _Change:
    """Of names: one goes, one comes, or both at once. place: the folder that makes it durable."""

    place: int
    gone: Slot | None
    came: Slot | None
    node: int


Names = dict[int, dict[str, int]]


@dataclass(frozen=True, slots=True)
class State:
    """What lies on the disk: folders, and by path each file's number and content.

    Two paths with one number are one file with two names.
    """

    folders: tuple[str, ...]
    files: dict[str, tuple[int, bytes]]


class Disk:
    """The disk under an archive, as far as it is durable and as a process sees it."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._durable: Names = {ROOT: {}}
        self._live: Names = {ROOT: {}}
        self._changes: list[_Change] = []
        self._next = ROOT + 1

    def copy(self) -> Disk:
        """Another disk in the same condition."""
        other = Disk()
        other._files = {node: file.copy() for node, file in self._files.items()}
        other._durable = {node: dict(names) for node, names in self._durable.items()}
        other._live = {node: dict(names) for node, names in self._live.items()}
        other._changes = list(self._changes)
        other._next = self._next
        return other

    @property
    def pending(self) -> int:
        """How many changes could be lost."""
        return len(self._changes) + sum(len(file.since) for file in self._files.values())

    def settle(self) -> None:
        """Make everything durable, as it is long before a program starts."""
        for file in self._files.values():
            file.sync()
        self._durable = {node: dict(names) for node, names in self._live.items()}
        self._changes.clear()

    def find(self, path: str) -> int:
        """The number of what a path names now. Raises: KeyError."""
        node = ROOT
        for part in _parts(path):
            node = self._live[node][part]
        return node

    def content(self, node: int) -> bytes:
        """The bytes of a file as a process sees them."""
        return self._files[node].whole()

    def do(self, op: Op) -> None:
        """Let a call have its effect; moments of the database have none here."""
        if op.what in ("write", "truncate"):
            data = op.data if op.what == "write" else None
            self._files[op.node].change(op.offset, data)
        elif op.what == "sync":
            self._files[op.node].sync()
        elif op.what == "sync_folder":
            self._persist(self.find(op.path))
        elif op.what in ("create", "make_folder"):
            self._make(op)
        elif op.what == "link":
            slot, node = self._slot(op.other), self.find(op.path)
            self._change(_Change(slot[0], None, slot, node))
        elif op.what in ("move", "replace"):
            node, gone, came = self.find(op.path), self._slot(op.path), self._slot(op.other)
            self._change(_Change(came[0], gone, came, node))
        elif op.what == "remove":
            node, gone = self.find(op.path), self._slot(op.path)
            self._change(_Change(gone[0], gone, None, node))

    def _make(self, op: Op) -> None:
        slot, node = self._slot(op.path), self._next
        self._next += 1
        if op.what == "create":
            self._files[node] = _File()
        else:
            self._live[node], self._durable[node] = {}, {}
        self._change(_Change(slot[0], None, slot, node))

    def _slot(self, path: str) -> Slot:
        *folders, name = _parts(path)
        return self.find("/".join(folders)), name

    def _change(self, change: _Change) -> None:
        _apply(self._live, change)
        self._changes.append(change)

    def _persist(self, folder: int) -> None:
        """The names of a folder are durable, renames into it with their other half."""
        left: list[_Change] = []
        later: set[Slot] = set()
        for change in reversed(self._changes):
            slots = {slot for slot in (change.gone, change.came) if slot is not None}
            if change.place == folder:
                later |= slots
            elif change.came in later:
                # What came before in the same place cannot come after it; what went may still be
                # seen where it was.
                if change.gone is not None:
                    left.append(_Change(change.gone[0], change.gone, None, change.node))
            elif change.came is not None or change.gone not in later:
                left.append(change)
        for change in self._changes:
            if change.place == folder:
                _apply(self._durable, change)
        self._changes = left[::-1]

    # States

    def everything(self) -> State:
        """As a process sees it: all that was done, as after the death of the program alone."""
        return self._state(self._live, _File.whole)

    def nothing(self) -> State:
        """Only what is durable."""
        return self._state(self._durable, lambda file: file.durable)

    def some(self, random: Random) -> State:
        """One of the states in between."""
        names = self._some_names(random)
        way = random.randrange(4)
        return self._state(names, lambda file: _some_bytes(file, way, random))

    def _some_names(self, random: Random) -> Names:
        changes = self._changes
        way = random.randrange(4)
        if way == 0 or not changes:
            return self._live
        if way == 1:
            kept = changes[: random.randrange(len(changes))]
        elif way == 2:
            kept = [change for change in changes if random.random() < 0.5]
        else:
            # Nearly all: the one that matters is missing.
            lost = random.randrange(len(changes))
            kept = [*changes[:lost], *changes[lost + 1 :]]
        names = {node: dict(durable) for node, durable in self._durable.items()}
        for change in kept:
            _apply(names, change)
        return names

    def _state(self, names: Names, content_of: Callable[[_File], bytes]) -> State:
        folders: list[str] = []
        files: dict[str, tuple[int, bytes]] = {}
        seen: dict[int, bytes] = {}

        def walk(folder: int, above: str) -> None:
            for name, node in sorted(names[folder].items()):
                path = f"{above}{name}"
                if node in names:
                    folders.append(path)
                    walk(node, f"{path}/")
                else:
                    if node not in seen:
                        seen[node] = content_of(self._files[node])
                    files[path] = (node, seen[node])

        walk(ROOT, "")
        return State(tuple(folders), files)


def _apply(names: Names, change: _Change) -> None:
    if change.gone is not None:
        folder, name = change.gone
        if names[folder].get(name) == change.node:
            del names[folder][name]
    if change.came is not None:
        folder, name = change.came
        names[folder][name] = change.node


def _some_bytes(file: _File, way: int, random: Random) -> bytes:
    """One content that a file may have. way: all, none, or torn in one of two manners."""
    if not file.since or way == 0:
        return file.whole()
    if way == 1:
        return file.durable
    content = bytearray(file.durable)
    sizes = [len(content)]
    torn = random.randrange(len(file.since))
    for number, (offset, data) in enumerate(file.since):
        sizes.append(offset if data is None else max(sizes[-1], offset + len(data)))
        if way == 2 and number > torn:
            continue
        if data is None:
            if way == 2 or random.random() < 0.5:
                _lay(content, offset, None)
        elif way == 3:
            _lay_some(content, offset, data, random)
        else:
            end = _tear(offset, len(data), random) if number == torn else len(data)
            _lay(content, offset, data[:end])
    if random.random() < 0.5:
        # The size is written by itself: pages that did not come are zeros, others are cut off.
        size = random.choice(sizes)
        content = content[:size].ljust(size, b"\0")
    return bytes(content)


def _lay_some(content: bytearray, offset: int, data: bytes, random: Random) -> None:
    """Some pages of a write, in no order."""
    for at, piece in _pages(offset, data):
        if random.random() < 0.5:
            _lay(content, at, piece)


def _tear(offset: int, length: int, random: Random) -> int:
    """How much of a write came: up to the end of some page, at most all of it."""
    pages = (offset % PAGE + length + PAGE - 1) // PAGE
    return min(length, max(0, random.randrange(pages + 1) * PAGE - offset % PAGE))


def _pages(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        step = PAGE - (offset + at) % PAGE
        yield offset + at, data[at : at + step]
        at += step


def _lay(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write into a content, or cut it to a size; what is skipped is zeros."""
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
