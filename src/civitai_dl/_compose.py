"""The one module that knows every concrete class: it opens, wires, runs and closes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import msgspec

from civitai_dl._version import __version__
from civitai_dl.adapters.api_client import ApiClient, Rates, open_api
from civitai_dl.adapters.catalog import (
    Database,
    Root,
    Runs,
    SqliteCatalog,
    SqliteLedger,
    SqliteQueue,
)
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher import open_fetcher
from civitai_dl.adapters.reporters import Fan
from civitai_dl.adapters.storage import STATE, LocalStorage, RunLock, local_path, open_storage
from civitai_dl.archive import (
    description_images,
    list_chunks,
    make_page,
    make_sidecars,
    source_url,
)
from civitai_dl.config import Settings, is_loopback
from civitai_dl.domain.decisions import RetryPolicy, may_fetch
from civitai_dl.domain.entities import (
    Kind,
    LaneClosed,
    Notice,
    RunFinished,
    RunReport,
    RunStarted,
    StoredFile,
    Wanted,
)
from civitai_dl.errors import (
    CatalogError,
    CivitaiDLError,
    KeyRefused,
    SourceError,
    StorageError,
)
from civitai_dl.scheduler import RunEnd, run_lanes
from civitai_dl.sources import all_sources, read_model
from civitai_dl.worker import Dressing, Tools, perform

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

from ._scope import Count, lanes_of, roles_of, roots_of

if TYPE_CHECKING:
    from civitai_dl.ports import Clock, Reporter

PROJECT_URL = "https://github.com/your-org/civitai-dl"
"""Stands in the User-Agent, in the form the specification gives it."""

STATE_FILE = "state.db"
STOCK = 10_000


def user_agent() -> str:
    """How the program names itself; no browser's name in it, which would turn JSON into HTML."""
    return f"Civitai-DL/{__version__} (+{PROJECT_URL})"


async def archive(
    settings: Settings,
    wanted: Sequence[Wanted],
    *,
    reporter: Reporter,
    stop: anyio.Event,
    clock: Clock | None = None,
) -> RunReport:
    """Bring an archive up to what is wanted; the whole of a run.

    stop: set it to end early; the state is safe and the next run goes on. Raises: UsageError, Busy,
    KeyRefused, ConfigError, StorageError, CatalogError before anything is fetched; later trouble of
    key and storage is told in the report.
    """
    clock = clock or SystemClock()
    roots = roots_of(wanted, settings.selection)
    directory = local_path(settings.output)
    with RunLock(directory / STATE / "lock"):
        async with AsyncExitStack() as stack:
            storage = open_storage(settings.output)
            database = await stack.enter_async_context(open_database(directory))
            run = Run(settings, storage, database, reporter, clock, stop)
            return await run.go(roots)


@asynccontextmanager
async def open_database(directory: Path) -> AsyncIterator[Database]:
    """The state of an archive, from its directory."""
    database = Database(directory / STATE / STATE_FILE)
    await anyio.to_thread.run_sync(database.start)
    try:
        yield database
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


@dataclass(slots=True)
class Run:
    """One run over an open archive."""

    settings: Settings
    storage: LocalStorage
    database: Database
    reporter: Reporter
    clock: Clock
    stop: anyio.Event

    async def go(self, roots: Sequence[Root]) -> RunReport:
        """From the first check to the report."""
        started = self.clock.now()
        count = Count()
        listeners = Fan([count, self.reporter])
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(self._open_api())
            await self._check_key(api, listeners)
            runs = Runs(self.database)
            await runs.recover(self.clock.now())
            await self._take_stock(runs, listeners)
            begun = await runs.begin(
                roots,
                roles=roles_of(self.settings.selection),
                now=self.clock.now(),
                key=self.settings.token is not None,
                only_failed=self.settings.only_failed,
                selection=repr(self.settings.selection),
            )
            ledger = SqliteLedger(self.database, begun.run)
            left = await ledger.open_counts()
            output = str(self.settings.output)
            listeners.emit(RunStarted(output, len(roots), begun.continued, left))
            tools = await self._tools(stack, api, listeners, begun.run)
            end, trouble = await self._work(begun.run, tools, listeners)
            try:
                await runs.unclaim()
            except (StorageError, CatalogError) as error:
                # A full disk takes no note of it; the next start takes the claims back.
                trouble = trouble or error
            if not end.stopped and trouble is None and not self.settings.dry_run:
                await runs.finish(begun.run, self.clock.now())
        report = await self._report(ledger, count, end, trouble, started)
        if not end.stopped and trouble is None:
            await self._write_lists(ledger)
        listeners.emit(RunFinished(report))
        return report

    def _open_api(self) -> AbstractAsyncContextManager[ApiClient]:
        return open_api(
            base_url=self.settings.base_url,
            token=self.settings.token,
            user_agent=user_agent(),
            rates=Rates(
                self.settings.max_rate_model,
                self.settings.max_rate_image,
                self.settings.max_rate_resolve,
            ),
            clock=self.clock,
        )

    async def _check_key(self, api: ApiClient, reporter: Reporter) -> None:
        """A bad key makes us silently anonymous, so it is tried before anything is asked."""
        if self.settings.token is None:
            return
        try:
            valid = await api.check_key()
        except SourceError as error:
            text = f"the API key could not be checked now: {error.message}"
            reporter.emit(Notice("warning", text))
            return
        if not valid:
            raise KeyRefused(
                "Civitai refused the API key",
                status=401,
                hint="make a new one in the account settings of the site, or leave it out",
            )

    async def _take_stock(self, runs: Runs, reporter: Reporter) -> None:
        """Look whether what is stored is still there; what is not is fetched again."""
        last = 0
        while batch := await runs.stored_after(last, STOCK):
            last = batch[-1][0]
            sizes = await self.storage.sizes([path for _, path, _ in batch])
            gone = [
                row for (row, _, size), found in zip(batch, sizes, strict=True) if found != size
            ]
            if gone:
                text = f"missing or changed on disk, to be fetched again: {len(gone)}"
                reporter.emit(Notice("warning", text))
                await runs.missing(gone)

    async def _tools(
        self, stack: AsyncExitStack, api: ApiClient, reporter: Reporter, run: int
    ) -> Tools:
        settings = self.settings
        local = is_loopback(settings.base_url)
        fetcher = await stack.enter_async_context(
            open_fetcher(
                user_agent=user_agent(),
                guard=partial(may_fetch, local_service=local),
                limit=settings.limit_rate,
                clock=self.clock,
            )
        )
        return Tools(
            api=api,
            links=api,
            fetcher=fetcher,
            storage=self.storage,
            catalog=SqliteCatalog(self.database, run),
            clock=self.clock,
            reporter=reporter,
            policy=RetryPolicy(attempts=max(1, settings.retries), max_wait=settings.max_wait),
            selection=settings.selection,
            sources={kind: source.expand for source in all_sources() for kind in source.kinds},
            dresser=partial(dress, site=settings.base_url),
            pictures=partial(_pictures, base=source_url(settings.base_url, 0)),
            check_key=api.check_key if settings.token is not None else None,
            resume=settings.resume,
            local_service=local,
        )

    async def _work(
        self, run: int, tools: Tools, reporter: Reporter
    ) -> tuple[RunEnd, CivitaiDLError | None]:
        key = self.settings.token is not None
        queue = SqliteQueue(self.database, self.clock, run, key)
        try:
            end = await run_lanes(
                lanes_of(self.settings),
                queue=queue,
                perform=partial(perform, tools=tools),
                clock=self.clock,
                reporter=reporter,
                max_wait=self.settings.max_wait,
                stop=self.stop,
            )
        except BaseExceptionGroup as group:
            known, others = group.split((StorageError, CatalogError, KeyRefused))
            if known is None or others is not None:
                raise
            return RunEnd({}, stopped=False), _first(known)
        return end, None

    async def _report(
        self,
        ledger: SqliteLedger,
        count: Count,
        end: RunEnd,
        trouble: CivitaiDLError | None,
        started: float,
    ) -> RunReport:
        total = await ledger.total()
        left = sum((await ledger.open_counts()).values())
        dry = self.settings.dry_run
        return RunReport(
            stored=count.stored,
            reused=count.reused,
            kept=max(0, total.stored - count.stored - count.reused),
            left=0 if end.stopped or dry else left,
            bytes_received=count.received,
            seconds=self.clock.now() - started,
            models=await ledger.models(),
            accounts=await ledger.accounts(),
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

    async def _write_lists(self, ledger: SqliteLedger) -> None:
        day = datetime.fromtimestamp(self.clock.now(), timezone.utc).strftime("%Y%m%d")
        for name, kind in (("model", Kind.FILE), ("gallery", Kind.IMAGE)):
            chunks = list_chunks(ledger.rows([kind]), kind)
            await self.storage.save_stream(f"lists/{day}_{name}.json", chunks)


def _stopped(closed: LaneClosed) -> str:
    hint = closed.failure.hint
    return f"{closed.failure.detail} ({hint})" if hint else closed.failure.detail


def _first(group: BaseExceptionGroup[CivitaiDLError]) -> CivitaiDLError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _pictures(html: str | None, *, base: str) -> list[str]:
    return description_images(html, base)


def dress(
    model_json: bytes, stored: Mapping[str, StoredFile], *, sidecars: bool, site: str
) -> Dressing:
    """See worker.Dresser."""
    try:
        model = read_model(msgspec.json.decode(model_json))
    except (msgspec.MsgspecError, ValueError, RecursionError, CivitaiDLError):
        # Somebody edited it; the page that is there stays.
        return Dressing([], [])
    documents = make_page(model, stored, site=site)
    links: list[tuple[str, str]] = []
    if sidecars:
        beside, links = make_sidecars(model, stored)
        documents += beside
    return Dressing(documents, links)
