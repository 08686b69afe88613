"""Lanes: what they claim, when they rest, and what is left when they end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from civitai_dl.adapters.catalog import Database, Root, Runs, SqliteLedger, SqliteQueue
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.domain.entities import (
    Deferred,
    Failed,
    Failure,
    ImageRef,
    Kind,
    Lane,
    LaneClosed,
    LanePaused,
    ModelId,
    ModelTarget,
    Outcome,
    Planned,
    Role,
    Skipped,
    Task,
    Trouble,
    Wanted,
)
from civitai_dl.scheduler import LaneSettings, RunEnd, run_lanes

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def task(number: int, lane: Lane = Lane.IMAGES) -> Task:
    return Task(
        key=f"task:{lane.value}:{number}",
        kind=Kind.IMAGE,
        lane=lane,
        role=Role.PREVIEW,
        subject=ImageRef(url=f"https://example.invalid/{number}", stem=f"x/{number}"),
        label=f"image {number}",
    )


class Ear:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def emit(self, event: object) -> None:
        self.heard.append(event)

    @property
    def pauses(self) -> list[LanePaused]:
        return [event for event in self.heard if isinstance(event, LanePaused)]


class Desk:
    """A queue with tasks, and the means to run lanes over it."""

    def __init__(self, database: Database, run: int) -> None:
        self.clock = SystemClock(speed=50)
        self.queue = SqliteQueue(database, self.clock, run, key=False)
        self.ledger = SqliteLedger(database, run)
        self.ear = Ear()

    async def run(
        self,
        perform: Callable[[Sequence[Task]], object],
        *,
        workers: int = 2,
        max_wait: float = 300,
        stop: anyio.Event | None = None,
        lanes: Sequence[Lane] = (Lane.IMAGES,),
    ) -> RunEnd:
        return await run_lanes(
            {lane: LaneSettings(workers=workers) for lane in lanes},
            queue=self.queue,
            perform=perform,
            clock=self.clock,
            reporter=self.ear,
            max_wait=max_wait,
            stop=stop or anyio.Event(),
        )

    async def open(self) -> int:
        return sum((await self.ledger.open_counts()).values())


@asynccontextmanager
async def desk(folder: Path, *tasks: Task) -> AsyncIterator[Desk]:
    database = Database(folder / "state.db")
    database.start()
    try:
        wanted = Wanted(ModelTarget(ModelId(1)), "1", "argument")
        root = Root(wanted, tuple(Planned(found) for found in tasks))
        begun = await Runs(database).begin([root], roles=set(Role), now=0.0, key=False)
        yield Desk(database, begun.run)
    finally:
        database.close()


async def test_a_run_ends_when_nothing_is_left(tmp_path: Path) -> None:
    """Every task is performed once, and then the run ends by itself."""
    seen: list[str] = []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        seen.extend(found.key for found in tasks)
        return [Skipped("done") for _ in tasks]

    async with desk(tmp_path, *(task(number) for number in range(20))) as here:
        end = await here.run(perform)
        assert await here.open() == 0
    assert not end.stopped
    assert sorted(seen) == sorted(task(number).key for number in range(20))


async def test_no_more_work_at_once_than_there_are_workers(tmp_path: Path) -> None:
    """Three workers never have more than three tasks in hand, and do use all three."""
    inside, most = 0, 0

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await anyio.sleep(0.01)
        inside -= 1
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(12))) as here:
        await here.run(perform, workers=3)
    assert most == 3


async def test_a_sleeping_task_holds_no_worker(tmp_path: Path) -> None:
    """While a deferred task waits for its time, the single worker does the others."""
    order: list[str] = []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        order.append(tasks[0].key)
        if tasks[0].key == task(0).key and tasks[0].attempt == 0:
            failure = Failure(Trouble.TRANSIENT, "later", status=500)
            return [Deferred(here.clock.now() + 20.0, failure)]
        return [Skipped("done")]

    async with desk(tmp_path, task(0), task(1), task(2)) as here:
        await here.run(perform, workers=1)
    assert order == [task(0).key, task(1).key, task(2).key, task(0).key]


async def test_after_a_rest_one_task_tries_alone(tmp_path: Path) -> None:
    """A lane told to rest begins again with one task; only its success lets the others in."""
    inside, together = 0, []
    throttled = False

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        nonlocal inside, throttled
        inside += 1
        together.append(inside)
        await anyio.sleep(0.01)
        inside -= 1
        if not throttled:
            throttled = True
            together.clear()
            failure = Failure(Trouble.THROTTLED, "slow down", status=429)
            return [Deferred(here.clock.now() + 5, failure, counts=False, pause=5.0)]
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(8))) as here:
        await here.run(perform, workers=4)
        assert [5.0] == [pause.seconds for pause in here.ear.pauses]
    assert 1 in together
    assert 4 not in together[:1]


async def test_a_lane_that_closes_leaves_its_tasks_ready(tmp_path: Path) -> None:
    """A closed lane ends with its tasks untouched, while the other lane finishes."""
    done: list[str] = []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        if tasks[0].lane is Lane.FILES:
            failure = Failure(Trouble.QUOTA, "no more today", status=429)
            return [LaneClosed(failure, until=here.clock.now() + 3600)]
        done.append(tasks[0].key)
        return [Skipped("done")]

    tasks = [task(number, lane) for lane in (Lane.FILES, Lane.IMAGES) for number in range(3)]
    async with desk(tmp_path, *tasks) as here:
        end = await here.run(perform, workers=1, lanes=(Lane.FILES, Lane.IMAGES))
        assert await here.open() == 3
    assert [Lane.FILES] == list(end.closed)
    assert len(done) == 3


async def test_one_task_with_endless_trouble_is_given_up(tmp_path: Path) -> None:
    """A single task that meets nothing but outages is failed after the longest wait allowed."""

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        failure = Failure(Trouble.TRANSIENT, "no answer", status=0)
        return [Deferred(here.clock.now() + 1, failure)]

    async with desk(tmp_path, task(0)) as here:
        end = await here.run(perform, max_wait=20)
        failures = await here.ledger.failures()
    assert {} == dict(end.closed)
    assert ["no answer"] == [trace.detail for trace in failures]


async def test_an_outage_turns_no_failure_into_a_loss(tmp_path: Path) -> None:
    """Tasks whose attempts run out during an outage are kept for when it is over."""
    calls = 0

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if calls <= 6:
            failure = Failure(Trouble.TRANSIENT, "no answer", status=0)
            return [Failed(failure)] if calls > 2 else [Deferred(here.clock.now(), failure)]
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(4))) as here:
        await here.run(perform, workers=1)
        assert () == await here.ledger.failures()
        assert await here.open() == 0


async def test_stopping_gives_everything_back(tmp_path: Path) -> None:
    """Stopped while tasks are in hand, the run ends at once and all of them are ready again."""
    stop = anyio.Event()
    cancelled: list[str] = []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        stop.set()
        try:
            await anyio.sleep_forever()
        except BaseException:
            cancelled.append(tasks[0].key)
            raise
        raise AssertionError("it cannot come here")

    async with desk(tmp_path, *(task(number) for number in range(5))) as here:
        with anyio.fail_after(10):
            end = await here.run(perform, stop=stop)
        assert await here.open() == 5
        again = await here.queue.claim(Lane.IMAGES, most=1)
        assert len(again) == 1
    assert end.stopped
    assert cancelled


async def test_a_bug_ends_the_run_loudly(tmp_path: Path) -> None:
    """An error that nobody expected rises, and the task it happened to is given back."""

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        raise ZeroDivisionError("a bug")

    async with desk(tmp_path, task(0)) as here:
        with pytest.raises(ExceptionGroup) as caught:
            await here.run(perform)
        assert await here.open() == 1
    assert caught.group_contains(ZeroDivisionError)
