"""An archive opened for work on it, under its lock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from civitai_dl._state import opened, teller
from civitai_dl.adapters.catalog import STATE_FILE, Database
from civitai_dl.adapters.storage import (
    STATE,
    LocalStorage,
    RunLock,
    forget_wishes,
    local_path,
    open_storage,
)
from civitai_dl.errors import UsageError

if TYPE_CHECKING:
    from civitai_dl.ports import Reporter


@asynccontextmanager
async def opened_archive(
    output: str, reporter: Reporter, *, make: bool = False
) -> AsyncIterator[tuple[LocalStorage, Database]]:
    """The files and the state of an archive, under its lock.

    make: make one where there is none. Raises: UsageError when there is none; Busy, StorageError,
    CatalogError.
    """
    directory = local_path(output)
    if not make and not (directory / STATE / STATE_FILE).is_file():
        raise UsageError(f"there is no archive here: {directory}")
    with RunLock(directory / STATE / "lock") as lock:
        # What was asked of a run that died is no wish to this one.
        forget_wishes(directory / STATE)
        storage = open_storage(output, trusted=lock.proven)
        database = Database(
            directory / STATE / STATE_FILE,
            trouble=teller(reporter),
            relieve=storage.volume.relieve,
        )
        async with opened(database, check=lock.unclean):
            yield storage, database
