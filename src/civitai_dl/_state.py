"""The state of an archive: opened, and told of when it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from civitai_dl.domain.entities import Notice

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Database
    from civitai_dl.errors import CivitaiDLError
    from civitai_dl.ports import Reporter


@asynccontextmanager
async def opened(database: Database, *, check: bool = False) -> AsyncIterator[Database]:
    """The state of an archive, open. check: look for damage first, as after a death."""
    await anyio.to_thread.run_sync(partial(database.start, check=check))
    try:
        yield database
    finally:
        database.impatient()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


def teller(reporter: Reporter) -> Callable[[CivitaiDLError | None], None]:
    """Tells of a state database that has to wait; called in its thread."""
    loop = asyncio.get_running_loop()

    def tell(error: CivitaiDLError | None) -> None:
        notice = Notice("over", "the state can be written again: going on")
        if error is not None:
            notice = Notice("halt", f"paused: {error.message}; {error.hint}")
        loop.call_soon_threadsafe(reporter.emit, notice)

    return tell
