"""Filters against the simulated service: what is wanted comes, and the rest is not counted."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, tree, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_dl.adapters.catalog import examine
from civitai_dl.domain.entities import Media, Selection
from civitai_dl.errors import UsageError
from civitai_dl.testing import (
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    Fault,
    World,
)
from selections import filters

ALL_FILES = {11, 12, 13, 14, 15, 21, 22, 31, 41, 51}


def day(month: int) -> datetime:
    return datetime(2024, month, 1, tzinfo=timezone.utc)


def chosen_world() -> World:
    """Two creators, four models; files of every kind that a filter tells apart."""
    world = World().creator("ann").creator("bob")
    world.model(
        FakeModel(
            1,
            "Dream",
            "ann",
            "Checkpoint",
            tags=("style", "photo realistic"),
            versions=[
                FakeVersion(
                    "v2",
                    10,
                    base_model="SDXL 1.0",
                    published_at=day(6),
                    files=[
                        FakeFile("a.safetensors", 6000, id=11),
                        FakeFile("a.ckpt", 6000, id=12, format="PickleTensor"),
                        FakeFile("full.safetensors", 9000, id=13, extent="full", precision="fp32"),
                        FakeFile("b.vae.pt", id=14, kind="VAE", virus_scan="Danger"),
                        FakeFile("t.zip", id=15, kind="Training Data", format="Other"),
                    ],
                    images=[FakeImage(username="ann"), FakeImage("mp4", username="ann", level=8)],
                ),
                FakeVersion(
                    "v1",
                    20,
                    base_model="SD 1.5",
                    published_at=day(2),
                    files=[
                        FakeFile("old.ckpt", id=21, format="PickleTensor"),
                        FakeFile("old.yaml", 600, id=22, kind="Config", format="Other"),
                    ],
                    images=[FakeImage(username="ann")],
                ),
            ],
        )
    )
    for number, kind, creator, tags in ((2, "LORA", "ann", ("line",)), (3, "LORA", "bob", ())):
        file = FakeFile(f"m{number}.safetensors", id=number * 10 + 11)
        version = FakeVersion("v", number * 10 + 10, files=[file], published_at=day(number))
        world.model(FakeModel(number, f"M{number}", creator, kind, tags=tags, versions=[version]))
    gguf = FakeFile("q.gguf", id=51, format="GGUF", extent=None)
    version = FakeVersion("v", 50, files=[gguf], base_model="Pony", published_at=day(3))
    world.model(FakeModel(5, "Five", "bob", "Checkpoint", versions=[version]))
    world.images(4, version_ids=(10,), username="bob").images(3, version_ids=(20,), username="ann")
    return world


EVERYTHING = ("user:ann", "user:bob")


async def fetched(
    fake: FakeCivitai, output: Path, wish: Selection, *texts: str, code: int = 0
) -> set[int]:
    """The files that the lists of a run tell as stored, by id."""
    chosen = replace(FAST, selection=wish)
    report = await run(fake, output, wanted(*(texts or EVERYTHING)), settings=chosen)
    assert code == report.exit_code
    return stored(output)


def stored(output: Path) -> set[int]:
    numbers = {"a.safetensors": 11, "a.ckpt": 12, "full.safetensors": 13, "b.vae.pt": 14}
    numbers |= {"t.zip": 15, "old.ckpt": 21, "old.yaml": 22, "m2.safetensors": 31}
    numbers |= {"m3.safetensors": 41, "q.gguf": 51}
    names = {path.name for path in output.glob("model_*/*/*/*") if path.is_file()}
    return {number for name, number in numbers.items() if name in names}


FILES = Selection(images=False, allow_unsafe=True)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ALL_FILES),
        ({"types": ("lora",)}, {31, 41}),
        ({"base_models": ("SD 1.5", "Pony")}, {21, 22, 51}),
        ({"versions": 1}, ALL_FILES - {21, 22}),
        ({"versions": 1, "per_base_model": True}, ALL_FILES),
        ({"since": date(2024, 3, 1)}, ALL_FILES - {21, 22, 31}),
        ({"file_types": ("VAE", "Config")}, {14, 22}),
        ({"formats": ("GGUF", "PickleTensor")}, {12, 21, 51}),
        ({"precisions": ("fp32",)}, {13}),
        ({"size": "full"}, {13, 51}),
        ({"max_file_size": 700}, {22}),
        ({"exclude_users": ("ANN",)}, {41, 51}),
        ({"exclude_models": (1, 3)}, {31, 51}),
        ({"exclude_tags": ("photo realistic", "line")}, {41, 51}),
        ({"include_training_data": False}, ALL_FILES - {15}),
        ({"allow_unsafe": False}, ALL_FILES - {12, 14}),
    ],
)
async def test_each_filter_fetches_exactly_what_it_takes(tmp_path, facts, expected):
    """Of a world in which each file differs in something, each filter brings just its own."""
    async with FakeCivitai(chosen_world()) as fake:
        assert expected == await fetched(fake, tmp_path, replace(FILES, **facts))


async def test_unsafe_files_are_reported_and_come_when_they_are_allowed(tmp_path: Path) -> None:
    """Left out by default, each with its reason in the account; --allow-unsafe fetches them."""
    careful = replace(FILES, allow_unsafe=False)
    async with FakeCivitai(chosen_world()) as fake:
        settings_of = replace(FAST, selection=careful)
        first = await run(fake, tmp_path, wanted("model:1"), settings=settings_of)
        again = await run(fake, tmp_path, wanted("model:1"), settings=settings_of)
        retry = replace(settings_of, only_failed=True)
        retried = await run(fake, tmp_path, wanted("model:1"), settings=retry)
        before = stored(tmp_path)
        bold = await run(fake, tmp_path, wanted("model:1"), settings=replace(FAST, selection=FILES))
    for report in (first, again, retried):
        told = {trace.key: (trace.why, trace.detail) for trace in report.unavailable}
        assert 0 == report.exit_code
        assert {"file:10:12", "file:10:14"} == set(told)
        assert {"unsafe"} == {why for why, _ in told.values()}
        assert "a.safetensors (file 11) has the same as SafeTensor" in told["file:10:12"][1]
        assert "the virus scan of the service found danger" in told["file:10:14"][1]
    assert {11, 13, 15, 21, 22} == before
    assert {11, 12, 13, 14, 15, 21, 22} == stored(tmp_path)
    assert () == bold.unavailable


async def test_a_run_that_goes_on_does_not_fetch_what_was_held_for_unsafe(tmp_path: Path) -> None:
    """A job that was left is continued without its pages; unsafe files stay where they are."""
    careful = replace(FAST, selection=replace(FILES, allow_unsafe=False), retries=1)
    async with FakeCivitai(chosen_world()) as fake:
        fake.faults.add(Fault(origin="api", path="/api/download/models/20", every=True, status=500))
        stop = anyio.Event()
        first = await run(fake, tmp_path, wanted("model:1"), settings=careful, stop=stop)
        fake.faults.assert_all_served()
        fake.faults.clear()
        second = await run(fake, tmp_path, wanted("model:1"), settings=careful)
    assert 1 == first.exit_code
    assert 0 == second.exit_code
    assert {11, 13, 15, 21, 22} == stored(tmp_path)


async def test_a_narrower_wish_keeps_what_is_stored_and_counts_only_its_own(tmp_path: Path) -> None:
    """Nothing is removed; the account speaks of what is wanted now; a wider wish counts all."""
    async with FakeCivitai(chosen_world()) as fake:
        things = wanted("model:1", "user:ann")
        whole = await run(fake, tmp_path, things, settings=replace(FAST, selection=FILES))
        there = tree(tmp_path)
        narrow = replace(FILES, versions=1, formats=("SafeTensor",), types=("Checkpoint",))
        some = await run(fake, tmp_path, things, settings=replace(FAST, selection=narrow))
        kept = tree(tmp_path)
        back = await run(fake, tmp_path, things, settings=replace(FAST, selection=FILES))
    assert (8, 8) == (whole.total.expected, whole.total.stored)
    assert (3, 3) == (some.total.expected, some.total.stored)
    assert {name for name in there if not name.startswith("lists/")} <= set(kept)
    assert (8, 8) == (back.total.expected, back.total.stored)


async def test_of_a_model_that_is_not_wanted_only_its_facts_are_kept(tmp_path: Path) -> None:
    """No preview, no gallery, no page: model.json alone, by which the reason can be told."""
    wish = Selection(types=("Checkpoint",), allow_unsafe=True)
    async with FakeCivitai(chosen_world()) as fake:
        await fetched(fake, tmp_path, wish, "https://civitai.com/user/ann/models", "model:3")
        asked = fake.account.of(origin="api", path_prefix="/api/v1/images")
    assert ["model.json"] == [path.name for path in (tmp_path / "model_0/2").rglob("*")]
    assert ["model.json"] == [path.name for path in (tmp_path / "model_0/3").rglob("*")]
    assert {"1"} == {seen.param("modelId") for seen in asked}
    assert json.loads((tmp_path / "model_0/2/model.json").read_text())["id"] == 2


async def test_the_gallery_is_that_of_the_wanted_versions(tmp_path: Path) -> None:
    """With --versions latest the images of older versions are not listed."""
    world = chosen_world()
    async with FakeCivitai(world) as fake:
        await fetched(fake, tmp_path, Selection(versions=1), "model:1")
    found = {
        path.stem
        for path in (tmp_path / "model_0/1/gallery").rglob("*")
        if path.suffix != ".json" and path.is_file()
    }
    truth = {str(one.image_id) for one in world.truth.gallery(1) if 10 in one.version_ids}
    assert truth == found
    assert len(truth) == 6


@pytest.mark.parametrize("media", [Media.IMAGE, Media.VIDEO])
async def test_only_images_or_only_videos(tmp_path: Path, media: Media) -> None:
    """--media goes for previews, galleries and images of users."""
    world = chosen_world()
    async with FakeCivitai(world) as fake:
        await fetched(fake, tmp_path, Selection(files=False, media=media), "user:ann")
    found = {path.stem for path in tmp_path.rglob("users/ann/images/*/*") if path.suffix != ".json"}
    truth = {
        str(one.image_id) for one in world.truth.user_images("ann") if one.media == media.value
    }
    assert truth == found
    assert truth
    previews = list(tmp_path.rglob("previews/*"))
    assert previews
    assert all((path.suffix == ".mp4") == (media is Media.VIDEO) for path in previews)


async def test_an_excluded_author_is_nowhere_and_comes_back_when_allowed(tmp_path: Path) -> None:
    """Images of an excluded user are left out of every gallery; later they are all listed."""
    world = chosen_world()
    bob = {str(one.image_id) for one in world.truth.user_images("bob")}
    async with FakeCivitai(world) as fake:
        no_bob = Selection(files=False, exclude_users=("bob",))
        await fetched(fake, tmp_path, no_bob, "model:1")
        without = {path.stem for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}
        await fetched(fake, tmp_path, Selection(files=False), "model:1")
        whole = {path.stem for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}
        last = await run(
            fake, tmp_path, wanted("model:1"), settings=replace(FAST, selection=no_bob)
        )
    assert without
    assert without.isdisjoint(bob)
    assert bob & whole
    listed = {str(one.image_id) for one in world.truth.gallery(1)}
    assert len(listed - bob) + 3 == last.total.stored


async def test_what_is_excluded_by_its_name_is_not_even_asked_for(tmp_path: Path) -> None:
    """Of an excluded user or model in a list nothing is requested; the rest goes on."""
    wish = replace(FILES, exclude_users=("ann",), exclude_models=(3,))
    async with FakeCivitai(chosen_world()) as fake:
        assert {51} == await fetched(fake, tmp_path, wish, "user:ann", "model:3", "model:5")
        asked = fake.account.of(origin="api", path_prefix="/api/v1/models")
        assert [("ids", "5")] == [seen.query[0] for seen in asked]
        with pytest.raises(UsageError, match="excluded"):
            await fetched(fake, tmp_path, wish, "user:ann", "model:3")


async def test_a_version_that_is_named_comes_although_it_is_not_the_newest(tmp_path: Path) -> None:
    """A link to a version, or version:20, beats --versions and --since, and no other filter."""
    wish = replace(FILES, versions=1, since=date(2030, 1, 1))
    async with FakeCivitai(chosen_world()) as fake:
        assert {21, 22} == await fetched(fake, tmp_path / "a", wish, "version:20")
        link = "https://civitai.com/models/1?modelVersionId=20"
        assert {21, 22} == await fetched(fake, tmp_path / "b", wish, link)
        other = replace(wish, base_models=("Pony",))
        assert set() == await fetched(fake, tmp_path / "c", other, "version:20")


async def test_an_image_or_post_that_the_wish_leaves_out_is_no_failure(tmp_path: Path) -> None:
    """A video asked for under --media image is left out; it is not said to be unknown."""
    world = chosen_world()
    video = next(one for one in world.truth.images() if one.media == "video")
    async with FakeCivitai(world) as fake:
        chosen = replace(FAST, selection=Selection(media=Media.IMAGE, levels=1))
        things = wanted(f"image:{video.image_id}")
        report = await run(fake, tmp_path, things, settings=chosen)
        wide = await run(fake, tmp_path, things)
        narrow = await run(fake, tmp_path, things, settings=chosen)
    assert (0, 0) == (report.exit_code, report.total.expected)
    assert (0, 1) == (wide.exit_code, wide.total.stored)
    assert (0, 0) == (narrow.exit_code, narrow.total.expected)


async def test_what_failed_under_a_wider_wish_is_not_tried_by_a_narrower_one(
    tmp_path: Path,
) -> None:
    """Images that failed in the gallery of an unwanted version stay as they are."""
    world = chosen_world()
    lost = {one.uuid for one in world.truth.gallery(1) if one.version_ids == (20,)}
    once = replace(FAST, retries=1, selection=Selection(files=False))
    async with FakeCivitai(world) as fake:
        for uuid in lost:
            fake.faults.add(Fault(origin="cdn", path=uuid, every=True, status=500))
        first = await run(fake, tmp_path, wanted("model:1"), settings=once)
        fake.faults.assert_all_served()
        fake.faults.clear()
        latest = replace(once, selection=Selection(files=False, versions=1))
        narrow = await run(fake, tmp_path, wanted("model:1"), settings=latest)
        left = {path.stem for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}
        again = await run(
            fake, tmp_path, wanted("model:1"), settings=replace(once, only_failed=True)
        )
    assert 1 == first.exit_code
    assert 0 == narrow.exit_code
    assert not left & {str(one.image_id) for one in world.truth.gallery(1) if one.uuid in lost}
    assert 0 == again.exit_code
    whole = {path.stem for path in (tmp_path / "model_0/1/gallery").rglob("*.png")}
    assert {str(one.image_id) for one in world.truth.gallery(1) if one.media == "image"} == whole


async def test_what_failed_comes_when_the_wish_changes_in_other_things(tmp_path: Path) -> None:
    """A gallery wanted as before stops at known ground; what failed in it is tried again."""
    world = chosen_world()
    image = next(one for one in world.truth.gallery(1) if one.version_ids == (10,))
    once = replace(FAST, retries=1, selection=Selection(files=False))
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="cdn", path=image.uuid, every=True, status=500))
        first = await run(fake, tmp_path, wanted("model:1"), settings=once)
        fake.faults.assert_all_served()
        fake.faults.clear()
        other = replace(once, selection=Selection(files=False, formats=("GGUF",)))
        second = await run(fake, tmp_path, wanted("model:1"), settings=other)
    assert 1 == first.exit_code
    assert 0 == second.exit_code
    assert list((tmp_path / "model_0/1/gallery").rglob(f"{image.image_id}.*"))


@settings(max_examples=12)
@given(st.lists(filters(models=(1, 2, 3)), min_size=2, max_size=3))
def test_a_run_after_other_wishes_has_and_counts_what_it_would_have_had_alone(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[Selection]
) -> None:
    """Whatever was wanted before, the last wish ends with all of its own, and counts just that."""

    async def go() -> None:
        alone, after = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("after")
        async with FakeCivitai(chosen_world()) as fake:
            for wish in wishes[:-1]:
                await run(
                    fake,
                    after,
                    wanted("user:ann", "model:5"),
                    settings=replace(FAST, selection=wish),
                )
            last = replace(FAST, selection=wishes[-1])
            reached = await run(fake, after, wanted("user:ann", "model:5"), settings=last)
            fresh = await run(fake, alone, wanted("user:ann", "model:5"), settings=last)
        assert files_of(alone) <= files_of(after)
        assert facts_of(fresh) == facts_of(reached)

    if "ann" in wishes[-1].exclude_users and 5 in wishes[-1].exclude_models:
        return
    anyio.run(go)


def files_of(output: Path) -> set[str]:
    return {path for path in tree(output) if not path.startswith("lists/")}


def facts_of(report: object) -> tuple[object, ...]:
    total = report.total  # type: ignore[attr-defined]  # a RunReport
    code = report.exit_code  # type: ignore[attr-defined]  # a RunReport
    return (code, total.expected, total.stored, total.unavailable, total.failed, total.open)


async def test_a_state_with_things_left_out_is_whole(tmp_path: Path) -> None:
    """What a narrower wish notes is nothing that a look for damage objects to."""
    async with FakeCivitai(chosen_world()) as fake:
        await fetched(fake, tmp_path, FILES, "user:ann")
        await fetched(fake, tmp_path, replace(FILES, versions=1), "user:ann")
    path = tmp_path / ".civitai-dl" / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM edges WHERE run < 0").fetchone()[0]
        assert list(examine(connection)) == []
