"""A folder of models that somebody has already, taken into an archive without a transfer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from civitai_dl.adapters.catalog import Database, Root, SqliteCatalog
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import (
    STATE,
    Belonging,
    ChangedError,
    LocalStorage,
    OwnedBook,
    OwnedFiles,
    find_belongings,
    local_path,
    measure_belonging,
    open_book,
)
from civitai_dl.domain.entities import (
    ModelTarget,
    OwnedFile,
    RunReport,
    Selection,
    Taking,
    Wanted,
)
from civitai_dl.sources import Told
from civitai_dl.worker import Progress

from ._asking import Asking
from ._compose import Run
from ._ending import until_stopped
from ._identified import Fate, Identified, IdentifyReport, Place
from ._opening import opened_archive
from ._scope import roots_of

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Clock, Reporter

NOTED_TOGETHER = 64
"""Digests that are remembered in one transaction: so many are measured again after a crash."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be identified, and what becomes of it.

    every: files of any name. taking: how they come into the archive. complete: transfer what else
    the versions have, galleries included. images: fetch previews. jobs: files read at once.
    """

    paths: Sequence[str]
    every: bool = False
    taking: Taking = Taking.AUTO
    complete: bool = False
    images: bool = True
    jobs: int = 1


async def identify(
    settings: Settings,
    errand: Errand,
    *,
    reporter: Reporter,
    stop: anyio.Event,
    progress: Progress,
    clock: Clock | None = None,
) -> IdentifyReport:
    """Identify files, and take those that the service knows into an archive.

    The files themselves are never changed. With settings.dry_run nothing is taken. stop: set it to
    end early. progress: kept up to date while files are read. Raises: Busy, KeyRefused,
    StorageError, CatalogError, ConfigError. Safe to repeat: what was read is not read again.
    """
    async with opened_archive(settings.output, reporter, make=True) as (storage, database):
        state = local_path(settings.output) / STATE
        book = await anyio.to_thread.run_sync(open_book, state)
        try:
            work = _Identifying(
                settings,
                errand,
                storage,
                database,
                book,
                reporter,
                stop,
                progress,
                clock or SystemClock(),
            )
            return await work.go()
        finally:
            book.close()


@dataclass(slots=True)
class _Identifying:
    settings: Settings
    errand: Errand
    storage: LocalStorage
    database: Database
    book: OwnedBook
    reporter: Reporter
    stop: anyio.Event
    progress: Progress
    clock: Clock
    known: list[tuple[Belonging, OwnedFile]] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    hashed: int = 0
    asked: int = 0
    why: str = ""
    _fresh: list[OwnedFile] = field(default_factory=list)

    async def go(self) -> IdentifyReport:
        started = self.clock.now()
        await self._heeding(self._read)
        self.known.sort(key=lambda pair: pair[0].shown)
        if self.stop.is_set():
            return self._report(started, Told(), set(), interrupted=True)
        before = await self._stored(file.sha256 for _, file in self.known)
        told = Told()
        await self._heeding(lambda: self._ask(before, told))
        stopped = self.stop.is_set()
        if stopped or self.settings.dry_run or not told.places:
            return self._report(started, told, before, interrupted=stopped)
        return await self._adopt(started, told, before)

    async def _heeding(self, work: Callable[[], Awaitable[None]]) -> None:
        await until_stopped(self.stop, work, hurry=self.database.impatient)

    # --- reading

    async def _read(self) -> None:
        """Find the files, and measure those that nobody knows."""
        found = await anyio.to_thread.run_sync(
            lambda: find_belongings(
                self.errand.paths,
                besides=local_path(self.settings.output),
                every=self.errand.every,
            )
        )
        self.troubles += found.troubles
        self.progress.files = len(found.files)
        self.progress.bytes = sum(file.size for file in found.files)
        left = iter(found.files)
        limiter = anyio.CapacityLimiter(self.errand.jobs)
        try:
            async with anyio.create_task_group() as group:
                for _ in range(self.errand.jobs):
                    group.start_soon(self._measure, left, limiter)
        finally:
            # What was read so far need not be read again.
            with anyio.CancelScope(shield=True):
                await self._note()

    async def _measure(self, left: Iterator[Belonging], limiter: anyio.CapacityLimiter) -> None:
        for file in left:
            known = await anyio.to_thread.run_sync(self._one, file, limiter=limiter)
            if known is not None:
                self.known.append((file, known))
            if len(self._fresh) >= NOTED_TOGETHER:
                await self._note()

    def _one(self, file: Belonging) -> OwnedFile | None:
        """The digest of a file; None when it cannot be had. In a thread."""
        known = self.book.recall(file)
        if known is not None:
            self.progress.close(file.size, 0)
            return known
        read = 0

        def hear(count: int) -> None:
            nonlocal read
            read += count
            self.progress.hear(count)

        try:
            known = measure_belonging(file, hear)
        except ChangedError:
            self._give_up(file, "it changed while it was read")
        except OSError as error:
            self._give_up(file, error.strerror or str(error))
        else:
            self._fresh.append(known)
            self.hashed += 1
        self.progress.close(file.size, read)
        return known

    def _give_up(self, file: Belonging, why: str) -> None:
        self.troubles.append((file.shown, why))
        self.progress.damaged += 1

    async def _note(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh:
            await anyio.to_thread.run_sync(self.book.note, fresh)

    # --- asking

    async def _stored(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests of which the archive has the bytes."""
        catalog = SqliteCatalog(self.database)
        twins = [twin for digest in set(digests) for twin in await catalog.find_sha256(digest)]
        sizes = await self.storage.sizes([twin.path for twin in twins])
        return {twin.sha256 for twin, size in zip(twins, sizes, strict=True) if size == twin.size}

    async def _ask(self, stored: Collection[str], told: Told) -> None:
        """Ask about what the archive does not have, or has from a run that did not end."""
        files = [file for _, file in self.known]
        begun = await anyio.to_thread.run_sync(self.book.unsettled, files)
        digests = dict.fromkeys(
            file.sha256 for file in files if file.sha256 not in stored or file.path in begun
        )
        if not digests:
            return
        run = Run(self.settings, self.storage, self.database, self.reporter, self.clock, self.stop)
        async with AsyncExitStack() as stack:
            asking = Asking(await run.asking(stack), self.settings, self.reporter, self.clock, told)
            try:
                await asking.ask(list(digests))
            finally:
                self.asked, self.why = asking.asked, asking.why

    # --- taking

    async def _adopt(self, started: float, told: Told, before: set[str]) -> IdentifyReport:
        """Have the ordinary machinery bring the versions, with these files at hand."""
        errand = self.errand
        mine = [file for _, file in self.known if file.sha256 in told.places]
        paths = [file.path for file in mine]
        await anyio.to_thread.run_sync(self.book.own, paths, errand.taking)
        levels = self.settings.selection.levels
        selection = Selection(
            images=errand.images,
            gallery=errand.complete,
            levels=levels,
            # What somebody has already is theirs to judge.
            allow_unsafe=not errand.complete,
        )
        run = Run(
            replace(self.settings, selection=selection, only_failed=False),
            self.storage,
            self.database,
            self.reporter,
            self.clock,
            self.stop,
        )
        only = None if errand.complete else frozenset(told.places)
        run.owned = OwnedFiles(self.storage, self.book, only=only)
        report = await run.go(self._roots(told, selection))
        after = await self._stored(told.places)
        if report.exit_code == 0:
            # Else the same command has something left to do for them.
            settled = [file.path for file in mine if file.sha256 in after]
            await anyio.to_thread.run_sync(self.book.settle, settled)
        return self._report(started, told, before, after=after, run=report)

    def _roots(self, told: Told, selection: Selection) -> list[Root]:
        """The versions, each once, with the first file that it has for its origin."""
        wanted: dict[Place, Wanted] = {}
        for found, file in self.known:
            for place in told.places.get(file.sha256, ()):
                target = ModelTarget(*place)
                wanted.setdefault(place, Wanted(target, text_of(place), found.shown))
        return roots_of(list(wanted.values()), selection)

    def _report(
        self,
        started: float,
        told: Told,
        before: set[str],
        *,
        after: Collection[str] = (),
        run: RunReport | None = None,
        interrupted: bool = False,
    ) -> IdentifyReport:
        failed = set() if run is None else {trace.target for trace in run.failures}
        ended = run is not None and not (run.interrupted or run.left or run.storage_trouble)

        def fate(file: OwnedFile) -> Fate:
            places = told.places.get(file.sha256, ())
            if file.sha256 in before:
                return Fate.ALREADY
            if file.sha256 in after:
                return Fate.ADOPTED
            if not places:
                unsure = interrupted or file.sha256 in told.untold
                return Fate.UNTOLD if unsure else Fate.UNKNOWN
            if run is None:
                return Fate.KNOWN
            lost = not ended or any(text_of(place) in failed for place in places)
            return Fate.FAILED if lost else Fate.NOT_SHOWN

        return IdentifyReport(
            files=tuple(
                Identified(
                    found.shown,
                    file.size,
                    file.sha256,
                    fate(file),
                    tuple(told.places.get(file.sha256, ())),
                )
                for found, file in self.known
            ),
            troubles=tuple(sorted(self.troubles)),
            hashed=self.hashed,
            asked=self.asked,
            why=self.why,
            seconds=self.clock.now() - started,
            interrupted=interrupted,
            run=run,
        )


def text_of(place: Place) -> str:
    """A version as a target that can be asked for by itself."""
    return f"https://civitai.com/models/{place[0]}?modelVersionId={place[1]}"
