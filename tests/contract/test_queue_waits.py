"""Queues with very many tasks that were put off, clocks that were set, and what runs remember."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from test_queue import TROUBLE, Bench, file, gallery, image, keys, model, root, stored

from civitai_dl.adapters.catalog import Database
from civitai_dl.adapters.catalog._queue import WAKE_MOST
from civitai_dl.domain.decisions import latest_wait, listed_anew
from civitai_dl.domain.entities import (
    CreatorRef,
    Deferred,
    Expanded,
    Failed,
    Lane,
    ModelRef,
    Slice,
    Trouble,
)
from civitai_dl.domain.entities import Failure as Why
from civitai_dl.errors import CatalogError

DAY = 86_400.0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An archive's state in which the first run has begun."""
    bench = Bench(tmp_path / "state.db")
    bench.open()
    await bench.begin()
    yield bench
    bench.database.close()


async def steps(bench: Bench, ask: Callable[[], object]) -> int:
    """How many steps of SQLite an ask takes."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    def listen(*, on: bool) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: connection.set_progress_handler(tick if on else None, 1)

    await bench.database.run(listen(on=True))
    await ask()
    await bench.database.run(listen(on=False))
    return count


async def put_off(bench: Bench, many: int, until: float) -> None:
    """Put off as many of the tasks that come first, as their lane would."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE tasks SET not_before = ? + id * 0.001, parked = 1 WHERE id IN ("
            "SELECT id FROM tasks WHERE status = 'ready' ORDER BY id LIMIT ?)",
            (until, many),
        )

    await bench.database.run(work)


async def test_what_was_put_off_is_in_no_claims_way(bench: Bench) -> None:
    """With 20,000 tasks put off before it, a claim takes hardly more steps than with none."""
    await bench.add(*[file(number) for number in range(20_001)])
    few = await steps(bench, bench.claim)
    await bench.runs.unclaim()
    await put_off(bench, 20_000, 5_000.0)
    assert await steps(bench, bench.claim) < 2 * few
    await bench.runs.unclaim()
    assert await steps(bench, lambda: bench.queue.next_due(Lane.FILES)) < few
    assert keys(await bench.claim()) == ["file:10:20000"]
    assert await bench.queue.next_due(Lane.FILES) == pytest.approx(5_000.001)


async def test_many_that_become_due_at_once_delay_nobody(bench: Bench) -> None:
    """After an outage each claim wakes a few tasks, and all of them are claimed, each once."""
    await bench.add(*[file(number) for number in range(300)])
    await put_off(bench, 300, 2_000.0)
    bench.clock.time = 9_000.0
    seen: list[str] = []
    while leases := await bench.claim():
        seen += keys(leases)
        if len(seen) % WAKE_MOST == 1:
            assert await bench.queue.next_due(Lane.FILES) is not None
    assert sorted(seen) == sorted(f"file:10:{number}" for number in range(300))


async def test_what_was_put_off_keeps_its_rank(bench: Bench) -> None:
    """A task whose time has come is claimed before later ones and after more urgent ones."""
    await bench.add(file(1, priority=5), file(2, priority=5), file(3, priority=5))
    await bench.do(Deferred(1_010.0, TROUBLE))
    await bench.add(file(4))
    bench.clock.time = 1_010.0
    assert await bench.all_keys() == ["file:10:4", "file:10:1", "file:10:2", "file:10:3"]


@pytest.mark.parametrize(("ahead", "due"), [(1.9 * DAY, False), (2.1 * DAY, True), (9e9, True)])
async def test_a_clock_that_was_set_back_keeps_nothing_waiting(
    bench: Bench, ahead: float, *, due: bool
) -> None:
    """What waits for a moment that no wait of ours reaches is due at the next start."""
    await bench.add(file(1))
    await bench.do(Deferred(1_000.0 + ahead, TROUBLE))
    await bench.die()
    assert bool(await bench.claim()) is due
    assert latest_wait(1_000.0) == 1_000.0 + 2 * DAY


async def test_no_two_processes_give_out_one_token(bench: Bench) -> None:
    """Tokens of two processes begin far apart, and fit into a column."""
    script = "from civitai_dl.adapters.catalog import _queue; print(next(_queue._tokens))"
    words = [sys.executable, "-c", script]
    others = [int((await anyio.run_process(words)).stdout) for _ in range(2)]  # of another process
    await bench.add(file(1))
    tokens = sorted([*others, (await bench.one()).token])
    assert min(second - first for first, second in pairwise(tokens)) > 1_000_000
    assert tokens[-1] < 1 << 63


async def test_what_is_stored_is_remembered_with_its_prefixes(bench: Bench) -> None:
    """The digests of a large file's prefixes, and when it was written, stay with it."""
    await bench.add(file(1), file(2), file(3))
    await bench.do(replace(stored(1), prefixes=("ab", "cd")))
    await bench.do(replace(stored(2), how="linked"))
    await bench.do(stored(3))

    def look(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
        rows = connection.execute("SELECT prefixes, checked_at FROM tasks ORDER BY id")
        return [tuple(row) for row in rows]

    assert await bench.database.run(look) == [
        ('["ab","cd"]', 1_000.0),
        (None, None),
        (None, 1_000.0),
    ]
    rows = await bench.runs.stored_after(0, 1)
    await bench.runs.missing([rows[0][0]])
    assert (await bench.database.run(look))[0] == (None, None)


async def test_a_run_remembers_what_repeats_it(bench: Bench) -> None:
    """Selection and settings of a run are kept as the texts they were given as."""
    begun = await bench.runs.begin(
        [root(model(1))],
        roles=(),
        now=1.0,
        key=False,
        selection='{"files":true}',
        settings='{"base_url":"x"}',
    )

    def look(connection: sqlite3.Connection) -> tuple[object, ...]:
        question = "SELECT selection, settings FROM runs WHERE id = ?"
        return tuple(connection.execute(question, (begun.run,)).fetchone())

    assert await bench.database.run(look) == ('{"files":true}', '{"base_url":"x"}')


async def test_a_row_that_was_altered_is_never_worked_with(bench: Bench) -> None:
    """A claim of a task whose address changed in the file is an error that says what to do."""
    await bench.add(file(1), image(2))

    def alter(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE tasks SET payload = replace(payload, '1.bin', '9.bin')")

    await bench.database.run(alter)
    with pytest.raises(CatalogError, match="not what was written"):
        await bench.claim()
    assert keys(await bench.claim(Lane.IMAGES)) == ["image:2@gallery"]


async def test_a_continued_job_takes_a_few_statements(bench: Bench) -> None:
    """Going on with 5,000 open tasks asks SQLite a few times, not five thousand."""
    await bench.begin(root(gallery()))
    await bench.do(Expanded(tuple(image(number) for number in range(5_000))), Lane.IMAGE_PAGES)
    for _ in range(3):
        await bench.do(Failed(Why(Trouble.CORRUPT, "x")), Lane.IMAGES)
    asked: list[str] = []
    await bench.database.run(lambda connection: connection.set_trace_callback(asked.append))
    assert await bench.begin(root(gallery())) is True
    await bench.database.run(lambda connection: connection.set_trace_callback(None))
    assert len(asked) < 40
    assert await bench.ledger.open_counts() == {Lane.IMAGES: 4_997}


async def test_a_watcher_is_told_what_is_committed(tmp_path: Path) -> None:
    """Each transaction is told three times, with the names of what it does."""
    seen: list[tuple[str, tuple[str, ...]]] = []
    database = Database(
        tmp_path / "state.db", watch=lambda moment, _: seen.append((moment, tuple(database.names)))
    )
    database.start()
    bench = Bench(tmp_path / "state.db")
    bench.database = database
    try:
        await bench.add(file(1))
        await bench.one()
    finally:
        database.close()
    moments = ("begin", "commit", "committed")
    assert seen == [(moment, (name,)) for name in ("add", "claim") for moment in moments]


def test_pages_are_read_anew_after_a_loss() -> None:
    """A listing that nobody can vouch for begins where it began first, for the same wish."""
    walked = gallery(cursor="9", seen=5, pages=2, known_ground=True, part=Slice(4)).task.subject
    first = gallery(part=Slice(4)).task.subject
    assert listed_anew(walked) == first
    assert listed_anew(CreatorRef("ann", "count", "7")) == CreatorRef("ann")
    assert listed_anew(ModelRef(1, single=True)) == ModelRef(1, single=True)
