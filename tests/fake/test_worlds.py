"""The ready-made worlds: a simple archiver brings home exactly their truth."""

import hashlib
import unicodedata
from pathlib import Path

import pytest

from civitai_dl.testing import (
    GOOD_KEY,
    TRAITS,
    demo_lists,
    demo_world,
    trait_lists,
    trait_world,
)


async def archive(ask):
    """What a simple archiver gets of every model: SHA256 or status per (version, file)."""
    got = {}
    for model in ask.fake.world.truth.models():
        status, answer = await ask.get(f"models/{model.id}")
        assert status == 200
        for version in answer["modelVersions"]:
            for file in version.get("files", []):
                body = await ask.file(version["id"], file)
                refused = isinstance(body, int)
                got[version["id"], file["id"]] = (
                    body if refused else hashlib.sha256(body).hexdigest().upper()
                )
    return got


def expected(truth):
    """What the truth says of the same."""
    refusals = {"early access": 403, "no permission": 403, "downloads disabled": 401}
    return {
        (file.version_id, file.file_id): refusals.get(file.reason, file.sha256)
        for file in truth.files(key=GOOD_KEY)
        if file.reason != "archived"
    }


@pytest.mark.parametrize("build", [demo_world, trait_world])
async def test_every_file_is_found(serve, build):
    """Listed files come byte for byte, or are refused for the reason that is told."""
    ask = await serve(build(), key=GOOD_KEY)
    assert await archive(ask) == expected(ask.fake.world.truth)
    assert ask.fake.account.leaks(GOOD_KEY) == []


@pytest.mark.parametrize("build", [demo_world, trait_world])
async def test_every_user_is_found(serve, build):
    """The models and images of every user are those of the truth, byte for byte."""
    ask = await serve(build(), key=GOOD_KEY)
    truth = ask.fake.world.truth
    for creator in ask.fake.world.creators:
        name = creator.username
        assert await ask.user_models(name) == truth.user_models(name)
        items = await ask.user_images(name)
        true = {image.image_id: image for image in truth.user_images(name)}
        assert items.keys() == true.keys()
        assert await ask.images(items) == {
            number: image.sha256 if image.obtainable else None for number, image in true.items()
        }


@pytest.mark.parametrize("build", [demo_world, trait_world])
async def test_every_gallery_and_preview_is_found(serve, build):
    """Galleries by model and previews by version hold just what the truth says."""
    ask = await serve(build())
    truth = ask.fake.world.truth
    for model in truth.models():
        assert sorted(await ask.gallery(model.id)) == [i.image_id for i in truth.gallery(model.id)]
        previews = truth.previews(model.id)
        for version in (await ask.get(f"models/{model.id}"))[1]["modelVersions"]:
            assert len(version.get("images", [])) == len(previews[version["id"]])


def test_the_demo_is_small_and_pleasant():
    """About 8 models of 2 creators, 80 images, every promised kind of trouble, under 40 MB."""
    world = demo_world()
    truth = world.truth
    files = truth.files()
    images = {image.image_id: image for m in world.models for image in truth.gallery(m.id)}
    total = sum(file.size for file in files) + sum(image.size for image in images.values())
    assert total < 40_000_000
    assert 8 <= len(world.models) <= 9
    assert 70 <= len(images) <= 90
    assert {file.reason for file in files} == {
        "",
        "archived",
        "downloads disabled",
        "early access",
    }
    assert len({file.sha256 for file in files}) == len(files) - 1
    assert "video" in {image.media for image in images.values()}
    users, models = demo_lists(world)
    assert users.count("https://civitai.com/user/") == 2
    assert models.count("https://") == 4


def test_the_nasty_world_has_its_size():
    """60 models, 3 users, 1,500 images that are returned."""
    world = trait_world()
    assert (len(world.models), len(world.creators), len(TRAITS)) == (60, 3, 60)
    assert len(world.truth.images()) == 1500
    lists = trait_lists(world)
    assert lists[0].count("\n") == 3
    assert lists[1].count("\n") == len(world.truth.models())


async def test_the_nasty_names_are_nasty(serve):
    """Slashes, dots, devices, over 255 bytes, twins in NFC and NFD, right-to-left marks."""
    ask = await serve(trait_world())

    async def names(trait):
        _, model = await ask.get(f"models/{TRAITS[trait]}")
        return [f["name"] for version in model["modelVersions"] for f in version["files"]]

    assert any("/" in name for name in await names("names with slashes"))
    assert ".." in await names("names of dots")
    assert any(len(name.encode()) > 255 for name in await names("names over 255 bytes"))
    one, two = await names("NFC and NFD twins")
    assert one != two
    assert unicodedata.normalize("NFC", two) == one
    upper, lower = await names("names that differ in case only")
    assert upper != lower
    assert upper.casefold() == lower.casefold()
    assert any("\u202e" in name for name in await names("right to left"))


async def test_raw_control_characters_are_raw(serve):
    """A strict JSON reader stumbles over the control characters in a description."""
    ask = await serve(trait_world())
    url = f"{ask.fake.base_url}/api/v1/models/{TRAITS['raw control characters']}"
    async with ask.session.get(url, headers=ask.headers) as answer:
        text = await answer.text()
    assert {"\n", "\t", "\x07", "\x1f"} <= set(text)


async def test_her_newest_page_is_empty(serve):
    """Zoe_K's newest page has no items and a cursor; the rest is behind it."""
    ask = await serve(trait_world())
    query = {"username": "Zoe_K", "browsingLevel": 1, "sort": "Newest", "limit": 200}
    _, page = await ask.get("images", **query)
    assert page["items"] == []
    assert page["metadata"]["nextCursor"]


async def test_old_shapes(serve):
    """Null stats, licence strings, missing metadata and hashes, bare times, rating words."""
    ask = await serve(trait_world())

    async def model(trait):
        return (await ask.get(f"models/{TRAITS[trait]}"))[1]

    assert set((await model("null stats"))["stats"].values()) == {None}
    assert "creator" not in await model("no creator")
    assert (await model("licence as a list in a string"))["allowCommercialUse"] == (
        "{Image,RentCivit}"
    )
    files = (await model("file metadata missing"))["modelVersions"][0]["files"]
    assert [file.get("metadata", "absent") for file in files] == ["absent", None, {}]
    assert (await model("no digests"))["modelVersions"][0]["files"][0]["hashes"] == {}
    assert "SHA256" not in (await model("no SHA256"))["modelVersions"][0]["files"][0]["hashes"]
    assert "sizeKB" not in (await model("no size"))["modelVersions"][0]["files"][0]
    assert not (await model("times without Z"))["modelVersions"][0]["publishedAt"].endswith("Z")
    words = (await model("old rating words"))["modelVersions"][0]["images"]
    assert [image["nsfw"] for image in words] == ["None", "Mature"]
    first, *others = (await model("one download url for two files"))["modelVersions"][0]["files"]
    assert len({file["downloadUrl"] for file in others}) == 1
    assert first["downloadUrl"] not in {file["downloadUrl"] for file in others}


def test_no_machine_is_known():
    """The package's own text names no folder outside the project."""
    package = Path(__file__).parents[2] / "src" / "civitai_dl" / "testing"
    for path in package.rglob("*.py"):
        assert "shared/" not in path.read_text("utf-8")
