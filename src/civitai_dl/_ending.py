"""How a run ended, in figures."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from civitai_dl.adapters.catalog import SqliteLedger
from civitai_dl.domain.entities import Lane, LaneClosed, RunReport
from civitai_dl.domain.messages import come_back
from civitai_dl.errors import CivitaiDLError, KeyRefused
from civitai_dl.scheduler import RunEnd

from ._scope import Count

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known when the last lane has stopped; seconds: how long it took."""

    end: RunEnd
    trouble: CivitaiDLError | None
    seconds: float
    dry: bool


async def report_of(ledger: SqliteLedger, count: Count, ending: Ending) -> RunReport:
    """The report of a run. Raises: CatalogError."""
    end, trouble = ending.end, ending.trouble
    accounts = await ledger.accounts()
    total = await ledger.total(accounts)
    counts = await ledger.open_counts()
    if ending.dry:
        # What there is to transfer was not to be transferred; what there is to list, was.
        counts = {lane: counts.get(lane, 0) for lane in (Lane.MODEL_PAGES, Lane.IMAGE_PAGES)}
    left = sum(counts.values())
    return RunReport(
        stored=count.stored,
        reused=count.reused,
        kept=max(0, total.stored - count.stored - count.reused),
        left=0 if end.stopped else left,
        bytes_received=count.received,
        seconds=ending.seconds,
        models=await ledger.models(),
        accounts=accounts,
        total=total,
        failures=await ledger.failures(),
        unavailable=await ledger.unavailable(),
        notices=(*count.told(), *(_stopped(closed) for closed in end.closed.values())),
        interrupted=end.stopped,
        storage_trouble=(
            "" if trouble is None or isinstance(trouble, KeyRefused) else trouble.message
        ),
        key_refused=isinstance(trouble, KeyRefused),
        outlook=await ledger.outlook(),
    )


def _stopped(closed: LaneClosed) -> str:
    hints = [closed.failure.hint, come_back(closed.until)]
    return f"{closed.failure.detail} ({'; '.join(hint for hint in hints if hint)})"


def expected_error(
    group: BaseExceptionGroup[BaseException],
    kinds: tuple[type[CivitaiDLError], ...] = (CivitaiDLError,),
) -> CivitaiDLError | None:
    """The first of what went wrong at the same time; None when there is a bug among it."""
    known, others = group.split(kinds)
    return None if known is None or others is not None else _first(known)


def _first(group: BaseExceptionGroup[CivitaiDLError]) -> CivitaiDLError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def until_stopped(
    stop: anyio.Event, work: Callable[[], Awaitable[None]], *, hurry: Callable[[], None]
) -> None:
    """Work until it is done, or until the end is asked for.

    hurry: called then, before the work is cancelled. What the work raises comes as itself.
    """

    async def heed() -> None:
        await stop.wait()
        hurry()
        group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(heed)
            await work()
            group.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        error = expected_error(errors)
        if error is None:
            raise
        raise error from None


def status_after(run: RunReport | None, *, interrupted: bool, is_well: bool) -> int:
    """The exit status of a command that has a run of its own only where one was needed.

    is_well: whether nothing is left that should be otherwise. What a run says of key, storage and
    interruption comes first.
    """
    status = 0 if run is None else run.exit_code
    if status in (3, 4, 130):
        return status
    if interrupted:
        return 130
    return 0 if is_well else 1
