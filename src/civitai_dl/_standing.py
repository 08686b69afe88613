"""How an archive stands, read beside whoever works on it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread

from civitai_dl._gone import GoneModel, find_gone
from civitai_dl.adapters.catalog import STATE_FILE, Database, Runs, SqliteLedger, Survey, survey
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import STATE, holder_of, told_work
from civitai_dl.domain.entities import RunReport


@dataclass(frozen=True, slots=True)
class Standing:
    """The account of the last run; busy: a run is at work now.

    gone: models of which the service no longer has all, and the archive does. queue: how the queue
    stands, over all runs. work: what the run at work tells of itself, empty when it tells nothing.
    free: bytes of room on the disk, None where nobody can tell.
    """

    report: RunReport
    busy: bool
    gone: Sequence[GoneModel] = ()
    queue: Survey = field(default_factory=Survey)
    work: Mapping[str, object] = field(default_factory=dict)
    free: int | None = None


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
        queue = await survey(database, SystemClock().now())
    finally:
        await anyio.to_thread.run_sync(database.close)
    gone = await anyio.to_thread.run_sync(find_gone, folder)
    holder = holder_of(folder / STATE / "lock")
    work = told_work(folder / STATE)
    if holder is None or f"(process {work.get('process')} on" not in holder:
        # It speaks of a run that has died.
        work = {}
    return Standing(
        report, busy=holder is not None, gone=gone, queue=queue, work=work, free=_free(folder)
    )


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def is_busy(folder: Path) -> bool:
    """Whether a run holds the directory."""
    return holder_of(folder / STATE / "lock") is not None
