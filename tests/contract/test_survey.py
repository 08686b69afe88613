"""How the queue stands, read beside whoever works on it, and from states of older versions."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from test_queue import Bench, StillClock, file, model, root, stored

from civitai_dl._opening import opened_archive
from civitai_dl.adapters.catalog import Database, SqliteRates, Survey, survey
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import leave_wish, tell_work, told_work, waiting_wishes
from civitai_dl.domain.decisions import Known, waits_for
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Failed,
    Failure,
    Lane,
    PacedLane,
    Reason,
    Trouble,
    Unavailable,
)

NOW = StillClock().now()


def trouble(word: Trouble, detail: str = "it went wrong") -> Failure:
    return Failure(word, detail, hint="try again")


def look(path: Path, now: float = NOW) -> Survey:
    """What is seen of a state by somebody who only reads."""

    async def go() -> Survey:
        database = Database(path, writable=False)
        database.start()
        try:
            return await survey(database, now)
        finally:
            database.close()

    return asyncio.run(go())


def with_work(path: Path) -> None:
    """A run in the middle of its work: something in every condition."""

    async def go() -> None:
        bench = Bench(path)
        bench.open()
        try:
            await bench.begin(root(model(1)))
            (page,) = await bench.claim(Lane.MODEL_PAGES)
            await bench.settle(page, Expanded(tuple(file(number) for number in range(1, 13))))
            await bench.do(stored(1))
            await bench.do(stored(2))
            await bench.do(Failed(trouble(Trouble.NOT_FOUND, "no such file")))
            await bench.do(Failed(trouble(Trouble.CORRUPT)))
            await bench.do(Failed(trouble(Trouble.NOT_FOUND)))
            await bench.do(Unavailable(Reason.EARLY_ACCESS, "until May", until=NOW + 500))
            await bench.do(Unavailable(Reason.NO_PERMISSION, "not yours"))
            await bench.do(Deferred(NOW + 60, trouble(Trouble.QUOTA), counts=False))
            await bench.do(Deferred(NOW + 30, trouble(Trouble.TRANSIENT), counts=True))
            await bench.do(Deferred(NOW + 20, trouble(Trouble.TRANSIENT), counts=False))
            await bench.claim(Lane.FILES)
            known = Known(2.5, 30.0, NOW + 90, NOW)
            await SqliteRates(bench.database, None).note({PacedLane("cdn.image", "h"): known})
        finally:
            bench.database.close()

    asyncio.run(go())


def test_everything_in_the_queue_is_told_once(tmp_path: Path) -> None:
    """Lanes, waits by reason with the earliest time, failures by reason with an example."""
    path = tmp_path / "state.db"
    with_work(path)
    before = path.read_bytes()
    found = look(path)
    assert before == path.read_bytes()
    files = found.lanes[Lane.FILES]
    assert (1, 3, 1, 2, 3, 2) == (
        files.ready,
        files.waiting,
        files.at_work,
        files.done,
        files.failed,
        files.unavailable,
    )
    assert 1 == found.lanes[Lane.MODEL_PAGES].done
    waits = [(one.kind, one.reason, one.count, one.first - NOW) for one in found.waiting]
    assert [
        ("outage", "transient", 1, 20),
        ("retry", "transient", 1, 30),
        ("quota", "quota", 1, 60),
        ("early_access", "early_access", 1, 500),
    ] == waits
    failures = {one.reason: (one.count, one.detail) for one in found.failures}
    assert {"not_found": (2, "no such file"), "corrupt": (1, "it went wrong")} == failures
    assert {"early_access": 1, "no_permission": 1} == {
        one.reason: one.count for one in found.unavailable
    }
    (rate,) = found.rates
    assert ("cdn.image", 2.5, NOW + 90) == (rate.lane.name, rate.rate, rate.paused_until)
    assert ["file:10:11"] == [one.key for one in found.under_way]


def test_what_has_fallen_due_waits_no_more(tmp_path: Path) -> None:
    """A minute later the same things are ready, and early access has its own day."""
    path = tmp_path / "state.db"
    with_work(path)
    found = look(path, NOW + 61)
    assert (4, 0) == (found.lanes[Lane.FILES].ready, found.lanes[Lane.FILES].waiting)
    assert ["early_access"] == [one.kind for one in found.waiting]


def test_a_rate_that_was_damaged_is_not_shown(tmp_path: Path) -> None:
    """A row without its seal is nobody's knowledge."""
    path = tmp_path / "state.db"
    with_work(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE rates SET rate = 9.0")
    assert () == look(path).rates


@pytest.mark.parametrize("word", list(Trouble))
def test_each_trouble_is_a_known_kind_of_waiting(word: Trouble) -> None:
    """Whatever puts a thing off, a person is told one of four kinds."""
    kinds = {waits_for(word.value, counted=counted) for counted in (True, False)}
    assert kinds <= {"quota", "outage", "retry"}


@pytest.mark.parametrize(
    "statement", ["AT_ONCE", "PUT_OFF", "CLAIMED", "HELD_BACK", "TROUBLED", "EARLY", "TOTALS"]
)
def test_no_look_reads_every_row(tmp_path: Path, statement: str) -> None:
    """Each question is answered by an index: a million rows lie beside it unread."""
    from civitai_dl.adapters.catalog import _survey

    path = tmp_path / "state.db"
    with_work(path)
    text = getattr(_survey, statement)
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", (NOW,) * text.count("?"))
        steps = [str(row[3]) for row in plan]
    reads = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    assert reads
    assert all("INDEX" in step for step in reads), steps


def test_whoever_works_on_an_archive_forgets_what_was_asked_of_the_dead(tmp_path: Path) -> None:
    """A pause that nobody heeded is not heeded by the next command either, whichever it is."""
    state = tmp_path / ".civitai-dl"
    (state / "tmp").mkdir(parents=True)
    with_work(state / "state.db")
    leave_wish(state, {"do": "pause", "lanes": []})
    tell_work(state, {"process": 1, "paused": ["files"]})

    async def go() -> None:
        async with opened_archive(str(tmp_path), NullReporter()):
            assert ([], {}) == (waiting_wishes(state), told_work(state))

    asyncio.run(go())
