"""civitai-dl as a library."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from archives import FAST

import civitai_dl
from civitai_dl import Selection, download_creator, download_model
from civitai_dl._api import download_creator_async, download_model_async
from civitai_dl.errors import TargetError
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World


def small_world() -> World:
    two = tuple(FakeVersion(files=(FakeFile(name=f"v{number}.safetensors"),)) for number in (1, 2))
    return World().creator("ann").model(1, creator="ann", versions=two).images(3, username="ann")


def test_a_model_by_its_id(tmp_path: Path) -> None:
    """`download_model(1, into=...)` archives a model and returns the account of it."""
    world = small_world()
    with FakeCivitai(world).in_thread() as fake:
        report = download_model(1, into=tmp_path, settings=FAST, base_url=fake.base_url)
    assert report.exit_code == 0
    found = {
        hashlib.sha256(path.read_bytes()).hexdigest().upper()
        for path in tmp_path.rglob("*.safetensors")
    }
    assert {file.sha256.upper() for file in world.truth.files()} == found


def test_one_version_by_its_link(tmp_path: Path) -> None:
    """A link with ?modelVersionId= archives that version only."""
    world = small_world()
    version = world.models[0].versions[1].id
    link = f"https://civitai.com/models/1/any-slug?modelVersionId={version}"
    with FakeCivitai(world).in_thread() as fake:
        report = download_model(link, into=tmp_path, settings=FAST, base_url=fake.base_url)
    assert report.exit_code == 0
    assert [path.name for path in tmp_path.rglob("*.safetensors")] == ["v2.safetensors"]


@pytest.mark.parametrize("form", ["version:{}", "https://civitai.com/api/download/models/{}"])
def test_a_version_without_its_model(tmp_path: Path, form: str) -> None:
    """A version named alone is found with its model."""
    world = small_world()
    version = world.models[0].versions[0].id
    with FakeCivitai(world).in_thread() as fake:
        report = download_model(
            form.format(version), into=tmp_path, settings=FAST, base_url=fake.base_url
        )
    assert report.exit_code == 0
    assert [path.name for path in tmp_path.rglob("*.safetensors")] == ["v1.safetensors"]


def test_an_unrated_version_is_found_by_the_list(tmp_path: Path) -> None:
    """A fresh version that /model-versions does not know yet is found through the model list."""
    version = FakeVersion(nsfw_level=0, files=(FakeFile(name="fresh.safetensors"),))
    world = World().model(1, versions=(version, FakeVersion(name="older")))
    number = world.models[0].versions[0].id
    with FakeCivitai(world).in_thread() as fake:
        report = download_model(
            f"version:{number}", into=tmp_path, settings=FAST, base_url=fake.base_url
        )
        asked = fake.account.of(origin="api", path_prefix=f"/api/v1/model-versions/{number}")
    assert {404} == {seen.status for seen in asked}
    assert report.exit_code == 0
    assert list(tmp_path.rglob("fresh.safetensors"))


def test_a_file_by_its_digest(tmp_path: Path) -> None:
    """A SHA256 stands for the version that has the file."""
    world = small_world()
    digest = world.truth.files()[0].sha256
    with FakeCivitai(world).in_thread() as fake:
        report = download_model(digest, into=tmp_path, settings=FAST, base_url=fake.base_url)
    assert report.exit_code == 0
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


async def test_a_creator(tmp_path: Path) -> None:
    """`download_creator_async("ann", into=...)` archives models and images of a creator."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        report = await download_creator_async(
            "ann", into=tmp_path, settings=FAST, base_url=fake.base_url
        )
    assert report.exit_code == 0
    expected = {str(image.image_id) for image in world.truth.user_images("ann")}
    assert expected == {path.stem for path in (tmp_path / "users/ann/images").rglob("*.png")}


def test_only_what_is_wanted(tmp_path: Path) -> None:
    """`want=Selection(images=False)` leaves images out."""
    with FakeCivitai(small_world()).in_thread() as fake:
        report = download_creator(
            "https://civitai.com/user/ann",
            into=tmp_path,
            want=Selection(images=False),
            settings=FAST,
            base_url=fake.base_url,
        )
        assert fake.account.count(origin="cdn") == 0
    assert report.exit_code == 0
    assert report.stored == 2


async def test_a_post_and_an_image(tmp_path: Path) -> None:
    """Images of a post, and a single image, go to the folder of their author."""
    world = small_world()
    image = world.posts[0]
    async with FakeCivitai(world) as fake:
        for text in (f"image:{image.id}", f"https://civitai.com/posts/{image.post_id}"):
            report = await download_model_async(
                text, into=tmp_path, settings=FAST, base_url=fake.base_url
            )
            assert report.exit_code == 0
    assert (tmp_path / f"users/ann/images/{image.id // 1000}/{image.id}.png").is_file()


async def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    """An image that the service does not know is a failure, also when it answers with another."""
    async with FakeCivitai(small_world()) as fake:
        settings = replace(FAST, retries=1)
        report = await download_model_async(
            "image:424242", into=tmp_path, settings=settings, base_url=fake.base_url
        )
    assert [trace.key for trace in report.failures] == ["gallery:image:424242"]


def test_a_creator_is_no_model() -> None:
    """Asking for the wrong kind of thing is an error that says which function to use."""
    with pytest.raises(TargetError, match="creator") as caught:
        download_model("https://civitai.com/user/ann", into="nowhere")
    assert "download_creator" in caught.value.hint
    with pytest.raises(TargetError, match="no creator"):
        download_creator("https://civitai.com/models/1", into="nowhere")


def test_the_public_names_are_there() -> None:
    """Everything in __all__ can be imported, and nothing else is promised."""
    for name in civitai_dl.__all__:
        assert getattr(civitai_dl, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = civitai_dl.nothing_like_it
