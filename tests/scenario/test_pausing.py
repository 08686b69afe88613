"""A run that a person holds up and lets go: what it holds meanwhile, and what it cost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import anyio
from archives import FAST, tree, wanted
from steering import SIZE, SLOW, at_work, large_files

from civitai_dl.adapters.clock import SystemClock
from civitai_dl.domain.entities import Lane, LanesHeld
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeOptions, FakeVersion, World

ONE_STORE = FakeOptions(stores=("r2",))
"""So that a file is continued where it began."""

STILL = 0.5
"""Real seconds, 15 of the client's, in which a run that works would have done something."""


def attempts_of(output: Path) -> set[tuple[int, float]]:
    """Attempts and seconds waited, of all tasks."""
    with closing(sqlite3.connect(output / ".civitai-dl/state.db")) as connection:
        return set(connection.execute("SELECT retries, waited FROM tasks"))


async def test_a_paused_run_holds_no_connection_and_goes_on_at_its_checkpoint(
    tmp_path: Path,
) -> None:
    """In mid-transfer: no connection is left, nothing comes; then Range, and no byte twice."""
    async with FakeCivitai(large_files(2), options=ONE_STORE) as fake:
        async with at_work(fake, tmp_path, wanted("1", "2")) as run:
            await run.until(lambda: run.hearing.received() > 400_000)
            answer = await run.ask("pause")
            await run.until(lambda: fake.connections() == 0)
            held = run.hearing.received()
            await anyio.sleep(STILL)
            assert (0, held) == (fake.connections(), run.hearing.received())
            fake.account.clear()
            await run.ask("limit", bytes=0)
            resumed = await run.ask("resume")
            report = await run.report()
        asked = [seen.headers.get("range") for seen in fake.account.of(origin="storage")]
        sent = fake.account.bytes_sent("storage")
    assert 2 == answer["ended"]
    assert answer["paused"] == answer["lanes"]
    assert [] == resumed["paused"]
    assert 0 == report.exit_code
    assert all(one is not None and one != "bytes=0-" for one in asked), asked
    # What came before the pause is not asked for again: a pause ends at a checkpoint.
    assert sent == 2 * SIZE - held
    assert {(0, 0.0)} == attempts_of(tmp_path)
    assert [frozenset(Lane), frozenset()] == [
        event.lanes for event in run.hearing.of(LanesHeld) if isinstance(event, LanesHeld)
    ]
    assert {file.sha256.upper() for file in fake.world.truth.files()} <= set(
        tree(tmp_path).values()
    )


async def test_time_spent_paused_is_no_time_of_the_run(tmp_path: Path) -> None:
    """A pause makes no rate of a run: its seconds are those in which it might work."""
    clock = SystemClock(speed=30.0)
    began = clock.now()
    async with (
        FakeCivitai(large_files(1), options=ONE_STORE) as fake,
        at_work(fake, tmp_path, wanted("1"), clock=clock) as run,
    ):
        await run.until(lambda: run.hearing.received() > 100_000)
        await run.ask("pause")
        paused = clock.now()
        await anyio.sleep(1.0)
        resumed = clock.now()
        await run.ask("limit", bytes=0)
        await run.ask("resume")
        report = await run.report()
        ended = clock.now()
    assert resumed - paused >= 30
    assert 0 < report.seconds <= ended - began - (resumed - paused)


async def test_one_lane_is_paused_and_the_other_goes_on(tmp_path: Path) -> None:
    """With the files held up every image comes, and the run waits for the files."""
    world = World().creator("ann")
    file = FakeFile(name="large.safetensors", size=SIZE)
    images = tuple(FakeImage(id=number, username="ann") for number in range(1, 21))
    world.model(1, creator="ann", versions=(FakeVersion(files=(file,), images=images),))
    settings = replace(SLOW, limit_rate=60_000)
    async with (
        FakeCivitai(world, options=ONE_STORE) as fake,
        at_work(fake, tmp_path, wanted("1"), settings=settings) as run,
    ):
        await run.until(lambda: any(key.startswith("file:") for key, _ in run.hearing.starts()))
        answer = await run.ask("pause", lanes=["files"])
        assert ["files"] == answer["paused"]
        await run.until(lambda: fake.connections("storage") == 0)
        files = fake.account.bytes_sent("storage")
        await run.until(lambda: len(list(tmp_path.rglob("previews/*.*"))) >= 20)
        assert files == fake.account.bytes_sent("storage")
        assert not run.over.is_set()
        await run.ask("resume", lanes=["files"])
        report = await run.report()
    assert 0 == report.exit_code


async def test_a_run_that_is_stopped_while_paused_ends_and_the_next_one_is_not_paused(
    tmp_path: Path,
) -> None:
    """Ctrl-C works as always; a pause is about its run only."""
    async with FakeCivitai(large_files(1), options=ONE_STORE) as fake:
        async with at_work(fake, tmp_path, wanted("1")) as run:
            await run.until(lambda: run.hearing.received() > 100_000)
            await run.ask("pause")
            run.stop.set()
            assert 130 == (await run.report()).exit_code
        async with at_work(fake, tmp_path, wanted("1"), settings=FAST) as again:
            assert 0 == (await again.report()).exit_code


async def test_a_paused_lane_without_work_does_not_keep_the_run(tmp_path: Path) -> None:
    """A pause of what has nothing to do is no reason to wait for anybody."""
    async with (
        FakeCivitai(large_files(1), options=ONE_STORE) as fake,
        at_work(fake, tmp_path, wanted("1")) as run,
    ):
        await run.until(lambda: run.hearing.received() > 100_000)
        await run.ask("limit", bytes=100_000)
        await run.ask("pause", lanes=["model_pages"])
        report = await run.report()
    assert 0 == report.exit_code


async def test_resuming_what_is_not_paused_changes_nothing(tmp_path: Path) -> None:
    """`resume` twice, and `pause` twice, are the same as once."""
    async with (
        FakeCivitai(large_files(1), options=ONE_STORE) as fake,
        at_work(fake, tmp_path, wanted("1")) as run,
    ):
        await run.until(lambda: run.hearing.received() > 100_000)
        assert [] == (await run.ask("resume"))["changed"]
        await run.ask("pause")
        again = await run.ask("pause")
        assert ([], 0) == (again["changed"], again["ended"])
        await run.ask("limit", bytes=0)
        await run.ask("resume")
        assert 0 == (await run.report()).exit_code
