"""Flags that change between runs, jobs that are left and taken up, and a service that changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archives import FAST, run, tree, wanted

from civitai_dl.domain.entities import Selection
from civitai_dl.testing import FakeCivitai, FakeFile, FakeOptions, FakeVersion, Fault, World


def gallery_world(count: int) -> World:
    world = World().model(1, creator="ann", versions=(FakeVersion(id=10),))
    return world.images(count, version_ids=(10,), username="bob")


def gallery_of(output: Path) -> set[str]:
    return {path.stem for path in (output / "model_0/1/gallery").rglob("*.png")}


def truth_of(world: World) -> set[str]:
    return {str(image.image_id) for image in world.truth.gallery(1)}


async def test_a_dry_run_with_less_does_not_limit_the_run_that_follows(tmp_path: Path) -> None:
    """After a dry run with --gallery-limit 3, a run without it stores the whole gallery."""
    world = gallery_world(30)
    few = replace(FAST, dry_run=True, selection=Selection(gallery_limit=3))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=few)
        report = await run(fake, tmp_path, wanted("model:1"))
    assert 0 == report.exit_code
    assert truth_of(world) == gallery_of(tmp_path)


async def test_a_dry_run_without_images_does_not_lose_the_previews(tmp_path: Path) -> None:
    """After a dry run with --only models, a run with all stores previews and gallery."""
    world = gallery_world(5)
    dry = replace(FAST, dry_run=True, selection=Selection(images=False))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=dry)
        await run(fake, tmp_path, wanted("model:1"))
    assert list(tmp_path.rglob("previews/*.png"))
    assert truth_of(world) == gallery_of(tmp_path)


async def test_an_edge_that_blocks_is_no_verdict_on_files(tmp_path: Path) -> None:
    """A 403 of the edge on downloads stops the lane with exit 1; the next run fetches the files."""
    world = gallery_world(0)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path="^/api/download",
                every=True,
                status=403,
                body="error code: 1020",
            )
        )
        first = await run(fake, tmp_path, wanted("model:1"))
        fake.faults.assert_all_served()
        fake.faults.clear()
        second = await run(fake, tmp_path, wanted("model:1"))
    assert 1 == first.exit_code
    assert () == first.unavailable
    assert 0 == second.exit_code
    assert list(tmp_path.rglob("*.safetensors"))


async def test_an_image_server_that_refuses_all_removes_nothing(tmp_path: Path) -> None:
    """A challenge of the CDN is not taken for removed images: exit 1, and all there next time."""
    world = gallery_world(20)
    settings = replace(FAST, max_wait=20.0)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(origin="cdn", path=".", every=True, status=403, body="<html>Just a moment...")
        )
        first = await run(fake, tmp_path, wanted("model:1"), settings=settings)
        fake.faults.assert_all_served()
        fake.faults.clear()
        second = await run(fake, tmp_path, wanted("model:1"))
    assert 1 == first.exit_code
    assert () == first.unavailable
    assert 0 == second.exit_code
    assert truth_of(world) == gallery_of(tmp_path)


async def test_a_walk_that_broke_off_is_not_taken_for_a_meeting(tmp_path: Path) -> None:
    """What an earlier, broken walk had found does not prove that a later one is complete."""
    world = World().creator("ann").images(700, username="ann")
    options = FakeOptions(search_cap=500)
    settings = replace(FAST, retries=1)
    things = wanted("https://civitai.com/user/ann/images")
    async with FakeCivitai(world, options=options) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path=r"sort=Oldest.*cursor=",
                every=True,
                status=500,
                body={"error": "x"},
            )
        )
        first = await run(fake, tmp_path, things, settings=settings)
        fake.faults.clear()
        second = await run(fake, tmp_path, things)
    assert 1 == first.exit_code
    assert 0 == second.exit_code
    found = {path.stem for path in (tmp_path / "users/ann/images").rglob("*.png")}
    assert {str(image.image_id) for image in world.truth.user_images("ann")} == found


async def test_an_empty_page_in_the_middle_is_no_end(tmp_path: Path) -> None:
    """A database timeout behind a cursor is a failure when it stays, and never an end."""
    world = gallery_world(450)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path=r"images.*modelId=.*limit=200.*cursor=",
                every=True,
                status=200,
                body={"items": [], "metadata": {}},
            )
        )
        report = await run(fake, tmp_path, wanted("model:1"))
        fake.faults.assert_all_served()
    assert 0 == report.exit_code
    assert truth_of(world) == gallery_of(tmp_path)


async def test_other_bytes_under_the_same_id_are_fetched(tmp_path: Path) -> None:
    """When the service lists another SHA256 for a stored file, the new bytes are fetched, too."""
    files = (FakeFile(name="a.safetensors"),)
    world = World().model(1, versions=(FakeVersion(files=files, images=()),))
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("model:1"))
        number = world.truth.files()[0].file_id
        world.change_file(number, lambda found: replace(found, revision=1))
        report = await run(fake, tmp_path, wanted("model:1"))
    assert 0 == report.exit_code
    assert world.truth.files()[0].sha256.upper() in tree(tmp_path).values()


async def test_nobodys_images_and_a_post_of_nothing_are_failures(tmp_path: Path) -> None:
    """An unknown user asked for by images only, and a post that is not there: exit 1."""
    async with FakeCivitai(gallery_world(2)) as fake:
        things = wanted("https://civitai.com/user/nobody/images", "post:99999")
        report = await run(fake, tmp_path, things)
    assert 1 == report.exit_code
    assert {"gallery:user:nobody", "gallery:post:99999"} == {trace.key for trace in report.failures}


async def test_a_refused_batch_is_asked_for_one_by_one(tmp_path: Path) -> None:
    """A 400 to a list of many models costs none of them."""
    world = World().model(1).model(2).model(3)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(origin="api", path=r"/api/v1/models\?", status=400, body={"error": "bad"})
        )
        report = await run(fake, tmp_path, wanted("1", "2", "3"))
        fake.faults.assert_all_served()
    assert 0 == report.exit_code
    assert 3 == len(list(tmp_path.rglob("*.safetensors")))


async def test_a_version_that_lags_behind_is_found_by_itself(tmp_path: Path) -> None:
    """A version that its model's page does not show yet is fetched by its own page."""
    lagging = FakeVersion(id=77, lagging=True, files=(FakeFile(name="new.safetensors"),), images=())
    world = World().model(1, versions=(FakeVersion(id=10), lagging))
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted("version:77"))
    assert 0 == report.exit_code
    assert list(tmp_path.rglob("new.safetensors"))


async def test_the_newest_n_are_n_on_newer_builds_too(tmp_path: Path) -> None:
    """--gallery-limit 300 gives 300 also where page borders lose nothing."""
    world = gallery_world(450)
    options = FakeOptions(newest_loses=False)
    settings = replace(FAST, selection=Selection(gallery_limit=300))
    async with FakeCivitai(world, options=options) as fake:
        await run(fake, tmp_path, wanted("model:1"), settings=settings)
    newest = sorted(world.truth.gallery(1), key=lambda image: image.image_id)[-300:]
    assert {str(image.image_id) for image in newest} == gallery_of(tmp_path)
