"""How many questions it takes to know everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from archives import FAST, run, wanted_of

from civitai_dl.domain.entities import Selection
from civitai_dl.testing import FakeCivitai, FakeImage, FakeModel, FakeOptions, FakeVersion, World


@pytest.mark.timeout(240)
async def test_5000_models_take_at_most_60_questions(tmp_path: Path) -> None:
    """5,000 models by id are enumerated with at most 60 requests to the Model API."""
    world = World().creator("ann")
    for number in range(1, 5001):
        # Five of them are flagged `minor`, which lists with nsfw=true leave out.
        world.model(FakeModel(id=number, creator="ann", minor=number % 1000 == 7))
    listed = "".join(f"https://civitai.com/models/{number}\n" for number in range(1, 5001))
    settings = replace(FAST, dry_run=True, selection=Selection(gallery=False))
    async with FakeCivitai(world) as fake:
        report = await run(
            fake, tmp_path / "archive", wanted_of("", listed, tmp_path), settings=settings
        )
        asked = fake.account.count(origin="api", path_prefix="/api/v1/models")
        total = fake.account.count(origin="api")
        assert fake.account.count(origin="storage") == 0
        assert fake.account.count(origin="cdn") == 0
    assert report.models == 5000
    assert report.outlook["file"][0] == 5000
    assert asked == 55
    assert total <= 60


async def test_a_dry_run_is_kept_and_used(tmp_path: Path) -> None:
    """What a dry run has listed is not asked again by the run that follows."""
    world = World().creator("ann")
    for number in range(1, 6):
        world.model(number, creator="ann")
    listed = "".join(f"model:{number}\n" for number in range(1, 6))
    things = wanted_of("", listed, tmp_path)
    async with FakeCivitai(world) as fake:
        planned = await run(fake, tmp_path / "a", things, settings=replace(FAST, dry_run=True))
        assert (planned.stored, planned.bytes_received) == (0, 0)
        assert planned.outlook["file"][0] == 5
        fake.account.clear()
        report = await run(fake, tmp_path / "a", things)
        asked = [seen.path for seen in fake.account.of(origin="api", path_prefix="/api/v1/")]
    assert report.exit_code == 0
    assert asked == ["/api/v1/me"]


async def test_the_newest_of_a_gallery_are_all_there(tmp_path: Path) -> None:
    """--gallery-limit 450 gives exactly the 450 newest, though page borders lose one each."""
    world = World().creator("ann").model(1, creator="ann")
    version = world.models[0].versions[0].id
    world.images(700, version_ids=(version,), username="bob")
    newest = sorted(world.truth.gallery(1), key=lambda image: image.image_id)[-450:]
    settings = replace(FAST, selection=Selection(gallery_limit=450))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted_of("", "1\n", tmp_path), settings=settings)
        pages = fake.account.count(origin="api", path_prefix="/api/v1/images")
    found = {int(path.stem) for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}
    assert {image.image_id for image in newest} == found
    assert pages <= 6


async def test_only_images_asks_for_no_file(tmp_path: Path) -> None:
    """--only images transfers no model file, and --only models no image."""
    world = World().creator("ann").model(1, creator="ann")
    world.images(5, username="ann")
    async with FakeCivitai(world) as fake:
        things = wanted_of("ann\n", "", tmp_path)
        images = replace(FAST, selection=Selection(files=False))
        await run(fake, tmp_path / "images", things, settings=images)
        assert fake.account.count(origin="storage") == 0
        assert fake.account.count(origin="cdn") > 0
        fake.account.clear()
        models = replace(FAST, selection=Selection(images=False))
        await run(fake, tmp_path / "models", things, settings=models)
        assert fake.account.count(origin="cdn") == 0
        assert fake.account.count(origin="api", path_prefix="/api/v1/images") == 0
        assert fake.account.count(origin="storage") == 1


async def test_without_gallery_the_image_api_is_not_asked(tmp_path: Path) -> None:
    """--no-gallery: no request to the Image API, and the previews are there all the same."""
    world = World().creator("ann").model(1, creator="ann")
    settings = replace(FAST, selection=Selection(gallery=False))
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted_of("ann\n", "", tmp_path), settings=settings)
        assert fake.account.count(origin="api", path_prefix="/api/v1/images") == 0
    assert report.exit_code == 0
    assert list(tmp_path.rglob("previews/*.png"))


async def test_the_lanes_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """With the Image API down, every model file is stored; the galleries are left, and told."""
    world = World().creator("ann")
    for number in (1, 2, 3):
        world.model(number, creator="ann")
    options = FakeOptions(image_overload=True)
    settings = replace(FAST, max_wait=20.0)
    async with FakeCivitai(world, options=options) as fake:
        report = await run(fake, tmp_path, wanted_of("", "1\n2\n3\n", tmp_path), settings=settings)
        asked = fake.account.count(origin="api", path_prefix="/api/v1/images")
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3
    assert report.exit_code == 1
    assert report.left + len(report.failures) == 3
    assert asked <= 15


async def test_only_the_ratings_asked_for_are_listed(tmp_path: Path) -> None:
    """--browsing-level PG stores the PG images of a gallery and no others."""
    world = World().creator("ann").model(1, creator="ann")
    version = world.models[0].versions[0].id
    for level in (1, 2, 4, 8, 16):
        world.image(FakeImage(version_ids=(version,), username="bob", level=level))
    settings = replace(FAST, selection=Selection(levels=1))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted_of("", "1\n", tmp_path), settings=settings)
        asked = fake.account.of(origin="api", path_prefix="/api/v1/images")
    assert {"1"} == {seen.param("browsingLevel") for seen in asked}
    expected = {image.image_id for image in world.truth.gallery(1) if image.level == 1}
    assert expected == {int(path.stem) for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}


async def test_the_download_quota_stops_one_lane_only(tmp_path: Path) -> None:
    """When the download quota is used up, files wait for another day and images go on."""
    world = World().creator("ann")
    for number in range(1, 9):
        world.model(number, creator="ann", versions=(FakeVersion(),))
    options = FakeOptions(quota=3)
    settings = replace(FAST, concurrency=1)
    async with FakeCivitai(world, options=options) as fake:
        listed = "".join(f"{number}\n" for number in range(1, 9))
        report = await run(fake, tmp_path, wanted_of("", listed, tmp_path), settings=settings)
        refused = fake.account.count(origin="api", path_prefix="/api/download", status=429)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3
    assert refused == 1
    assert report.left >= 5
    assert report.exit_code == 1
    assert len(list(tmp_path.rglob("previews/*.png"))) == 8
    assert any("unusual amount" in notice for notice in report.notices)
