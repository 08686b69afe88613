"""Giving names to finished bytes, many behind one barrier.

Durable bytes first, then the intent, then the name, then the folder: each of these steps is done
for all that wait before the next one begins, so that a batch pays for each once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from civitai_dl.errors import CivitaiDLError

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Stored
    from civitai_dl.ports import Catalog, Partial, Storage

MOST = 256
"""Files that share one barrier."""


@dataclass(slots=True)
class _Wish:
    """One finished partial that is to get a name; how it ended, once that is known."""

    key: str
    stored: Stored
    partial: Partial
    done: bool = False
    error: CivitaiDLError | FileExistsError | None = None


@dataclass(slots=True)
class Barrier:
    """Publishes what its callers finish at about the same time together."""

    storage: Storage
    catalog: Catalog
    _waiting: list[_Wish] = field(default_factory=list)
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

    async def publish(self, key: str, stored: Stored, partial: Partial) -> None:
        """Make a finished partial durable, note where it goes, and give it that name.

        Raises: FileExistsError when the name is taken; StorageError, CatalogError. When it returns,
        the name is durable. It cannot be cancelled half-way: others share the steps.
        """
        wish = _Wish(key, stored, partial)
        with anyio.CancelScope(shield=True):
            self._waiting.append(wish)
            async with self._turn:
                # Whoever had the turn before may have done it along with its own.
                if not wish.done:
                    batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                    await self._publish_all(batch)
        if wish.error is not None:
            raise wish.error

    async def _publish_all(self, batch: list[_Wish]) -> None:
        try:
            ends = await self.storage.sync_all([wish.partial for wish in batch])
            for wish, unsynced in zip(batch, ends, strict=True):
                wish.error = unsynced
            sound = [wish for wish in batch if wish.error is None]
            await self.catalog.stage([(wish.key, wish.stored) for wish in sound])
            named = [(wish.partial, wish.stored.path) for wish in sound]
            for wish, unnamed in zip(sound, await self.storage.publish_all(named), strict=True):
                wish.error = unnamed
        except CivitaiDLError as error:
            for wish in batch:
                wish.error = wish.error or error
        finally:
            for wish in batch:
                wish.done = True
