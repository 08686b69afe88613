"""The enumerated lists at the end of a run, written when there is room for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.adapters.storage import LocalStorage
from civitai_dl.archive import list_chunks
from civitai_dl.domain.entities import Kind, Notice
from civitai_dl.errors import StorageFull

if TYPE_CHECKING:
    import anyio

    from civitai_dl.adapters.catalog import SqliteLedger
    from civitai_dl.ports import Clock, Reporter

LOOK_SECONDS = 2.0
"""Seconds between two looks whether there is room for the lists."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Writes them. stop: set when nobody waits any more."""

    ledger: SqliteLedger
    storage: LocalStorage
    clock: Clock
    reporter: Reporter
    stop: anyio.Event

    async def write_patiently(self) -> None:
        """Write the lists when there is room for them. Raises: StorageError, for other trouble."""
        halted = False
        while True:
            try:
                await self._write()
                break
            except StorageFull as error:
                if self.stop.is_set():
                    raise
                if not halted:
                    self.reporter.emit(Notice("halt", f"paused: {error.message}; {error.hint}"))
                halted = True
                self.storage.volume.relieve()
                await self.clock.sleep(LOOK_SECONDS)
        if halted:
            self.reporter.emit(Notice("over", "the disk can be written again: going on"))

    async def _write(self) -> None:
        day = datetime.fromtimestamp(self.clock.now(), timezone.utc).strftime("%Y%m%d")
        for name, kind in (("model", Kind.FILE), ("gallery", Kind.IMAGE)):
            chunks = list_chunks(self.ledger.rows([kind]), kind)
            await self.storage.save_stream(f"lists/{day}_{name}.json", chunks)
