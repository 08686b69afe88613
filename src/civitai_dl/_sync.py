"""Bringing what an archive keeps current up to date, by the fewest questions that show it all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from civitai_dl.adapters.catalog import Database, SqliteFollowed
from civitai_dl.adapters.reporters import Fan
from civitai_dl.domain.decisions import is_full_due
from civitai_dl.domain.entities import Followed, Look, RunReport, Wanted
from civitai_dl.errors import UsageError

from ._compose import archive
from ._following import read_followed, wanted_of
from ._memory import recall_selection
from ._news import News

if TYPE_CHECKING:
    import anyio

    from civitai_dl.config import Settings
    from civitai_dl.ports import Clock, Reporter

WEEK = 604_800.0
"""Seconds between two full looks at one thing, unless another number is given."""

WORST = (130, 4, 3, 1, 0)
"""Of the exit statuses of several runs, the first of these that occurs is the one of all."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How closely to look. full: at all things in full. every: seconds between two full looks."""

    full: bool = False
    every: float = WEEK


@dataclass(slots=True)
class SyncReport:
    """How a sync ended. started: seconds since the epoch. targets: how many things it was about.

    full: how many of them were looked at in full. runs: one for each way in which things are
    wanted.
    """

    started: float
    targets: int = 0
    full: int = 0
    seconds: float = 0.0
    runs: list[RunReport] = field(default_factory=list)
    news: News = field(default_factory=News)

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        codes = {run.exit_code for run in self.runs}
        return next((code for code in WORST if code in codes), 0)


@dataclass(frozen=True, slots=True)
class _Thing:
    followed: Followed
    wanted: Wanted


async def sync(
    settings: Settings,
    manner: Manner,
    *,
    reporter: Reporter,
    stop: anyio.Event,
    clock: Clock,
) -> SyncReport:
    """Bring all that an archive keeps current up to date, and tell what was new.

    Things that are wanted in different ways are different runs. Raises: UsageError without an
    archive or anything to keep current; what `archive` raises.
    """
    followed = await read_followed(settings.output)
    if followed is None:
        raise UsageError(f"there is no archive here: {settings.output}")
    if not followed:
        raise UsageError(
            "nothing is kept current here yet",
            hint="`civitai-dl add TARGET...` adds something, `civitai-dl add --from-runs` all that "
            "earlier runs were asked for",
        )
    report = SyncReport(clock.now())
    for selection, things in _groups(followed, report.started, manner).items():
        report.targets += len(things)
        report.full += sum(thing.wanted.look is Look.FULL for thing in things)
        chosen = replace(settings, only_failed=False)
        if selection is not None:
            chosen = replace(chosen, selection=recall_selection(selection) or settings.selection)
        run = await archive(
            chosen,
            [thing.wanted for thing in things],
            reporter=Fan([report.news, reporter]),
            stop=stop,
            clock=clock,
            closing=_Closing(things, report.started),
        )
        report.runs.append(run)
        if run.exit_code > 1:
            break
    report.seconds = clock.now() - report.started
    return report


def _groups(
    followed: Sequence[Followed], now: float, manner: Manner
) -> dict[str | None, list[_Thing]]:
    """The things by the way in which they are wanted, each with how closely to look at it."""
    groups: defaultdict[str | None, list[_Thing]] = defaultdict(list)
    for one in followed:
        wanted = wanted_of(one)
        if wanted is None:
            continue
        full = manner.full or is_full_due(one.identity, one.full_at, now=now, every=manner.every)
        look = Look.FULL if full else Look.BRIEF
        groups[one.selection].append(_Thing(one, replace(wanted, look=look)))
    return groups


@dataclass(frozen=True, slots=True)
class _Closing:
    """Notes how each thing stands after a run. started: when the sync began."""

    things: Sequence[_Thing]
    started: float

    async def __call__(self, database: Database, report: RunReport) -> None:
        """Note it in the state that is still open. Raises: CatalogError, StorageError."""
        if report.storage_trouble or report.key_refused:
            return
        noted = [
            (thing.followed.identity, thing.wanted.look is Look.FULL, account.settled)
            for thing, account in zip(self.things, report.accounts, strict=True)
            # A page that is not read, or that failed, may hold what nobody has seen.
            if not account.unread
        ]
        await SqliteFollowed(database).note(noted, self.started)
