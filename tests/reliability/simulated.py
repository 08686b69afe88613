"""A service that answers on virtual time, and a queue in memory: the rest is the real code."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from urllib.parse import urlsplit

import anyio
from virtual import VirtualClock

from civitai_dl.adapters.api_client import ApiClient
from civitai_dl.adapters.catalog._queue import _changes
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.domain.decisions import RetryPolicy, decide_retry
from civitai_dl.domain.entities import (
    Deferred,
    Kind,
    Lane,
    LanePaused,
    Lease,
    ModelRef,
    Notice,
    Outcome,
    Role,
    Skipped,
    Task,
)
from civitai_dl.errors import ConnectionLost, SourceError
from civitai_dl.ports import Added
from civitai_dl.scheduler import LaneSettings, RunEnd, run_lanes
from civitai_dl.worker._failures import as_failure

LATENCY = 0.25


# --- what limits


class Bucket:
    """Tokens that come back one by one."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.at = rate, burst, burst, None

    def _fill(self, now: float) -> None:
        passed = 0.0 if self.at is None else now - self.at
        self.tokens, self.at = min(self.burst, self.tokens + passed * self.rate), now

    def admits(self, now: float) -> bool:
        self._fill(now)
        if self.tokens < 1.0 - 1e-9:
            return False
        self.tokens -= 1.0
        return True

    def opens(self, now: float) -> float:
        self._fill(now)
        return now + max(0.0, (1.0 - self.tokens) / self.rate)


class Window:
    """So many in each minute of the clock on the wall."""

    def __init__(self, most: int, length: float, phase: float = 0.0) -> None:
        self.most, self.length, self.phase = most, length, phase
        self.number, self.count = None, 0

    def _turn(self, now: float) -> None:
        number = math.floor((now - self.phase) / self.length)
        if number != self.number:
            self.number, self.count = number, 0

    def admits(self, now: float) -> bool:
        self._turn(now)
        if self.count >= self.most:
            return False
        self.count += 1
        return True

    def opens(self, now: float) -> float:
        self._turn(now)
        if self.count < self.most:
            return now
        return (self.number + 1) * self.length + self.phase


class Sliding:
    """So many in any minute. counts: what is refused counts as well."""

    def __init__(self, most: int, length: float, *, counts: bool = False) -> None:
        self.most, self.length, self.counts = most, length, counts
        self.moments: deque[float] = deque()

    def admits(self, now: float) -> bool:
        while self.moments and self.moments[0] <= now - self.length + 1e-9:
            self.moments.popleft()
        admitted = len(self.moments) < self.most
        if admitted or self.counts:
            self.moments.append(now)
        return admitted

    def opens(self, now: float) -> float:
        # Those that count refusals tell their whole window, whatever is left of it.
        if len(self.moments) < self.most:
            return now
        if self.counts:
            return now + self.length
        return max(now, self.moments[-self.most] + self.length)


def oracle(limiter, count: int) -> float:
    """Seconds that somebody who knows the limiter needs for so many requests, one after another."""
    now = 0.0
    for _ in range(count):
        now = max(now, limiter.opens(now))
        assert limiter.admits(now)
    return now


class Quota:
    """So many successes in any 24 hours; the service looks at its count once an hour."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.moments: deque[float] = deque()
        self.counted, self.at = 0, -math.inf

    def admits(self, now: float) -> bool:
        if now - self.at >= 3600.0 - 1e-6:
            while self.moments and self.moments[0] <= now - 86_400.0:
                self.moments.popleft()
            self.counted, self.at = len(self.moments), now
        if self.counted >= self.most:
            return False
        self.moments.append(now)
        return True

    def opens(self, now: float) -> float:
        return now if self.counted < self.most else max(now, self.at + 3600.0)


def quota_oracle(quota: Quota, seconds: Sequence[float], workers: int) -> float:
    """Seconds for so many files by somebody who knows when the quota is counted anew."""
    free = [0.0] * workers
    last = 0.0
    for taken in seconds:
        # In the order of time: who is refused waits, and another one may be next.
        while not quota.admits(now := heapq.heappop(free)):
            heapq.heappush(free, quota.opens(now))
        last = max(last, now + taken)
        heapq.heappush(free, now + taken)
    return last


# --- the service


@dataclass
class Answered:
    at: float
    status: int
    path: str


@dataclass
class Service:
    """Answers by `judge(path, now) -> (status, headers, body)` after a while; counts everything."""

    clock: VirtualClock
    judge: Callable[[str, float], tuple[int, dict[str, str], bytes]]
    latency: float = LATENCY
    answers: list[Answered] = field(default_factory=list)

    async def ask(self, url, headers):
        del headers
        parts = urlsplit(url)
        exchange = Exchange(self, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        return await exchange.asked()

    def count(self, *statuses: int) -> int:
        return sum(one.status in statuses for one in self.answers)


class Exchange:
    """One request and its answer."""

    def __init__(self, service: Service, path: str) -> None:
        self.service, self.path = service, path
        self.left = b""

    async def asked(self):
        clock, chance = self.service.clock, self.service.clock.jitter()
        half = self.service.latency * (0.75 + chance / 2.0) / 2.0
        await clock.sleep(half)
        status, headers, self.left = self.service.judge(self.path, clock.now())
        self.head = SimpleNamespace(status=status, lines=headers.items())
        self.service.answers.append(Answered(clock.now(), status, self.path))
        if status == 0:
            raise ConnectionLost("cut")
        await clock.sleep(half)
        return self

    async def read(self) -> bytes:
        body, self.left = self.left, b""
        return body

    def close(self) -> None:
        return


def limited(limiter, *, told: bool):
    """A judge with a limiter before it. told: its refusals carry Retry-After."""

    def judge(path: str, now: float):
        if limiter.admits(now):
            return 200, {}, b"{}"
        wait = max(1, math.ceil(limiter.opens(now) - now))
        return 429, {"Retry-After": str(wait)} if told else {}, b'{"error":"slow down"}'

    return judge


# --- the work


def a_task(number: int, lane: Lane = Lane.IMAGE_PAGES) -> Task:
    return Task(
        f"t:{lane.value}:{number}", Kind.MODEL, lane, Role.PAGE, ModelRef(number), f"t {number}"
    )


class MemoryQueue:
    """See ports.Queue; what an outcome changes is computed by the real queue's rules."""

    def __init__(self, clock: VirtualClock, tasks: Sequence[Task]) -> None:
        self.clock = clock
        self.ready: dict[Lane, deque[Task]] = {lane: deque() for lane in Lane}
        self.later: dict[Lane, list] = {lane: [] for lane in Lane}
        self.ended: Counter[str] = Counter()
        self.failed: list[Task] = []
        self.attempts: Counter[int] = Counter()
        self.tokens = itertools.count()
        for task in tasks:
            self.ready[task.lane].append(task)

    async def claim(self, lane: Lane, *, most: int, ahead: int = 1) -> tuple[Lease, ...]:
        del most, ahead
        later = self.later[lane]
        if later and later[0][0] <= self.clock.now():
            return (Lease(heapq.heappop(later)[2], next(self.tokens)),)
        if self.ready[lane]:
            return (Lease(self.ready[lane].popleft(), next(self.tokens)),)
        return ()

    async def settle(self, leases: Sequence[tuple[Lease, Outcome]]) -> Added:
        for lease, outcome in leases:
            self.ended[type(outcome).__name__] += 1
            if isinstance(outcome, Deferred):
                new = _changes(lease, outcome, self.clock.now())
                task = replace(lease.task, attempt=new["retries"], waited=new["waited"])
                entry = (outcome.until, next(self.tokens), task)
                heapq.heappush(self.later[task.lane], entry)
            elif isinstance(outcome, Skipped):
                self.attempts[lease.task.attempt] += 1
            else:
                self.failed.append(lease.task)
        return Added((), 0)

    async def release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            self.ready[lease.task.lane].appendleft(lease.task)

    async def next_due(self, lane: Lane) -> float | None:
        if self.ready[lane]:
            return 0.0
        return self.later[lane][0][0] if self.later[lane] else None

    async def add(self, planned, parent=None) -> Added:
        raise AssertionError(f"no page is read here, and told of {planned} under {parent}")


class Ear:
    """See ports.Reporter."""

    def __init__(self) -> None:
        self.pauses: list[LanePaused] = []
        self.notices: list[Notice] = []

    def emit(self, event: object) -> None:
        if isinstance(event, LanePaused):
            self.pauses.append(event)
        elif isinstance(event, Notice):
            self.notices.append(event)


@dataclass
class Bench:
    """Everything of one simulation. rates: the user's caps."""

    judge: Callable[[str, float], tuple[int, dict[str, str], bytes]]
    seed: int = 0
    rates: Rates = Rates(10.0, 10.0, 10.0)
    max_wait: float = 300.0
    latency: float = LATENCY
    known: dict | None = None

    def __post_init__(self) -> None:
        self.clock = VirtualClock(self.seed)
        self.chance = random.Random(self.seed)
        self.service = Service(self.clock, self.judge, self.latency)
        self.ear = Ear()

    def client(self) -> ApiClient:
        """To be called in the loop."""
        self.pacer = LanePacer(self.rates, self.clock, max_wait=self.max_wait, known=self.known)
        return ApiClient(
            self.service,
            base_url="http://127.0.0.1:1",
            token=None,
            pacer=self.pacer,
            clock=self.clock,
        )

    def decide(self, task: Task, error: SourceError) -> Outcome:
        policy = RetryPolicy(max_wait=self.max_wait)
        now, jitter = self.clock.now(), self.clock.jitter()
        return decide_retry(task, as_failure(error), now=now, jitter=jitter, policy=policy)

    async def run(
        self, tasks: Sequence[Task], lanes: dict[Lane, LaneSettings], ask=None
    ) -> tuple[RunEnd, float]:
        """Perform tasks by asking for each; how it ended, and the seconds it took."""
        client = self.client()
        self.queue = MemoryQueue(self.clock, tasks)
        began = self.clock.now()

        async def perform(found: Sequence[Task]) -> list[Outcome]:
            (task,) = found
            family = "models" if task.lane is Lane.MODEL_PAGES else "images"
            try:
                if ask is not None:
                    await ask(client, task)
                else:
                    await client.get(f"/api/v1/{family}", [("id", task.key)])
            except SourceError as error:
                return [self.decide(task, error)]
            return [Skipped("done")]

        end = await run_lanes(
            lanes,
            queue=self.queue,
            perform=perform,
            clock=self.clock,
            reporter=self.ear,
            max_wait=self.max_wait,
            stop=anyio.Event(),
        )
        return end, self.clock.now() - began
