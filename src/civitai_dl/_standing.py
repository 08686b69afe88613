"""How an archive stands, read beside whoever works on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from civitai_dl.adapters.catalog import STATE_FILE, Database, Runs, SqliteLedger
from civitai_dl.adapters.storage import STATE, holder_of
from civitai_dl.domain.entities import RunReport


@dataclass(frozen=True, slots=True)
class Standing:
    """The account of the last run; busy: a run is at work now."""

    report: RunReport
    busy: bool


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
    return Standing(report, busy=is_busy(folder))


def is_busy(folder: Path) -> bool:
    """Whether a run holds the directory."""
    return holder_of(folder / STATE / "lock") is not None
