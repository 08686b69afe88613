"""Taking a file into the archive that its user has already, without a transfer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import (
    Failed,
    Failure,
    FileRef,
    OwnedFile,
    Stored,
    Taking,
    Task,
    Trouble,
)

from ._publish import forget, holds, names, publish

if TYPE_CHECKING:
    from civitai_dl.ports import Owned

    from ._tools import Tools


async def take_owned(
    task: Task, ref: FileRef, mark: str, owned: Owned, tools: Tools
) -> Stored | None:
    """The bytes of a file from one that the user owns; None when there is none any more.

    Raises: StorageError. Safe to repeat.
    """
    expected = ref.digests.sha256
    if expected is None:
        return None
    for file in await owned.find(expected):
        stored = Stored(
            ref.destination, file.sha256, file.size, how="owned", prefixes=file.prefixes
        )
        if file.taking is Taking.COPY:
            taken = await _copy(task, file, stored, mark, owned, tools)
        else:
            taken = await _link(task, file, stored, mark, owned, tools)
        if taken is not None:
            return taken
    return None


def lost_meanwhile(ref: FileRef) -> Failed:
    """The verdict on a file that was owned a moment ago, in a run that transfers none."""
    detail = f"{ref.name}: it was changed after it was read, or cannot be linked to"
    hint = "run the same command again, for one that cannot be linked to with --mode auto"
    return Failed(Failure(Trouble.STORAGE, detail, hint=hint))


async def _link(
    task: Task, file: OwnedFile, stored: Stored, mark: str, owned: Owned, tools: Tools
) -> Stored | None:
    for path in names(stored.path, mark):
        candidate = replace(stored, path=path)
        # As with any bytes that are given a name: a crash after it is no riddle then.
        await tools.catalog.stage([(task.key, candidate)])
        try:
            linked = await owned.link(file, path)
        except FileNotFoundError:
            return None
        except FileExistsError:
            if await holds(path, stored.sha256, stored.size, tools):
                return replace(candidate, how="adopted")
            continue
        if linked or file.taking is Taking.LINK:
            return candidate if linked else None
        return await _copy(task, file, stored, mark, owned, tools)
    return None


async def _copy(
    task: Task, file: OwnedFile, stored: Stored, mark: str, owned: Owned, tools: Tools
) -> Stored | None:
    """By way of a partial, as what is fetched: what is not the whole of it is never published."""
    async with tools.storage.partial(task.key) as partial:
        await tools.catalog.hold(task.key, None)
        await partial.reserve(file.size)
        await partial.begin(0)
        async for chunk in owned.chunks(file):
            await partial.write(chunk)
        measured = await partial.finish()
        if (measured.sha256, measured.size) != (stored.sha256, stored.size):
            await forget(task, partial, tools)
            return None
        return await publish(
            task, replace(stored, prefixes=measured.prefixes), partial, mark, tools
        )
