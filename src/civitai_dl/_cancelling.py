"""Withdrawing what was asked for: by the run at work, or by ourselves where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from civitai_dl.adapters.catalog import STATE_FILE, withdraw
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import STATE, Facts, local_path
from civitai_dl.domain.entities import Selection, Wanted
from civitai_dl.errors import Busy, UsageError

from ._opening import opened_archive
from ._scope import roots_of
from ._steering import cancelled_facts, drop_partials
from ._wishing import ask_run, is_busy

BUSY_HINT = "wait for it, or stop it; what is at work there takes no wishes"


async def cancel_targets(output: str, wanted: Sequence[Wanted]) -> Facts | None:
    """Withdraw these targets; what became of each, None while the run at work has not answered.

    See adapters.catalog.withdraw. Raises: UsageError when there is no archive, or when one of them
    was never asked for by itself: then nothing is changed; Busy, StorageError, CatalogError.
    """
    folder = local_path(output)
    if not (folder / STATE / STATE_FILE).is_file():
        raise UsageError(f"there is no archive here: {folder}")
    targets = [(one.text, _roots(one)) for one in wanted]
    while True:
        if is_busy(folder):
            return await _ask(folder, targets)
        try:
            return await _withdraw(output, targets)
        except Busy:
            # Somebody has begun just now.
            continue


async def _ask(folder: Path, targets: Sequence[tuple[str, list[str]]]) -> Facts | None:
    named = [{"text": text, "roots": roots} for text, roots in targets]
    try:
        return await ask_run(folder, {"do": "cancel", "targets": named}, hint=BUSY_HINT)
    except UsageError:
        if is_busy(folder):
            raise
        # It ended before it heard: its claims are given back, and nobody is in the way.
        return await _withdraw(str(folder), targets)


async def _withdraw(output: str, targets: Sequence[tuple[str, list[str]]]) -> Facts:
    async with opened_archive(output, NullReporter()) as (storage, database):
        found = await withdraw(database, targets, SystemClock().now(), alone=True)
        await drop_partials(found, storage)
    return {**cancelled_facts(found, 0), "alone": True}


def _roots(wanted: Wanted) -> list[str]:
    """The keys of the tasks that it begins with, whatever is selected of it."""
    roots = roots_of([wanted], Selection())
    return [planned.task.key for root in roots for planned in root.planned]
