"""Lanes: what they claim, when they rest, and what is left when they end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
    Notice,
    Outcome,
    Planned,
    Role,
    Skipped,
    Task,
    TaskSettled,
    Trouble,
    Wanted,
)
from civitai_dl.errors import StorageDenied, StorageFull
from civitai_dl.scheduler import LaneSettings, RunEnd, Spare, Traffic, run_lanes
from civitai_dl.scheduler._gate import fit
from civitai_dl.scheduler._width import Width

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

    @property
    def notices(self) -> list[tuple[str, str]]:
        return [(one.level, one.text) for one in self.heard if isinstance(one, Notice)]


class Desk:
    """A queue with tasks, and the means to run lanes over it."""

    def __init__(self, database: Database, run: int) -> None:
        self.clock = SystemClock(speed=50)
        self.queue = SqliteQueue(database, self.clock, run, key=False)
        self.ledger = SqliteLedger(database, run)
        self.ear = Ear()
        self.traffic = Traffic()

    async def run(
        self,
        perform: Callable[[Sequence[Task]], object],
        *,
        workers: int = 2,
        max_wait: float = 300,
        stop: anyio.Event | None = None,
        lanes: Sequence[Lane] = (Lane.IMAGES,),
        prove: Callable[[], Awaitable[None]] = fit,
        spare: Spare | None = None,
        grows: bool = False,
        ahead: int = 1,
        eases: int = 0,
    ) -> RunEnd:
        settings = LaneSettings(workers=workers, grows=grows, ahead=ahead, eases=eases)
        return await run_lanes(
            dict.fromkeys(lanes, settings),
            spare=spare,
            queue=self.queue,
            perform=perform,
            clock=self.clock,
            reporter=self.ear,
            max_wait=max_wait,
            stop=stop or anyio.Event(),
            prove=prove,
            traffic=self.traffic,
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


async def meet(is_there: Callable[[], bool]) -> None:
    """Wait for others who are to come, however slow the machine is; not for ever."""
    for _ in range(1_000):
        if is_there():
            return
        await anyio.sleep(0.005)


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
        await meet(lambda: most >= 3)
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


FULL = Failure(Trouble.STORAGE, "no space is left", hint="free some")


async def test_a_full_disk_holds_all_lanes_up_until_there_is_room(tmp_path: Path) -> None:
    """Full longer than --max-wait: no lane begins anything, one alert, and then all is done."""
    began: list[tuple[str, float]] = []
    proofs = 0

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        began.append((tasks[0].lane.value, here.clock.now()))
        if len(began) == 1:
            return [Deferred(here.clock.now(), FULL, counts=False, halt=True)]
        return [Skipped("done")]

    async def prove() -> None:
        nonlocal proofs
        proofs += 1
        if proofs < 20:
            raise StorageFull("no space is left: writing")

    lanes = (Lane.IMAGES, Lane.FILES)
    tasks = [task(number, lane) for number in range(5) for lane in lanes]
    async with desk(tmp_path, *tasks) as here:
        await here.run(perform, workers=1, max_wait=10.0, lanes=lanes, prove=prove)
        assert await here.open() == 0
    assert 20 == proofs
    before = [lane for lane, moment in began if moment < began[0][1] + 30]
    assert len(before) <= 2, "each lane had one in hand, and none began another"
    assert 11 == len(began)
    expected = [
        ("halt", "paused: no space is left; free some"),
        ("over", "the disk can be written again: going on"),
    ]
    assert expected == here.ear.notices


async def test_a_disk_that_stays_denied_ends_the_run(tmp_path: Path) -> None:
    """A disk that cannot be written for as long as a run may wait ends it, with its error."""

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        return [Deferred(here.clock.now(), FULL, halt=True)]

    async def prove() -> None:
        raise StorageDenied("read-only file system")

    async with desk(tmp_path, task(0), task(1)) as here:
        with pytest.raises(ExceptionGroup) as caught:
            await here.run(perform, workers=1, max_wait=10.0, prove=prove)
        assert await here.open() == 2
        assert 1 == len(here.ear.notices)
    assert caught.group_contains(StorageDenied)


async def test_a_disk_that_is_fit_is_doubted_aloud_once(tmp_path: Path) -> None:
    """When one thing is denied again and again and the disk is fit, that is told once per run."""

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        if tasks[0].key == task(0).key:
            if tasks[0].attempt < 4:
                return [Deferred(here.clock.now() + 1, FULL, halt=True)]
            return [Failed(FULL)]
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(5))) as here:
        await here.run(perform, workers=1)
        assert 1 == len(await here.ledger.failures())
    assert ["halt", "over"] == [level for level, _ in here.ear.notices]


async def test_trouble_with_the_disk_does_not_rest_a_lane(tmp_path: Path) -> None:
    """A file that our own disk cannot take says nothing about the service: nobody pauses."""

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        return [Failed(FULL)]

    async with desk(tmp_path, *(task(number) for number in range(20))) as here:
        end = await here.run(perform, workers=2)
        assert 20 == len(await here.ledger.failures())
    assert {} == dict(end.closed)
    assert [] == here.ear.pauses


async def test_with_few_handles_fewer_are_at_work(tmp_path: Path) -> None:
    """Out of handles: half of the workers go on, and no attempt is used."""
    inside, calls, later = 0, 0, 0
    scarce = Failure(Trouble.HANDLES, "too many open files")

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        nonlocal inside, calls, later
        assert 0 == tasks[0].attempt
        inside += 1
        calls += 1
        number = calls
        if number <= 4:
            await meet(lambda: calls >= 4)
        if 1 < number <= 4:
            await meet(lambda: any(isinstance(event, TaskSettled) for event in here.ear.heard))
        if 5 < number < 20:
            later = max(later, inside)
            await meet(lambda: later >= 2)
        inside -= 1
        if number == 1:
            return [Deferred(here.clock.now() + 1, scarce, counts=False)]
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(25))) as here:
        await here.run(perform, workers=4)
        assert await here.open() == 0
        assert [] == here.ear.pauses
    assert (26, 2) == (calls, later)


# --- spare streams


async def test_what_no_task_needs_is_spare(tmp_path: Path) -> None:
    """With one task and five workers four streams are to be had, and each of them once."""
    spare, lane = Spare(), Lane.IMAGES
    seen: list[int] = []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        await meet(lambda: spare.free(lane) > 0)
        for _ in range(4):
            await spare.take(lane)
        seen.append(spare.free(lane))
        with anyio.move_on_after(0.05) as scope:
            await spare.take(lane)
        seen.append(scope.cancelled_caught)
        spare.give(lane)
        await spare.take(lane)
        for _ in range(4):
            spare.give(lane)
        return [Skipped("done") for _ in tasks]

    async with desk(tmp_path, task(1)) as here:
        await here.run(perform, workers=5, spare=spare)
    assert [0, True] == seen
    assert 0 == spare.at_work[lane]


async def test_tasks_come_before_pieces(tmp_path: Path) -> None:
    """While a task is waiting, nothing is spare; a stream that is given back goes to the task."""
    spare, lane = Spare(), Lane.IMAGES
    at_work: list[str] = []
    most: list[int] = []
    tried = anyio.Event()

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        key = tasks[0].key
        at_work.append(key)
        most.append(len(at_work) + spare.at_work[lane])
        if key == task(1).key:
            await spare.take(lane)
            await here.queue.add([Planned(task(2)), Planned(task(3))])
            await anyio.sleep(0.05)
            assert [key] == at_work
            spare.give(lane)
            await meet(lambda: len(at_work) == 2)
            with anyio.move_on_after(0.05) as scope:
                await spare.take(lane)
            assert scope.cancelled_caught
            tried.set()
        await tried.wait()
        at_work.remove(key)
        return [Skipped("done") for _ in tasks]

    async with desk(tmp_path, task(1)) as here:
        await here.run(perform, workers=2, spare=spare)
        assert await here.open() == 0
    assert 2 == max(most)


async def test_a_task_that_leaves_its_stream_makes_room_for_the_next(tmp_path: Path) -> None:
    """With one worker a second task begins while the first gets its name, and no third."""
    spare, lane = Spare(), Lane.IMAGES
    streams: list[int] = []
    at_work: set[str] = set()

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        key = tasks[0].key
        at_work.add(key)
        streams.append(len(at_work))
        if key == task(1).key:
            spare.leave(lane, key)
            await meet(lambda: len(streams) == 2)
        else:
            await anyio.sleep(0.02)
        at_work.remove(key)
        return [Skipped("done")]

    async with desk(tmp_path, task(1), task(2), task(3)) as here:
        await here.run(perform, workers=1, spare=spare)
        assert await here.open() == 0
    assert streams in ([1, 2, 1], [1, 2, 2])
    assert 0 == spare.beside(lane)


async def test_what_was_claimed_ahead_is_given_back_at_the_end(tmp_path: Path) -> None:
    """A run that is stopped leaves no claim behind, also of tasks that it never began."""
    stop, begun = anyio.Event(), []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        begun.append(tasks[0].key)
        stop.set()
        await anyio.sleep(60)
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(9))) as here:
        end = await here.run(perform, workers=2, stop=stop, ahead=8)
        assert end.stopped
        assert len(begun) <= 2
        assert len(await here.queue.claim(Lane.IMAGES, most=1, ahead=9)) == 9


async def test_spare_streams_grow_like_others(tmp_path: Path) -> None:
    """Where the number is to be found out, one task is alone at first, and gets more later."""
    spare, lane = Spare(), Lane.IMAGES
    free: list[int] = []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        free.append(spare.free(lane))
        received = 0

        def tick() -> bool:
            nonlocal received
            received += 1
            here.traffic.bytes[lane] += 300_000
            return spare.free(lane) > 0

        await meet(tick)
        free.append(spare.free(lane))
        await spare.take(lane)
        spare.give(lane, troubled=True)
        return [Skipped("done") for _ in tasks]

    async with desk(tmp_path, task(1)) as here:
        await here.run(perform, workers=8, spare=spare, grows=True)
    assert 0 == free[0]
    assert free[1] >= 1


async def test_a_lane_that_eases_lets_in_one_more_for_each_that_ends_well(tmp_path: Path) -> None:
    """It begins with one at once, and has all of its workers once as many have gone well."""
    inside, together = 0, []

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        nonlocal inside
        inside += 1
        together.append(inside)
        await anyio.sleep(0.05)
        inside -= 1
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(30))) as here:
        await here.run(perform, workers=4, eases=1)
    assert together[0] == 1
    assert max(together) == 4
    for number in (2, 3, 4):
        # Whoever is the third of those at work has seen two others end well.
        assert together.index(number) >= number - 1


async def test_trouble_of_the_far_side_halves_a_lane_that_eases(tmp_path: Path) -> None:
    """Four at once; after an answer of 500 there are two at once, until twenty have gone well."""
    inside, later = 0, []

    def is_over() -> bool:
        ends = [event.outcome for event in here.ear.heard if isinstance(event, TaskSettled)]
        return any(isinstance(end, Deferred) for end in ends)

    async def perform(tasks: Sequence[Task]) -> list[Outcome]:
        nonlocal inside
        if tasks[0].key == task(0).key and tasks[0].attempt == 0:
            failure = Failure(Trouble.TRANSIENT, "busy", status=500)
            return [Deferred(here.clock.now() + 1.0, failure)]
        inside += 1
        if is_over():
            later.append(inside)
            await meet(lambda: 2 in later)
        await meet(is_over)
        inside -= 1
        return [Skipped("done")]

    async with desk(tmp_path, *(task(number) for number in range(12))) as here:
        await here.run(perform, workers=4, eases=4)
    assert {1, 2} >= set(later)
    assert 2 in later


def test_a_lane_is_narrowed_by_halves_and_widened_by_ones() -> None:
    """Scarce handles halve a lane, down to one; each twenty that end well let one more in."""
    width, seen = Width(8, 8), []
    for _ in range(5):
        seen.append(width.now)
        width = width.narrowed()
    assert [8, 4, 2, 1, 1] == seen
    for _ in range(39):
        width = width.succeeded()
    assert 2 == width.now
    assert 3 == width.succeeded().now
    assert 1 == width.narrowed().now
    for _ in range(1_000):
        width = width.succeeded()
    assert 8 == width.now


def test_a_lane_that_begins_is_widened_by_each_that_ends_well_until_there_is_trouble() -> None:
    """At first each success lets in one more; after trouble it takes twenty again."""
    width = Width(8, 1, needed=1)
    for _ in range(3):
        width = width.succeeded()
    assert 4 == width.now
    width = width.narrowed()
    assert 2 == width.succeeded().now
    for _ in range(20):
        width = width.succeeded()
    assert 3 == width.now
