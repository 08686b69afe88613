"""How fast a run transfers, so that the next one can tell beforehand how long it will take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import BytesReceived, Event, Lane, Stored, TaskSettled

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Database
    from civitai_dl.ports import Clock

LEAST_SECONDS = 3.0
LEAST_BYTES = 1_000_000
LEAST_IMAGES = 20
"""What a measurement needs to mean anything: shorter ones are about the first connection."""


@dataclass(slots=True)
class _Stretch:
    """From the first byte of a lane to the last thing that was stored of it."""

    began: float
    ended: float
    bytes: int = 0
    things: int = 0


@dataclass(slots=True)
class Speed:
    """A Reporter that measures the two lanes that transfer."""

    clock: Clock
    _stretches: dict[Lane, _Stretch] = field(default_factory=dict)

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, BytesReceived):
            stretch = self._stretches.get(event.task.lane)
            if stretch is None:
                now = self.clock.now()
                stretch = self._stretches[event.task.lane] = _Stretch(now, now)
            stretch.bytes += event.count
        elif isinstance(event, TaskSettled) and isinstance(event.outcome, Stored):
            stretch = self._stretches.get(event.task.lane)
            if stretch is not None and event.outcome.how == "fetched":
                stretch.things += 1
                stretch.ended = self.clock.now()

    def measured(self) -> dict[Lane, float]:
        """Bytes of files, and images, per second; only what is enough to be believed.

        The rests that the service imposed are counted in: they will come again.
        """
        found: dict[Lane, float] = {}
        for lane, stretch in self._stretches.items():
            seconds = stretch.ended - stretch.began
            if seconds < LEAST_SECONDS:
                continue
            if lane is Lane.FILES and stretch.bytes >= LEAST_BYTES:
                found[lane] = stretch.bytes / seconds
            if lane is Lane.IMAGES and stretch.things >= LEAST_IMAGES:
                found[lane] = stretch.things / seconds
        return found

    async def note(self, database: Database) -> None:
        """Keep what was measured. Raises: CatalogError, StorageError."""
        measured = self.measured()
        if measured:
            # Most runs have nothing new, and import nothing for it.
            from civitai_dl.adapters.catalog import SqlitePaces

            await SqlitePaces(database).note(measured, self.clock.now())
