"""How many transfers there are at once, when the command is left to find out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from archives import FAST, run, wanted

from civitai_dl import _scope
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.domain.decisions import _pieces
from civitai_dl.domain.entities import BytesReceived, Event, TaskSettled, TransferStarted
from civitai_dl.testing import FakeCivitai, FakeFile, FakeOptions, FakeVersion, Fault, Line, World

SPEED = 10.0
AUTO = replace(FAST, concurrency=None)
KB = 1_000


@dataclass
class Crowd:
    """A listener that counts the transfers at work, each time that one begins.

    One is at work until all of its bytes have come; to give them their name needs no connection.
    """

    missing: dict[str, int] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, TransferStarted):
            assert event.size is not None
            self.missing[event.task.key] = event.size - event.offset
            self.numbers.append(len(self.missing))
        elif isinstance(event, BytesReceived):
            self.missing[event.task.key] -= event.count
            if not self.missing[event.task.key]:
                del self.missing[event.task.key]
        elif isinstance(event, TaskSettled):
            self.missing.pop(event.task.key, None)


def many_files(count: int) -> World:
    """A model with so many files of 200 kB."""
    files = tuple(FakeFile(name=f"{number}.safetensors", size=200 * KB) for number in range(count))
    return (
        World()
        .creator("ann")
        .model(1, creator="ann", versions=(FakeVersion(files=files, images=()),))
    )


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which the number of cores is no limit."""
    monkeypatch.setattr(_scope, "STREAMS_PER_CORE", 64)


async def test_there_are_more_where_each_connection_gets_so_much_and_no_more(
    tmp_path: Path,
) -> None:
    """A host that gives each connection 200 kB/s is asked by many at once, from one on."""
    crowd = Crowd()
    async with FakeCivitai(many_files(120)) as fake:
        cap = Fault(origin="storage", path=".*", every=True, bytes_per_second=200 * KB * SPEED)
        fake.faults.add(cap)
        clock = SystemClock(speed=SPEED)
        report = await run(fake, tmp_path, wanted("1"), settings=AUTO, clock=clock, reporter=crowd)
    assert (0, 120) == (report.exit_code, report.total.stored)
    assert crowd.numbers[0] == 1
    assert max(crowd.numbers) > 4


async def test_a_line_that_one_can_fill_is_not_crowded(tmp_path: Path) -> None:
    """Where all together get 1 MB/s, however many they are, a few are all there are."""
    crowd = Crowd()
    line = Line(1_000 * KB * SPEED)
    async with FakeCivitai(many_files(120), options=FakeOptions(line=line)) as fake:
        clock = SystemClock(speed=SPEED)
        report = await run(fake, tmp_path, wanted("1"), settings=AUTO, clock=clock, reporter=crowd)
    assert (0, 120) == (report.exit_code, report.total.stored)
    assert max(crowd.numbers) <= 6


async def test_a_number_that_was_given_is_kept_to(tmp_path: Path) -> None:
    """Who asks for five has five from the first moment, whatever the line."""
    crowd = Crowd()
    line = Line(1_000 * KB * SPEED)
    async with FakeCivitai(many_files(30), options=FakeOptions(line=line)) as fake:
        clock = SystemClock(speed=SPEED)
        five = replace(FAST, concurrency=5)
        report = await run(fake, tmp_path, wanted("1"), settings=five, clock=clock, reporter=crowd)
    assert (0, 30) == (report.exit_code, report.total.stored)
    assert max(crowd.numbers) == 5


@pytest.mark.parametrize("concurrency", [None, 6])
async def test_one_large_file_comes_by_all_that_are_free(
    tmp_path: Path, concurrency: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each connection gets so much and no more, a file comes by many, and costs one link."""
    for name, size in (("LEAST_PIECE", 50 * KB), ("FIRST_PIECE", 50 * KB), ("LEAST_TAIL", 20 * KB)):
        monkeypatch.setattr(_pieces, name, size)
    file = FakeFile(name="large.safetensors", size=12_000 * KB)
    version = FakeVersion(files=(file,), images=())
    world = World().creator("ann").model(1, creator="ann", versions=(version,))
    async with FakeCivitai(world, options=FakeOptions(stores=("r2",))) as fake:
        cap = Fault(origin="storage", path=".*", every=True, bytes_per_second=200 * KB * SPEED)
        fake.faults.add(cap)
        clock = SystemClock(speed=SPEED)
        settings = replace(FAST, concurrency=concurrency)
        began = clock.now()
        report = await run(fake, tmp_path, wanted("1"), settings=settings, clock=clock)
        seconds = clock.now() - began
        assert [1] == list(fake.account.resolves().values())
        assert len(fake.account.of(origin="storage")) > 6
        most = fake.account.peak("storage")
    assert (0, 1) == (report.exit_code, report.total.stored)
    # One alone takes a minute.
    assert seconds < 50
    assert most <= (concurrency or 64)
