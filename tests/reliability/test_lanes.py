"""T6, T7, T8, T11: learned rates, outages and the download quota, on virtual time.

The lanes, the pace, the API client and the verdicts are the real ones; the service is simulated,
and a wait costs nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest
from simulated import (
    Bench,
    Bucket,
    Quota,
    Sliding,
    Window,
    a_task,
    limited,
    oracle,
    quota_oracle,
)
from virtual import EPOCH, run_virtually

from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.domain.entities import Lane, PacedLane, Trouble
from civitai_dl.errors import Throttled
from civitai_dl.scheduler import LaneSettings
from reliability_size import note, pick

SEEDS = range(pick(quick=1, full=5, nightly=20))
REQUESTS = 5_000
CAP = 10.0
WORKERS = 64
IMAGE_API = PacedLane("api.image", "127.0.0.1:1")

LIMITERS: dict[str, Callable[[float], object]] = {
    "bucket": lambda _: Bucket(5.0, 20.0),
    "window": lambda phase: Window(300, 60.0, EPOCH + phase),
    "sliding": lambda _: Sliding(300, 60.0),
    "sliding-counts-refusals": lambda _: Sliding(300, 60.0, counts=True),
}
BEST: dict[str, object] = {
    "bucket": lambda: Bucket(5.0, 20.0),
    "window": lambda: Window(300, 60.0),
    "sliding": lambda: Sliding(300, 60.0),
    "sliding-counts-refusals": lambda: Sliding(300, 60.0),
}


def one_lane(count: int, *, workers: int = WORKERS, lane: Lane = Lane.IMAGE_PAGES):
    return [a_task(number, lane) for number in range(count)], {lane: LaneSettings(workers)}


KINDS = [(kind, told) for kind in LIMITERS for told in (True, False)]
HALF = [one for number, one in enumerate(KINDS) if number in (0, 3, 5, 6)]


@pytest.mark.parametrize(("kind", "told"), pick(quick=HALF, full=KINDS, nightly=KINDS))
def test_hidden_limits_are_learned(kind: str, *, told: bool) -> None:
    """5,000 queued before a limit that nobody tells: nearly as fast as knowing it, few 429s."""
    slowest, refused, began = 0.0, 0.0, time.monotonic()
    best = oracle(BEST[kind](), REQUESTS)
    allowed = 1.5 if kind.endswith("refusals") and told else 1.10
    for seed in SEEDS:
        limiter = LIMITERS[kind](random.Random(seed).uniform(0.0, 60.0))
        bench = Bench(limited(limiter, told=told), seed, Rates(CAP, CAP, CAP))
        end, seconds = run_virtually(bench.run(*one_lane(REQUESTS)))
        sent, throttled = len(bench.service.answers), bench.service.count(429)
        assert {} == dict(end.closed), seed
        assert REQUESTS == bench.queue.attempts[0], "a refusal used an attempt"
        assert 0 < throttled <= 0.0075 * sent, (seed, throttled)
        assert sent <= 1.01 * REQUESTS
        assert seconds <= allowed * best, (seed, seconds / best)
        slowest, refused = max(slowest, seconds / best), max(refused, throttled / sent)
    note(
        "hidden limits",
        part=f"{kind} {'told' if told else 'untold'}",
        seed=f"0-{len(SEEDS) - 1}",
        seconds=time.monotonic() - began,
        requests=REQUESTS * len(SEEDS),
        slowest=round(slowest, 3),
        refused=round(refused, 5),
    )


def test_a_second_run_begins_with_what_the_first_has_learned() -> None:
    """With the rates of the run before, 1,000 requests draw hardly a refusal from the first on."""
    first = Bench(limited(Bucket(5.0, 20.0), told=False), 1, Rates(CAP, CAP, CAP))
    run_virtually(first.run(*one_lane(1_000)))
    learned = first.pacer.known()[IMAGE_API]
    assert 4.5 < learned.rate <= 5.1
    # The second one's clock begins where the first one's began.
    known = {IMAGE_API: replace(learned, learned_at=EPOCH - 3600.0, paused_until=0.0)}
    second = Bench(limited(Bucket(5.0, 20.0), told=False), 2, Rates(CAP, CAP, CAP), known=known)
    _, seconds = run_virtually(second.run(*one_lane(1_000)))
    assert second.service.count(429) < first.service.count(429)
    assert second.service.count(429) <= 4
    assert seconds <= 1.05 * oracle(Bucket(5.0, 20.0), 1_000)


def test_the_users_rate_is_never_exceeded() -> None:
    """However much is admitted, --max-rate-image 2 stays 2 a second, also after a refusal."""

    def judge(path: str, now: float):
        if 30.0 <= now - EPOCH < 31.0:
            return 429, {}, b"{}"
        return 200, {}, b"{}"

    bench = Bench(judge, 3, Rates(0.5, 2.0, 10.0))
    run_virtually(bench.run(*one_lane(600)))
    moments = [one.at for one in bench.service.answers]
    for begin, end in zip(moments, moments[20:], strict=False):
        assert end - begin >= 20 / 2.0 - 1.0
    assert bench.service.count(429) >= 1


def down(status: int, begins: float, length: float, *, told: bool = False):
    """A judge that is down for a while."""

    def judge(path: str, now: float):
        if begins <= now - EPOCH < begins + length:
            return status, {"Retry-After": "2"} if told else {}, b'{"error":"busy"}'
        return 200, {}, b"{}"

    return judge


def test_enumerating_5000_models_takes_minutes_at_the_default_rates() -> None:
    """At default rates and four seconds an answer, the questions for 5,000 models take under 5 min.

    How many questions that takes is counted in tests/scenario/test_enumeration.py: 60 at most.
    """
    bench = Bench(lambda path, now: (200, {}, b"{}"), 1, Rates(), latency=4.0)
    _, seconds = run_virtually(bench.run(*one_lane(60, workers=1, lane=Lane.MODEL_PAGES)))
    assert 60 == len(bench.service.answers)
    assert seconds < 300.0


def test_the_metadata_of_one_model_is_there_within_five_seconds() -> None:
    """Checking the key, asking for the model, beginning its gallery: under 5 s at default rates."""
    bench = Bench(lambda path, now: (200, {}, b"{}"), 2, Rates(), latency=1.0)

    async def one_model() -> float:
        client = bench.client()
        assert await client.check_key()
        await client.get("/api/v1/models", [("ids", "1")])
        await client.get("/api/v1/images", [("modelId", "1")])
        return bench.clock.now() - EPOCH

    assert run_virtually(one_model()) < 5.0


@pytest.mark.parametrize("status", [503, 502, 0], ids=["503", "502", "no answer"])
@pytest.mark.parametrize(
    ("length", "most", "soon"), [(120.0, 20, 10.0), (1800.0, 60, 60.0)], ids=["2 min", "30 min"]
)
@pytest.mark.parametrize(
    ("lane", "workers", "rate"),
    [(Lane.MODEL_PAGES, 1, 0.5), (Lane.IMAGE_PAGES, 1, 2.0), (Lane.IMAGE_PAGES, WORKERS, CAP)],
    ids=["models", "images", "many"],
)
def test_an_outage_is_left_alone_and_its_end_found(
    status: int, length: float, most: int, soon: float, lane: Lane, workers: int, rate: float
) -> None:
    """Down for two minutes, or thirty: few requests meanwhile, soon back at work, nothing lost."""
    for seed in SEEDS:
        begins = random.Random(seed).uniform(20.0, 60.0)
        rates = Rates(rate, rate, rate)
        bench = Bench(down(status, begins, length), seed, rates, max_wait=max(300.0, 2 * length))
        count = int((begins + 60.0) * rate)
        end, _ = run_virtually(bench.run(*one_lane(count, workers=workers, lane=lane)))
        over = EPOCH + begins + length
        meanwhile = sum(EPOCH + begins <= one.at < over for one in bench.service.answers)
        first = min(one.at for one in bench.service.answers if one.at >= over) - over
        assert 0 < meanwhile <= most, seed
        assert first <= soon, seed
        assert [] == bench.queue.failed
        assert {} == dict(end.closed)
        assert count == sum(bench.queue.attempts.values())


@pytest.mark.parametrize("rate", [0.5, 2.0, CAP])
def test_a_service_that_refuses_all_is_hardly_asked(rate: float) -> None:
    """Nothing but 503 for ten minutes: a tenth of the usual requests, or fewer."""
    bench = Bench(down(503, 0.0, 600.0), 4, Rates(rate, rate, rate), max_wait=3600.0)
    run_virtually(bench.run(*one_lane(20)))
    meanwhile = sum(one.at < EPOCH + 600.0 for one in bench.service.answers)
    assert 0 < meanwhile <= 0.1 * rate * 600.0


@pytest.mark.parametrize("status", [503, 502], ids=["503", "502"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_trouble_now_and_then_costs_what_it_must(status: int, *, told: bool) -> None:
    """One answer in ten is 503, or 502: at most 15 % more requests, and nothing is given up."""
    for seed in SEEDS:
        chance = random.Random(seed)

        def judge(path: str, now: float, chance: random.Random = chance):
            if chance.random() < 0.1:
                return status, {"Retry-After": "2"} if told else {}, b"{}"
            return 200, {}, b"{}"

        bench = Bench(judge, seed, Rates(CAP, CAP, CAP))
        count = pick(quick=2_000, full=REQUESTS, nightly=REQUESTS)
        run_virtually(bench.run(*one_lane(count, workers=8)))
        assert [] == bench.queue.failed
        assert 1.05 * count < len(bench.service.answers) <= 1.15 * count


def test_tries_again_wait_until_they_are_paid_for() -> None:
    """Forty pages that each fail once: ten are tried again soon, the others one every 6 seconds."""
    met: set[str] = set()
    again: list[float] = []

    def judge(path: str, now: float):
        if path in met:
            again.append(now - EPOCH)
            return 200, {}, b"{}"
        met.add(path)
        return 500, {}, b"{}"

    bench = Bench(judge, 10, Rates(0, 0, 0))
    run_virtually(bench.run(*one_lane(40, workers=8, lane=Lane.MODEL_PAGES)))
    assert 40 == len(again)
    assert 40 == bench.queue.attempts[1]
    for number, moment in enumerate(sorted(again), start=1):
        # Ten at once, one for ten requests, one for six seconds.
        assert number <= 10 + (40 + number) / 10.0 + moment / 6.0 + 1.0


def quota_judge(quota: Quota):
    def judge(path: str, now: float):
        if not quota.admits(now):
            text = b'{"error":"We\'ve noticed an unusual amount of downloading from your account."}'
            return 429, {}, text
        return 307, {"location": "http://127.0.0.1:2/f?X-Amz-Expires=86400"}, b""

    return judge


@pytest.mark.parametrize("seed", SEEDS)
def test_the_download_quota_is_waited_for(seed: int) -> None:
    """Many times the daily quota: tried once an hour, each link asked for once, no time lost."""
    began = time.monotonic()
    files, most = pick(quick=(2_500, 600), full=(20_000, 5_000), nightly=(20_000, 1_500))
    chance = random.Random(seed)
    taken = [chance.uniform(5.0, 15.0) for _ in range(files)]
    bench = Bench(quota_judge(Quota(most)), seed, Rates(), max_wait=48 * 3600.0)
    links: dict[str, object] = {}

    async def ask(client, task, links=links, bench=bench, taken=taken) -> None:
        number = task.subject.model_id
        if task.key not in links:
            links[task.key] = await client.resolve(f"/api/download/models/{number}")
        await bench.clock.sleep(taken[number])

    end, seconds = run_virtually(bench.run(*one_lane(files, workers=2, lane=Lane.FILES), ask=ask))
    best = quota_oracle(Quota(most), taken, 2)
    refused = [one.at for one in bench.service.answers if one.status == 429]
    hours = {int((moment - EPOCH) // 3600.0) for moment in refused}
    assert {} == dict(end.closed)
    assert [] == bench.queue.failed
    assert files == bench.service.count(307), "a link was asked for twice"
    assert refused
    for hour in hours:
        assert sum(int((at - EPOCH) // 3600.0) == hour for at in refused) <= 2
    assert seconds <= 1.05 * best, seconds / best
    note(
        "download quota",
        seed=seed,
        part=str(seed),
        seconds=time.monotonic() - began,
        files=files,
        refused=len(refused),
        hours=round(seconds / 3600.0, 1),
        of_best=round(seconds / best, 4),
    )


def test_the_quota_closes_one_lane_with_the_time_to_come_back() -> None:
    """With --max-wait 5m a used-up quota ends the lane of files; the others are done meanwhile."""
    bench = Bench(quota_judge(Quota(3)), 5, Rates())

    async def ask(client, task) -> None:
        if task.lane is Lane.FILES:
            await client.resolve(f"/api/download/models/{task.subject.model_id}")
            await bench.clock.sleep(2000.0)
        else:
            await bench.clock.sleep(1.0)

    files, lanes = one_lane(20, workers=2, lane=Lane.FILES)
    images, more = one_lane(50, workers=6, lane=Lane.IMAGES)
    end, _ = run_virtually(bench.run([*files, *images], {**lanes, **more}, ask=ask))
    assert [Lane.FILES] == list(end.closed)
    closed = end.closed[Lane.FILES]
    assert Trouble.QUOTA is closed.failure.trouble
    refused = max(one.at for one in bench.service.answers if one.status == 429)
    assert closed.until == pytest.approx(refused + 3600.0, abs=2.0)
    assert bench.service.count(429) == 1
    assert 50 == bench.queue.attempts[0] - bench.service.count(307)
    (notice,) = [one.text for one in bench.ear.notices if one.level == "alert"]
    assert "UTC" in notice


TROUBLES = {
    "throttled": lambda path, now: (429, {"Retry-After": "60"}, b"{}"),
    "broken": lambda path, now: (502, {}, b"{}"),
    "silent": lambda path, now: (0, {}, b""),
    "challenged": lambda path, now: (403, {"cf-mitigated": "challenge"}, b"Just a moment..."),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_lane_in_trouble_holds_up_no_other(trouble: str) -> None:
    """While the Model API throttles, breaks or blocks, the Image API is asked at its full rate."""

    def judge(path: str, now: float):
        if path.startswith("/api/v1/models"):
            return TROUBLES[trouble](path, now)
        return 200, {}, b"{}"

    bench = Bench(judge, 6, Rates(), max_wait=3600.0)
    models, lanes = one_lane(5, workers=1, lane=Lane.MODEL_PAGES)
    images, more = one_lane(400, workers=6)

    async def both() -> None:
        with anyio.move_on_after(600.0):
            await bench.run([*models, *images], {**lanes, **more})

    run_virtually(both())
    moments = [one.at for one in bench.service.answers if one.status == 200]
    assert len(moments) == 400
    assert moments[-1] - EPOCH <= 400 / 2.0 + 1.0


def test_a_paused_lane_is_tried_once_at_the_start() -> None:
    """A pause that a run left behind blocks nothing: one request tries, and then all may go."""
    bench = Bench(down(429, 0.0, 3600.0), 7, Rates(CAP, CAP, CAP))

    async def left_behind() -> None:
        with anyio.move_on_after(5.0):
            await bench.run(*one_lane(100))

    run_virtually(left_behind())
    known = bench.pacer.known()
    assert known[IMAGE_API].paused_until > EPOCH

    for works in (False, True):
        judge = down(429, 0.0, 0.0 if works else 3600.0)
        again = Bench(judge, 8, Rates(CAP, CAP, CAP), known=known)

        async def first_second(again: Bench = again) -> None:
            with anyio.move_on_after(1.0):
                await again.run(*one_lane(100))

        run_virtually(first_second())
        moments = sorted(one.at for one in again.service.answers)
        assert (len(moments) > 1) == works
        assert all(later - moments[0] >= 0.1 for later in moments[1:])


def test_one_that_tries_and_is_given_up_holds_up_nobody() -> None:
    """The request that tries after a pause is cancelled: the next one tries in its place."""
    bench = Bench(lambda path, now: (200, {}, b"{}"), 9)
    told: list[object] = []

    async def story() -> None:
        pacer = LanePacer(Rates(0, 0, 0), bench.clock)
        async with pacer.turn(IMAGE_API) as turn:
            assert turn.heard(Trouble.THROTTLED, status=429, asked=3.0) == 3.0
        with pytest.raises(Throttled) as caught:
            async with pacer.turn(IMAGE_API):
                raise AssertionError("nobody may go now")
        assert caught.value.retry_after == pytest.approx(3.0)
        await bench.clock.sleep(3.5)

        async def tries(name: str, seconds: float) -> None:
            async with pacer.turn(IMAGE_API) as turn:
                told.append((name, bench.clock.now() - EPOCH))
                await bench.clock.sleep(seconds)
                turn.heard(None)

        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(tries, "second", 1.0)
                await bench.clock.sleep(0.01)
                async with anyio.create_task_group() as inner:
                    inner.start_soon(tries, "third", 1.0)
                    await bench.clock.sleep(0.1)
                    scope.cancel()
            group.start_soon(tries, "fourth", 1.0)

        async with pacer.turn(PacedLane("api.image", "elsewhere:1")):
            told.append("elsewhere")

    run_virtually(story())
    assert ["second", "fourth"] == [one[0] for one in told if one != "elsewhere"]
    assert "elsewhere" in told
