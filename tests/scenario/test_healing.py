"""A damaged file of several segments is made whole, whatever the service does meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, wanted

from civitai_dl._verify import Order, VerifyReport, verify
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import LocalStorage
from civitai_dl.adapters.storage import _inspect as inspecting
from civitai_dl.domain.decisions import Damage, Finding, Seen, There
from civitai_dl.errors import StorageBroken
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World, swapped
from civitai_dl.worker import End, Progress

SEGMENT = 10_000
SIZE = 10 * SEGMENT - 500


@dataclass
class Archive:
    """One stored file of ten segments, and the service it came from."""

    fake: FakeCivitai
    output: Path
    path: Path
    truth: bytes

    def damage(self, *places: int) -> None:
        data = bytearray(self.truth)
        for place in places:
            data[place] ^= 8
        self.path.write_bytes(data)

    async def verify(self, stop: anyio.Event | None = None) -> VerifyReport:
        self.fake.account.clear()
        return await verify(
            replace(FAST, output=str(self.output), base_url=self.fake.base_url, retries=3),
            Order(segment=SEGMENT, jobs=2),
            reporter=NullReporter(),
            stop=stop or anyio.Event(),
            progress=Progress(),
            tell=[].append,
            clock=SystemClock(speed=200.0),
        )

    @property
    def sent(self) -> int:
        return self.fake.account.bytes_sent("storage")


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setattr("civitai_dl.adapters.storage._files.SEGMENT", SEGMENT)
    file = FakeFile(name="large.safetensors", size=SIZE)
    world = World().model(1, versions=(FakeVersion(files=(file,)),))
    async with FakeCivitai(world) as fake:
        output = tmp_path / "archive"
        assert (await run(fake, output, wanted("model:1"))).exit_code == 0
        (path,) = output.glob("model_*/**/large.safetensors")
        yield Archive(fake, output, path, path.read_bytes())


def only(report: VerifyReport) -> tuple[Damage, End, list[int] | None]:
    (one,) = report.treated
    return one.finding.damage, one.end, one.segments


async def test_only_the_damaged_segments_are_fetched(archive: Archive) -> None:
    """Three damaged segments of ten: three ranges, one link; the evidence names them."""
    archive.damage(0, 4 * SEGMENT + 1, 4 * SEGMENT + 7, SIZE - 1)
    report = await archive.verify()
    assert (Damage.ROTTEN, End.HEALED, [0, 4, 9]) == only(report)
    assert 0 == report.exit_code
    assert archive.truth == archive.path.read_bytes()
    assert 2 * SEGMENT + (SIZE - 9 * SEGMENT) == archive.sent
    assert 1 == archive.fake.account.resolves().total()
    noted = json.loads((archive.output / report.treated[0].evidence).read_text("utf-8"))
    assert ([0, 4, 9], 0, 10) == (
        noted["fetched_segments"],
        noted["first_damaged_segment"],
        noted["segments"],
    )


async def test_what_was_cut_off_is_fetched(archive: Archive) -> None:
    """A file cut off in its eighth segment: from there on it is fetched, and no byte before."""
    archive.path.write_bytes(archive.truth[: 7 * SEGMENT + 5])
    assert (Damage.TRUNCATED, End.HEALED, [7, 8, 9]) == only(await archive.verify())
    assert SIZE - 7 * SEGMENT == archive.sent
    assert archive.truth == archive.path.read_bytes()


async def test_a_server_without_ranges_sends_the_whole(archive: Archive) -> None:
    """Where the range is ignored nothing of that answer is taken: the whole is fetched anew."""
    archive.damage(5 * SEGMENT)
    archive.fake.faults.add(Fault(origin="storage", ignore_range=True, every=True))
    assert (Damage.ROTTEN, End.FETCHED, None) == only(await archive.verify())
    assert archive.truth == archive.path.read_bytes()


async def test_a_segment_with_wrong_bytes_is_not_believed(archive: Archive) -> None:
    """Other bytes under the right label do not make the digest right: the whole is fetched."""
    archive.damage(5 * SEGMENT)
    lie = swapped(_Zeros(SIZE))
    archive.fake.faults.add(Fault(origin="storage", alter=lie))
    report = await archive.verify()
    archive.fake.faults.assert_all_served()
    assert (Damage.ROTTEN, End.FETCHED, None) == only(report)
    assert archive.truth == archive.path.read_bytes()


@dataclass(frozen=True)
class _Zeros:
    size: int

    def read(self, start: int, stop: int) -> bytes:
        return bytes(min(stop, self.size) - start)


async def test_a_connection_that_breaks_is_continued(archive: Archive) -> None:
    """Broken in the middle of a segment, it goes on at the byte where it broke."""
    archive.damage(5 * SEGMENT)
    archive.fake.faults.add(Fault(origin="storage", cut_after=3_000))
    assert (Damage.ROTTEN, End.HEALED, [5]) == only(await archive.verify())
    archive.fake.faults.assert_all_served()
    ranges = [seen.headers.get("range") for seen in archive.fake.account.of(origin="storage")]
    assert ["bytes=50000-59999", "bytes=53000-59999"] == ranges
    assert archive.truth == archive.path.read_bytes()


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_trouble_with_the_link_passes(archive: Archive, status: int) -> None:
    """A refused link is asked for anew; a server in trouble is tried again; nothing starts over."""
    archive.damage(2 * SEGMENT, 5 * SEGMENT)
    archive.fake.faults.add(Fault(origin="storage", nth=2, status=status))
    assert (Damage.ROTTEN, End.HEALED, [2, 5]) == only(await archive.verify())
    archive.fake.faults.assert_all_served()
    true = [seen for seen in archive.fake.account.of(origin="storage") if seen.status == 206]
    assert 2 * SEGMENT == sum(seen.bytes_sent for seen in true)
    assert (2 if status == 403 else 1) == archive.fake.account.resolves().total()


async def test_what_the_disk_does_not_give_is_fetched(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An I/O error in one segment costs that segment, as a flipped bit does."""

    def broken(resolve: Callable[[str], Path], path: str, *, read: bool, hear: object) -> Seen:
        seen = true(resolve, path, read=read)
        bad = read and path.endswith(archive.path.name)
        error = "Input/output error"
        return replace(seen, there=There.BROKEN, measured=None, why=error) if bad else seen

    async def read_part(self: LocalStorage, path: str, offset: int, size: int) -> bytes:
        if 30_000 <= offset < 40_000:
            raise StorageBroken("Input/output error")
        return await whole(self, path, offset, size)

    true, whole = inspecting.inspect_path, LocalStorage.read_part
    monkeypatch.setattr("civitai_dl.adapters.storage._local.inspect_path", broken)
    monkeypatch.setattr(LocalStorage, "read_part", read_part)
    monkeypatch.setattr("civitai_dl.worker._heal.READ", 5_000)
    report = await archive.verify()
    assert (Damage.UNREADABLE, End.HEALED, [3]) == only(report)
    assert SEGMENT == archive.sent
    assert archive.truth == archive.path.read_bytes()


async def test_a_stop_while_healing_loses_nothing(archive: Archive) -> None:
    """Stopped after some segments, the next look, or the next run, goes on from what is proven."""
    archive.damage(2 * SEGMENT, 8 * SEGMENT)
    stop = anyio.Event()
    archive.fake.faults.add(Fault(origin="storage", nth=2, then=stop.set, delay=600))
    report = await archive.verify(stop)
    assert (130, End.LOST) == (report.exit_code, report.treated[0].end)
    assert not archive.path.exists()
    archive.fake.faults.clear()
    archive.fake.account.clear()
    assert (await run(archive.fake, archive.output, wanted("model:1"))).exit_code == 0
    assert archive.truth == archive.path.read_bytes()
    # What was proven before the stop is not fetched again.
    assert SIZE - 8 * SEGMENT == archive.sent


async def test_what_the_service_no_longer_has_is_told(archive: Archive) -> None:
    """The bytes that are left stay in quarantine, and the status says that something is wrong."""
    archive.damage(*range(0, SIZE, SEGMENT))
    archive.fake.faults.add(
        Fault(origin="api", path="/api/download/", every=True, status=410, body={"error": "gone"})
    )
    report = await archive.verify()
    assert (Damage.ROTTEN, End.LOST, None) == only(report)
    assert (1, True) == (report.exit_code, (archive.output / report.treated[0].where).is_file())


async def test_a_file_that_was_put_right_meanwhile_is_left_alone(archive: Archive) -> None:
    """Between reading and healing somebody restored the file: nothing is set aside."""
    archive.damage(5)

    def restore(finding: Finding) -> None:
        del finding
        archive.path.write_bytes(archive.truth)

    report = await verify(
        replace(FAST, output=str(archive.output), base_url=archive.fake.base_url),
        Order(segment=SEGMENT),
        reporter=NullReporter(),
        stop=anyio.Event(),
        progress=Progress(),
        tell=restore,
    )
    assert (Damage.ROTTEN, End.RECOVERED, None) == only(report)
    assert 0 == report.exit_code
    assert not (archive.output / "corrupted").exists()


async def test_a_folder_that_leads_out_of_the_archive_is_left_alone(
    archive: Archive, tmp_path: Path
) -> None:
    """A version's folder replaced by a link to elsewhere: told, and nothing is touched there."""
    folder = archive.path.parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    report = await archive.verify()
    assert 1 == report.exit_code
    assert {(Damage.OUT_OF_REACH, End.LEFT)} == {
        (one.finding.damage, one.end) for one in report.treated
    }
    assert archive.truth == (tmp_path / "elsewhere" / archive.path.name).read_bytes()
    assert 0 == archive.fake.account.count()
