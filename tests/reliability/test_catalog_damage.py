"""A state database that is damaged, locked, out of room or killed half-way: told, or harmless."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from old_state import make_old
from states import filled_state, rows_of, times_aside

from civitai_dl.adapters.catalog import (
    SCHEMA_VERSION,
    Database,
    Runs,
    SqliteCatalog,
    _database,
    _open,
)
from civitai_dl.domain.entities import Held
from civitai_dl.errors import CatalogError, CatalogTooNew, CivitaiDLError, StorageFull
from reliability_size import note, pick

FLIPS = pick(quick=100, full=1_000, nightly=2_000)
CUTS = pick(quick=20, full=200, nightly=400)
SEED = 20_260_901


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of an archive in the middle of its work, closed in order."""
    path = tmp_path_factory.mktemp("whole") / "state.db"
    asyncio.run(filled_state(path))
    return path


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory, whole: Path) -> Path:
    """The same after a death: the last writes are in the log only."""
    folder = tmp_path_factory.mktemp("torn")
    path = folder / "state.db"
    shutil.copy(whole, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        for number in range(40):
            connection.execute(
                "INSERT INTO partials (key, size, host) VALUES (?, ?, 'h')", (f"k{number}", number)
            )
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            shutil.copy(folder / name, folder / f"dead-{name}")
    return folder / "dead-state.db"


def copy_of(path: Path, folder: Path) -> Path:
    """A database and what lies beside it, under its proper name, in a folder made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for ending in ("", "-wal", "-shm"):
        source = path.with_name(path.name + ending)
        if source.exists():
            shutil.copy(source, folder / f"state.db{ending}")
    return folder / "state.db"


def open_and_close(path: Path, *, check: bool = True) -> CivitaiDLError | None:
    """Open a state and close it; what was told, None when all was well."""
    database = Database(path)
    try:
        database.start(check=check)
    except CivitaiDLError as error:
        return error
    database.close()
    return None


# --- bits


def test_a_flipped_byte_is_found_or_harmless(whole: Path, tmp_path: Path) -> None:
    """After one byte changed anywhere, the state is refused, or every row reads as before.

    Two figures are not sealed, for they change with every claim: when a row was last written and
    when its file was last checked. They decide nothing but when something is looked at again.
    """
    chance = random.Random(SEED)
    data, before = whole.read_bytes(), times_aside(rows_of(whole))
    found, began = 0, time.monotonic()
    for number in range(FLIPS):
        path = copy_of(whole, tmp_path / "flipped")
        changed = bytearray(data)
        place = chance.randrange(len(data))
        changed[place] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
        told = open_and_close(path)
        if told is not None:
            assert isinstance(told, CatalogError), f"flip {number} at {place}: {told!r}"
            found += 1
        else:
            assert before == times_aside(rows_of(path)), f"flip {number} at {place}"
    counts = {"bytes flipped": FLIPS, "refused": found, "harmless": FLIPS - found}
    note("damage to the state", seed=SEED, seconds=time.monotonic() - began, **counts)
    assert found > FLIPS // 3


def test_a_text_that_was_altered_is_told_when_it_is_read(whole: Path, tmp_path: Path) -> None:
    """Without any check at the start, an altered address or path is never worked with."""
    path = copy_of(whole, tmp_path / "altered")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE tasks SET path = replace(path, '1', '7') WHERE key = 'file:10:101'"
        )
    database = Database(path)
    database.start()
    try:
        with pytest.raises(CatalogError, match="damaged") as told:
            asyncio.run(SqliteCatalog(database).stored_as("file:10:101"))
        assert "--rebuild" in told.value.hint
    finally:
        database.close()


# --- files that are cut, gone, or somebody else's


def test_a_log_cut_anywhere_loses_only_its_end(torn: Path, tmp_path: Path) -> None:
    """A log cut at any byte is a state of a moment earlier, whole."""
    chance = random.Random(SEED)
    size = torn.with_name("dead-state.db-wal").stat().st_size
    lengths = [0, 1, 31, 32, 33, *(chance.randrange(size) for _ in range(CUTS)), size]
    kept = []
    for length in sorted(lengths):
        path = copy_of(torn, tmp_path / "cut")
        os.truncate(path.with_name("state.db-wal"), length)
        assert open_and_close(path) is None
        kept.append(len(rows_of(path)["partials"]))
    assert kept == sorted(kept)
    assert kept[-1] - kept[0] == 40


@pytest.mark.parametrize("gone", ["-wal", "-shm", "both"])
def test_a_missing_log_or_index_of_it_is_harmless(torn: Path, tmp_path: Path, gone: str) -> None:
    """Without its log a state is an earlier one; without the index of the log nothing is lost."""
    path = copy_of(torn, tmp_path / "without")
    for ending in ("-wal", "-shm") if gone == "both" else (gone,):
        path.with_name(f"state.db{ending}").unlink()
    assert open_and_close(path) is None
    assert len(rows_of(path)["partials"]) == (41 if gone == "-shm" else 1)


def test_a_state_cut_anywhere_is_told(whole: Path, tmp_path: Path) -> None:
    """A file that lost its end is refused at every start, also without a check."""
    chance = random.Random(SEED)
    size = whole.stat().st_size
    for length in [1, 99, 100, 4_096, size - 1, *(chance.randrange(1, size) for _ in range(CUTS))]:
        path = copy_of(whole, tmp_path / "cut")
        os.truncate(path, length)
        told = open_and_close(path, check=False)
        assert isinstance(told, CatalogError), length
        assert "doctor" in told.hint
        assert path.stat().st_size == length


def test_an_empty_state_of_an_archive_is_told(tmp_path: Path) -> None:
    """An empty file is a fresh start in an empty folder, and a loss in an archive."""
    path = tmp_path / ".civitai-dl/state.db"
    path.parent.mkdir()
    path.touch()
    assert open_and_close(path) is None
    path.unlink()
    path.touch()
    (tmp_path / "model_4").mkdir()
    told = open_and_close(path)
    assert isinstance(told, CatalogError)
    assert "empty" in told.message
    assert path.stat().st_size == 0


def test_a_log_without_its_state_is_told(torn: Path, tmp_path: Path) -> None:
    """A state that is gone while its log is there is no fresh start."""
    path = copy_of(torn, tmp_path / "headless")
    path.unlink()
    told = open_and_close(path)
    assert isinstance(told, CatalogError)
    assert not path.exists()
    assert path.with_name("state.db-wal").exists()


def test_the_database_of_another_program_is_told(tmp_path: Path) -> None:
    """Tables that are not ours are neither used nor added to."""
    path = tmp_path / "state.db"
    for version in range(SCHEMA_VERSION + 1):
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, what TEXT)")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.commit()
        before = path.read_bytes()
        assert isinstance(open_and_close(path, check=False), CatalogError)
        assert before == path.read_bytes()


def test_a_lost_index_is_told(whole: Path, tmp_path: Path) -> None:
    """Claims walk along their index: a state without it is not worked with."""
    path = copy_of(whole, tmp_path / "poor")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX tasks_ready")
        connection.commit()
    told = open_and_close(path, check=False)
    assert isinstance(told, CatalogError)
    assert "tasks_ready" in told.message


@given(data=st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_no_file_makes_opening_stumble(data: bytes) -> None:
    """Whatever bytes stand in its place, a state is opened or refused in words."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        path.write_bytes(b"SQLite format 3\0" + data if len(data) % 2 else data)
        told = open_and_close(path)
        assert told is None or isinstance(told, CivitaiDLError)


def test_a_newer_state_is_not_touched_in_any_way(torn: Path, tmp_path: Path) -> None:
    """A state of a newer program keeps every byte, its log, and the index of its log."""
    path = copy_of(torn, tmp_path / "newer")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        copy_of(path, tmp_path / "copy")
    for writable in (True, False):
        state = copy_of(tmp_path / "copy/state.db", tmp_path / "looked-at")
        before = {entry.name: entry.read_bytes() for entry in state.parent.iterdir()}
        with pytest.raises(CatalogTooNew, match=f"schema {SCHEMA_VERSION + 1}"):
            Database(state, writable=writable).start(check=True)
        after = {entry.name: entry.read_bytes() for entry in state.parent.iterdir()}
        assert before == after


# --- from an older version to today's


def steps_of(path: Path) -> list[str]:
    """The moments of a migration, in order."""
    seen: list[str] = []
    database = Database(path, watch=lambda moment, _: seen.append(moment))
    database.start()
    database.close()
    return seen


@pytest.fixture(params=range(1, SCHEMA_VERSION))
def version(request: pytest.FixtureRequest) -> int:
    """Each version that archives may have."""
    return int(request.param)


@pytest.fixture
def old(whole: Path, tmp_path: Path, version: int) -> Path:
    """A state that an older version left."""
    path = copy_of(whole, tmp_path / "old/.civitai-dl")
    make_old(tmp_path / "old", version=version)
    return path


def test_an_older_state_is_brought_up_to_date(old: Path, whole: Path, version: int) -> None:
    """Every row of an older state is there afterwards, sealed, and the copy is gone."""
    steps = SCHEMA_VERSION - version
    assert steps_of(old) == ["backup", *["begin", "commit", "committed"] * steps]
    assert open_and_close(old) is None
    before, after = rows_of(whole), rows_of(old)
    keys = [row["key"] for row in before["tasks"]]
    assert [row["key"] for row in after["tasks"]][: len(keys)] == keys
    for then, now in zip(before["tasks"], after["tasks"], strict=False):
        assert {**then, "prefixes": None, "proof": None, "checked_at": None} == {
            **now,
            "prefixes": None,
            "proof": None,
            "checked_at": None,
        }
    assert all(row["checked_at"] for row in after["tasks"] if row["path"])
    assert [entry.name for entry in old.parent.iterdir()] == ["state.db"]


@pytest.mark.parametrize("moment", ["backup", "begin", "commit", "committed"])
def test_a_migration_killed_at_any_step_is_done_or_not(
    old: Path, moment: str, version: int
) -> None:
    """A kill leaves one version or the next one whole, and the next start is none the wiser."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from civitai_dl.adapters.catalog import Database\n"
        "watch = lambda moment, _: os._exit(9) if moment == sys.argv[2] else None\n"
        "Database(Path(sys.argv[1]), watch=watch).start()"
    )
    words = [sys.executable, "-c", script, str(old), moment]
    assert subprocess.run(words, check=False, timeout=60).returncode == 9
    with closing(sqlite3.connect(f"{old.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        expected = version + (moment == "committed")
        assert connection.execute("PRAGMA user_version").fetchone() == (expected,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert old.with_name("state.db.before-6").exists()
    assert open_and_close(old) is None
    assert [entry.name for entry in old.parent.iterdir()] == ["state.db"]


def test_half_a_copy_is_no_obstacle(old: Path) -> None:
    """A copy that a killed migration had not finished is made anew."""
    old.with_name("state.db.before-6").write_bytes(b"half a copy")
    assert open_and_close(old) is None
    assert not old.with_name("state.db.before-6").exists()


# --- locks, room, and the end of the thread


class Ear:
    """What a database tells of its troubles."""

    def __init__(self) -> None:
        self.heard: list[CivitaiDLError | None] = []
        self.troubled = threading.Event()

    def __call__(self, error: CivitaiDLError | None) -> None:
        self.heard.append(error)
        self.troubled.set()


@contextmanager
def opened(path: Path, **hooks: Callable[..., None]) -> Iterator[Database]:
    database = Database(path, **hooks)
    database.start()
    try:
        yield database
    finally:
        database.impatient()
        database.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of tenths instead of whole seconds."""
    monkeypatch.setattr(_open, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(_database, "RETRY_SECONDS", 0.05)


@pytest.mark.usefixtures("hasty")
async def test_a_foreign_lock_is_waited_for(tmp_path: Path) -> None:
    """Another program that holds the state for long delays the askers, and loses nothing."""
    ear = Ear()
    with opened(tmp_path / "state.db", trouble=ear) as database:
        catalog = SqliteCatalog(database)
        with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            asking = asyncio.ensure_future(catalog.hold("k", Held(1)))
            await asyncio.to_thread(ear.troubled.wait, 20)
            assert not asking.done()
            other.execute("ROLLBACK")
            await asking
        assert await catalog.held("k") == Held(1)
        await catalog.hold("k", None)
    assert [None if error is None else type(error) for error in ear.heard] == [CatalogError, None]


@pytest.mark.usefixtures("hasty")
def test_a_lock_at_the_start_is_waited_for(old: Path) -> None:
    """A state that somebody else holds is opened, and migrated, once it is free."""
    ear = Ear()
    with closing(sqlite3.connect(old, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        waiting.start()
        with opened(old, trouble=ear):
            waiting.join()
    assert open_and_close(old) is None


def limit_pages(database: Database, more: int | None) -> None:
    """Let the file grow by so many pages; None: by any number."""

    def work(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        most = 1 << 30 if more is None else pages + more
        connection.execute(f"PRAGMA max_page_count = {most}")

    database.names.clear()
    asyncio.run(database.run(work, "limit"))


@pytest.mark.usefixtures("hasty")
def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    """Without room askers wait; when there is some again, everything asked for is done, once."""
    ear, room = Ear(), threading.Event()
    relieved: list[int] = []

    def watch(moment: str, connection: sqlite3.Connection) -> None:
        if moment == "begin" and room.is_set():
            connection.execute(f"PRAGMA max_page_count = {1 << 30}")

    hooks = {"trouble": ear, "watch": watch, "relieve": lambda: relieved.append(1)}
    with opened(tmp_path / "state.db", **hooks) as database:
        limit_pages(database, 1)

        async def ask() -> None:
            catalog = SqliteCatalog(database)
            asking = [
                asyncio.ensure_future(catalog.hold(f"key {number}", Held(number, etag="x" * 500)))
                for number in range(60)
            ]
            await asyncio.to_thread(ear.troubled.wait, 20)
            assert isinstance(ear.heard[0], StorageFull)
            room.set()
            await asyncio.wait(asking, timeout=60)
            assert [None] * 60 == [one.result() for one in asking]

        asyncio.run(ask())
    assert ear.heard[-1] is None
    assert relieved
    assert len(rows_of(tmp_path / "state.db")["partials"]) == 60


@pytest.mark.usefixtures("hasty")
def test_who_stops_does_not_wait_for_room(tmp_path: Path) -> None:
    """After `impatient` a full disk is told to every asker, and the state stays sound."""
    ear = Ear()
    with opened(tmp_path / "state.db", trouble=ear) as database:
        limit_pages(database, 0)

        async def ask() -> list[object]:
            catalog = SqliteCatalog(database)
            asking = [
                asyncio.ensure_future(catalog.hold(f"{number}", Held(number, etag="x" * 4_000)))
                for number in range(5)
            ]
            await asyncio.to_thread(ear.troubled.wait, 20)
            database.impatient()
            return await asyncio.gather(*asking, return_exceptions=True)

        found = asyncio.run(ask())
        assert {type(one) for one in found} == {StorageFull}
    assert open_and_close(tmp_path / "state.db") is None
    assert rows_of(tmp_path / "state.db")["partials"] == []


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small disk"
)
@pytest.mark.usefixtures("hasty")
def test_a_disk_that_is_really_full_is_waited_for(tmp_path: Path) -> None:
    """On a disk of one megabyte the askers wait until somebody makes room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        ear = Ear()
        with opened(disk / "state.db", trouble=ear) as database:
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(500_000))
            with ballast.open("ab", buffering=0) as target, suppress(OSError):
                while target.write(bytes(4_096)):
                    continue

            async def ask() -> None:
                catalog = SqliteCatalog(database)
                asking = [
                    asyncio.ensure_future(catalog.hold(f"{number}", Held(1, etag="x" * 1_000)))
                    for number in range(100)
                ]
                await asyncio.to_thread(ear.troubled.wait, 20)
                ballast.unlink()
                await asyncio.wait(asking, timeout=60)
                assert [None] * 100 == [one.result() for one in asking]

            asyncio.run(ask())
        assert open_and_close(disk / "state.db") is None
        assert len(rows_of(disk / "state.db")["partials"]) == 100
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("moment", ["begin", "commit", "committed"])
def test_the_end_of_the_thread_is_told_to_everybody(tmp_path: Path, moment: str) -> None:
    """When the thread dies, nobody waits for ever: who asked and who asks later are told why."""
    bug = RuntimeError("a bug")

    def watch(now: str, _: sqlite3.Connection) -> None:
        if now == moment and "hold" in database.names:
            raise bug

    async def ask() -> list[object]:
        catalog = SqliteCatalog(database)
        asking = [asyncio.ensure_future(catalog.hold(f"{n}", Held(1))) for n in range(5)]
        first = await asyncio.gather(*asking, return_exceptions=True)
        later = await asyncio.gather(catalog.held("0"), return_exceptions=True)
        return [*first, *later]

    with opened(tmp_path / "state.db", watch=watch) as database:
        for error in asyncio.run(asyncio.wait_for(ask(), 30)):
            assert isinstance(error, CatalogError)
            assert error.__cause__ is bug
    assert open_and_close(tmp_path / "state.db") is None
    assert bool(rows_of(tmp_path / "state.db")["partials"]) is (moment == "committed")


def test_damage_met_at_work_ends_it(whole: Path, tmp_path: Path) -> None:
    """A page that turns out to be damaged at work is told to all, with the way out."""
    path = copy_of(whole, tmp_path / "rotten")
    data = bytearray(path.read_bytes())
    # The pages before hold the schema as well, without which it is not even opened.
    for start in range(28 * 4_096, len(data), 4_096):
        data[start : start + 64] = bytes(64)
    path.write_bytes(data)

    async def ask() -> list[object]:
        catalog = SqliteCatalog(database)
        asking = [asyncio.ensure_future(catalog.stored_as(f"file:10:{n}")) for n in range(30)]
        asking.append(asyncio.ensure_future(Runs(database).recover(0.0)))
        return await asyncio.gather(*asking, return_exceptions=True)

    with opened(path) as database:
        errors = [one for one in asyncio.run(ask()) if isinstance(one, Exception)]
        assert errors
        assert {type(error) for error in errors} == {CatalogError}
        assert all("--rebuild" in str(getattr(error, "hint", "")) for error in errors)


def test_nobody_waits_for_a_state_that_is_closed(tmp_path: Path) -> None:
    """Asking before the opening or after the end is an error, not a wait."""
    database = Database(tmp_path / "state.db")
    with pytest.raises(CatalogError, match="not open"):
        asyncio.run(SqliteCatalog(database).held("k"))
    database.start()
    database.close()
    with pytest.raises(CatalogError, match="closed"):
        asyncio.run(SqliteCatalog(database).held("k"))
