"""Keeping an archive current against a world, in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
from archives import FAST, SPEED, wanted

from civitai_dl._following import follow
from civitai_dl._sync import Manner, SyncReport, sync
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.config import Settings
from civitai_dl.testing import FakeCivitai

HOUR, DAY = 3600.0, 86_400.0

START = 1_800_000_000.0
"""When these tests begin; far from the world's own dates, and the same in every run."""


class Still:
    """A clock whose day comes when it is told to; waits are short, as in other scenarios."""

    def __init__(self, now: float = START, *, speed: float = SPEED) -> None:
        self._clock = SystemClock(speed=speed, wall=lambda: now)
        self._ahead = 0.0

    def now(self) -> float:
        return self._clock.now() + self._ahead

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def pass_by(self, seconds: float) -> None:
        self._ahead += seconds


async def keep(output: Path, *texts: str, selection: str | None = None) -> None:
    """Put things down to be kept current."""
    await follow(
        str(output),
        wanted(*texts),
        selection,
        from_runs=False,
        reporter=NullReporter(),
        clock=Still(),
    )


async def sync_once(
    fake: FakeCivitai,
    output: Path,
    clock: Still,
    *,
    manner: Manner | None = None,
    settings: Settings = FAST,
    stop: anyio.Event | None = None,
    reporter: object = None,
) -> SyncReport:
    """One sync. Full looks are those that `manner` asks for, and the first of each thing."""
    return await sync(
        replace(settings, output=str(output), base_url=fake.base_url),
        manner or Manner(every=10_000 * DAY),
        reporter=reporter or NullReporter(),
        stop=stop or anyio.Event(),
        clock=clock,
    )


def told(report: SyncReport) -> list[tuple[str, int, str]]:
    """The changes of models: kind, model, what."""
    return [
        (change.kind.value, int(change.model_id), change.what) for change in report.news.changes
    ]
