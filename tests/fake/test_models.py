"""/models and /models/:id, with what hurts."""

from datetime import datetime, timedelta, timezone

import pytest

from civitai_dl.testing import (
    GOOD_KEY,
    KNOWN_FAULTS,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    World,
)


def many(count=10):
    world = World()
    for number in range(1, count + 1):
        world.model(number, creator="ann")
    return world


def ids(page):
    return [item["id"] for item in page["items"]]


async def test_limit_is_at_most_100(serve):
    """limit=101 is a 400 with a zod error, limit=100 and limit=0 are fine."""
    ask = await serve(many())
    status, body = await ask.get("models", limit=101)
    assert status == 400
    assert body["error"]["name"] == "ZodError"
    assert ids((await ask.get("models", limit=100))[1])
    assert (await ask.get("models", limit=0))[1] == {"items": [], "metadata": {}}


async def test_oldest_repeats_and_loses_nothing(serve):
    """Oldest gives every model; the one at a page border comes twice."""
    ask = await serve(many())
    got = [item["id"] for item in await ask.pages("models", sort="Oldest", limit=4)]
    assert got == [1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10]


async def test_newest_loses_one_at_each_border(serve):
    """Newest drops the look-ahead row of every page but the last."""
    ask = await serve(many())
    got = [item["id"] for item in await ask.pages("models", sort="Newest", limit=4)]
    assert got == [10, 9, 8, 7, 5, 4, 3, 2]


@pytest.mark.parametrize("sort", ["Newest", "Oldest", "Highest Rated", "Most Downloaded"])
async def test_a_newer_build_loses_and_repeats_nothing(serve, sort):
    """With newest_loses=False every sort gives every model once."""
    ask = await serve(many(), newest_loses=False)
    got = [item["id"] for item in await ask.pages("models", sort=sort, limit=3)]
    assert len(got) == 10
    assert set(got) == set(range(1, 11))


async def test_a_page_of_one_ends(serve):
    """With limit=1 Oldest still comes to its end."""
    ask = await serve(many(4))
    assert len(await ask.pages("models", sort="Oldest", limit=1)) == 4


async def test_cursors_have_the_shapes_of_the_service(serve):
    """A rated cursor is value|value|id, a dated one timestamp|id; nextPage echoes all else."""
    ask = await serve(many())
    page = (await ask.get("models", limit=2, nsfw="true"))[1]
    first, second, last = page["metadata"]["nextCursor"].split("|")
    assert first.isdecimal()
    assert second.isdecimal()
    assert int(last) in range(1, 11)
    assert "nsfw=true" in page["metadata"]["nextPage"]
    dated = (await ask.get("models", limit=2, sort="Newest"))[1]["metadata"]["nextCursor"]
    assert len(dated.split("|")) == 2


@pytest.mark.parametrize("cursor", ["nonsense", "1|2", "|7", "a|b|3", "1|2|3|4"])
async def test_a_wrong_cursor_is_refused(serve, cursor):
    """A cursor of another shape is a 400 with a message."""
    ask = await serve(many())
    status, body = await ask.get("models", cursor=cursor)
    assert status == 400
    assert body["message"].startswith("Invalid cursor")


async def test_hidden_counts_make_a_cursor_with_a_gap(serve):
    """A model without counts sorts last and leads to a cursor that the service then refuses."""
    hidden = {"downloadCount": None, "thumbsUpCount": None}
    world = World().model(1).model(FakeModel(2, stats=hidden)).model(FakeModel(3, stats=hidden))
    ask = await serve(world)
    _, page = await ask.get("models", sort="Most Downloaded", limit=2)
    assert ids(page) == [1, 3]
    assert page["metadata"]["nextCursor"] == "||2"
    assert (await ask.get("models", sort="Most Downloaded", cursor="||2"))[0] == 400


async def test_page_repeats_the_first_page_and_is_capped(serve):
    """Every page number gives the first page; page*limit over 1000 is a 429 for good."""
    ask = await serve(many())
    first = (await ask.get("models", limit=3, page=1))[1]
    assert first["metadata"]["currentPage"] == 1
    assert ids(first) == ids((await ask.get("models", limit=3, page=2))[1])
    status, body = await ask.get("models", limit=100, page=11)
    assert status == 429
    assert body == {"error": "You've requested too many pages, please use cursors instead"}
    assert (await ask.get("models", query="model", page=1))[0] == 400


async def test_nsfw_true_and_absent_hide_different_models(serve):
    """Absent shows PG models, minor-flagged ones too; true shows all ratings but no minors."""
    mature = FakeModel(2, versions=[FakeVersion(images=[FakeImage(level=8)])])
    world = World().model(1).model(mature).model(FakeModel(3, minor=True))
    world.model(FakeModel(4, tags=("hidden-with-nsfw",)))
    ask = await serve(world)
    assert sorted(ids((await ask.get("models"))[1])) == [1, 3, 4]
    assert sorted(ids((await ask.get("models", nsfw="false"))[1])) == [1, 3, 4]
    assert sorted(ids((await ask.get("models", nsfw="true"))[1])) == [1, 2]
    assert (await ask.get("models", nsfw="maybe"))[0] == 400


async def test_images_of_a_list_follow_the_rating(serve):
    """Without nsfw=true only the PG images of a version are listed."""
    images = [FakeImage(level=1), FakeImage(level=4)]
    ask = await serve(World().model(FakeModel(1, versions=[FakeVersion(images=images)])))
    sfw = (await ask.get("models"))[1]["items"][0]["modelVersions"][0]["images"]
    full = (await ask.get("models", nsfw="true"))[1]["items"][0]["modelVersions"][0]["images"]
    assert [image["nsfwLevel"] for image in sfw] == [1]
    assert [image["nsfwLevel"] for image in full] == [1, 4]
    assert all("id" in image for image in full)


async def test_archived_models_are_listed_on_request_only(serve):
    """archived=true adds archived models, and so does archived=false."""
    ask = await serve(World().model(1).model(FakeModel(2, mode="Archived")))
    assert ids((await ask.get("models"))[1]) == [1]
    assert sorted(ids((await ask.get("models", archived="true"))[1])) == [1, 2]
    assert sorted(ids((await ask.get("models", archived="false"))[1])) == [1, 2]


async def test_a_truthy_filter_cannot_be_switched_off(serve):
    """supportsGeneration=false filters as true does."""
    ask = await serve(many())
    assert ids((await ask.get("models", supportsGeneration="false"))[1]) == []


async def test_unpublished_and_real_person_models_do_not_exist(serve):
    """Neither the list nor the id shows them."""
    world = World().model(FakeModel(1, status="Draft")).model(FakeModel(2, poi=True))
    ask = await serve(world)
    assert ids((await ask.get("models", nsfw="true"))[1]) == []
    assert (await ask.get("models/1")) == (404, {"error": "No model with id 1"})
    assert (await ask.get("models/2"))[0] == 404


async def test_versions_that_are_not_public_need_a_name(serve):
    """An Unsearchable version is listed only when ids or a username is given."""
    versions = [FakeVersion("quiet", availability="Unsearchable"), FakeVersion("loud")]
    ask = await serve(World().model(FakeModel(1, creator="ann", versions=versions)))

    async def names(**query):
        items = (await ask.get("models", **query))[1]["items"]
        return [version["name"] for version in items[0]["modelVersions"]]

    assert await names() == ["loud"]
    assert await names(ids="1") == ["quiet", "loud"]
    assert await names(username="ann") == ["quiet", "loud"]


async def test_models_without_usable_versions_make_pages_short(serve):
    """A model that has nothing to show is dropped after the page was cut; the cursor stays."""
    draft = FakeVersion(status="Draft")
    world = World().model(FakeModel(1, versions=[draft])).model(FakeModel(2, versions=[draft]))
    world.model(3)
    ask = await serve(world)
    _, page = await ask.get("models", sort="Oldest", limit=2)
    assert page["items"] == []
    assert page["metadata"]["nextCursor"]
    assert [item["id"] for item in await ask.pages("models", sort="Oldest", limit=2)] == [3]


async def test_filters_by_user_type_base_model_and_ids(serve):
    """`username` ignores case, types and baseModels repeat the key, ids is a comma list."""
    world = World().model(1, creator="Ann").model(2, creator="bob", kind="Checkpoint")
    world.model(FakeModel(3, creator="bob", versions=[FakeVersion(base_model="Pony")]))
    ask = await serve(world)
    assert ids((await ask.get("models", username="aNN"))[1]) == [1]
    assert (await ask.get("models", username="nobody")) == (404, {"message": "User not found"})
    assert ids((await ask.get("models", types="Checkpoint"))[1]) == [2]
    assert (await ask.get("models", types="LORA,Checkpoint"))[0] == 400
    assert ids((await ask.get("models", baseModels="Pony"))[1]) == [3]
    assert sorted(ids((await ask.get("models", ids="1,3,99"))[1])) == [1, 3]
    assert ids((await ask.get("models", modelVersionIds="100002"))[1]) == [2]


async def test_an_unknown_tag_drops_the_filter(serve):
    """A tag that exists filters, one that does not lists everything."""
    world = World().model(FakeModel(1, tags=("cat",))).model(FakeModel(2, tags=("dog",)))
    ask = await serve(world)
    assert ids((await ask.get("models", tag="cat"))[1]) == [1]
    assert len(ids((await ask.get("models", tag="unicorn"))[1])) == 2


async def test_a_text_search_pages_by_number_and_cuts_pages_short(serve):
    """`query` filters by type inside; all other filters cut the page afterwards."""
    world = World()
    for number in range(1, 7):
        world.model(number, name=f"style {number}", creator="ann" if number > 4 else "bob")
    ask = await serve(world)
    _, page = await ask.get("models", query="style", limit=4, username="ann")
    assert ids(page) == []
    assert page["metadata"]["nextCursor"] == 4
    assert ids((await ask.get("models", query="style", limit=4, username="ann", cursor=4))[1]) == [
        5,
        6,
    ]


async def test_period_looks_at_the_last_version(serve):
    """period=Week lists models whose last version is from the last seven days."""
    recent = datetime.now(timezone.utc) - timedelta(days=2)
    world = World().model(1).model(FakeModel(2, versions=[FakeVersion(published_at=recent)]))
    ask = await serve(world)
    assert ids((await ask.get("models", period="Week"))[1]) == [2]


async def test_favorites_need_a_session(serve):
    """The mere presence of favorites or hidden is a 401 for anonymous callers."""
    ask = await serve(many(2))
    assert await ask.get("models", favorites="false") == (401, {"error": "Unauthorized"})
    known = await serve(many(2), key=GOOD_KEY)
    assert (await known.get("models", favorites="false"))[0] == 200


async def test_uncoerced_parameters_are_refused(serve):
    """Parameters typed as number or boolean without coercion are a 400 for any value."""
    ask = await serve(many(2))
    assert (await ask.get("models", browsingLevel="1"))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "x"},
        {"limit": "-1"},
        {"page": "0"},
        {"sort": "Best"},
        {"period": "Century"},
        {"ids": "1,x"},
        {"types": "Lora"},
        {"checkpointType": "Mixed"},
        {"allowCommercialUse": "Maybe"},
        {"availability": "Open"},
    ],
)
async def test_wrong_words_are_refused(serve, query):
    """What the schema does not know is a 400 that names the parameter."""
    ask = await serve(many(1))
    status, body = await ask.get("models", **query)
    assert status == 400
    assert body["error"]["issues"][0]["path"] == list(query)


async def test_availability_and_early_access_filter(serve):
    """`availability` looks at the model, earlyAccess at its versions."""
    until = datetime(2099, 1, 1, tzinfo=timezone.utc)
    world = World().model(FakeModel(1, availability="Unsearchable"))
    world.model(FakeModel(2, versions=[FakeVersion(early_access_until=until)]))
    ask = await serve(world)
    assert ids((await ask.get("models", availability="Unsearchable"))[1]) == [1]
    assert ids((await ask.get("models", earlyAccess="true"))[1]) == [2]
    version = (await ask.get("models", ids="2"))[1]["items"][0]["modelVersions"][0]
    assert version["paidAccess"] == {"permanent": False, "endsAt": "2099-01-01T00:00:00.000Z"}


async def test_other_methods_are_refused(serve):
    """HEAD and POST are 405, OPTIONS is 200."""
    ask = await serve(many(2))
    url = f"{ask.fake.base_url}/api/v1/models"
    for method, status in (("HEAD", 405), ("POST", 405), ("OPTIONS", 200)):
        async with ask.session.request(method, url, headers=ask.headers) as answer:
            assert answer.status == status


async def test_a_model_by_id_leaves_out_what_is_empty(serve):
    """Null and empty keys are removed, images have no id, the next version is kept."""
    ask = await serve(World().model(FakeModel(1, versions=[FakeVersion(images=())])))
    version = (await ask.get("models/1"))[1]["modelVersions"][0]
    assert not {"description", "trainedWords", "images", "paidAccess"} & version.keys()
    assert version["status"] == "Published"
    assert (await ask.get("models"))[1]["items"][0]["modelVersions"][0]["description"] is None


async def test_a_model_by_id_drops_versions_without_a_file(serve):
    """A version without a primary file does not appear, nor does a draft or a later one."""
    later = datetime(2099, 1, 1, tzinfo=timezone.utc)
    versions = [
        FakeVersion("bare", files=()),
        FakeVersion("draft", status="Draft"),
        FakeVersion("later", published_at=later),
        FakeVersion("good"),
    ]
    ask = await serve(World().model(FakeModel(1, versions=versions)))
    model = (await ask.get("models/1"))[1]
    assert [version["name"] for version in model["modelVersions"]] == ["good"]


async def test_archived_and_taken_down_models_show_their_gaps(serve):
    """Archived: files [] and no downloadUrl. TakenDown: images []."""
    world = World().model(FakeModel(1, mode="Archived")).model(FakeModel(2, mode="TakenDown"))
    ask = await serve(world)
    archived = (await ask.get("models/1"))[1]
    assert archived["mode"] == "Archived"
    assert archived["modelVersions"][0]["files"] == []
    assert "downloadUrl" not in archived["modelVersions"][0]
    assert (await ask.get("models/2"))[1]["modelVersions"][0]["images"] == []


@pytest.mark.parametrize(("number", "status"), [("2147483648", 400), ("x", 400), ("0", 404)])
async def test_model_ids_have_bounds(serve, number, status):
    """An id beyond 32 bits or no number at all is a 400, an unknown one a 404."""
    ask = await serve(World())
    assert (await ask.get(f"models/{number}"))[0] == status


async def test_answers_tell_caches_what_to_do(serve):
    """Public answers have s-maxage, a list with a key does not."""
    for key, expected in ((None, "public, s-maxage=300"), (GOOD_KEY, "private")):
        ask = await serve(many(2), key=key)
        url = f"{ask.fake.base_url}/api/v1/models"
        async with ask.session.get(url, headers={**ask.headers, **ask.key}) as answer:
            assert answer.headers["Cache-Control"].startswith(expected)
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_blocked_region_gets_451(serve):
    """Every call is answered with REGION_BLOCKED."""
    ask = await serve(many(2), region_blocked=True)
    status, body = await ask.get("models")
    assert status == 451
    assert body["code"] == "REGION_BLOCKED"


async def test_an_agent_of_urllib_is_challenged(serve):
    """The default User-Agent of Python's urllib is refused with HTML."""
    ask = await serve(many(2))
    ask.headers["User-Agent"] = "Python-urllib/3.11"
    async with ask.session.get(f"{ask.fake.base_url}/api/v1/models", headers=ask.headers) as answer:
        assert answer.status == 403
        assert answer.headers["cf-mitigated"] == "challenge"
        assert "Just a moment" in await answer.text()


async def test_the_edge_limits_requests(serve):
    """More requests than the edge lets through are 429, and time brings them back."""
    ask = await serve(many(2), edge_rate=1.0, edge_burst=3, edge_retry_after=1)
    statuses = []
    for _ in range(4):
        async with ask.session.get(
            f"{ask.fake.base_url}/api/v1/models", headers=ask.headers
        ) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 200, 200, 429]
    assert answer.headers["Retry-After"] == "1"
    ask.fake.advance(2)
    assert (await ask.get("models"))[0] == 200


async def test_maintenance_is_html_with_200(serve):
    """A planted maintenance page is HTML, whatever its status says."""
    ask = await serve(many(2))
    ask.fake.faults.add(KNOWN_FAULTS["maintenance with 200"])
    async with ask.session.get(f"{ask.fake.base_url}/api/v1/models", headers=ask.headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"


async def test_addresses_follow_the_host_of_the_request(serve):
    """A list builds its URLs from Host, a model by id from the configured site."""
    ask = await serve(many(2))
    other = ask.fake.base_url.replace("127.0.0.1", "localhost")
    _, page = await ask.get(f"{other}/api/v1/models?limit=1")
    assert page["metadata"]["nextPage"].startswith(other)
    _, model = await ask.get(f"{other}/api/v1/models/1")
    assert model["modelVersions"][0]["downloadUrl"].startswith(ask.fake.base_url)


async def test_primary_file_only(serve):
    """`primaryFileOnly` leaves one file per version."""
    files = [FakeFile("a.safetensors"), FakeFile("b.safetensors", extent="full")]
    ask = await serve(World().model(FakeModel(1, versions=[FakeVersion(files=files)])))
    _, page = await ask.get("models", primaryFileOnly="true")
    assert [f["name"] for f in page["items"][0]["modelVersions"][0]["files"]] == ["a.safetensors"]


async def test_favourites_are_those_of_a_known_key(serve):
    """`favorites=true` lists what the key's owner has bookmarked; `=false` lists all."""
    ask = await serve(many(), key=GOOD_KEY, favorites=frozenset({3, 5}))
    assert sorted(ids((await ask.get("models", favorites="true"))[1])) == [3, 5]
    assert len(ids((await ask.get("models", favorites="false"))[1])) == 10


@pytest.mark.parametrize("word", ["true", "false"])
async def test_favourites_without_a_key_are_a_401_whatever_their_value(serve, word):
    """The key in the query is enough: `favorites=false` wants a session, too."""
    ask = await serve(many(), favorites=frozenset({3}))
    assert (await ask.get("models", favorites=word))[0] == 401


async def test_ranks_move_while_a_list_by_a_metric_is_read(serve):
    """Behind each page one model rises out of the rest and one falls into it; dates stay."""
    ask = await serve(many(30), ranks_move=True, newest_loses=False)
    got = [item["id"] for item in await ask.pages("models", sort="Most Liked", limit=10)]
    assert len(got) != len(set(got))
    assert set(got) < set(range(1, 31))
    calm = [item["id"] for item in await ask.pages("models", sort="Newest", limit=10)]
    assert calm == list(range(30, 0, -1))


async def test_an_unknown_tag_lists_everything(serve):
    """A tag that no model has drops out of the question; /tags tells which there are."""
    ask = await serve(many())
    assert len(ids((await ask.get("models", tag="no such"))[1])) == 10
    assert (await ask.get("tags", query="no such"))[1]["items"] == []
