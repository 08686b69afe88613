"""The limit on bytes per second: kept, shared by the lanes, and changed while it holds."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest

from civitai_dl.adapters.fetcher._bandwidth import Bandwidth
from civitai_dl.domain.decisions import Turns

KB = 1024


class Steps:
    """A clock on which only sleeping takes time: everybody sleeps to its own end, in order."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self._sleepers: list[tuple[float, anyio.Event]] = []

    def now(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        event = anyio.Event()
        sleeper = (self.time + seconds, event)
        self._sleepers.append(sleeper)
        try:
            await event.wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def go(self, until: float) -> None:
        """Let time pass, from one sleeper to the next."""
        while True:
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            due = min(self._sleepers, key=lambda one: one[0], default=None)
            if due is None or due[0] > until:
                self.time = until
                return
            self.time = max(self.time, due[0])
            self._sleepers.remove(due)
            due[1].set()


async def taken(streams: dict[str, int], limit: float, seconds: float, chunk: int) -> Counter[str]:
    """Bytes that each lane was allowed in so many seconds, with so many streams each."""
    clock, got = Steps(), Counter[str]()
    bandwidth = Bandwidth(limit, clock)

    async def stream(lane: str) -> None:
        while True:
            await bandwidth.take(lane, chunk)
            got[lane] += chunk

    async with anyio.create_task_group() as group:
        for lane, number in streams.items():
            for _ in range(number):
                group.start_soon(stream, lane)
        await clock.go(clock.time + seconds)
        group.cancel_scope.cancel()
    return got


async def test_the_limit_is_kept() -> None:
    """All lanes together get what was allowed, within a hundredth."""
    got = await taken({"files": 2, "images": 6}, 1_000 * KB, 60.0, 64 * KB)
    assert sum(got.values()) == pytest.approx(60_000 * KB, rel=0.01)


@pytest.mark.parametrize("chunk", [8 * KB, 64 * KB, 256 * KB])
async def test_lanes_share_equally_however_many_streams_they_have(chunk: int) -> None:
    """One large file and sixteen images each get half of it, within a twentieth."""
    got = await taken({"files": 1, "images": 16}, 1_000 * KB, 120.0, chunk)
    assert got["files"] == pytest.approx(got["images"], rel=0.05)


async def test_a_lane_alone_has_all_of_it() -> None:
    """Nobody saves anything for those who want nothing."""
    got = await taken({"images": 3}, 500 * KB, 60.0, 64 * KB)
    assert got["images"] == pytest.approx(30_000 * KB, rel=0.01)


@pytest.mark.parametrize(
    ("limit", "most"), [(1_000, 4_096), (100_000, 10_000), (10_000_000, 65_536), (0, 300_000)]
)
def test_what_is_allowed_is_handed_on_as_soon_as_it_is(limit: float, most: int) -> None:
    """Under a limit a chunk goes in pieces of a tenth of a second, without one as it came."""
    chunk = bytes(range(256)) * 1_200
    pieces = list(Bandwidth(limit, Steps()).pieces(chunk[:300_000]))
    assert b"".join(pieces) == chunk[:300_000]
    assert max(map(len, pieces)) == most


async def test_without_a_limit_nobody_waits() -> None:
    """A limit of nothing is none."""
    clock = Steps()
    bandwidth = Bandwidth(0.0, clock)
    await bandwidth.take("files", 10**12)
    assert (clock.time, bandwidth.limit) == (1_000.0, 0.0)


async def test_another_limit_holds_from_the_next_moment() -> None:
    """Who waits for hours under a low limit does not wait for hours when it is lifted."""
    clock = Steps()
    bandwidth = Bandwidth(10.0, clock)
    done: list[float] = []

    async def stream() -> None:
        await bandwidth.take("files", 640 * KB)
        done.append(clock.time)

    async with anyio.create_task_group() as group:
        group.start_soon(stream)
        await clock.go(1_060.0)
        assert done == []
        bandwidth.change(1_000 * KB)
        await clock.go(1_062.0)
        assert done
        bandwidth.change(100 * KB)
        group.start_soon(stream)
        await clock.go(1_064.0)
        bandwidth.change(0.0)
        await clock.go(1_065.0)
        assert len(done) == 2


async def test_whoever_gives_up_holds_up_nobody() -> None:
    """A cancelled transfer leaves its place, also when its turn came in that moment."""
    clock = Steps()
    bandwidth = Bandwidth(64.0 * KB, clock)
    got = Counter[str]()

    async def stream(lane: str, scope: anyio.CancelScope) -> None:
        with scope:
            while True:
                await bandwidth.take(lane, 64 * KB)
                got[lane] += 1

    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(4)]
        for number, scope in enumerate(scopes):
            group.start_soon(stream, f"lane {number}", scope)
        await clock.go(1_010.0)
        scopes[0].cancel()
        scopes[2].cancel()
        before = got["lane 1"] + got["lane 3"]
        await clock.go(1_020.0)
        assert got["lane 1"] + got["lane 3"] - before in (9, 10, 11)
        scopes[1].cancel()
        before = got["lane 3"]
        await clock.go(1_030.0)
        assert got["lane 3"] - before in (9, 10, 11)
        group.cancel_scope.cancel()


def test_a_lane_that_was_away_saves_nothing_up() -> None:
    """After a rest a lane takes turns with the others, and does not take all."""
    turns = Turns()
    for _ in range(100):
        turns = turns.served("images", 10.0)
    order = []
    for _ in range(60):
        lane = turns.next_of(["files", "images"])
        turns = turns.served(lane, 10.0)
        order.append(lane)
    assert abs(order.count("files") - order.count("images")) <= 2
