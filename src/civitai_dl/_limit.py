"""Another limit on bytes per second for a run at work: how it is asked for, and how heeded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from civitai_dl.adapters.storage import STATE, ask_limit, holder_of, is_asked, take_limit
from civitai_dl.domain.entities import Notice
from civitai_dl.domain.messages import format_bytes
from civitai_dl.errors import StorageError, UsageError

if TYPE_CHECKING:
    from civitai_dl.ports import Clock, Reporter

LOOK_SECONDS = 1.0
"""Seconds between two looks for a wish."""

GLANCE = 0.1
GLANCES = 100
"""How often one looks for the answer, and the seconds between."""


async def heed_limits(
    folder: Path, change: Callable[[float], None], *, clock: Clock, reporter: Reporter
) -> None:
    """Keep to the limit that was asked for last, from a second after it was; for ever.

    change: sets bytes per second, 0 for none.
    """
    while True:
        try:
            limit = await anyio.to_thread.run_sync(take_limit, folder / STATE)
        except StorageError:
            # A disk that cannot be written is told of elsewhere; the wish stays.
            limit = None
        if limit is not None:
            change(float(limit))
            text = f"keeping to {format_bytes(limit)}/s now" if limit else "no limit on bytes now"
            reporter.emit(Notice("info", text))
        await clock.sleep(LOOK_SECONDS)


async def change_limit(folder: Path, limit: int) -> bool:
    """Ask the run at work in a directory to keep to a limit; whether it has answered.

    Raises: UsageError when no run is at work there; StorageError.
    """
    lock = folder / STATE / "lock"
    if holder_of(lock) is None:
        raise UsageError(
            f"no run is at work in {folder}",
            hint="give --limit-rate to the command that starts one",
        )
    ask_limit(folder / STATE, limit)
    for _ in range(GLANCES):
        await anyio.sleep(GLANCE)
        if not is_asked(folder / STATE):
            return True
    return False
