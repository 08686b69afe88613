"""Giving names to finished bytes, many behind one barrier.

Durable bytes first, then the intent, then the name, then the folder: each of these steps is done
for all that wait before the next one begins, so that a batch pays for each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from civitai_dl.errors import CivitaiDLError
from civitai_dl.together import Together

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Stored
    from civitai_dl.ports import Catalog, Clock, Partial, Storage

Ended = Union[CivitaiDLError, FileExistsError, None]

MOST = 256
"""Files that share one barrier."""


@dataclass(slots=True)
class _Wish:
    """One finished partial that is to get a name; error: why it did not."""

    key: str
    stored: Stored
    partial: Partial
    error: Ended = None


@dataclass(slots=True)
class Barrier:
    """Publishes what its callers finish at about the same time together."""

    storage: Storage
    catalog: Catalog
    clock: Clock
    _together: Together[_Wish, Ended] = field(init=False)

    def __post_init__(self) -> None:
        self._together = Together(self._publish, MOST, clock=self.clock)

    async def publish(self, key: str, stored: Stored, partial: Partial) -> None:
        """Make a finished partial durable, note where it goes, and give it that name.

        Raises: FileExistsError when the name is taken; StorageError, CatalogError. When it returns,
        the name is durable. It cannot be cancelled half-way: others share the steps.
        """
        error = await self._together.do(_Wish(key, stored, partial))
        if error is not None:
            raise error

    async def _publish(self, wishes: Sequence[_Wish]) -> list[Ended]:
        await self._publish_all(list(wishes))
        return [wish.error for wish in wishes]

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
