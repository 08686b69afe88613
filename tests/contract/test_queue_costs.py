"""What a run with a great many rows asks of SQLite: nothing is sorted, or called, in vain."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from test_queue import Bench, file, gallery, image, model, root, stored

from civitai_dl.adapters.catalog import _ledger as ledger
from civitai_dl.adapters.catalog._adding import Adding
from civitai_dl.domain.entities import Expanded, Failed, Failure, Lane, Reason, Trouble, Unavailable


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An archive's state in which the first run has begun."""
    bench = Bench(tmp_path / "state.db")
    bench.open()
    await bench.begin()
    yield bench
    bench.database.close()


@pytest.mark.parametrize("statement", ["OUTLOOK", "LISTED", "TRACES", "MODELS"], ids=str.lower)
async def test_an_account_sets_no_rows_aside(bench: Bench, statement: str) -> None:
    """Memory stays flat however many rows there are: no statement of an account sorts them."""

    def explain(connection: sqlite3.Connection) -> list[str]:
        text = getattr(ledger, statement)
        facts = (1,) if statement == "MODELS" else {"run": 1, "status": "failed"}
        rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", facts)
        return [str(row["detail"]) for row in rows]

    plan = await bench.database.run(explain)
    assert not [line for line in plan if "ORDER BY" in line or "GROUP BY" in line], plan


async def test_what_failed_is_found_by_its_index(bench: Bench) -> None:
    """Who has failed is told in the order of listing, without a look at those who have not."""
    await bench.add(file(1), file(2), file(3), file(4))
    ends = [
        Failed(Failure(Trouble.CORRUPT, "other bytes")),
        Unavailable(Reason.GONE, "gone"),
        stored(3),
        Failed(Failure(Trouble.TRANSIENT, "broken")),
    ]
    for end in ends:
        await bench.settle(await bench.one(), end)
    assert ["file:10:1", "file:10:4"] == [one.key for one in await bench.ledger.failures()]
    assert ["file:10:2"] == [one.key for one in await bench.ledger.unavailable()]


async def test_the_total_of_one_target_is_its_account(bench: Bench) -> None:
    """Of one target everything is counted once, and comes out the same."""
    await bench.begin(root(model(1)))
    await bench.add(file(1), file(2))
    accounts = await bench.ledger.accounts()
    assert 1 == len(accounts)
    assert await bench.ledger.total() == await bench.ledger.total(accounts)


async def test_going_on_asks_nothing_of_rows_that_nobody_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand images that wait are due without a question; one that failed is asked about."""
    await bench.begin(root(model(1)))
    page = await bench.one(Lane.MODEL_PAGES)
    children = [image(number) for number in range(1000)]
    await bench.settle(page, Expanded(tuple(children)))
    for end in (Unavailable(Reason.GONE, "gone"), stored(1)):
        await bench.settle(await bench.one(Lane.IMAGES), end)
    asked, real = [], Adding.is_due

    def counted(self: Adding, *facts: object) -> bool:
        asked.append(facts[0])
        return real(self, *facts)

    monkeypatch.setattr(Adding, "is_due", counted)
    assert await bench.begin(root(model(1)))
    assert ["unavailable"] == asked
    assert 998 == (await bench.ledger.open_counts())[Lane.IMAGES]


async def test_rows_of_every_shape_are_taken_in_together(bench: Bench) -> None:
    """What one of them lacks another has; each is read back as it was, in the order of adding."""
    tasks = [
        file(1, source="s", group="g/a"),
        image(2),
        file(3, batch="b"),
        file(4, waits_for="g"),
        gallery(cursor="1|2"),
    ]
    added = await bench.add(*tasks)
    assert [one.task for one in tasks] == [one.task for one in added.new]

    def read(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
        rows = connection.execute(
            "SELECT key, source, batch, grp, waits_for, why, proof FROM tasks ORDER BY id"
        )
        return [tuple(row) for row in rows]

    assert [
        (task.key, task.source, task.batch, task.group, task.waits_for, None, None)
        for task in (one.task for one in tasks)
    ] == await bench.database.run(read)
