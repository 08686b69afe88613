"""What a plan tells of what is wanted, and that it is kept for the run that follows."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, wanted

from civitai_dl._outlook import free_bytes, viewing
from civitai_dl.adapters.storage import open_book
from civitai_dl.config import Settings
from civitai_dl.domain.entities import BytesReceived, OwnedFile, Role, RunReport, Selection, Taking
from civitai_dl.domain.outlook import Foreseen, Outlook, Prospect
from civitai_dl.testing import (
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)
from civitai_dl.testing._world import file_body

FAR = datetime(2099, 1, 1, tzinfo=timezone.utc)
TWIN = 7_777
KILO = 1_000


@dataclass
class Bytes:
    """Counts what crosses the wire."""

    count: int = 0

    def emit(self, event: object) -> None:
        """See ports.Reporter."""
        if isinstance(event, BytesReceived):
            self.count += event.count


def with_files(*files: FakeFile, **facts: object) -> FakeVersion:
    return FakeVersion(files=files, images=(), **facts)


def own(file: FakeFile, place: Path, archive: Path) -> None:
    """The user has a file already, and `identify` has noted it."""
    body = file_body(file)
    content = body.read(0, body.size)
    place.write_bytes(content)
    found = place.stat()
    digest = hashlib.sha256(content).hexdigest()
    (archive / ".civitai-dl").mkdir(parents=True, exist_ok=True)
    book = open_book(archive / ".civitai-dl")
    book.note([OwnedFile(str(place), body.size, found.st_mtime_ns, found.st_ino, digest)])
    book.own([str(place)], Taking.AUTO)
    book.close()


async def plan(
    fake: FakeCivitai,
    output: Path,
    *texts: str,
    settings: Settings = FAST,
    free: int | None = None,
) -> tuple[RunReport, Outlook, list[Foreseen]]:
    """List things, and look at what a run would do."""
    dry = replace(settings, dry_run=True, output=str(output), base_url=fake.base_url)
    report = await run(fake, output, wanted(*texts), settings=dry)
    async with viewing(dry, now=time.time(), free=free) as view:
        return report, view.outlook, [row async for row in view.things.rows()]


def prospects(rows: list[Foreseen]) -> dict[str, Prospect]:
    """What is to become of each file, by its name."""
    return {row.name: row.prospect for row in rows if row.role is Role.FILE}


async def test_a_plan_tells_files_by_type_and_images_by_place(tmp_path: Path) -> None:
    """Files are counted with their bytes by the service's type, images by where they stand."""
    files = (
        FakeFile(name="a.safetensors", size=5 * KILO),
        FakeFile(name="b.safetensors", size=6 * KILO),
        FakeFile(name="v.safetensors", size=2 * KILO, kind="VAE"),
        FakeFile(name="t.zip", size=3 * KILO, kind="Training Data", size_listed=False),
    )
    version = FakeVersion(files=files, images=(FakeImage(), FakeImage()))
    model = FakeModel(1, creator="ann", versions=(version, FakeVersion(images=())))
    model = replace(model, inline=(FakeImage(),), description="<img src='{inline:0}'>")
    world = World().creator("ann").model(model)
    world.images(3, version_ids=(world.models[0].versions[0].id,), username="bob")
    async with FakeCivitai(world) as fake:
        _, outlook, _ = await plan(fake, tmp_path, "model:1")
    total = outlook.total
    found = {
        (s.kind or s.role.value): (s.count, s.bytes, s.unsized)
        for s in total.shares
        if s.prospect is Prospect.FETCH
    }
    assert (total.models, total.versions) == (1, 2)
    assert found == {
        "Model": (3, 17 * KILO, 0),
        "VAE": (1, 2 * KILO, 0),
        "Training Data": (1, 0, 1),
        "preview": (2, 0, 2),
        "description": (1, 0, 1),
        "gallery": (3, 0, 3),
    }
    reused = {s.role.value: s.count for s in total.shares if s.prospect is Prospect.REUSE}
    assert reused == {"gallery": 2}
    assert (outlook.targets[0].shares, outlook.space.needed) == (total.shares, 19 * KILO)


async def test_the_same_bytes_count_once(tmp_path: Path) -> None:
    """Of files with one SHA256 the first is transferred, and the sum of bytes says so."""
    world = World().creator("ann")
    for number in (1, 2, 3):
        file = FakeFile(name=f"{number}.pt", size=4 * KILO, content=TWIN)
        world.model(number, creator="ann", versions=(with_files(file),))
    async with FakeCivitai(world) as fake:
        _, outlook, rows = await plan(fake, tmp_path, "user:ann", "model:2")
        report = await run(fake, tmp_path, wanted("user:ann", "model:2"))
    assert Counter(prospects(rows).values()) == {Prospect.FETCH: 1, Prospect.REUSE: 2}
    assert outlook.total.bytes(Prospect.FETCH) == 4 * KILO
    assert (report.bytes_received, report.stored, report.reused) == (4 * KILO, 1, 2)


async def test_what_cannot_be_had_is_told_with_reason_and_date(tmp_path: Path) -> None:
    """Early access with its end, and archived models, without asking for a single link."""
    world = World().creator("ann")
    early = with_files(FakeFile(name="early.pt", size=KILO), early_access_until=FAR)
    late = with_files(
        FakeFile(name="late.pt", size=KILO),
        early_access_until=datetime.now(timezone.utc) - timedelta(days=1),
    )
    world.model(1, creator="ann", versions=(early, late))
    gone = (with_files(FakeFile(name="gone.pt")),)
    world.model(FakeModel(2, creator="ann", versions=gone, mode="Archived"))
    async with FakeCivitai(world) as fake:
        _, outlook, rows = await plan(fake, tmp_path, "user:ann")
        assert 0 == fake.account.count(origin="api", path_prefix="/api/download")
        report = await run(fake, tmp_path, wanted("user:ann"))
    told = {s.reason: (s.count, s.bytes, s.last) for s in outlook.total.shares if s.reason}
    assert told == {"early_access": (1, KILO, FAR.timestamp()), "archived": (1, 0, None)}
    assert prospects(rows)["late.pt"] is Prospect.FETCH
    assert Counter(trace.why for trace in report.unavailable) == {"early_access": 1, "archived": 1}


async def test_a_gate_does_not_keep_from_us_what_we_have_elsewhere(tmp_path: Path) -> None:
    """A file in early access whose bytes are free elsewhere is planned as reused, and is so."""
    world = World().creator("ann")
    file = FakeFile(name="early.pt", size=4 * KILO, content=TWIN)
    world.model(1, creator="ann", versions=(with_files(file, early_access_until=FAR),))
    world.model(2, creator="ann", versions=(with_files(replace(file, name="free.pt")),))
    async with FakeCivitai(world) as fake:
        _, _, rows = await plan(fake, tmp_path, "model:1", "model:2")
        report = await run(fake, tmp_path, wanted("model:1", "model:2"))
    assert prospects(rows) == {"early.pt": Prospect.REUSE, "free.pt": Prospect.FETCH}
    assert (report.stored, report.reused, report.unavailable) == (1, 1, ())


async def test_what_was_learned_of_a_file_is_remembered(tmp_path: Path) -> None:
    """That downloads are disabled no listing tells; once a run has found out, the plan does."""
    world = World().creator("ann")
    closed = with_files(FakeFile(name="closed.pt"), usage_control="Generation")
    world.model(1, creator="ann", versions=(closed, with_files(FakeFile(name="open.pt"))))
    async with FakeCivitai(world) as fake:
        _, _, before = await plan(fake, tmp_path, "model:1")
        await run(fake, tmp_path, wanted("model:1"))
        _, outlook, after = await plan(fake, tmp_path, "model:1")
    assert set(prospects(before).values()) == {Prospect.FETCH}
    assert prospects(after) == {"closed.pt": Prospect.UNAVAILABLE, "open.pt": Prospect.STORED}
    assert "downloads_disabled" in {share.reason for share in outlook.total.shares}


async def test_wrong_bytes_are_not_planned_again(tmp_path: Path) -> None:
    """A file that failed its check three times is told as failed, and is no matter of listing."""
    world = World().model(1, versions=(with_files(FakeFile(name="bad.pt", hashes="wrong")),))
    async with FakeCivitai(world) as fake:
        first = await run(fake, tmp_path, wanted("model:1"))
        _, outlook, rows = await plan(fake, tmp_path, "model:1")
    assert first.exit_code == 1
    assert prospects(rows) == {"bad.pt": Prospect.FAILED}
    assert ([row.reason for row in rows], outlook.total.unread) == (["corrupt"], 0)


async def test_a_partial_file_counts_for_what_is_missing_of_it(tmp_path: Path) -> None:
    """After a transfer that broke off, the plan tells the rest, and the run receives just that."""
    size = 3_000 * KILO
    world = World().model(1, versions=(with_files(FakeFile(name="a.pt", size=size)),))
    once = replace(FAST, retries=1)
    async with FakeCivitai(world, options=FakeOptions(stores=("r2",))) as fake:
        fake.faults.add(Fault(origin="storage", path=".", cut_after=1_200 * KILO))
        fake.faults.add(Fault(origin="storage", path=".", every=True, status=500))
        await run(fake, tmp_path, wanted("model:1"), settings=once)
        fake.faults.assert_all_served()
        fake.faults.clear()
        _, outlook, _ = await plan(fake, tmp_path, "model:1")
        ear = Bytes()
        await run(fake, tmp_path, wanted("model:1"), reporter=ear)
    (share,) = (share for share in outlook.total.shares if share.role is Role.FILE)
    assert share.held > 0
    assert outlook.total.bytes(Prospect.FETCH) == size - share.held == ear.count


async def test_files_of_ones_own_are_reused(tmp_path: Path) -> None:
    """What `identify` has found among the user's files is no transfer of the plan."""
    world = World().creator("ann")
    files = [FakeFile(name=f"{number}.pt", size=700 + number) for number in (1, 2)]
    world.model(1, creator="ann", versions=(with_files(*files),))
    file = world.models[0].versions[0].files[0]
    mine, changed = tmp_path / "own.pt", tmp_path / "changed.pt"
    archive = tmp_path / "archive"
    own(file, mine, archive)
    own(world.models[0].versions[0].files[1], changed, archive)
    changed.write_bytes(b"something else")
    async with FakeCivitai(world) as fake:
        _, _, rows = await plan(fake, archive, "model:1")
        report = await run(fake, archive, wanted("model:1"))
    assert prospects(rows) == {"1.pt": Prospect.REUSE, "2.pt": Prospect.FETCH}
    assert (report.stored, report.reused) == (1, 1)


async def test_what_could_not_be_listed_is_told(tmp_path: Path) -> None:
    """A model that is not there, or a lane that had to stop, is told: there may be more."""
    world = World().creator("ann").model(1, creator="ann")
    settings = replace(FAST, max_wait=20.0)
    async with FakeCivitai(world, options=FakeOptions(image_overload=True)) as fake:
        report, outlook, _ = await plan(fake, tmp_path, "model:1", "model:999", settings=settings)
    assert {page.label for page in outlook.unlisted} == {
        "model 999",
        "images of model 1",
        "images of model 999",
    }
    assert (report.exit_code, outlook.total.unread) == (1, 3)
    assert [scope.unread for scope in outlook.targets] == [1, 2]


async def test_only_what_is_wanted_now_is_planned(tmp_path: Path) -> None:
    """What an earlier plan listed, and nobody wants any more, is no part of this one."""
    world = World().creator("ann").model(1, creator="ann", versions=2)
    versions = [version.id for version in world.models[0].versions]
    async with FakeCivitai(world) as fake:
        await plan(fake, tmp_path, "model:1")
        fewer = replace(FAST, selection=Selection(images=False))
        world.remove_version(versions[0])
        _, outlook, rows = await plan(fake, tmp_path, "model:1", settings=fewer)
    assert [row.version_id for row in rows] == [versions[1]]
    assert outlook.total.versions == 1


THINGS = ("user:ann", "model:1", "version:20", "https://civitai.com/user/bob/images", "post:4")


async def test_nothing_is_listed_twice(tmp_path: Path) -> None:
    """After a plan of users, models, versions, digests and posts the run asks for no list."""
    world = World().creator("ann").creator("bob").model(1, creator="ann", versions=2)
    world.model(2, creator="ann", versions=(FakeVersion(id=20),))
    for _ in range(3):
        world.image(FakeImage(username="bob", post_id=4, version_ids=(20,)))
    digest = world.truth.files()[0].sha256
    async with FakeCivitai(world) as fake:
        await plan(fake, tmp_path, *THINGS, digest)
        listed = fake.account.count(origin="api")
        fake.account.clear()
        await plan(fake, tmp_path, *THINGS, digest)
        report = await run(fake, tmp_path, wanted(*THINGS, digest))
        asked = [seen.path for seen in fake.account.of(origin="api", path_prefix="/api/v1")]
    assert listed > 10
    assert asked == ["/api/v1/me"] * 2
    assert report.exit_code == 0


async def test_a_listing_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    """Models that were listed before somebody pressed Ctrl-C are not taken for missed ones."""
    world = World().creator("ann")
    for number in range(1, 6):
        world.model(number, creator="ann")
    stop = anyio.Event()
    async with FakeCivitai(world) as fake:
        late = Fault(origin="api", path="/creators", then=stop.set, status=503, body="")
        fake.faults.add(late)
        things, dry = wanted("user:ann"), replace(FAST, dry_run=True)
        first = await run(fake, tmp_path, things, settings=dry, stop=stop)
        fake.faults.assert_all_served()
        fake.account.clear()
        second = await run(fake, tmp_path, things)
        asked = [s.path for s in fake.account.of(origin="api", path_prefix="/api/v1/models/")]
    assert (first.exit_code, first.models) == (130, 5)
    assert (asked, second.notices, second.exit_code) == ([], (), 0)


async def test_the_pace_of_a_run_foretells_the_next(tmp_path: Path) -> None:
    """Time is told at the pace of the last transfers, and not at all before there were any."""
    world = World().creator("ann")
    for number in (1, 2):
        file = FakeFile(name=f"{number}.pt", size=1_500 * KILO)
        world.model(number, creator="ann", versions=(with_files(file),))
    async with FakeCivitai(world) as fake:
        _, before, _ = await plan(fake, tmp_path, "model:1")
        slow = Fault(origin="storage", path=".", every=True, bytes_per_second=1_500 * KILO)
        fake.faults.add(slow)
        # A second here is thirty to the program, which so measures some 50 kB a second.
        await run(fake, tmp_path, wanted("model:1"))
        fake.faults.assert_all_served()
        _, after, _ = await plan(fake, tmp_path, "model:2")
    assert (before.time.seconds, before.pace.files) == (None, None)
    assert after.pace.files is not None
    assert after.time.seconds == pytest.approx(1_500 * KILO / after.pace.files)
    assert after.time.seconds > 3.0


def test_the_disk_of_an_archive_that_is_not_there_yet_is_known(tmp_path: Path) -> None:
    """Free space is that of the nearest directory above."""
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.1)
