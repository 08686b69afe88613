"""How an archive stands, read beside whoever works on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from civitai_dl._gone import GoneModel, find_gone
from civitai_dl.adapters.catalog import STATE_FILE, Database, Runs, SqliteLedger
from civitai_dl.adapters.storage import STATE, holder_of
from civitai_dl.domain.entities import RunReport


@dataclass(frozen=True, slots=True)
class Standing:
    """The account of the last run; busy: a run is at work now.

    gone: models of which the service no longer has all, and the archive does.
    """

    report: RunReport
    busy: bool
    gone: Sequence[GoneModel] = ()


async def read_standing(folder: Path) -> Standing | None:
    """The standing of the archive in a directory; None when there is none.

    Changes nothing. Raises: CatalogError.
    """
    path = folder / STATE / STATE_FILE
    if not path.is_file():
        return None
    database = Database(path, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        run = await Runs(database).last()
        if run is None:
            return None
        ledger = SqliteLedger(database, run)
        accounts = await ledger.accounts()
        report = RunReport(
            models=await ledger.models(),
            accounts=accounts,
            total=await ledger.total(accounts),
            failures=await ledger.failures(),
            unavailable=await ledger.unavailable(),
            outlook=await ledger.outlook(),
        )
    finally:
        await anyio.to_thread.run_sync(database.close)
    gone = await anyio.to_thread.run_sync(find_gone, folder)
    return Standing(report, busy=is_busy(folder), gone=gone)


def is_busy(folder: Path) -> bool:
    """Whether a run holds the directory."""
    return holder_of(folder / STATE / "lock") is not None
