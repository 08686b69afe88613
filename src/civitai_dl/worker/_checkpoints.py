"""How much of a partial is durable, and when the catalog is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import trusted_part
from civitai_dl.domain.entities import Begun, Held

if TYPE_CHECKING:
    from civitai_dl.ports import Partial

    from ._tools import Tools

CHECKPOINT_BYTES = 64 << 20
CHECKPOINT_SECONDS = 10.0
"""How much a crash may cost: at most so many bytes, or so much time, are fetched again."""


@dataclass(slots=True)
class Checkpoints:
    """Those of one task, in one try.

    facts: what is held now, durable or not; None while nothing came in this try. start: bytes from
    the first on that the try began with. noted: the catalog has a checkpoint.
    """

    key: str
    tools: Tools
    partial: Partial
    facts: Callable[[], Held | None]
    start: int = 0
    noted: bool = False
    _began_with: int = 0
    _durable: int = 0
    _saved_at: float = 0.0
    _unsaved: int = 0
    _is_saving: bool = False
    _restarted: bool = False

    async def take_over(self, begun: Begun | None) -> Held | None:
        """Go on from what an earlier try has left, as far as that may be believed.

        begun: what was known of it when it was claimed, None: nobody looked.
        """
        held = await self.tools.catalog.held(self.key) if begun is None else begun.held
        self.noted = held is not None
        held = trusted_part(held, there=self.partial.held, allowed=self.tools.resume)
        self._begin(held)
        return held

    def _begin(self, held: Held | None) -> None:
        self._saved_at = self.tools.clock.now()
        self.start = 0 if held is None else held.size
        self._began_with = self._durable = 0 if held is None else _bytes_of(held)

    @property
    def grew(self) -> bool:
        """Whether this try continued what was held, and more is durable now.

        A server that sends the whole again and again makes no progress, however far it comes.
        """
        return self._durable > self._began_with and not self._restarted

    async def forget(self) -> None:
        """What the catalog holds durable is about to be cut off: it is told before."""
        self._restarted = True
        await self.tools.catalog.hold(self.key, None)

    async def came(self, count: int) -> None:
        """Take note of bytes that were written; commit a checkpoint when one is due."""
        self._unsaved += count
        since = self.tools.clock.now() - self._saved_at
        if self._unsaved >= CHECKPOINT_BYTES or since >= CHECKPOINT_SECONDS:
            await self.save()

    async def save(self) -> None:
        """Durable bytes first, then the row that says so."""
        self._saved_at = self.tools.clock.now()
        if not self.tools.resume or not self._unsaved or self._is_saving:
            return
        # Looked at before the sync: what comes meanwhile may not be in it.
        held = self.facts()
        if held is None:
            return
        unsaved, self._unsaved, self._is_saving = self._unsaved, 0, True
        try:
            size = await self.partial.sync()
            islands = tuple(one for one in held.islands if one.start >= size)
            held = replace(held, size=size, islands=islands)
            await self.tools.catalog.hold(self.key, held)
        except BaseException:  # whatever ended it, these are not safe yet
            self._unsaved += unsaved
            raise
        finally:
            self._is_saving = False
        self._durable, self.noted = _bytes_of(held), True


def _bytes_of(held: Held) -> int:
    return held.size + sum(one.end - one.start for one in held.islands)
