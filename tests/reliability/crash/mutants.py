"""Protocols that are wrong in one step each: a simulator that lets one pass is worth nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from civitai_dl.adapters.catalog import SqliteCatalog
from civitai_dl.adapters.catalog._rows import dump_prefixes
from civitai_dl.adapters.catalog._seal import proof_of
from civitai_dl.adapters.storage import LocalStorage, _local, _partial
from civitai_dl.adapters.storage._files import drop, measure_file, write_all
from civitai_dl.adapters.storage._leftovers import Left, task_name
from civitai_dl.adapters.storage._partial import LocalPartial
from civitai_dl.adapters.storage._volume import Volume
from civitai_dl.domain.decisions import Proven
from civitai_dl.worker import _files as files
from civitai_dl.worker import _publish
from civitai_dl.worker._barrier import Barrier
from civitai_dl.worker._checkpoints import Checkpoints
from civitai_dl.worker._transfer import Transfer


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, and where it shows. plain: on a disk without a rename that replaces nothing.

    again: it takes a second crash, while the first one is being recovered from.
    """

    name: str
    workload: str
    apply: Callable[[], AbstractContextManager[object]]
    plain: bool = False
    again: bool = False


def bytes_not_synced() -> AbstractContextManager[object]:
    """Names are given to bytes that are still in memory."""

    def sync_now(partial: LocalPartial) -> None:
        partial._flush()

    return mock.patch.object(LocalPartial, "sync_now", sync_now)


def folders_not_synced() -> AbstractContextManager[object]:
    """Rows are settled while names are still in memory."""

    async def sync_names(*_: object) -> None:
        return

    return mock.patch.object(LocalStorage, "_sync_names", sync_names)


def new_folders_not_synced() -> AbstractContextManager[object]:
    """Names are safe in a folder whose own name is not."""

    def unsure(_: Volume, folders: Iterable[Path]) -> tuple[set[Path], set[Path]]:
        return set(folders), set()

    return mock.patch.object(Volume, "unsure", unsure)


def staged_after_the_name() -> AbstractContextManager[object]:
    """The intent is noted when it is done already."""

    async def publish_all(barrier: Barrier, batch: list[Any]) -> None:
        await barrier.storage.sync_all([wish.partial for wish in batch])
        named = [(wish.partial, wish.stored.path) for wish in batch]
        ends = await barrier.storage.publish_all(named)
        await barrier.catalog.stage([(wish.key, wish.stored) for wish in batch])
        for wish, end in zip(batch, ends, strict=True):
            wish.error = end

    return mock.patch.object(Barrier, "_publish_all", publish_all)


def named_before_it_is_measured() -> AbstractContextManager[object]:
    """Whatever came is taken for true."""
    return mock.patch.object(files, "verify_file", return_value=Proven("SHA256"))


def settled_before_the_name() -> AbstractContextManager[object]:
    """A row says stored before there is anything under the name."""
    whole = Barrier._publish_all

    async def publish_all(barrier: Barrier, batch: list[Any]) -> None:
        def work(connection: Any) -> None:
            for wish in batch:
                told = wish.stored
                facts = (told.path, told.sha256, told.size, True, dump_prefixes(told.prefixes))
                connection.execute(
                    "UPDATE tasks SET status = 'stored', path = ?, sha256 = ?, size = ?, "
                    "verified = ?, prefixes = ?, why = NULL, detail = NULL, hint = NULL, "
                    "until = NULL, proof = ? WHERE key = ?",
                    (*facts, proof_of(*facts), wish.key),
                )

        assert isinstance(barrier.catalog, SqliteCatalog)
        await barrier.catalog.database.run(work)
        await whole(barrier, batch)

    return mock.patch.object(Barrier, "_publish_all", publish_all)


def checkpoint_before_the_sync() -> AbstractContextManager[object]:
    """The row of a checkpoint is committed, then its bytes are made durable."""

    async def save(saved: Checkpoints) -> None:
        held = saved.facts()
        if held is not None and saved._unsaved:
            saved.partial._flush()  # type: ignore[attr-defined]  # it is a local one
            saved._unsaved, saved.noted = 0, True
            held = replace(held, size=saved.partial.size)
            await saved.tools.catalog.hold(saved.key, held)
            await saved.partial.sync()

    return mock.patch.object(Checkpoints, "save", save)


def checkpoint_without_a_name() -> AbstractContextManager[object]:
    """The bytes of a checkpoint are durable, and the name of their partial is not."""

    def checkpoint(partial: LocalPartial) -> int:
        partial.sync_now()
        return partial.size

    return mock.patch.object(LocalPartial, "_checkpoint", checkpoint)


def documents_not_synced() -> AbstractContextManager[object]:
    """A document replaces another before its bytes are durable."""

    def write_document(system: Any, path: Path, data: bytes, scratch: Path) -> None:
        draft = scratch / f"document-{os.urandom(8).hex()}.tmp"
        handle = system.create(draft)
        write_all(system, handle, data)
        os.close(handle)
        system.replace(draft, path)

    return mock.patch.object(_local, "write_document", write_document)


def names_taken_by_force() -> AbstractContextManager[object]:
    """What is there under a name is replaced."""

    def give_name(system: Any, existing: Path, final: Path) -> None:
        system.replace(existing, final)

    return mock.patch.object(_partial, "give_name", give_name)


def size_believed() -> AbstractContextManager[object]:
    """A partial is continued where it ends, not at its checkpoint."""

    async def take_over(transfer: Transfer) -> None:
        told = await transfer.tools.catalog.held(transfer.task.key)
        size = transfer.partial.held
        transfer._held = None if told is None or not size else replace(told, size=size)
        transfer.saved._begin(transfer._held)

    return mock.patch.object(Transfer, "_take_over", take_over)


def names_believed() -> AbstractContextManager[object]:
    """Whatever lies under a staged name is taken for what was to get it."""

    async def holds(path: str, sha256: str, size: int, tools: Any) -> bool:
        del sha256
        return (await tools.storage.sizes([path]))[0] == size

    return mock.patch.object(_publish, "holds", holds)


def settled_before_the_folder() -> AbstractContextManager[object]:
    """Names of a batch are made durable with the batch after it."""
    late: set[Path] = set()
    whole = LocalStorage._sync_names

    async def sync_names(storage: LocalStorage, folders: Iterable[Path]) -> None:
        before = set(late)
        late.clear()
        late.update(folders)
        await whole(storage, before)

    return mock.patch.object(LocalStorage, "_sync_names", sync_names)


@contextmanager
def second_names_kept() -> Iterator[None]:
    """A leftover that has another name in the archive is written into."""

    def find(system: Any, scratch: Path, *, trusted: bool) -> dict[str, Left]:
        del trusted
        found = {}
        for entry in os.scandir(scratch):
            path = Path(entry.path)
            if entry.name.endswith(".part"):
                found[task_name(entry.name)] = Left(path, entry.stat().st_size, ours=True)
            else:
                drop(system, path)
        return found

    def take_over(system: Any, left: Left, mine: Path) -> Left:
        system.replace(left.path, mine)
        return left

    with (
        mock.patch.object(_local, "find_leftovers", find),
        mock.patch.object(_local, "take_over", take_over),
    ):
        yield


def evidence_not_synced() -> AbstractContextManager[object]:
    """What is beside bad bytes may be lost, and a row says that it is there."""
    whole = _partial.set_aside

    def set_aside(volume: Volume, *others: Any) -> str:
        with mock.patch.object(volume.system, "sync", return_value=None):
            return whole(volume, *others)

    return mock.patch.object(_partial, "set_aside", set_aside)


def adopted_in_passing() -> AbstractContextManager[object]:
    """What a killed process has named is adopted as it is: nobody makes its name durable."""

    async def measure(storage: LocalStorage, path: str) -> object:
        try:
            return measure_file(storage._resolve(path))
        except FileNotFoundError:
            return None

    return mock.patch.object(LocalStorage, "measure", measure)


MUTANTS = [
    Mutant("bytes not synced before the name", "images", bytes_not_synced),
    Mutant("folders not synced after the name", "images", folders_not_synced),
    Mutant("new folders not synced", "images", new_folders_not_synced),
    Mutant("staged after the name", "resume", staged_after_the_name),
    Mutant("named before it is measured", "files", named_before_it_is_measured),
    Mutant("settled before the name", "files", settled_before_the_name),
    Mutant("checkpoint before the sync", "resume", checkpoint_before_the_sync),
    Mutant("checkpoint without a name", "resume", checkpoint_without_a_name),
    Mutant("documents not synced", "images", documents_not_synced),
    Mutant("names taken by force", "taken", names_taken_by_force),
    Mutant("the size of a partial believed", "resume", size_believed),
    Mutant("the length of islands believed", "pieces", size_believed),
    Mutant("islands told of before the sync", "pieces", checkpoint_before_the_sync),
    Mutant("a staged name believed", "replaced", names_believed),
    Mutant("settled before the folder", "files", settled_before_the_folder),
    Mutant("second names kept", "replaced", second_names_kept, plain=True),
    Mutant("evidence not synced", "files", evidence_not_synced),
    Mutant("adopted in passing", "files", adopted_in_passing, again=True),
]
