"""/api/download/models and the storage behind it."""

from datetime import datetime, timezone

import pytest

from civitai_dl.testing import (
    GOOD_KEY,
    FakeFile,
    FakeModel,
    FakeOptions,
    FakeVersion,
    World,
)

FUTURE = datetime(2099, 1, 1, tzinfo=timezone.utc)


def one(version, **model):
    return World().model(FakeModel(1, versions=[version], **model))


async def ask_for(ask, version_id=10, agent="civitai-dl-tests/1", **query):
    """Status, body or None, and headers of a download request."""
    url = f"{ask.fake.base_url}/api/download/models/{version_id}"
    headers = {"User-Agent": agent, **ask.key}
    async with ask.session.get(url, params=query, headers=headers, allow_redirects=False) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else None, answer.headers


async def file_name(ask, **query):
    """The name of the file that a download request means, None for 404."""
    status, _, headers = await ask_for(ask, **query)
    if status == 404:
        return None
    async with ask.session.get(headers["Location"]) as answer:
        return answer.content_disposition.filename


@pytest.mark.parametrize(
    ("version", "status", "body"),
    [
        (
            FakeVersion("v", 10, early_access_until=FUTURE),
            403,
            {
                "error": "Early Access",
                "deadline": "2099-01-01T00:00:00.000Z",
                "message": "This asset is in Early Access. You can use Buzz access it now!",
            },
        ),
        (
            FakeVersion("v", 10, private=True),
            403,
            {"error": "You do not have access to download this file"},
        ),
        (
            FakeVersion("v", 10, requires_login=True),
            401,
            {
                "error": "Unauthorized",
                "message": "The creator of this asset requires you to be logged in to download it",
            },
        ),
        (
            FakeVersion("v", 10, usage_control="Generation"),
            401,
            {
                "error": "Unauthorized",
                "message": "The creator of this asset has disabled downloads on this file",
            },
        ),
        (FakeVersion("v", 10, status="Draft"), 404, {"error": "File not found"}),
    ],
)
async def test_refusals(serve, version, status, body):
    """Each refusal has its status and body."""
    ask = await serve(one(version))
    assert (await ask_for(ask))[:2] == (status, body)


async def test_archived_is_410(serve):
    """A file of an archived model is gone for good, early access or not."""
    ask = await serve(one(FakeVersion("v", 10, early_access_until=FUTURE), mode="Archived"))
    status, body, _ = await ask_for(ask)
    assert (status, body) == (410, {"error": "Model archived, not available for download"})


async def test_owners_are_let_in(serve):
    """A key that has bought early access is redirected; a wrong key is only anonymous."""
    version = FakeVersion("v", 10, early_access_until=FUTURE, owners=frozenset({GOOD_KEY}))
    assert (await ask_for(await serve(one(version), key=GOOD_KEY)))[0] == 307
    assert (await ask_for(await serve(one(version), key="wrong")))[0] == 403


async def test_a_key_can_be_required(serve):
    """With require_key_for_downloads only a good key downloads; Authorization beats ?token=."""
    world = one(FakeVersion("v", 10))
    anonymous = await serve(world, require_key_for_downloads=True)
    assert (await ask_for(anonymous))[0] == 401
    assert (await ask_for(anonymous, token=GOOD_KEY))[0] == 307
    wrong = await serve(world, key="wrong", require_key_for_downloads=True)
    assert (await ask_for(wrong, token=GOOD_KEY))[0] == 401


async def test_a_blocked_key_is_forbidden(serve):
    """A key on the block list gets 403 Forbidden before anything else."""
    ask = await serve(one(FakeVersion("v", 10)), GOOD_KEY, blocked_keys=frozenset({GOOD_KEY}))
    assert (await ask_for(ask))[:2] == (403, {"error": "Forbidden"})


async def test_the_quota_rolls_on(serve):
    """After two redirects there is a 429 without Retry-After, for 24 hours."""
    ask = await serve(one(FakeVersion("v", 10)), quota=2)
    assert [(await ask_for(ask))[0] for _ in range(3)] == [307, 307, 429]
    _, body, headers = await ask_for(ask)
    assert body["error"].startswith("We've noticed an unusual amount of downloading")
    assert "Retry-After" not in headers
    ask.fake.advance(24 * 3600 + 1)
    assert (await ask_for(ask))[0] == 307


async def test_a_file_must_belong_to_its_version(serve):
    """`fileId` of another version, a hidden file or none at all is a 404."""
    files = [FakeFile("a.safetensors", id=1), FakeFile("b.zip", id=2, public=False)]
    versions = [FakeVersion("b", 11), FakeVersion("a", 10, files=files)]
    ask = await serve(World().model(FakeModel(1, versions=versions)))
    assert [(await ask_for(ask, fileId=n))[0] for n in (1, 2, 3, 500001)] == [307, 404, 404, 404]
    assert (await ask_for(ask, fileId="x"))[0] == 400


async def test_without_file_id_the_best_fit_is_sent(serve):
    """A bare request means the primary file; words choose, and must not be contradicted."""
    files = [
        FakeFile("full.safetensors", extent="full", precision="fp32", primary=True),
        FakeFile("pruned.safetensors"),
        FakeFile("old.ckpt", format="PickleTensor", extent="full", precision="fp32"),
    ]
    ask = await serve(one(FakeVersion("v", 10, files=files)))
    assert await file_name(ask) == "full.safetensors"
    assert await file_name(ask, size="pruned") == "pruned.safetensors"
    assert await file_name(ask, type="Model", format="PickleTensor") == "old.ckpt"
    assert await file_name(ask, type="VAE") is None
    assert (await ask_for(ask, format="Word"))[0] == 400


async def test_listed_urls_lead_to_their_files(serve):
    """Every listed downloadUrl leads to the file that lists it."""
    files = [
        FakeFile("a.safetensors"),
        FakeFile("b.safetensors", extent="full", precision="fp32"),
        FakeFile("c.zip", format="Other", kind="Training Data", extent=None, precision=None),
    ]
    ask = await serve(one(FakeVersion("v", 10, files=files)))
    for file in (await ask.get("models/1"))[1]["modelVersions"][0]["files"]:
        async with ask.session.get(file["downloadUrl"], headers=ask.headers) as answer:
            assert answer.content_disposition.filename == file["name"]


async def test_a_linked_vae_needs_its_listed_url(serve):
    """A linked VAE is 404 by fileId and comes by its listed ?type=VAE URL."""
    files = [FakeFile("host.safetensors"), FakeFile("x.vae.safetensors", id=5, linked=True)]
    ask = await serve(one(FakeVersion("v", 10, files=files)))
    listed = (await ask.get("models/1"))[1]["modelVersions"][0]["files"][1]
    assert listed["type"] == "VAE"
    assert (await ask_for(ask, fileId=5))[0] == 404
    assert "type=VAE" in listed["downloadUrl"]
    assert await file_name(ask, type="VAE") == "x.vae.safetensors"


async def test_a_listed_url_may_be_404_where_the_id_works(serve):
    """A broken listed URL is a 404, the file comes by fileId."""
    files = [
        FakeFile("a.safetensors"),
        FakeFile("b.gguf", id=5, listed_url_broken=True, kind="UNet"),
    ]
    ask = await serve(one(FakeVersion("v", 10, files=files)))
    listed = (await ask.get("models/1"))[1]["modelVersions"][0]["files"][1]
    async with ask.session.get(listed["downloadUrl"], headers=ask.headers) as answer:
        assert answer.status == 404
    assert (await ask_for(ask, fileId=5))[0] == 307


async def test_newer_builds_list_the_file_id(serve):
    """file_ids_in_urls puts ?fileId= in files[].downloadUrl, not in the version's."""
    ask = await serve(one(FakeVersion("v", 10)), file_ids_in_urls=True)
    version = (await ask.get("models/1"))[1]["modelVersions"][0]
    assert version["files"][0]["downloadUrl"].endswith("?fileId=500001")
    assert version["downloadUrl"].endswith("/10")


async def test_a_404_may_pass(serve):
    """A transient 404 has another Cache-Control and is over after so many times."""
    ask = await serve(one(FakeVersion("v", 10, files=[FakeFile(transient_404s=2)])))
    answers = [await ask_for(ask) for _ in range(3)]
    assert [status for status, _, _ in answers] == [404, 404, 307]
    assert answers[0][2]["Cache-Control"] == "private, no-store"
    assert (await ask_for(ask, version_id=99))[2]["Cache-Control"] == "no-store, max-age=0"


async def test_browsers_get_pages(serve):
    """A browser-like agent is redirected to a login page, or gets plain text."""
    ask = await serve(one(FakeVersion("v", 10, requires_login=True)))
    status, _, headers = await ask_for(ask, agent="Mozilla/5.0")
    assert status == 307
    assert "/login?" in headers["Location"]
    async with ask.session.get(headers["Location"], headers=ask.headers) as answer:
        assert answer.content_type == "text/html"
    assert (await ask_for(ask, version_id=99, agent="Mozilla/5.0"))[2]["Content-Type"].startswith(
        "text/plain"
    )


async def test_redirects_lead_to_either_store(serve):
    """R2 and B2 take turns, no URL comes twice, and both give the same bytes."""
    ask = await serve(one(FakeVersion("v", 10)))
    links = [(await ask_for(ask))[2]["Location"] for _ in range(4)]
    assert len(set(links)) == 4
    assert sum("X-Amz-Signature=" in link for link in links) == 2
    assert sum("/file/civitai-modelfiles/" in link for link in links) == 2
    assert len({await ask._bytes(link) for link in links}) == 1
    assert ask.fake.account.resolves() == {500001: 4}


async def test_redirects_are_not_cached_and_may_be_302(serve):
    """no-store on the redirect; the status can be the one that tools report."""
    ask = await serve(one(FakeVersion("v", 10)), redirect_status=302)
    status, _, headers = await ask_for(ask)
    assert (status, headers["Cache-Control"]) == (302, "no-store")


@pytest.mark.parametrize(("store", "status"), [("r2", 403), ("b2", 401)])
async def test_signed_urls_expire(serve, store, status):
    """After their lifetime the store refuses, and a fresh URL works."""
    ask = await serve(one(FakeVersion("v", 10)), stores=(store,), link_lifetime=60.0)
    old = (await ask_for(ask))[2]["Location"]
    assert isinstance(await ask._bytes(old), bytes)
    ask.fake.advance(61)
    assert await ask._bytes(old) == status
    assert isinstance(await ask._bytes((await ask_for(ask))[2]["Location"]), bytes)


@pytest.mark.parametrize("store", ["r2", "b2"])
async def test_storage_refuses_a_second_authorization(serve, store):
    """Authorization beside the signature is a 400 InvalidRequest, and is booked as a leak."""
    ask = await serve(one(FakeVersion("v", 10)), stores=(store,))
    link = (await ask_for(ask))[2]["Location"]
    async with ask.session.get(link, headers={"Authorization": "Bearer x"}) as answer:
        assert answer.status == 400
        assert "<Code>InvalidRequest</Code>" in await answer.text()
    assert len(ask.fake.account.leaks("")) == 1


@pytest.mark.parametrize("store", ["r2", "b2"])
async def test_a_changed_url_is_refused(serve, store):
    """A signature fits one path and one set of parameters, and GET only."""
    ask = await serve(one(FakeVersion("v", 10)), stores=(store,))
    link = (await ask_for(ask))[2]["Location"]
    assert await ask._bytes(link.replace("x500001", "x500002")) == 403
    async with ask.session.head(link) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("store", ["r2", "b2"])
async def test_ranges(serve, store):
    """206 with Content-Range, open and suffix ranges, 416 with the size, If-Range by ETag."""
    ask = await serve(one(FakeVersion("v", 10, files=[FakeFile(size=5000)])), stores=(store,))
    link = (await ask_for(ask))[2]["Location"]
    whole = await ask._bytes(link)

    async def part(wanted, **more):
        headers = {"Range": wanted, **more}
        async with ask.session.get(link, headers=headers) as answer:
            return answer.status, answer.headers.get("Content-Range"), await answer.read()

    assert await part("bytes=0-0") == (206, "bytes 0-0/5000", whole[:1])
    assert await part("bytes=4000-") == (206, "bytes 4000-4999/5000", whole[4000:])
    assert await part("bytes=-10") == (206, "bytes 4990-4999/5000", whole[-10:])
    assert await part("bytes=4990-9999") == (206, "bytes 4990-4999/5000", whole[-10:])
    assert (await part("bytes=5000-"))[:2] == (416, "bytes */5000")
    assert (await part("bytes=10-", **{"If-Range": '"other"'}))[0] == 200
    async with ask.session.get(link) as answer:
        tag = answer.headers["ETag"]
    assert (await part("bytes=10-", **{"If-Range": tag}))[0] == 206
    assert (await part("bytes=0-1,5-6"))[0] == 200


async def test_etags_differ_between_stores_and_revisions(serve):
    """The ETag is the store's own, and changes with the bytes under the same file id."""
    world = one(FakeVersion("v", 10))
    ask = await serve(world)

    async def tags():
        found = set()
        for _ in range(2):
            async with ask.session.get((await ask_for(ask))[2]["Location"]) as answer:
                found.add(answer.headers["ETag"])
        return found

    before = await tags()
    world.change_file(500001, lambda file: FakeFile(file.name, id=file.id, revision=1))
    after = await tags()
    assert len(before | after) == 4


async def test_hostile_names_make_no_second_header(serve):
    """A line break in a file name never breaks the header that carries it."""
    world = one(FakeVersion("v", 10, files=[FakeFile("a\r\nX-Evil: 1.safetensors")]))
    ask = await serve(world)
    for _ in range(2):
        async with ask.session.get((await ask_for(ask))[2]["Location"]) as answer:
            assert answer.status == 200
            assert "X-Evil" not in answer.headers


async def test_options_can_change_while_serving(serve):
    """New options hold from the next request on."""
    ask = await serve(one(FakeVersion("v", 10)))
    assert (await ask_for(ask))[0] == 307
    ask.fake.options = FakeOptions(require_key_for_downloads=True)
    assert (await ask_for(ask))[0] == 401
