"""When the service stumbles: who waits, who is tried again, and who is told."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
from archives import FAST, SPEED, run, some_models, tree, wanted

from civitai_dl._compose import archive
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage import System
from civitai_dl.config import Settings
from civitai_dl.domain.entities import (
    LanePaused,
    Notice,
    RunReport,
    RunStarted,
    Selection,
    Wanted,
)
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeVersion, Fault, World

FILES_ONLY = replace(FAST, selection=Selection(images=False), concurrency=2)


class Ear:
    """Remembers what was reported."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def emit(self, event: object) -> None:
        self.heard.append(event)

    def pauses(self) -> list[LanePaused]:
        return [event for event in self.heard if isinstance(event, LanePaused)]


def assert_complete(world: World, output: Path) -> None:
    digests = set(tree(output).values())
    assert {file.sha256.upper() for file in world.truth.files() if file.obtainable} <= digests


async def test_a_429_rests_the_lane_and_costs_no_attempt(tmp_path: Path) -> None:
    """A 429 with Retry-After: 9 on the Model API is waited for, and nothing fails of it."""
    world, ear = some_models(3), Ear()
    settings = replace(FILES_ONLY, retries=1)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path="/api/v1/models.*",
                nth=1,
                status=429,
                headers={"retry-after": "9"},
                body=b'{"error":"slow down"}',
            )
        )
        report = await run(fake, tmp_path, wanted("1", "2", "3"), settings=settings, reporter=ear)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    assert [pause.seconds for pause in ear.pauses()] == [9.0]
    assert_complete(world, tmp_path)


async def test_a_maintenance_page_is_waited_for(tmp_path: Path) -> None:
    """HTML with status 200 is no answer of the API: it is asked again, and nothing is stored."""
    world = some_models(2)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path="/api/v1/models.*",
                nth=1,
                status=200,
                headers={"content-type": "text/html"},
                body=b"<!doctype html><title>Maintenance</title>",
            )
        )
        report = await run(fake, tmp_path, wanted("1", "2"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    assert_complete(world, tmp_path)


async def test_a_storage_outage_rests_the_lane_and_fails_nothing(tmp_path: Path) -> None:
    """Seven answers of 502 in a row from the storage: the lane rests, no file is given up."""
    world, ear = some_models(6), Ear()
    settings = replace(FILES_ONLY, retries=2)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".*", nth=1, times=7, status=502, body=b"x"))
        things = wanted("1", "2", "3", "4", "5", "6")
        report = await run(fake, tmp_path, things, settings=settings, reporter=ear)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    assert ear.pauses()
    assert_complete(world, tmp_path)


async def test_an_endless_outage_ends_with_an_account(tmp_path: Path) -> None:
    """A storage that stays down: the run ends within --max-wait, and says what is left."""
    world = some_models(6)
    settings = replace(FILES_ONLY, max_wait=30.0)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".*", every=True, status=502, body=b"x"))
        things = wanted("1", "2", "3", "4", "5", "6")
        report = await run(fake, tmp_path, things, settings=settings)
        fake.faults.assert_all_served()
        assert fake.account.count(origin="storage") <= 20
        fake.faults.clear()
        again = await run(fake, tmp_path, things, settings=settings)
    assert report.exit_code == 1
    assert report.left + len(report.failures) == 6
    assert again.exit_code == 0
    assert_complete(world, tmp_path)


async def test_one_bad_file_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A file whose storage always answers 500 fails after its attempts; the others are stored."""
    world = some_models(5)
    bad = world.truth.files()[2]
    settings = replace(FILES_ONLY, retries=3)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path=f"/api/download/models/{bad.version_id}",
                every=True,
                status=500,
                body=b'{"error":"Error getting file"}',
            )
        )
        report = await run(fake, tmp_path, wanted("1", "2", "3", "4", "5"), settings=settings)
        tries = fake.account.count(
            origin="api", path_prefix=f"/api/download/models/{bad.version_id}"
        )
        fake.faults.assert_all_served()
    assert tries == 3
    assert [f"file:{bad.version_id}:{bad.file_id}"] == [trace.key for trace in report.failures]
    assert report.stored == 4


async def test_wrong_bytes_once_are_fetched_again(tmp_path: Path) -> None:
    """A corrupt byte is noticed by SHA256; the second download is right; nothing is left over."""
    world = some_models(1)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".*", nth=1, corrupt_at=1234))
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    assert not (tmp_path / "corrupted").exists()
    assert_complete(world, tmp_path)


async def test_an_expired_link_is_asked_for_anew(tmp_path: Path) -> None:
    """When the storage refuses the link, one new link is asked for, and the file is stored."""
    world = some_models(1)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(origin="storage", path=".*", nth=1, status=403, body=b"<Error>expired</Error>")
        )
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
        assert list(fake.account.resolves().values()) == [2]
    assert report.exit_code == 0


async def test_an_image_server_that_always_answers_500_is_left_alone(tmp_path: Path) -> None:
    """Eighty images, all answered with 500: the lane rests and closes, and nobody hammers."""
    world = some_models(1)
    world.images(80, version_ids=(world.models[0].versions[0].id,), username="bob")
    settings = replace(FAST, selection=Selection(files=False), max_wait=60.0)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="cdn", every=True, status=500, body=b""))
        report = await run(fake, tmp_path, wanted("1"), settings=settings)
        fake.faults.assert_all_served()
        assert fake.account.count(origin="cdn") <= 30
        fake.faults.clear()
        again = await run(fake, tmp_path, wanted("1"), settings=settings)
    assert report.exit_code == 1
    assert report.left > 70
    assert again.exit_code == 0
    assert again.stored + again.reused == 82


async def test_files_without_any_digest_are_checked_by_what_there_is(tmp_path: Path) -> None:
    """A file without digests is stored after the checks that remain, and never called verified."""
    file = FakeFile(name="a.safetensors", hashes="none")
    world = World().model(1, versions=(FakeVersion(files=(file,), images=()),))
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
    assert report.exit_code == 0
    assert_complete(world, tmp_path)


async def test_a_truncated_image_without_length_is_noticed(tmp_path: Path) -> None:
    """An image that comes without Content-Length and is cut is fetched again, not stored."""
    image = FakeImage(chunked=True, width=300, height=300)
    world = World().model(1, versions=(FakeVersion(images=(image,)),))
    settings = replace(FAST, selection=Selection(files=False, gallery=False))
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="cdn", path=".*", nth=1, cut_after=500))
        report = await run(fake, tmp_path, wanted("1"), settings=settings)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    preview = next(iter(world.truth.previews(1).values()))[0]
    assert preview.sha256.upper() in tree(tmp_path).values()


async def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    """A file of the user's under the name of one of ours stays; ours gets another name."""
    world = some_models(1)
    truth = world.truth.files()[0]
    folder = tmp_path / f"model_0/1/{truth.version_id}-v1.0"
    folder.mkdir(parents=True)
    mine = folder / truth.name
    mine.write_bytes(b"the user's own")
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
    assert report.exit_code == 0
    assert mine.read_bytes() == b"the user's own"
    assert_complete(world, tmp_path)


async def test_the_bandwidth_is_limited(tmp_path: Path) -> None:
    """--limit-rate spreads the bytes: 3 MB at 1 MB/s take at least two (client) seconds."""
    file = FakeFile(name="a.safetensors", size=3_000_000)
    world = World().model(1, versions=(FakeVersion(files=(file,), images=()),))
    settings = replace(FILES_ONLY, limit_rate=1_000_000)
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted("1"), settings=settings)
    assert report.seconds >= 2.0
    assert report.bytes_received == 3_000_000


class Refusing(System):
    """Refuses to write, or to give certain names, for as long as `refuses` says so."""

    def __init__(self, code: int, refuses: Callable[[Path], bool]) -> None:
        self.code = code
        self.refuses = refuses
        self.refused: list[Path] = []

    def create(self, path: Path) -> int:
        self._look(path)
        return super().create(path)

    def move(self, existing: Path, new: Path) -> None:
        self._look(new)
        super().move(existing, new)

    def _look(self, path: Path) -> None:
        if self.refuses(path):
            self.refused.append(path)
            raise OSError(self.code, os.strerror(self.code), str(path))


async def run_on(
    system: System,
    fake: FakeCivitai,
    output: Path,
    things: list[Wanted],
    settings: Settings,
    *,
    ear: Ear | None = None,
    clock: SystemClock | None = None,
) -> RunReport:
    """One run of the program on a disk that is made to fail."""
    return await archive(
        replace(settings, output=str(output), base_url=fake.base_url),
        things,
        reporter=ear or Ear(),
        stop=anyio.Event(),
        clock=clock or SystemClock(speed=SPEED),
        system=system,
    )


def alerts(ear: Ear) -> list[str]:
    heard = [event for event in ear.heard if isinstance(event, Notice)]
    return [event.text for event in heard if event.level in ("alert", "halt")]


async def test_a_full_disk_pauses_and_goes_on_by_itself(tmp_path: Path) -> None:
    """No space left, far longer than --max-wait: one alert, no attempt used, and all is stored."""
    world, ear, clock = some_models(3), Ear(), SystemClock(speed=60)
    begun: list[float] = []

    def is_full(path: Path) -> bool:
        # Counted from when the run has begun, however long a busy machine took until then.
        if not begun and any(isinstance(event, RunStarted) for event in ear.heard):
            begun.append(clock.now())
        return bool(begun) and 5 < clock.now() - begun[0] < 90

    system = Refusing(errno.ENOSPC, is_full)
    settings = replace(FILES_ONLY, retries=1, max_wait=10.0)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", nth=1, times=3, delay=0.15))
        things = wanted("1", "2", "3")
        report = await run_on(system, fake, tmp_path, things, settings, ear=ear, clock=clock)
    assert system.refused
    assert 0 == report.exit_code, report.storage_trouble
    assert 1 == len(alerts(ear))
    assert "no space" in alerts(ear)[0]
    assert 90 <= report.seconds
    assert_complete(world, tmp_path)


async def test_a_disk_that_refuses_ends_the_run(tmp_path: Path) -> None:
    """Permission denied for longer than --max-wait: exit 4, one alert; the next run completes."""
    world, ear = some_models(4), Ear()
    denied: list[bool] = []
    system = Refusing(errno.EACCES, lambda path: bool(denied))
    settings = replace(FILES_ONLY, max_wait=20.0)
    things = wanted("1", "2", "3", "4")
    async with FakeCivitai(world) as fake:
        fault = Fault(origin="storage", nth=1, then=lambda: denied.append(True))
        fake.faults.add(fault)
        report = await run_on(system, fake, tmp_path, things, settings, ear=ear)
        fake.faults.assert_all_served()
        assert 4 == report.exit_code
        assert "Permission denied" in report.storage_trouble
        assert () == report.failures
        assert 1 == len(alerts(ear))
        again = await run(fake, tmp_path, things, settings=FILES_ONLY)
    assert 0 == again.exit_code
    assert_complete(world, tmp_path)


async def test_what_was_about_to_get_its_name_is_not_fetched_again(tmp_path: Path) -> None:
    """A run that ended because names were denied: what is proven and staged only needs its name."""
    world = some_models(2)
    system = Refusing(errno.EACCES, lambda path: path.suffix == ".safetensors")
    settings = replace(FILES_ONLY, retries=2)
    async with FakeCivitai(world) as fake:
        report = await run_on(system, fake, tmp_path, wanted("1", "2"), settings)
        assert 1 == report.exit_code
        fake.account.clear()
        again = await run(fake, tmp_path, wanted("1", "2"), settings=FILES_ONLY)
        assert 0 == fake.account.count(origin="storage")
    assert 0 == again.exit_code
    assert_complete(world, tmp_path)


async def test_one_name_that_is_denied_fails_one_file(tmp_path: Path) -> None:
    """A folder that may not be written costs its file its attempts; the others are stored."""
    world, ear = some_models(4), Ear()
    bad = world.truth.files()[2]
    system = Refusing(errno.EACCES, lambda path: path.name == bad.name)
    settings = replace(FILES_ONLY, retries=3)
    things = wanted("1", "2", "3", "4")
    async with FakeCivitai(world) as fake:
        report = await run_on(system, fake, tmp_path, things, settings, ear=ear)
        assert 3 == len(system.refused)
        assert 1 == report.exit_code
        assert [f"file:{bad.version_id}:{bad.file_id}"] == [one.key for one in report.failures]
        assert "Permission denied" in report.failures[0].detail
        assert 3 == report.stored
        assert 1 >= len(alerts(ear))
        again = await run(fake, tmp_path, things, settings=FILES_ONLY)
    assert 0 == again.exit_code
    assert_complete(world, tmp_path)


async def test_one_model_that_breaks_a_list_does_not_take_the_others_along(tmp_path: Path) -> None:
    """When the list of many models keeps failing with 500, they are asked for one by one."""
    world = some_models(4)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path=r"/api/v1/models\?",
                every=True,
                status=500,
                body=b'{"error":"Internal"}',
            )
        )
        report = await run(fake, tmp_path, wanted("1", "2", "3", "4"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
    assert 0 == report.exit_code
    assert_complete(world, tmp_path)
