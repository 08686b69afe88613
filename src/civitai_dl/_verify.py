"""Every stored file read and compared with the catalog, and what is damaged made whole again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl.adapters.catalog import (
    Database,
    Fate,
    Inspection,
    Root,
    RunBegun,
    Runs,
    SqliteLedger,
)
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import LocalStorage
from civitai_dl.domain.decisions import SEGMENT, Damage, Finding, Subset, There
from civitai_dl.domain.entities import (
    Event,
    Notice,
    RunReport,
    RunStarted,
    Selection,
    Trace,
    Wanted,
)
from civitai_dl.errors import StorageError, UsageError
from civitai_dl.worker import (
    End,
    Healer,
    Mender,
    Progress,
    Scanner,
    Seed,
    Tools,
    Treated,
    note_end,
)

from ._compose import Performer, Run
from ._ending import status_after, until_stopped
from ._memory import recall
from ._opening import opened_archive
from ._scope import roots_of

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Clock, Reporter


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be verified, and how.

    wanted: only what these name; everything without any. heal: make whole what is damaged. jobs:
    files read at once. segment: bytes, as digests of prefixes are measured. given: names of
    Settings that count as they are; the others are those of the last run.
    """

    wanted: Sequence[Wanted] = ()
    subset: Subset | None = None
    heal: bool = True
    jobs: int = 1
    segment: int = SEGMENT
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found and what became of it; seconds: for looking, without healing.

    interrupted: not everything was looked at, or not everything healed. run: of what had to be
    fetched, with what failed in the last run before it and still does; None when nothing had to be.
    """

    progress: Progress
    treated: tuple[Treated, ...]
    seconds: float
    interrupted: bool = False
    run: RunReport | None = None

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        is_well = all(one.is_well for one in self.treated)
        return status_after(self.run, interrupted=self.interrupted, is_well=is_well)


async def verify(
    settings: Settings,
    order: Order,
    *,
    reporter: Reporter,
    stop: anyio.Event,
    progress: Progress,
    tell: Callable[[Finding], None],
    clock: Clock | None = None,
) -> VerifyReport:
    """Verify an archive.

    stop: set it to end early; nothing is healed then. progress, tell: kept up to date, and told of
    each finding, as it goes. Raises: UsageError when there is no archive, or nothing of what is
    wanted in it; Busy, KeyRefused, StorageError, CatalogError. Safe to repeat.
    """
    async with opened_archive(settings.output, reporter) as (storage, database):
        work = _Verifying(
            settings,
            order,
            storage,
            database,
            reporter,
            stop,
            progress,
            tell,
            clock or SystemClock(),
        )
        return await work.go()


@dataclass(slots=True)
class _Verifying:
    settings: Settings
    order: Order
    storage: LocalStorage
    database: Database
    reporter: Reporter
    stop: anyio.Event
    progress: Progress
    tell: Callable[[Finding], None]
    clock: Clock
    findings: list[Finding] = field(default_factory=list)
    run: RunReport | None = None

    async def go(self) -> VerifyReport:
        started = self.clock.now()
        inspection = Inspection(self.database)
        await self._choose(inspection)
        await self._look(inspection)
        seconds = self.clock.now() - started
        self.findings.sort(key=lambda finding: finding.kept.row)
        interrupted = self.stop.is_set()
        treated = [Treated(finding) for finding in self.findings]
        if treated and self.order.heal and not interrupted:
            treated = await self._heal(inspection)
        return VerifyReport(self.progress, tuple(treated), seconds, interrupted, self.run)

    async def _choose(self, inspection: Inspection) -> None:
        roots = None
        if self.order.wanted:
            found = roots_of(self.order.wanted, Selection())
            roots = {planned.task.key for root in found for planned in root.planned}
        chosen = await inspection.choose(roots, self.order.subset)
        if roots is not None and not (chosen.files or self.order.subset):
            names = ", ".join(wanted.text for wanted in self.order.wanted)
            raise UsageError(
                f"nothing of this is stored here: {names}",
                hint="name it as it was named when it was fetched",
            )
        self.progress.files, self.progress.bytes = chosen.files, chosen.bytes

    async def _look(self, inspection: Inspection) -> None:
        scanner = Scanner(
            storage=self.storage,
            rows=inspection.kept_after,
            elsewhere=inspection.elsewhere,
            tell=self._found,
            note=self._good(inspection),
            progress=self.progress,
            jobs=self.order.jobs,
            segment=self.order.segment,
        )
        # What was found good by now is noted if it can be; nobody waits for room.
        await until_stopped(self.stop, scanner.run, hurry=self.database.impatient)

    def _found(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.tell(finding)

    def _good(self, inspection: Inspection) -> Callable[[Sequence[int]], Awaitable[None]]:
        return lambda rows: inspection.checked(rows, self.clock.now())

    # --- healing

    async def _heal(self, inspection: Inspection) -> list[Treated]:
        last = await Runs(self.database).last()
        settings = self.settings
        if last is not None:
            # Before anything is moved: it may raise.
            memory = await inspection.settings_of(last)
            settings = recall(settings, memory, given=self.order.given)
        mender = Mender(self.storage, inspection.elsewhere, self.order.segment, self.clock.now())
        treated = await mender.mend(self.findings)
        whole = [one.finding.kept.row for one in treated if one.is_well]
        await inspection.checked(whole, self.clock.now())
        lost = [
            one
            for one in treated
            if not one.is_well and one.finding.damage is not Damage.OUT_OF_REACH
        ]
        if lost:
            await self._fetch(inspection, lost, settings, last)
        return treated

    async def _fetch(
        self,
        inspection: Inspection,
        lost: Sequence[Treated],
        settings: Settings,
        last: int | None,
    ) -> None:
        """Have the ordinary machinery bring what cannot be had without the service."""
        settings = replace(settings, selection=Selection(), dry_run=False, only_failed=True)
        run = await inspection.begin([one.finding.kept.row for one in lost], self.clock.now())
        healer = Healer(_seeds(lost), self.order.segment)
        healing = _HealingRun(
            settings,
            self.storage,
            self.database,
            _Retold(self.reporter, len(lost)),
            self.clock,
            self.stop,
            run,
            healer,
        )
        report = await healing.go([])
        fates = await inspection.fates([one.finding.kept.row for one in lost])
        for one in lost:
            _settle(one, fates[one.finding.kept.row], healer)
            await self._finish(one, fates[one.finding.kept.row])
        self.run = await self._with_earlier(report, last)

    async def _finish(self, one: Treated, fate: Fate) -> None:
        """Give a healed file its other names again, and add the end to the evidence."""
        try:
            if (
                one.is_well
                and fate.path.rsplit(".", 1)[-1] == one.finding.kept.path.rsplit(".", 1)[-1]
            ):
                for name in one.names:
                    await self.storage.link(fate.path, name)
            await note_end(self.storage, one)
        except (FileExistsError, FileNotFoundError, StorageError) as error:
            self.reporter.emit(Notice("warning", f"{one.finding.kept.path}: {error}"))

    async def _with_earlier(self, report: RunReport, last: int | None) -> RunReport:
        """The report, with what failed in the run before and is no better now."""
        if last is None:
            return report
        ledger = SqliteLedger(self.database, last)
        return replace(
            report,
            failures=_added(report.failures, await ledger.failures()),
            unavailable=_added(report.unavailable, await ledger.unavailable()),
        )


@dataclass(slots=True)
class _HealingRun(Run):
    """A run over things that are due already, and over nothing else."""

    number: int
    healer: Healer

    async def _take_stock(self, runs: Runs, reporter: Reporter) -> None:
        """What is stored has just been looked at, or is not what this run is about."""
        del runs, reporter

    async def _begin(self, runs: Runs, roots: Sequence[Root]) -> RunBegun:
        del runs, roots
        return RunBegun(self.number, continued=False)

    def _performer(self, tools: Tools) -> Performer:
        return partial(self.healer.perform, tools=tools)


@dataclass(frozen=True, slots=True)
class _Retold:
    """A Reporter that says how many files are to be healed, where a run says its targets."""

    reporter: Reporter
    files: int

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, RunStarted):
            event = replace(event, targets=self.files)
        self.reporter.emit(event)


def _seeds(lost: Sequence[Treated]) -> dict[str, Seed]:
    """What may still be good of the bytes that were set aside, by task key."""
    return {
        one.finding.kept.key: Seed(one.finding.kept, one.where, one.finding.seen.size)
        for one in lost
        if one.where and one.finding.seen.there in (There.FILE, There.BROKEN)
    }


def _settle(one: Treated, fate: Fate, healer: Healer) -> None:
    """Say how a file that was due ended."""
    kept = one.finding.kept
    if fate.status != "stored":
        one.end, one.detail = End.LOST, fate.detail
    elif kept.key in healer.fetched:
        one.end, one.segments = End.HEALED, healer.fetched[kept.key]
    else:
        one.end = End.FETCHED
        if fate.sha256 != kept.sha256:
            one.detail = "the service gives other bytes now than it gave then"


def _added(ours: tuple[Trace, ...], earlier: tuple[Trace, ...]) -> tuple[Trace, ...]:
    keys = {trace.key for trace in ours}
    return (*ours, *(trace for trace in earlier if trace.key not in keys))
