"""What a later run does: only what is new, what went missing, and what has become free."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from archives import FAST, run, stored_files, tree, wanted, wanted_of

from civitai_dl.domain.entities import Kind, Selection, Stored, TaskSettled
from civitai_dl.testing import (
    GOOD_KEY,
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)


def small_world() -> World:
    world = World().creator("ann")
    for number in (1, 2, 3):
        files = (FakeFile(name=f"file-{number}.safetensors", size=40_000),)
        world.model(number, creator="ann", versions=(FakeVersion(files=files),))
    return world


async def test_a_new_version_is_all_that_is_fetched(tmp_path: Path) -> None:
    """A model with a new version: that version's file and preview, and nothing else."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("user:ann"))
        fake.account.clear()
        world.add_version(2, FakeVersion(name="v2", files=(FakeFile(name="new.safetensors"),)))
        report = await run(fake, tmp_path, wanted("user:ann"))
        resolved = fake.account.resolves()
    new = max(file.file_id for file in world.truth.files())
    assert {new: 1} == dict(resolved)
    assert report.exit_code == 0
    assert any("/new.safetensors" in path for path in tree(tmp_path))


class Dressing:
    """Hears which models are dressed."""

    def __init__(self) -> None:
        self.models: set[int] = set()

    def emit(self, event: object) -> None:
        if isinstance(event, TaskSettled) and event.task.kind is Kind.DRESS:
            assert event.task.model_id is not None
            self.models.add(event.task.model_id)


async def test_a_model_of_which_nothing_is_new_is_not_written_again(tmp_path: Path) -> None:
    """Its page and sidecars are not even made; those of a model that has changed are."""
    world = small_world()
    first, second, third = Dressing(), Dressing(), Dressing()
    async with FakeCivitai(world) as fake:
        things = wanted("model:1", "model:2", "model:3")
        await run(fake, tmp_path, things, reporter=first)
        before = tree(tmp_path)
        await run(fake, tmp_path, things, reporter=second)
        assert before == tree(tmp_path)
        world.change_model(2, lambda found: replace(found, description="<p>Something else</p>"))
        await run(fake, tmp_path, things, reporter=third)
    assert ({1, 2, 3}, set(), {2}) == (first.models, second.models, third.models)
    page = tmp_path / "model_0/2/description.html"
    assert "Something else" in page.read_text("utf-8")


@pytest.mark.parametrize("trouble", ["deleted", "damaged"])
@pytest.mark.parametrize("name", ["model.json", "description.html", "*/*.civitai.info"])
async def test_what_was_written_of_a_model_is_restored(
    tmp_path: Path, name: str, trouble: str
) -> None:
    """A page or a sidecar that somebody deletes, or in which a byte changes, is written again."""
    world = small_world()
    ear = Dressing()
    async with FakeCivitai(world) as fake:
        things = wanted("model:1", "model:2")
        await run(fake, tmp_path, things)
        before = tree(tmp_path)
        (path,) = (tmp_path / "model_0/2").glob(name)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        if trouble == "deleted":
            path.unlink()
        else:
            path.write_bytes(data)
        await run(fake, tmp_path, things, reporter=ear)
    assert before == tree(tmp_path)
    assert {2} == ear.models


async def test_a_preview_beside_the_weights_comes_back(tmp_path: Path) -> None:
    """The second name that was deleted is given again; a picture of the user in its place stays."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        things = wanted("model:1", "model:2")
        await run(fake, tmp_path, things)
        (gone,) = tmp_path.glob("model_0/1/*/*.preview.*")
        (own,) = tmp_path.glob("model_0/2/*/*.preview.*")
        picture = gone.read_bytes()
        gone.unlink()
        own.unlink()
        own.write_bytes(b"mine")
        await run(fake, tmp_path, things)
    assert (picture, b"mine") == (gone.read_bytes(), own.read_bytes())


async def test_a_file_that_is_fetched_again_dresses_its_model_again(tmp_path: Path) -> None:
    """While something of a model is still to come, what lies there is not what will be written."""
    world = small_world()
    ear = Dressing()
    async with FakeCivitai(world) as fake:
        things = wanted("model:1", "model:2")
        await run(fake, tmp_path, things)
        before = tree(tmp_path)
        (weights,) = tmp_path.glob("model_0/1/*/*.safetensors")
        weights.unlink()
        await run(fake, tmp_path, things, reporter=ear)
    assert before == tree(tmp_path)
    assert {1} == ear.models


async def test_new_gallery_images_are_found_without_listing_all(tmp_path: Path) -> None:
    """A gallery of 450 images with one new: one page is asked for and one image fetched."""
    world = small_world()
    version = world.models[0].versions[0].id
    world.images(450, version_ids=(version,), username="bob")
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"))
        fake.account.clear()
        newest = max(image.created_at for image in world.posts)
        image = FakeImage(
            version_ids=(version,), username="bob", created_at=newest + timedelta(days=1)
        )
        world.image(image)
        report = await run(fake, tmp_path, wanted("model:1"))
        pages = fake.account.count(origin="api", path_prefix="/api/v1/images")
    assert report.stored == 1
    assert pages <= 3


async def test_what_was_deleted_is_fetched_again(tmp_path: Path) -> None:
    """A stored file that is gone from disk is noticed at the start, and fetched again."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("user:ann"))
        before = tree(tmp_path)
        victim = next(path for path in tmp_path.rglob("file-2.safetensors"))
        victim.unlink()
        report = await run(fake, tmp_path, wanted("user:ann"))
    assert victim.is_file()
    assert before.keys() <= tree(tmp_path).keys()
    assert any("missing" in notice for notice in report.notices)


async def test_the_state_may_be_lost(tmp_path: Path) -> None:
    """Without its database an archive is adopted: what lies there is verified, not fetched."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("user:ann"))
        for path in (tmp_path / ".civitai-dl").glob("state.db*"):
            path.unlink()
        fake.account.clear()
        report = await run(fake, tmp_path, wanted("user:ann"))
        assert fake.account.count(origin="storage") == 0
    assert report.exit_code == 0
    assert {"file-1", "file-2", "file-3"} <= {path.stem for path in tmp_path.rglob("file-*.*")}
    assert [path.name for path in tmp_path.rglob("file-1-*")] == []


async def test_early_access_is_fetched_when_its_day_has_come(tmp_path: Path) -> None:
    """A version in early access is unavailable until its date, and then planned again."""
    world = small_world()
    soon = datetime.now(timezone.utc) + timedelta(days=5)
    early = FakeVersion(
        name="early", files=(FakeFile(name="early.safetensors"),), early_access_until=soon
    )
    world.add_version(1, early)
    version_id = world.models[0].versions[0].id
    async with FakeCivitai(world) as fake:
        first = await run(fake, tmp_path, wanted("model:1"))
        assert [trace.why for trace in first.unavailable] == ["early_access"]
        assert first.exit_code == 0
        until = first.unavailable[0].until
        assert until is not None
        assert abs(until - soon.timestamp()) < 1
        fake.account.clear()
        second = await run(fake, tmp_path, wanted("model:1"))
        assert len(second.unavailable) == 1
        assert fake.account.count(origin="api", path_prefix="/api/download") == 0
        world.change_version(version_id, lambda found: replace(found, early_access_until=None))
        later = ClockAt(soon.timestamp() + 60)
        third = await run(fake, tmp_path, wanted("model:1"), clock=later)
    assert third.unavailable == ()
    assert any(path.endswith("early.safetensors") for path in tree(tmp_path))


class ClockAt:
    """A clock that begins at a given moment and sleeps no time at all."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)
        await anyio.lowlevel.checkpoint()


async def test_a_model_that_disappears_keeps_what_was_saved(tmp_path: Path) -> None:
    """A model gone from the service is reported as gone, and the archive keeps all of it."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1", "model:2"))
        before = tree(tmp_path)
        world.remove_model(2)
        report = await run(fake, tmp_path, wanted("model:1", "model:2"))
    assert [trace.why for trace in report.unavailable] == ["gone"]
    assert report.exit_code == 0
    assert {path for path in before if path.startswith("model_")} <= tree(tmp_path).keys()


@pytest.mark.parametrize("stop_after", [1, 40, 150, 260])
async def test_a_stop_at_any_time_continues_where_it_was(tmp_path: Path, stop_after: int) -> None:
    """Stopped in the middle, the same command completes the archive and repeats nothing."""
    world = small_world()
    version = world.models[0].versions[0].id
    world.images(330, version_ids=(version,), username="ann")
    stop = anyio.Event()
    settled: list[str] = []
    verified: set[str] = set()

    class StopAfter:
        def emit(self, event: object) -> None:
            if isinstance(event, TaskSettled):
                settled.append(event.task.key)
                if isinstance(event.outcome, Stored):
                    verified.add(str(event.task.source).removeprefix("uuid:"))
                if len(settled) >= stop_after:
                    stop.set()

    options = FakeOptions(search_cap=250)
    async with FakeCivitai(world, options=options) as fake:
        first = await run(fake, tmp_path, wanted("user:ann"), stop=stop, reporter=StopAfter())
        assert first.exit_code == 130
        fetched = fake.account.resolves()
        fake.account.clear()
        second = await run(fake, tmp_path, wanted("user:ann"))
        again = [seen.path.split("/")[2] for seen in fake.account.of(origin="cdn", status=200)]
        fetched += fake.account.resolves()
    assert second.exit_code == 0
    assert set() == verified & set(again)
    # A link is asked for again only for a file that was on its way.
    assert sum(fetched.values()) <= 3 + FAST.concurrency
    expected = {image.image_id for image in world.truth.user_images("ann")}
    found = {int(path.stem) for path in (tmp_path / "users/ann/images").rglob("*.png")}
    assert expected == found


async def test_a_stop_before_a_list_is_read_hides_no_gallery(tmp_path: Path) -> None:
    """Brought up to date, and stopped before the first page: what galleries have new is found."""
    world = small_world()
    version = world.models[0].versions[0].id
    stop = anyio.Event()

    class StopAtOnce:
        def emit(self, event: object) -> None:
            stop.set()

    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("user:ann"))
        world.images(3, version_ids=(version,), username="bob")
        stopped = await run(fake, tmp_path, wanted("user:ann"), stop=stop, reporter=StopAtOnce())
        second = await run(fake, tmp_path, wanted("user:ann"))
    assert (130, 0) == (stopped.exit_code, second.exit_code)
    expected = {image.image_id for image in world.truth.gallery(1)}
    assert expected == {int(path.stem) for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_stopped_file_goes_on_at_its_checkpoint(tmp_path: Path, concurrency: int) -> None:
    """A large file stopped half-way is continued by Range, not begun again, also in pieces."""
    world = World().creator("ann")
    files = (FakeFile(name="large.safetensors", size=30_000_000),)
    world.model(1, creator="ann", versions=(FakeVersion(files=files, images=()),))
    stop = anyio.Event()

    class Count:
        received = 0

        def emit(self, event: object) -> None:
            self.received += getattr(event, "count", 0)
            if self.received > 10_000_000:
                stop.set()

    settings = replace(FAST, selection=Selection(gallery=False), concurrency=concurrency)
    ear, later = Count(), Count()
    # Two stores have two tags for the same bytes, and here only one address.
    async with FakeCivitai(world, options=FakeOptions(stores=("r2",))) as fake:
        slow = Fault(origin="storage", path=".*", every=True, bytes_per_second=40e6 / concurrency)
        fake.faults.add(slow)
        things = wanted("model:1")
        first = await run(
            fake, tmp_path, things, settings=settings, stop=stop, reporter=ear, speed=1
        )
        assert first.exit_code == 130
        fake.faults.assert_all_served()
        fake.faults.clear()
        fake.account.clear()
        second = await run(fake, tmp_path, things, settings=settings, reporter=later)
        assert sum(fake.account.resolves().values()) == 1
    assert second.exit_code == 0
    assert later.received == 30_000_000 - ear.received
    truth = world.truth.files()[0]
    line = stored_files(tmp_path)[truth.version_id, truth.file_id]
    assert truth.sha256.upper() == tree(tmp_path)[str(line["path"])]


async def test_no_resume_begins_again(tmp_path: Path) -> None:
    """With --no-resume a cut download asks for the whole file again, without Range."""
    world = World().creator("ann")
    files = (FakeFile(name="a.safetensors", size=900_000),)
    world.model(1, creator="ann", versions=(FakeVersion(files=files, images=()),))
    settings = replace(FAST, resume=False, selection=Selection(gallery=False))
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".*", nth=1, cut_after=400_000))
        report = await run(fake, tmp_path, wanted("model:1"), settings=settings)
        fake.faults.assert_all_served()
        ranges = [seen.headers.get("range") for seen in fake.account.of(origin="storage")]
    assert report.exit_code == 0
    assert ranges == [None, None]


async def test_a_cut_download_continues_where_it_was_cut(tmp_path: Path) -> None:
    """A download cut at byte 400,000 continues at byte 400,000, within the run."""
    world = World().creator("ann")
    files = (FakeFile(name="a.safetensors", size=900_000),)
    world.model(1, creator="ann", versions=(FakeVersion(files=files, images=()),))
    settings = replace(FAST, selection=Selection(gallery=False))
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path=".*", nth=1, cut_after=400_000))
        report = await run(fake, tmp_path, wanted("model:1"), settings=settings)
        fake.faults.assert_all_served()
        ranges = [seen.headers.get("range") for seen in fake.account.of(origin="storage")]
        resolves = fake.account.resolves()
    assert report.exit_code == 0
    assert ranges == [None, "bytes=400000-"]
    assert list(resolves.values()) == [1]


async def test_a_missing_model_is_a_failure_of_the_list(tmp_path: Path) -> None:
    """A model that the service never had is a failure, with the line it was asked for in."""
    async with FakeCivitai(small_world()) as fake:
        things = wanted_of(
            "https://civitai.com/user/nobody_here\n", "model:999\nmodel:1\n", tmp_path
        )
        report = await run(fake, tmp_path / "archive", things)
    assert report.exit_code == 1
    assert {trace.key: trace.why for trace in report.failures} == {
        "model:999": "not_found",
        "creator:nobody_here": "not_found",
        "gallery:user:nobody_here": "not_found",
    }
    by_line = {account.text: account for account in report.accounts}
    assert by_line["model:1"].settled
    assert not by_line["model:999"].settled


async def test_the_key_is_looked_at_first(tmp_path: Path) -> None:
    """The key is checked once, before anything else is asked."""
    async with FakeCivitai(small_world()) as fake:
        await run(fake, tmp_path, wanted("model:1"))
        first = fake.account.of(origin="api")[0]
    assert first.path == "/api/v1/me"
    assert f"Bearer {GOOD_KEY}" == first.headers["authorization"]
