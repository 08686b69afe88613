"""What many ask for at about the same time is done once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from civitai_dl.adapters.clock import SystemClock
from civitai_dl.together import Together


class Work:
    """Doubles numbers, and remembers which came together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.at_work = 0

    async def __call__(self, things: Sequence[int]) -> list[int]:
        assert not self.at_work
        self.at_work += 1
        self.batches.append(list(things))
        await anyio.sleep(0.01)
        self.at_work -= 1
        if 13 in things:
            raise ValueError("unlucky")
        return [2 * thing for thing in things]


async def test_each_gets_its_own_end_and_no_two_batches_are_done_at_once() -> None:
    """Whoever comes while a batch is being done comes along with the next, a full one excepted."""
    work = Work()
    together = Together(work, most=4, clock=SystemClock())
    ends: dict[int, int] = {}

    async def one(number: int) -> None:
        ends[number] = await together.do(number)

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(one, number)
    assert {number: 2 * number for number in range(10)} == ends
    assert [4, 4, 2] == [len(batch) for batch in work.batches]
    assert list(range(10)) == [thing for batch in work.batches for thing in batch]


async def test_what_fails_is_told_to_each_of_its_batch_and_to_nobody_else() -> None:
    """The next batch is done as if nothing had happened."""
    together = Together(Work(), most=2, clock=SystemClock())
    failed: list[int] = []

    async def one(number: int) -> None:
        try:
            assert 2 * number == await together.do(number)
        except ValueError:
            failed.append(number)

    async with anyio.create_task_group() as group:
        for number in (12, 13, 14, 15):
            group.start_soon(one, number)
    assert [12, 13] == sorted(failed)


@pytest.mark.parametrize("who", [0, 1])
async def test_a_cancelled_asker_takes_nobody_along(who: int) -> None:
    """Whoever has begun is done with it, and so is everybody who came along."""
    work = Work()
    together = Together(work, most=8, clock=SystemClock())
    ends: list[int] = []
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def one(number: int) -> None:
        with scopes[number]:
            ends.append(await together.do(number))

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(one, number)
        await anyio.lowlevel.checkpoint()
        scopes[who].cancel()
    assert [[0, 1, 2]] == work.batches
    assert {0, 2, 4} == set(ends)
