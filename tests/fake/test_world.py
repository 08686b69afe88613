"""A world is built in few lines, changes while it is served, and knows the truth."""

import struct
import zipfile
from dataclasses import replace
from datetime import datetime, timezone
from io import BytesIO
from json import loads

import pytest

from civitai_dl.testing import (
    GOOD_KEY,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    World,
)
from civitai_dl.testing._world import file_body


def test_a_world_in_one_line():
    """A model has a version, a file and a preview without being told."""
    world = World().model(1, creator="ann", versions=2)
    assert [file.name for file in world.truth.files()] == [
        "Model1_v20.safetensors",
        "Model1_v10.safetensors",
    ]
    assert world.truth.user_models("ann") == [1]
    assert len(world.truth.user_images("ANN")) == 2


def test_worlds_are_the_same_every_time():
    """Two worlds built alike have the same ids and the same bytes."""

    def build():
        world = World().model(creator="ann").model(creator="bob", versions=3)
        return world.images(5, username="ann", version_ids=[100001])

    one, two = build().truth, build().truth
    assert one.files() == two.files()
    assert one.user_images("ann") == two.user_images("ann")


def test_taken_ids_are_refused():
    """An id cannot be given twice, nor a username in another case."""
    world = World().model(1, creator="ann")
    with pytest.raises(ValueError, match="model 1 already"):
        world.model(1)
    with pytest.raises(ValueError, match="creator ANN already"):
        world.creator("ANN")


def test_no_two_files_share_a_page():
    """4 KiB pages differ between offsets, files and revisions, so that any mix shows."""
    bodies = [
        file_body(FakeFile("a.bin", 200_000, 1, container="raw")),
        file_body(FakeFile("a.bin", 200_000, 1, container="raw", revision=1)),
        file_body(FakeFile("a.bin", 200_000, 2, container="raw")),
    ]
    pages = [body.read(at, at + 4096) for body in bodies for at in range(0, 200_000, 4096)]
    assert len(set(pages)) == len(pages)
    middles = [page[1000:1064] for page in pages if len(page) == 4096]
    assert len(set(middles)) == len(middles)


def test_a_huge_file_costs_nothing():
    """Any range of a terabyte is made at once."""
    body = file_body(FakeFile("a.safetensors", 1 << 40, 7))
    assert len(body.read((1 << 40) - 10, 1 << 41)) == 10
    assert body.read(1 << 39, (1 << 39) + 4096)[4096 - 8 :] != bytes(8)


@pytest.mark.parametrize("size", [512, 513, 4096, 4097, 70_000])
def test_files_are_what_their_names_say(size):
    """safetensors, zip and GGUF files can be read by what reads such files."""
    safetensors = file_body(FakeFile("a.safetensors", size, 1)).read(0, size)
    (length,) = struct.unpack_from("<Q", safetensors)
    header = loads(safetensors[8 : 8 + length])
    assert header["weight"]["data_offsets"][1] == size - 8 - length
    archive = zipfile.ZipFile(BytesIO(file_body(FakeFile("a.ckpt", size, 1)).read(0, size)))
    assert archive.testzip() is None
    assert file_body(FakeFile("a.gguf", size, 1)).read(0, 4) == b"GGUF"


def test_equal_content_is_equal_bytes():
    """Files with equal content and size hold the same bytes under any id and name."""
    one, two = FakeFile("a.safetensors", id=1, content=9), FakeFile(
        "b.safetensors", id=2, content=9
    )
    assert file_body(one).read(0, 9999) == file_body(two).read(0, 9999)


def test_the_truth_knows_why_not():
    """Every listed file is there, with the reason when it cannot be had."""
    future = datetime(2099, 1, 1, tzinfo=timezone.utc)
    mine = frozenset({GOOD_KEY})
    world = World()
    for number, version in enumerate(
        [
            FakeVersion(),
            FakeVersion(early_access_until=future),
            FakeVersion(early_access_until=future, owners=mine),
            FakeVersion(private=True),
            FakeVersion(requires_login=True),
            FakeVersion(usage_control="Generation"),
            FakeVersion(files=[FakeFile(hashes="wrong")]),
            FakeVersion(status="Draft"),
        ],
        start=1,
    ):
        world.model(FakeModel(number, versions=[version]))
    world.model(FakeModel(9, mode="Archived")).model(FakeModel(10, poi=True))
    reasons = {file.model_id: file.reason for file in world.truth.files(key=GOOD_KEY)}
    assert reasons == {
        1: "",
        2: "early access",
        3: "",
        4: "no permission",
        5: "",
        6: "downloads disabled",
        7: "wrong SHA256 listed",
        9: "archived",
    }
    anonymous = {file.model_id: file.reason for file in world.truth.files(key=None)}
    assert (anonymous[3], anonymous[5]) == ("early access", "login needed")
    later = datetime(2100, 1, 1, tzinfo=timezone.utc)
    assert world.truth.files(now=later)[1].obtainable


async def test_a_new_version_appears_while_served(serve):
    """add_version puts a version on top, and its file can be downloaded."""
    ask = await serve(World().model(1, creator="ann"))
    ask.fake.world.add_version(1, FakeVersion("v2"))
    versions = (await ask.get("models/1"))[1]["modelVersions"]
    assert [version["name"] for version in versions] == ["v2", "v1.0"]
    assert isinstance(await ask.file(versions[0]["id"], versions[0]["files"][0]), bytes)


async def test_what_is_removed_is_gone(serve):
    """A removed model is 404 everywhere; what was downloaded before is another matter."""
    ask = await serve(World().model(1, creator="ann").image(FakeImage(id=5, username="ann")))
    _, model = await ask.get("models/1")
    version = model["modelVersions"][0]
    ask.fake.world.remove_model(1).remove_image(5)
    assert (await ask.get("models/1"))[0] == 404
    assert (await ask.get(f"model-versions/{version['id']}"))[0] == 404
    assert await ask.file(version["id"], version["files"][0]) == 404
    assert await ask.user_images("ann") == {}


async def test_a_model_can_change_its_state(serve):
    """change_model turns a healthy model into an archived one."""
    ask = await serve(World().model(1))
    ask.fake.world.change_model(1, lambda model: replace(model, mode="Archived"))
    assert (await ask.get("models/1"))[1]["mode"] == "Archived"


async def test_a_file_can_be_uploaded_anew(serve):
    """A new revision has other bytes and another SHA256 under the same id."""
    ask = await serve(World().model(1))
    before = ask.fake.world.truth.files()[0]
    ask.fake.world.change_file(before.file_id, lambda file: replace(file, revision=1))
    after = ask.fake.world.truth.files()[0]
    assert after.file_id == before.file_id
    assert after.sha256 != before.sha256
