"""What is kept of the rates of the service between runs, and whose it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path

import pytest

from civitai_dl.adapters.catalog import Database, SqliteRates
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.domain.decisions import Known
from civitai_dl.domain.entities import PacedLane, Secret, Trouble

API = PacedLane("api.model", "civitai.com")
STORAGE = PacedLane("blob.r2.example", "r2.example")
LEARNED = Known(4.5, 60.0, 1.7e9 + 30.0, 1.7e9)
ONLY_PAUSED = Known(inf, 30.0, 1.7e9 + 3600.0, 0.0)
KEY = "0123456789-a-key-of-nobody"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "state.db")
    database.start()
    yield database
    database.close()


async def test_what_was_noted_is_recalled(database: Database) -> None:
    """Rates, holds and pauses come back as they were, the later note in place of the earlier."""
    book = SqliteRates(database, Secret(KEY))
    await book.note({})
    await book.note({API: ONLY_PAUSED, STORAGE: ONLY_PAUSED})
    await book.note({API: LEARNED})
    assert {API: LEARNED, STORAGE: ONLY_PAUSED} == dict(await book.recall())


async def test_each_key_has_its_own_rates_and_storage_has_none(database: Database) -> None:
    """The API limits by key; storage and CDN are sent none, so that theirs hold for everybody."""
    await SqliteRates(database, Secret(KEY)).note({API: LEARNED, STORAGE: LEARNED})
    for other in (None, Secret("another-key")):
        assert {STORAGE: LEARNED} == dict(await SqliteRates(database, other).recall())


async def test_the_key_is_not_in_the_state(database: Database, tmp_path: Path) -> None:
    """Neither the key nor a digest that another archive would have lies in the database."""
    await SqliteRates(database, Secret(KEY)).note({API: LEARNED})
    second = Database(tmp_path / "second.db")
    second.start()
    await SqliteRates(second, Secret(KEY)).note({API: LEARNED})
    second.close()
    database.close()
    kept = []
    for name in ("state.db", "second.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            kept.append(connection.execute("SELECT key FROM rates").fetchone()[0])
        assert KEY.encode() not in (tmp_path / name).read_bytes()
    assert kept[0] != kept[1]
    assert len(kept[0]) == 16


@pytest.mark.parametrize(
    "harm", ["rate = 0.0001", "host = 'elsewhere'", "lane = 'api.image'", "hold = 'x'", "seal = 1"]
)
async def test_a_row_that_was_altered_counts_as_unknown(database: Database, harm: str) -> None:
    """A flipped bit must not make a lane crawl: then the rate is learned anew."""
    book = SqliteRates(database, None)
    await book.note({API: LEARNED})
    await database.run(lambda connection: connection.execute(f"UPDATE rates SET {harm}"))
    assert {} == dict(await book.recall())


class Ticking:
    """A clock whose sleeps take no time."""

    def __init__(self) -> None:
        self.seconds = 1.7e9
        self.slept = 0

    def now(self) -> float:
        return self.seconds

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += max(0.0, seconds)
        self.slept += 1


class Book:
    """Remembers each note."""

    def __init__(self) -> None:
        self.notes: list[dict] = []

    async def recall(self) -> dict:
        return {}

    async def note(self, rates) -> None:
        self.notes.append(dict(rates))


async def test_what_is_learned_is_noted_once_a_minute_and_only_when_it_changed() -> None:
    """A thousand requests make no note; a refusal makes one, within a minute."""
    clock = Ticking()
    pacer = LanePacer(Rates(0, 0, 0), clock)
    book = Book()

    class EnoughError(Exception):
        pass

    looks = 0

    async def look(seconds: float) -> None:
        nonlocal looks
        looks += 1
        clock.seconds += seconds
        async with pacer.turn(API) as turn:
            turn.heard(Trouble.THROTTLED if looks == 3 else None, status=429)
        if looks == 6:
            raise EnoughError

    clock.sleep = look  # type: ignore[method-assign]  # each minute, something happens
    with pytest.raises(EnoughError):
        await pacer.keep(book)
    assert [API] == [lane for note in book.notes for lane in note][:1]
    assert 1 <= len(book.notes) <= 2
