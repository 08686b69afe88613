"""The threads that do the short steps of an archive's disk."""

from __future__ import annotations

import gc
import threading
import time

import anyio
import pytest

from civitai_dl.adapters.storage._crew import Crew

pytestmark = pytest.mark.anyio


def _threads() -> set[int]:
    return {one.ident or 0 for one in threading.enumerate() if one.name == "disk"}


async def test_what_is_done_is_told() -> None:
    """A result comes back, and so does whatever was raised."""
    crew = Crew(2)
    assert await crew.do(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await crew.do(lambda: 1 // 0)
    assert await crew.do(lambda: None) is None


async def test_one_after_the_other_is_done_by_one_thread() -> None:
    """However many threads there are, who was idle last is called first."""
    crew = Crew(4)
    gate = threading.Barrier(4)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(crew.do, gate.wait)
    assert len({await crew.do(threading.get_ident) for _ in range(20)}) == 1


async def test_no_more_at_once_than_there_may_be_threads() -> None:
    """Further steps wait, in the order in which they came, and each is done once."""
    crew = Crew(3)
    at_once, most, done = [0], [0], []
    lock = threading.Lock()

    def step(number: int) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.002)
        with lock:
            at_once[0] -= 1
            done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(crew.do, lambda number=number: step(number))
    assert most[0] == 3
    assert sorted(done) == list(range(40))


async def test_a_step_is_done_to_its_end_when_its_task_is_cancelled() -> None:
    """Nobody else may own the file while a thread still writes to it."""
    crew = Crew(1)
    gate, ended = threading.Event(), []

    def step() -> None:
        gate.wait(10)
        ended.append(True)

    async with anyio.create_task_group() as group:

        async def one() -> None:
            try:
                await crew.do(step)
            finally:
                assert ended

        group.start_soon(one)
        await anyio.sleep(0.01)
        group.cancel_scope.cancel()
        threading.Timer(0.05, gate.set).start()
    assert ended == [True]


async def test_who_went_away_without_waiting_is_told_nothing() -> None:
    """Also when the event loop itself cancels: the step ends, and the next one is done."""
    import asyncio  # what no scope can hold up is its own cancellation

    crew = Crew(1)
    gate = threading.Event()
    task = asyncio.create_task(crew.do(lambda: gate.wait(10)))
    await anyio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert await crew.do(lambda: 3) == 3


async def test_its_threads_end_with_it() -> None:
    """Nobody closes a storage: it is forgotten, and takes its threads along."""
    before = _threads()
    crew = Crew(2)
    await crew.do(lambda: None)
    assert _threads() - before
    del crew
    gc.collect()
    for _ in range(200):
        if not _threads() - before:
            return
        await anyio.sleep(0.01)
    pytest.fail("a thread is left")
