"""Starting the program on what a crash has left, and looking at what it makes of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import anyio
from inline import without_sockets, without_threads
from invariants import (
    Facts,
    Truth,
    Want,
    check,
    is_document,
    is_hidden,
    read_facts,
    refetched,
)
from model import State
from recording import QuietSystem
from service import CHUNK, Service
from workloads import Recording, owned, small

from civitai_dl import _compose
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import STATE, LocalStorage, System
from civitai_dl.adapters.storage._owner import myself
from civitai_dl.domain.entities import RunReport

SPEED = 5000.0
"""Client seconds per real second; less with sockets: a busy machine would look like an outage."""

SPEED_OF_SOCKETS = 50.0

Tree = dict[str, bytes]


@dataclass(slots=True)
class Aim:
    """How a recovered archive must look: as one of these trees, with all that is wanted."""

    trees: list[Tree]
    wants: Sequence[Want]
    truth: Truth


@dataclass(frozen=True, slots=True)
class How:
    """In what way a state is recovered.

    whole: with sockets and threads, against the fake itself. trusted: the lock is believed.
    twice: a second time, in which nothing may be left to do. locked: the lock still names its
    holder, so that the database is looked through.
    """

    whole: bool = False
    locked: bool = False
    trusted: bool = True
    twice: bool = False


def lay_out(state: State, snapshot: bytes | None, root: Path, *, locked: bool = False) -> None:
    """Make a state of the model a real directory. locked: the lock still names its holder."""
    for folder in state.folders:
        (root / folder).mkdir()
    first: dict[int, Path] = {}
    for name, (node, content) in state.files.items():
        path = root / name
        if node in first:
            os.link(first[node], path)
        else:
            path.write_bytes(content)
            first[node] = path
    (root / STATE).mkdir(exist_ok=True)
    if locked:
        (root / STATE / "lock").write_text('{"pid": 1, "host": "elsewhere"}')
    if snapshot is not None:
        (root / STATE / "state.db").write_bytes(snapshot)


def read_state(root: Path) -> State:
    """What lies in a directory, as a state."""
    folders: list[str] = []
    files: dict[str, tuple[int, bytes]] = {}

    def walk(folder: str, above: str) -> None:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                name = f"{above}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                    walk(entry.path, f"{name}/")
                else:
                    files[name] = (entry.inode(), Path(entry.path).read_bytes())

    walk(str(root), "")
    return State(tuple(folders), files)


def published(state: State, *, lenient: bool = False) -> Tree:
    """What the archive shows, without the lists, which tell of a day and an order.

    lenient: without the pages and sidecars, too.
    """
    return {
        path: content
        for path, (_, content) in state.files.items()
        if not is_hidden(path)
        and not path.startswith("lists/")
        and not (lenient and (is_document(path) or ".preview." in path))
    }


async def run(
    root: Path,
    recording: Recording,
    *,
    service: Service | None,
    trusted: bool = True,
    system: System | None = None,
    watch: object = None,
) -> RunReport:
    """The program on a directory. service: in place of sockets and threads."""
    settings = replace(
        recording.settings, output=str(root), base_url=recording.fake.base_url, concurrency=2
    )

    def opened(location: str, *, system: System, trusted: bool) -> LocalStorage:
        del trusted
        return LocalStorage(Path(location), system=system, trusted=believed)

    believed = trusted
    with (
        small(in_pieces=recording.in_pieces),
        owned(myself()),
        mock.patch.object(_compose, "open_storage", opened),
        _at(service),
    ):
        return await _compose.archive(
            settings,
            recording.things,
            reporter=NullReporter(),
            stop=anyio.Event(),
            clock=SystemClock(speed=SPEED_OF_SOCKETS if service is None else SPEED),
            system=system or QuietSystem(),
            watch=watch,  # type: ignore[arg-type]  # as Log.watch
        )


@contextmanager
def _at(service: Service | None) -> Iterator[None]:
    if service is None:
        yield
    else:
        with without_sockets(service), without_threads():
            yield


async def recover(
    root: Path,
    before: tuple[State, Facts],
    recording: Recording,
    aim: Aim,
    how: How,
) -> list[str]:
    """Run the program on what a crash has left; returns what is wrong with what it makes of it."""
    service = Service(recording.fake)
    await run(root, recording, service=None if how.whole else service, trusted=how.trusted)
    after = read_state(root)
    facts = read_facts(root / STATE / "state.db")
    found = [f"after recovery: {text}" for text in _judge(after, facts, aim, how)]
    if how.locked:
        found += _sound(root / STATE / "state.db")
    most = refetched(*before, aim.wants)
    if recording.in_pieces:
        # A stream that meets a piece drops what it has at hand.
        most += len(aim.wants) * CHUNK
    if not how.whole and service.received > most:
        found.append(f"{service.received} bytes were fetched again, {most} would have done")
    if how.twice and not found:
        found += await _again(root, after, recording, aim)
    return found


def _judge(after: State, facts: Facts, aim: Aim, how: How) -> list[str]:
    found = check(replace(after, files=_without_lists(after.files)), facts, aim.truth)
    tree = published(after, lenient=aim.truth.lenient)
    if tree not in aim.trees:
        found.append(f"the archive is another one: {_differences(tree, aim.trees)}")
    stored = {row.key: row.sha256 for row in facts.stored()}
    for want in aim.wants:
        if want.sha256:
            wrong = [key for key in want.keys if stored.get(key) != want.sha256]
            found += [f"{key} is not stored in the end" for key in wrong]
    scratch = [path for path in after.files if path.startswith(f"{STATE}/tmp/")]
    if how.trusted and scratch:
        found.append(f"left over: {scratch}")
    return found


def _without_lists(files: Mapping[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
    return {path: file for path, file in files.items() if not path.startswith("lists/")}


def _differences(tree: Tree, trees: Sequence[Tree]) -> str:
    wanted = trees[0]
    parts = [
        f"missing {sorted(wanted.keys() - tree.keys())}",
        f"too many {sorted(tree.keys() - wanted.keys())}",
        f"other bytes {sorted(path for path in wanted if tree.get(path, b'') != wanted[path])}",
    ]
    return ", ".join(part for part in parts if not part.endswith("[]"))


def _sound(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        said = connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
    return [] if said == "ok" else [f"the database is damaged: {said}"]


async def _again(root: Path, after: State, recording: Recording, aim: Aim) -> list[str]:
    """A second recovery finds nothing to do: no file changes, and nothing is transferred."""
    service = Service(recording.fake)
    system = NotingSystem(root)
    await run(root, recording, service=service, system=system)
    found = []
    wrong = sum(want.size * want.times for want in aim.wants if not want.sha256)
    if service.received > wrong:
        found.append(f"I5: a second recovery fetches {service.received} bytes")
    lenient = aim.truth.lenient
    if system.changed and not wrong and not lenient:
        found.append(f"I5: a second recovery changes {sorted(system.changed)}")
    if published(read_state(root), lenient=lenient) != published(after, lenient=lenient):
        found.append("I5: a second recovery makes another archive")
    return found


@dataclass(slots=True)
class NotingSystem(QuietSystem):
    """Notes which names of the archive are given, taken or made again; lists are every run's."""

    root: Path
    changed: set[str] = field(default_factory=set)
    changes: int = 0

    def _note(self, *paths: Path) -> None:
        names = [path.relative_to(self.root).as_posix() for path in paths]
        # The reserve is proof that the disk can be written, of every run anew.
        own = ("lists", f"{STATE}/tmp/stream-", f"{STATE}/tmp/reserve-", f"{STATE}/reserve")
        self.changed.update(name for name in names if not name.startswith(own))

    def create(self, path: Path) -> int:
        """See System."""
        handle = System.create(self, path)
        self._note(path)
        return handle

    def make_folder(self, folder: Path) -> None:
        """See System."""
        System.make_folder(self, folder)
        self._note(folder)

    def link(self, existing: Path, new: Path) -> None:
        """See System."""
        System.link(self, existing, new)
        self._note(new)

    def move(self, existing: Path, new: Path) -> None:
        """See System."""
        System.move(self, existing, new)
        self._note(existing, new)

    def replace(self, existing: Path, new: Path) -> None:
        """See System."""
        System.replace(self, existing, new)
        self._note(existing, new)

    def remove(self, path: Path) -> None:
        """See System; a name that is gone is no change."""
        System.remove(self, path)
        self._note(path)
