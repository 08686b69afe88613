"""The threads that do the short steps of an archive's disk."""

from __future__ import annotations

import asyncio
import gc
import threading

import anyio
import pytest

from civitai_dl.adapters.storage._crew import Crew

pytestmark = pytest.mark.anyio


def _threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == "disk"}


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
    # Nobody goes on before three are at work, so that it shows when a fourth one is.
    three = threading.Barrier(3, timeout=10)

    def step(number: int) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        three.wait()
        with lock:
            at_once[0] -= 1
            done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(39):
            group.start_soon(crew.do, lambda number=number: step(number))
    assert most[0] == 3
    assert sorted(done) == list(range(39))


async def test_a_step_is_done_to_its_end_when_its_task_is_cancelled() -> None:
    """Nobody else may own the file while a thread still writes to it."""
    crew = Crew(1)
    gate, begun, ended = threading.Event(), anyio.Event(), []
    loop = asyncio.get_running_loop()

    def step() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(10)
        ended.append(True)

    async with anyio.create_task_group() as group:

        async def one() -> None:
            try:
                await crew.do(step)
            finally:
                assert ended

        group.start_soon(one)
        await begun.wait()
        group.cancel_scope.cancel()
        # By then the cancellation has been delivered, and again.
        loop.call_soon(loop.call_soon, loop.call_soon, gate.set)
    assert ended == [True]


async def test_who_went_away_without_waiting_is_told_nothing() -> None:
    """Also when the event loop itself cancels: the step ends, and the next one is done."""
    crew = Crew(1)
    gate, begun = threading.Event(), anyio.Event()
    loop = asyncio.get_running_loop()

    def step() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(10)

    # What no scope can hold up is the loop's own cancellation.
    task = asyncio.create_task(crew.do(step))
    await begun.wait()
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
    begun = _threads() - before
    assert begun
    del crew
    gc.collect()
    for thread in begun:
        thread.join(10)
    assert not any(thread.is_alive() for thread in begun)
