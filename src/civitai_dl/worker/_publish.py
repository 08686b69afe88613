"""Giving verified bytes their name: staged, published, or found to be there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import MAX_COMPONENT_BYTES, portable_component
from civitai_dl.domain.entities import Stored, StoredFile, Task

if TYPE_CHECKING:
    from civitai_dl.ports import Partial

    from ._tools import Tools

MOST_NAMES = 100


def other_name(path: str, mark: str, number: int) -> str:
    """The same path with a mark before the extension, for a name that is taken."""
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        stem, extension = name, ""
    tail = f"-{mark}" if number == 0 else f"-{mark}-{number}"
    end = f"{tail}.{extension}" if extension else tail
    room = MAX_COMPONENT_BYTES - len(end.encode())
    return f"{folder}/{portable_component(stem, max_bytes=room)}{end}"


def names(path: str, mark: str) -> Iterator[str]:
    """The path, and what to call it should something else be there."""
    yield path
    for number in range(MOST_NAMES):
        yield other_name(path, mark, number)


async def publish(task: Task, stored: Stored, partial: Partial, mark: str, tools: Tools) -> Stored:
    """Publish a finished partial; equal bytes that are there already are adopted.

    The intent is committed before the name is given, so that a crash between the two is no riddle
    afterwards. Something else under the name is the user's: it stays, and ours gets another name.
    """
    if tools.spare is not None:
        # A disk may take its time: others can be fetched meanwhile.
        tools.spare.leave(task.lane, task.key)
    for path in names(stored.path, mark):
        candidate = stored if path == stored.path else replace(stored, path=path)
        try:
            await tools.barrier.publish(task.key, candidate, partial)
        except FileExistsError:
            if await holds(path, stored.sha256, stored.size, tools):
                await partial.discard()
                return replace(candidate, how="adopted")
            continue
        return candidate
    raise RuntimeError(f"no free name for {stored.path}")


async def holds(path: str, sha256: str, size: int, tools: Tools) -> bool:
    """Whether a path has exactly these bytes; reads the file when its size fits."""
    if (await tools.storage.sizes([path]))[0] != size:
        return False
    measured = await tools.storage.measure(path)
    return measured is not None and measured.sha256 == sha256


async def adopt_staged(task: Task, tools: Tools) -> tuple[Stored | None, Stored | None]:
    """What an earlier attempt was about to publish: (published after all, not published yet)."""
    begun = task.begun
    staged = await tools.catalog.staged(task.key) if begun is None else begun.staged
    if staged is None:
        return None, None
    if await holds(staged.path, staged.sha256, staged.size, tools):
        async with tools.storage.partial(task.key) as partial:
            await partial.discard()
        await tools.catalog.hold(task.key, None)
        return replace(staged, how="adopted"), None
    return None, staged


async def link_twin(
    task: Task,
    twins: Sequence[StoredFile],
    path_of: Callable[[StoredFile], str],
    mark: str,
    tools: Tools,
) -> Stored | None:
    """Take the bytes from where they are stored already; None when they are nowhere any more."""
    for twin in twins:
        if (await tools.storage.sizes([twin.path]))[0] != twin.size:
            continue
        wish = path_of(twin)
        found = Stored(wish, twin.sha256, twin.size, how="linked", verified=twin.verified)
        linked = await _link(task, twin, found, mark, tools)
        if linked is not None:
            return linked
    return None


async def _link(
    task: Task, twin: StoredFile, found: Stored, mark: str, tools: Tools
) -> Stored | None:
    for path in names(found.path, mark):
        candidate = replace(found, path=path)
        await tools.catalog.stage([(task.key, candidate)])
        try:
            await tools.storage.link(twin.path, path)
        except FileNotFoundError:
            return None
        except FileExistsError:
            if await holds(path, twin.sha256, twin.size, tools):
                return replace(candidate, how="adopted")
            continue
        return candidate
    return None


async def forget_begun(task: Task, tools: Tools) -> None:
    """Drop what an earlier try had begun of bytes that were found elsewhere."""
    async with tools.storage.partial(task.key) as partial:
        if partial.held:
            await forget(task, partial, tools)


async def forget(task: Task, partial: Partial, tools: Tools) -> None:
    """Drop bytes that are worth nothing, and what the catalog knew of them."""
    await tools.catalog.hold(task.key, None)
    await partial.discard()
