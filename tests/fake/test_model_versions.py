"""/model-versions by id, by hash, in brief."""

from datetime import datetime, timezone

import pytest

from civitai_dl.testing import GOOD_KEY, FakeFile, FakeImage, FakeModel, FakeVersion, World


def two_versions_one_file():
    versions = [
        FakeVersion("new", 12, files=[FakeFile(content=5)]),
        FakeVersion("old", 11, files=[FakeFile(content=5)]),
    ]
    return World().model(FakeModel(1, creator="ann", versions=versions))


async def post(ask, path, data):
    url = f"{ask.fake.base_url}/api/v1/model-versions/{path}"
    async with ask.session.post(url, json=data, headers=ask.headers) as answer:
        return answer.status, await answer.json()


async def test_a_version_has_meta_but_no_creator(serve):
    """By id: modelId, AIR, images with meta and the upload's size; no creator, no tags."""
    image = FakeImage(meta={"prompt": "a cat"})
    world = World().model(FakeModel(7, versions=[FakeVersion("v", 70, images=[image])]))
    ask = await serve(world)
    _, version = await ask.get("model-versions/70")
    assert version["modelId"] == 7
    assert version["air"] == "urn:air:sdxl:lora:civitai:7@70"
    assert not {"creator", "tags"} & version.keys()
    (shown,) = version["images"]
    assert shown["meta"] == {"prompt": "a cat"}
    assert shown["metadata"]["size"] == world.truth.previews(7)[70][0].size
    assert version["files"][0]["primary"] is True


async def test_unrated_versions_are_unknown_by_id(serve):
    """`nsfwLevel` 0 is a 404 here although the model lists the version."""
    world = World().model(FakeModel(1, versions=[FakeVersion("v", 10, nsfw_level=0)]))
    ask = await serve(world)
    assert await ask.get("model-versions/10") == (404, {"error": "Model not found"})
    assert (await ask.get("models/1"))[1]["modelVersions"][0]["nsfwLevel"] == 0


async def test_a_new_version_may_be_known_here_first(serve):
    """A lagging version is missing in the model and present by id."""
    versions = [FakeVersion("new", 11, lagging=True), FakeVersion("old", 10)]
    ask = await serve(World().model(FakeModel(1, versions=versions)))
    model = (await ask.get("models/1"))[1]
    assert [version["id"] for version in model["modelVersions"]] == [10]
    assert (await ask.get("model-versions/11"))[0] == 200


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("x", 400, "Missing modelVersionId"),
        ("99", 404, "Model not found"),
        ("10", 404, "Missing model file"),
    ],
)
async def test_what_is_missing_is_said(serve, path, status, error):
    """Each kind of missing has its own text."""
    world = World().model(FakeModel(1, versions=[FakeVersion("bare", 10, files=())]))
    ask = await serve(world)
    assert await ask.get(f"model-versions/{path}") == (status, {"error": error})


async def test_at_most_ten_images_by_id_and_twenty_in_the_model(serve):
    """25 previews: the model shows 20 of them, the version 10."""
    version = FakeVersion("v", 10, images=[FakeImage()] * 25)
    ask = await serve(World().model(FakeModel(1, versions=[version])))
    assert len((await ask.get("models/1"))[1]["modelVersions"][0]["images"]) == 20
    assert len((await ask.get("model-versions/10"))[1]["images"]) == 10


async def test_any_digest_finds_the_oldest_version(serve):
    """by-hash takes every kind of digest in any case and gives the oldest version."""
    ask = await serve(two_versions_one_file())
    hashes = (await ask.get("models/1"))[1]["modelVersions"][0]["files"][0]["hashes"]
    for digest in hashes.values():
        status, version = await ask.get(f"model-versions/by-hash/{digest.lower()}")
        assert (status, version["id"]) == (200, 11)
    missing = await ask.get("model-versions/by-hash/00000000")
    assert missing == (404, {"error": "Model not found"})


async def test_many_digests_in_any_order_with_gaps(serve):
    """POST by-hash: several versions per digest, misses absent, addresses without a host."""
    ask = await serve(two_versions_one_file())
    sha256 = ask.fake.world.truth.files()[0].sha256
    status, found = await post(ask, "by-hash", ["0" * 64, sha256])
    assert status == 200
    assert sorted(version["id"] for version in found) == [11, 12]
    assert found[0]["files"][0]["downloadUrl"].startswith("https://undefined/")
    assert (await post(ask, "by-hash", [sha256] * 101))[0] == 400
    assert (await post(ask, "by-hash", ["short"]))[0] == 400


async def test_unrated_versions_are_null_among_many(serve):
    """A digest that is known only from an unrated version gives null."""
    world = World().model(FakeModel(1, versions=[FakeVersion("v", 10, nsfw_level=0)]))
    ask = await serve(world)
    assert await post(ask, "by-hash", [world.truth.files()[0].sha256]) == (200, [None])


async def test_what_is_posted_must_be_digests(serve):
    """Anything but an array of strings is a 400, and the brief record of nothing a 404."""
    ask = await serve(World().model(1))
    for data in ({"hash": "x"}, [1], "x"):
        assert (await post(ask, "by-hash", data))[0] == 400
        assert (await post(ask, "by-hash/ids", data))[0] == 400
    url = f"{ask.fake.base_url}/api/v1/model-versions/by-hash"
    async with ask.session.post(url, data=b"no json", headers=ask.headers) as answer:
        assert answer.status == 400
    assert (await ask.get("model-versions/mini/99"))[0] == 404


async def test_ids_by_digest(serve):
    """POST by-hash/ids gives model and version ids only."""
    ask = await serve(two_versions_one_file())
    sha256 = ask.fake.world.truth.files()[0].sha256
    _, found = await post(ask, "by-hash/ids", [sha256.lower()])
    assert {(one["modelId"], one["modelVersionId"]) for one in found} == {(1, 11), (1, 12)}


async def test_ids_by_digest_have_a_limit_of_their_own(serve):
    """10,000 digests are answered, unknown ones by nothing; one more is a 400."""
    ask = await serve(two_versions_one_file())
    sha256 = ask.fake.world.truth.files()[0].sha256
    many = [f"{number:064x}" for number in range(9_999)]
    status, found = await post(ask, "by-hash/ids", [*many, sha256])
    assert (200, [11, 12]) == (status, sorted(one["modelVersionId"] for one in found))
    assert {sha256} == {one["hash"] for one in found}
    assert (await post(ask, "by-hash/ids", [*many, sha256, sha256]))[0] == 400


async def test_the_brief_record_tells_early_access(serve):
    """`mini` tells requireAuth and earlyAccessEndsAt."""
    until = datetime(2099, 1, 1, tzinfo=timezone.utc)
    version = FakeVersion("v", 10, early_access_until=until, requires_login=True)
    ask = await serve(World().model(FakeModel(1, versions=[version])), key=GOOD_KEY)
    _, mini = await ask.get("model-versions/mini/10")
    assert mini["requireAuth"] is True
    assert mini["earlyAccessEndsAt"] == "2099-01-01T00:00:00.000Z"


async def test_several_digests_of_a_file_are_true(serve):
    """SHA256, AutoV2 and CRC32 that are listed fit the bytes."""
    ask = await serve(World().model(FakeModel(1, versions=[FakeVersion("v", 10)])))
    file = (await ask.get("model-versions/10"))[1]["files"][0]
    body = await ask.file(10, file)
    import hashlib
    import zlib

    sha256 = hashlib.sha256(body).hexdigest().upper()
    assert file["hashes"]["SHA256"] == sha256
    assert file["hashes"]["AutoV2"] == sha256[:10]
    assert file["hashes"]["CRC32"] == f"{zlib.crc32(body):08X}"
    assert round(file["sizeKB"] * 1024) == len(body)
