"""The one module that knows every concrete class: it opens, wires, runs and closes."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from civitai_dl._version import __version__
from civitai_dl.adapters.api_client import SILENCE, ApiClient
from civitai_dl.adapters.catalog import (
    STATE_FILE,
    Database,
    Root,
    RunBegun,
    Runs,
    SqliteCatalog,
    SqliteLedger,
    SqliteQueue,
    SqliteRates,
)
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher import open_engine, open_fetcher
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.adapters.reporters import Fan
from civitai_dl.adapters.storage import (
    STATE,
    LocalStorage,
    OwnedFiles,
    RunLock,
    System,
    forget_wishes,
    local_path,
    open_owned,
    open_storage,
)
from civitai_dl.config import Settings, is_loopback
from civitai_dl.domain.decisions import RetryPolicy, may_fetch
from civitai_dl.domain.entities import (
    Notice,
    Outcome,
    RunFinished,
    RunReport,
    RunStarted,
    Task,
    Wanted,
)
from civitai_dl.errors import (
    CatalogError,
    CivitaiDLError,
    KeyRefused,
    ProxyRefused,
    SourceError,
    StorageError,
    StorageFull,
)
from civitai_dl.ports import Wakeful
from civitai_dl.scheduler import Controls, RunEnd, Spare, Traffic, run_lanes
from civitai_dl.sources import all_sources
from civitai_dl.worker import Tools, perform

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

from ._dressing import dresser_of, maker_of, pictures
from ._ending import Ending, expected_error, report_of
from ._lists import Lists
from ._memory import remember, remember_selection
from ._scope import Count, has_news, lanes_of, roles_of, roots_of
from ._speed import Speed
from ._state import opened, teller
from ._steering import Steering
from ._stock import take_stock

if TYPE_CHECKING:
    from civitai_dl.pacing import Pacer, RateBook
    from civitai_dl.ports import Clock, Reporter

    from ._hosts import Service

PROJECT_URL = "https://github.com/your-org/civitai-dl"
"""Stands in the User-Agent, in the form the specification gives it."""

Watch = Callable[[str, sqlite3.Connection], None]
Closing = Callable[[Database, RunReport], Awaitable[None]]
Performer = Callable[[Sequence[Task]], Awaitable[list[Outcome]]]


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
    system: System | None = None,
    watch: Watch | None = None,
    closing: Closing | None = None,
) -> RunReport:
    """Bring an archive up to what is wanted; the whole of a run.

    stop: set it to end early; the state is safe and the next run goes on. system: what does the
    work on the disk, the real one by default. watch: called at each transaction of the state (see
    Database). closing: what else is to be noted in the state at the end. Raises: UsageError, Busy,
    KeyRefused, ConfigError, StorageError, CatalogError before anything is fetched; later trouble of
    key and storage is told in the report.
    """
    clock = clock or SystemClock()
    roots = roots_of(wanted, settings.selection, key=settings.token is not None)
    directory = local_path(settings.output)
    with RunLock(directory / STATE / "lock") as lock:
        # What was asked of a run that died is no wish to this one.
        forget_wishes(directory / STATE)
        async with AsyncExitStack() as stack:
            storage = open_storage(settings.output, system=system, trusted=lock.proven)
            database = Database(
                directory / STATE / STATE_FILE,
                trouble=teller(reporter),
                relieve=storage.volume.relieve,
                watch=watch,
            )
            await stack.enter_async_context(opened(database, check=lock.unclean))
            run = Run(settings, storage, database, reporter, clock, stop)
            run.owned = open_owned(storage, directory / STATE)
            if run.owned is not None:
                stack.callback(run.owned.close)
            report = await run.go(roots)
            if closing is not None:
                await closing(database, report)
            return report


@dataclass(slots=True)
class Run:
    """One run over an open archive."""

    settings: Settings
    storage: LocalStorage
    database: Database
    reporter: Reporter
    clock: Clock
    stop: anyio.Event
    traffic: Traffic = field(default_factory=Traffic, kw_only=True)
    spare: Spare = field(default_factory=Spare, kw_only=True)
    controls: Controls = field(default_factory=Controls, kw_only=True)
    owned: OwnedFiles | None = field(default=None, kw_only=True)

    async def go(self, roots: Sequence[Root]) -> RunReport:
        """From the first check to the report."""
        started = self.clock.now()
        count = Count()
        speed = Speed(self.clock)
        listeners = Fan([count, speed, self.traffic, self.reporter])
        async with AsyncExitStack() as stack:
            book = SqliteRates(self.database, self.settings.token)
            pacer = await self._pacer(book)
            api = await self._open_api(stack, pacer)
            runs = Runs(self.database)
            await self._look_around(stack, api, runs, listeners)
            begun = await self._begin(runs, roots)
            ledger = SqliteLedger(self.database, begun.run)
            left = await ledger.open_counts()
            output = str(self.settings.output)
            listeners.emit(RunStarted(output, len(roots), begun.continued, left))
            tools = await self._tools(stack, api, pacer, listeners, begun.run)
            end, trouble = await self._work(begun.run, tools, listeners, pacer, book)
            try:
                await runs.unclaim()
                await book.note(pacer.known())
                await speed.note(self.database)
            except (StorageError, CatalogError) as error:
                # A full disk takes no note of it; the next start takes the claims back.
                trouble = trouble or error
            if isinstance(trouble, ProxyRefused):
                raise trouble
            settings = self.settings
            if not end.stopped and trouble is None and not settings.dry_run:
                await runs.finish(begun.run, self.clock.now())
                if settings.embed_metadata:
                    # What only some runs need is not loaded by the others.
                    from ._embedding import embed_new

                    await embed_new(self.storage, self.database, listeners, self.stop)
        now = self.clock.now()
        seconds = now - started - self.controls.held_seconds(now)
        ending = Ending(end, trouble, seconds, dry=self.settings.dry_run)
        report = await report_of(ledger, count, ending)
        if not end.stopped and trouble is None and has_news(roots, count):
            lists = Lists(ledger, self.storage, self.clock, self.reporter, self.stop)
            await lists.write_patiently()
        listeners.emit(RunFinished(report))
        return report

    async def asking(self, stack: AsyncExitStack) -> Service:
        """The API by itself, without a run, with the key tried. Raises: KeyRefused."""
        book = SqliteRates(self.database, self.settings.token)
        pacer = await self._pacer(book)
        api = await self._open_api(stack, pacer)
        await self._check_key(api, self.reporter)
        return api

    async def _prove_at_start(self) -> None:
        try:
            await self.storage.prove()
        except StorageFull as error:
            hint = "free some space, then run the same command again"
            raise StorageFull(error.message, hint=hint) from error

    async def _look_around(
        self, stack: AsyncExitStack, api: Service, runs: Runs, reporter: Reporter
    ) -> None:
        """Whether the key is good, and what is on the disk: the one waits while the other works."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._check_key, api, reporter)
                await runs.recover(self.clock.now())
                await self._take_stock(runs, reporter)
                await self.storage.sweep(await runs.partial_keys())
                if not self.settings.dry_run:
                    # On a disk that is full already, nothing is asked for in vain.
                    await self._prove_at_start()
                    stack.callback(self.storage.volume.relieve)
        except BaseExceptionGroup as group:
            error = expected_error(group)
            if error is None:
                raise
            raise error from None

    async def _begin(self, runs: Runs, roots: Sequence[Root]) -> RunBegun:
        return await runs.begin(
            roots,
            roles=roles_of(self.settings.selection),
            now=self.clock.now(),
            key=self.settings.token is not None,
            only_failed=self.settings.only_failed,
            reasons=self.settings.reasons,
            selection=remember_selection(self.settings.selection),
            settings=remember(self.settings),
        )

    async def _pacer(self, book: RateBook) -> LanePacer:
        settings = self.settings
        rates = Rates(settings.max_rate_model, settings.max_rate_image, settings.max_rate_resolve)
        return LanePacer(rates, self.clock, max_wait=settings.max_wait, known=await book.recall())

    async def _open_api(self, stack: AsyncExitStack, pacer: Pacer) -> Service:
        settings = self.settings
        # Connections of its own: those that carry the key carry nothing else.
        opening = open_engine(
            user_agent(), silence=SILENCE, name=settings.engine, ways=settings.ways
        )
        asker = await stack.enter_async_context(opening)
        self.controls.still.append(asker.drop)
        ask = partial(ApiClient, asker, pacer=pacer, clock=self.clock)
        if not settings.ways.fallbacks:
            return ask(base_url=settings.base_url, token=settings.token)
        from ._hosts import service_of

        return service_of(settings, ask, self.reporter)

    async def _check_key(self, api: Service, reporter: Reporter) -> None:
        """A bad key makes us silently anonymous, so it is tried before anything is asked."""
        if self.settings.token is None:
            return
        try:
            valid = await api.check_key()
        except SourceError as error:
            hint = f" ({error.hint})" if error.hint else ""
            text = f"the API key could not be checked now: {error.message}{hint}"
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
        async for stock in take_stock(runs, self.storage):
            if stock.gone:
                text = f"missing or changed on disk, to be fetched again: {stock.gone}"
                reporter.emit(Notice("warning", text))

    async def _tools(
        self, stack: AsyncExitStack, api: Service, pacer: Pacer, reporter: Reporter, run: int
    ) -> Tools:
        settings = self.settings
        local = is_loopback(settings.base_url)
        fetcher = await stack.enter_async_context(
            open_fetcher(
                user_agent=user_agent(),
                guard=partial(may_fetch, local_service=local),
                limit=settings.limit_rate,
                clock=self.clock,
                pacer=pacer,
                engine=settings.engine,
                ways=settings.ways,
            )
        )
        self.controls.still.append(fetcher.drop)
        if isinstance(self.clock, Wakeful):
            self.clock.on_gap = lambda _: fetcher.drop()
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
            dresser=dresser_of(settings),
            pictures=partial(pictures, site=settings.base_url),
            maker=maker_of(settings),
            check_key=api.check_key if settings.token is not None else None,
            resume=settings.resume,
            local_service=local,
            spare=self.spare,
            owned=self.owned,
        )

    async def _work(
        self,
        run: int,
        tools: Tools,
        reporter: Reporter,
        pacer: LanePacer,
        book: RateBook,
    ) -> tuple[RunEnd, CivitaiDLError | None]:
        key = self.settings.token is not None
        queue = SqliteQueue(self.database, self.clock, run, key)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._hurry)
                group.start_soon(self._steering(run, tools).heed)
                group.start_soon(pacer.keep, book)
                if isinstance(self.clock, Wakeful):
                    group.start_soon(self.clock.watch)
                end = await run_lanes(
                    lanes_of(self.settings),
                    queue=queue,
                    perform=self._performer(tools),
                    clock=self.clock,
                    reporter=reporter,
                    max_wait=self.settings.max_wait,
                    stop=self.stop,
                    prove=self.storage.prove,
                    traffic=self.traffic,
                    spare=self.spare,
                    controls=self.controls,
                )
                group.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            known = (StorageError, CatalogError, KeyRefused, ProxyRefused)
            error = expected_error(group, known)
            if error is None:
                raise
            return RunEnd({}, stopped=False), error
        return end, None

    def _performer(self, tools: Tools) -> Performer:
        return partial(perform, tools=tools)

    def _steering(self, run: int, tools: Tools) -> Steering:
        state = local_path(self.settings.output) / STATE
        limit = tools.fetcher.change_limit
        about = (self.controls, self.database, self.storage, limit, self.clock, self.reporter)
        return Steering(state, run, *about)

    async def _hurry(self) -> None:
        """Once the end is asked for, nobody waits for room on the disk any more."""
        await self.stop.wait()
        self.database.impatient()
