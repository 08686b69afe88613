"""T15: clocks that are set, machines that sleep; nobody waits longer, and nobody bursts."""

from __future__ import annotations

import heapq
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from archives import FAST, SPEED, run, some_models, tree, wanted

from civitai_dl.adapters.api_client import ApiClient
from civitai_dl.adapters.clock import GAP, SystemClock, elapsed_time
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.domain.decisions import Pace
from civitai_dl.domain.entities import Selection
from civitai_dl.testing import FakeCivitai, Fault, World
from reliability_size import pick

HOUR, YEAR = 3600.0, 365.25 * 86_400.0
TURNS = 12
FILES_ONLY = replace(FAST, selection=Selection(images=False))


class Machine:
    """Three virtual clocks: what the wall shows, what runs on, and what stops in a suspend.

    suspends: (seconds awake at which it begins, its length). walls: by how much the wall clock is
    off at each look, in turn.
    """

    def __init__(
        self, suspends: Iterable[tuple[float, float]] = (), walls: Iterable[float] = ()
    ) -> None:
        self.up = 0.0
        self.slept = 0.0
        self.suspends = sorted(suspends)
        self.walls = list(walls) or [0.0]
        self.looks = 0
        self.timers: list[tuple[float, int, anyio.Event]] = []
        self.naps = 0

    def awake(self) -> float:
        return 500.0 + self.up

    def elapsed(self) -> float:
        return 500.0 + self.up + self.slept

    def wall(self) -> float:
        self.looks += 1
        return 1.7e9 + self.up + self.slept + self.walls[self.looks % len(self.walls)]

    async def nap(self, seconds: float) -> None:
        """As asyncio sleeps: a timer on the clock that stands still in a suspend."""
        over = anyio.Event()
        self.naps += 1
        heapq.heappush(self.timers, (self.up + seconds, self.naps, over))
        await over.wait()

    async def drive(self) -> None:
        """Let time pass whenever everybody sleeps."""
        while True:
            # Whoever was woken gets the turns that it takes to sleep again.
            for _ in range(TURNS):
                await anyio.lowlevel.checkpoint()
            if not self.timers:
                continue
            due, _, over = heapq.heappop(self.timers)
            while self.suspends and self.suspends[0][0] <= due:
                begins, length = self.suspends.pop(0)
                self.up, self.slept = max(self.up, begins), self.slept + length
            self.up = max(self.up, due)
            over.set()

    def clock(self, **more: Any) -> SystemClock:
        return SystemClock(
            elapsed=self.elapsed, awake=self.awake, wall=self.wall, nap=self.nap, **more
        )

    @asynccontextmanager
    async def running(self):
        async with anyio.create_task_group() as group:
            group.start_soon(self.drive)
            yield self
            group.cancel_scope.cancel()


JUMPS = {
    "an hour on": [0.0, HOUR],
    "an hour back": [0.0, -HOUR],
    "ten years on": [0.0, 10 * YEAR],
    "ten years back": [0.0, -10 * YEAR],
    "back at each look": [-second for second in range(1000)],
}


@pytest.mark.parametrize("walls", JUMPS.values(), ids=JUMPS)
async def test_setting_the_clock_moves_no_wait(walls: list[float]) -> None:
    """However the wall clock is set meanwhile, a wait takes what it should and now() goes on."""
    machine = Machine(walls=walls)
    clock = machine.clock()
    before, moments = clock.now(), [clock.now()]
    async with machine.running():
        for seconds in (0.25, 1.0, 2.5, 60.0, HOUR):
            begun = machine.elapsed()
            await clock.sleep(seconds)
            moments.append(clock.now())
            assert seconds == pytest.approx(machine.elapsed() - begun, abs=1e-6)
    assert moments == sorted(moments)
    assert clock.now() - before == pytest.approx(machine.up, abs=1e-5)


@pytest.mark.parametrize("seconds", [40.0, 300.0, 599.0, 700.0, HOUR, 6 * HOUR])
async def test_a_suspend_counts_as_waiting(seconds: float) -> None:
    """After ten minutes of suspend a wait is over when it should be, or a second after waking."""
    machine = Machine(suspends=[(30.5, 600.0)])
    clock = machine.clock()
    async with machine.running():
        begun = machine.elapsed()
        await clock.sleep(seconds)
        took = machine.elapsed() - begun
    due = max(seconds, 630.5)
    assert due - 1e-6 <= took <= due + 1.0
    assert clock.now() == pytest.approx(1.7e9 + took, abs=1e-5)


async def test_many_suspends_in_a_row_are_all_counted() -> None:
    """A laptop opened for a few seconds now and then ends its wait by the time of day."""
    machine = Machine(suspends=[(second * 7.0, 600.0) for second in range(1, 13)])
    clock = machine.clock()
    async with machine.running():
        begun = machine.elapsed()
        await clock.sleep(2 * HOUR)
        assert 2 * HOUR <= machine.elapsed() - begun <= 2 * HOUR + 601.0


async def test_the_connections_are_given_up_once_after_each_suspend() -> None:
    """With eight who sleep, a suspend is told once, with its length; a short one is not told."""
    told: list[float] = []
    machine = Machine(suspends=[(10.2, 600.0), (50.2, GAP - 1.0), (90.2, 1200.0)])
    clock = machine.clock(on_gap=told.append)
    async with machine.running(), anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(clock.sleep, 2000.0 + number)
    assert [600.0, 1200.0] == [pytest.approx(gap) for gap in told]


async def test_a_suspend_is_noticed_when_nobody_sleeps() -> None:
    """The watch alone tells of a suspend, within a second of waking up."""
    heard: list[float] = []
    machine = Machine(suspends=[(20.0, 600.0)])
    clock = machine.clock()
    clock.on_gap = lambda gap: heard.append(machine.up)
    async with machine.running(), anyio.create_task_group() as group:
        group.start_soon(clock.watch)
        while machine.up < 60.0:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert len(heard) == 1
    assert 20.0 <= heard[0] <= 21.0


async def test_waits_of_nothing_return_at_once() -> None:
    """Zero, less than zero and less than a moment are waited for without a timer to stay in."""
    machine = Machine()
    clock = machine.clock()
    await clock.sleep(0.0)
    await clock.sleep(-5.0)
    assert machine.naps == 0
    async with machine.running():
        await clock.sleep(1e-9)
    assert 1 <= machine.naps < 5


def test_the_real_steady_clock_only_goes_forward() -> None:
    """What this system offers for it runs, and never backwards."""
    looks = [elapsed_time() for _ in range(1000)]
    assert looks == sorted(looks)
    assert SystemClock().now() <= SystemClock().now()


def most_in_a_second(moments: list[float]) -> int:
    return max(sum(one <= other <= one + 1.0 for other in moments) for one in moments)


@pytest.mark.parametrize("rate", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("jump", [1.0, 600.0, HOUR, 10 * YEAR])
def test_a_jump_forward_saves_up_no_requests(rate: float, jump: float) -> None:
    """Whoever reserves after time went by unused finds at most one second's worth of places."""
    pace, now, starts = Pace(rate), 1.7e9, []
    for number in range(60):
        now += jump if number in (20, 40) else 0.01
        pace, wait = pace.reserve(now)
        starts.append(now + wait)
    assert most_in_a_second(starts) <= rate + 1


class Silence:
    """Answers each request at once, and remembers when."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.moments: list[float] = []

    async def ask(self, url, headers):
        del url, headers
        # As before every request, somebody else may be at work meanwhile, and this one given up.
        await anyio.lowlevel.checkpoint()
        self.moments.append(self.machine.elapsed())
        return Empty()


class Empty:
    """An answer that says nothing."""

    head = SimpleNamespace(status=200, lines=())
    left = b"{}"

    async def read(self) -> bytes:
        body, self.left = self.left, b""
        return body

    def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("path", "rate"), [("/api/v1/images", 2.0), ("/api/v1/models", 0.5)], ids=["images", "models"]
)
@pytest.mark.parametrize("seed", range(pick(quick=3, full=10, nightly=40)))
async def test_a_queue_that_waited_through_a_suspend_does_not_burst(
    path: str, rate: float, seed: int
) -> None:
    """Forty requests wait for their turn while the machine sleeps: afterwards they still queue."""
    chance = random.Random(seed)
    suspends = [(chance.uniform(0.1, 30.0), chance.choice([5.0, 600.0, HOUR])) for _ in range(3)]
    machine = Machine(suspends=suspends)
    session, clock = Silence(machine), machine.clock()
    client = ApiClient(
        session,
        base_url="http://127.0.0.1:1",
        token=None,
        pacer=LanePacer(Rates(0.5, 2.0), clock),
        clock=clock,
    )
    async with machine.running(), anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(client.get, path)
    assert len(session.moments) == 40
    assert most_in_a_second(session.moments) <= rate + 1
    # And nobody waits for time that has gone by: a pace costs what it costs, and a second a sleep.
    assert machine.up <= 40 / rate + 3 + 1e-6


async def test_one_that_is_cancelled_in_the_queue_holds_up_nobody() -> None:
    """A request that is given up while it waits for its turn leaves the pace as it was."""
    machine = Machine()
    session, clock = Silence(machine), machine.clock()
    client = ApiClient(
        session,
        base_url="http://127.0.0.1:1",
        token=None,
        pacer=LanePacer(Rates(0.5), clock),
        clock=clock,
    )
    async with machine.running(), anyio.create_task_group() as group:
        group.start_soon(client.get, "/api/v1/models")
        with anyio.CancelScope() as scope:
            group.start_soon(client.get, "/api/v1/models")
            scope.cancel()
            await client.get("/api/v1/models")
        group.start_soon(client.get, "/api/v1/models")
    assert len(session.moments) == 3
    assert most_in_a_second(session.moments) == 1


class Restless:
    """A real clock on a machine that is suspended for ten minutes every few looks."""

    def __init__(self, seed: int, *, wall: float = 0.0) -> None:
        self.chance = random.Random(seed)
        self.slept = 0.0
        start = elapsed_time()
        self.clock = SystemClock(
            speed=SPEED,
            elapsed=self.elapsed,
            awake=elapsed_time,
            wall=lambda: 1.7e9 + wall + elapsed_time() - start,
        )

    def elapsed(self) -> float:
        if self.chance.random() < 0.01:
            self.slept += 600.0 / SPEED
        return elapsed_time() + self.slept


def assert_each_once(fake: FakeCivitai, world: World, output: Path) -> None:
    """Every file is there once, under its own name, and was fetched once."""
    found = tree(output)
    truth = {file.sha256.upper() for file in world.truth.files() if file.obtainable}
    weights = Counter(digest for digest in found.values() if digest in truth)
    assert weights == Counter(dict.fromkeys(truth, 1))
    assert set(fake.account.resolves().values()) == {1}


@pytest.mark.parametrize("wall", [0.0, HOUR, -HOUR, 10 * YEAR, -10 * YEAR])
@pytest.mark.parametrize("seed", range(pick(quick=1, full=3, nightly=10)))
async def test_a_run_through_many_suspends_stores_everything_once(
    tmp_path: Path, wall: float, seed: int
) -> None:
    """A run on a wrong clock, suspended again and again, publishes each file once and no more."""
    world = some_models(6)
    restless = Restless(seed, wall=wall)
    things = wanted(*(str(number) for number in range(1, 7)))
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".*", nth=2, cut_after=1000))
        report = await run(fake, tmp_path, things, settings=FILES_ONLY, clock=restless.clock)
        fake.faults.assert_all_served()
        assert report.exit_code == 0, report
        assert_each_once(fake, world, tmp_path)
    assert restless.slept > 0


@pytest.mark.parametrize("wall", [HOUR, 10 * YEAR])
async def test_a_run_on_a_wrong_clock_does_not_block_the_next(tmp_path: Path, wall: float) -> None:
    """Work put off by a run whose clock was ahead is done by the next one, on the right clock."""
    world = some_models(4)
    things = wanted("1", "2", "3", "4")
    settings = replace(FILES_ONLY, max_wait=20.0, concurrency=2)
    async with FakeCivitai(world) as fake:
        fault = Fault(origin="storage", path=".*", every=True, status=502, body=b"x")
        fake.faults.add(fault)
        ahead = SystemClock(speed=SPEED, wall=lambda: 1.7e9 + wall)
        first = await run(fake, tmp_path, things, settings=settings, clock=ahead)
        assert first.exit_code == 1
        state = sqlite3.connect(tmp_path / ".civitai-dl" / "state.db")
        (latest,) = state.execute("SELECT MAX(not_before) FROM tasks").fetchone()
        state.close()
        assert latest > 1.7e9 + wall
        fake.faults.clear()
        right = SystemClock(speed=SPEED, wall=lambda: 1.7e9)
        second = await run(fake, tmp_path, things, settings=settings, clock=right)
    assert second.exit_code == 0
    assert second.seconds < HOUR / 2
    truth = {file.sha256.upper() for file in world.truth.files() if file.obtainable}
    assert truth <= set(tree(tmp_path).values())
    listed = json.loads(max((tmp_path / "lists").glob("*_model.json")).read_text("utf-8"))
    assert len(listed) == len(truth)
