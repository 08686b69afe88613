"""/images: the two back ends and their traps."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from civitai_dl.testing import KNOWN_FAULTS, FakeImage, FakeModel, FakeVersion, World


def gallery(count=10, **image):
    """A model without previews, whose version 10 has `count` posts of ann."""
    version = FakeVersion("v", 10, images=())
    world = World().model(FakeModel(1, creator="ann", versions=[version]))
    for number in range(1, count + 1):
        world.image(FakeImage(id=number, username="ann", version_ids=(10,), **image))
    return world


def ids(page):
    return [item["id"] for item in page["items"]]


async def test_the_default_is_pg_and_no_meta(serve):
    """Without parameters only PG images come, and meta is null."""
    world = gallery(2, meta={"prompt": "x"}).image(FakeImage(id=50, level=4))
    ask = await serve(world)
    _, page = await ask.get("images", sort="Oldest")
    assert ids(page) == [1, 2]
    assert [item["meta"] for item in page["items"]] == [None, None]
    _, page = await ask.get("images", withMeta="true")
    assert page["items"][0]["meta"] == {"prompt": "x"}


@pytest.mark.parametrize(
    ("query", "levels"),
    [
        ({"nsfw": "None"}, {1}),
        ({"nsfw": "Soft"}, {1, 2}),
        ({"nsfw": "Mature"}, {1, 2, 4}),
        ({"nsfw": "X"}, {1, 2, 4, 8, 16}),
        ({"nsfw": "true"}, {4, 8, 16}),
        ({"nsfw": "false"}, {1}),
        ({"browsingLevel": "31"}, {1, 2, 4, 8, 16}),
        ({"browsingLevel": "8", "nsfw": "None"}, {8}),
        ({"browsingLevel": "32"}, set()),
    ],
)
async def test_ratings(serve, query, levels):
    """`nsfw` words are cumulative, true is only mature, browsingLevel beats both; never Blocked."""
    world = World()
    for level in (1, 2, 4, 8, 16, 32, 0):
        world.image(FakeImage(username="ann", level=level))
    ask = await serve(world)
    _, page = await ask.get("images", **query)
    assert {item["browsingLevel"] for item in page["items"]} == levels


async def test_rating_words(serve):
    """`nsfwLevel` is a word: X covers X and XXX."""
    world = World()
    for level in (1, 2, 4, 8, 16):
        world.image(FakeImage(id=level, level=level))
    ask = await serve(world)
    _, page = await ask.get("images", browsingLevel=31, sort="Oldest")
    words = {item["id"]: item["nsfwLevel"] for item in page["items"]}
    assert words == {1: "None", 2: "Soft", 4: "Mature", 8: "X", 16: "X"}


async def test_a_user_feed_pages_by_offset(serve):
    """The search path: cursor offset|milliseconds, all items, each once."""
    ask = await serve(gallery())
    _, page = await ask.get("images", username="ANN", limit=4, sort="Oldest")
    offset, moment = page["metadata"]["nextCursor"].split("|")
    assert offset == "4"
    assert int(moment) > 1_700_000_000_000
    got = await ask.pages("images", username="ann", limit=4, sort="Newest")
    assert [item["id"] for item in got] == list(range(10, 0, -1))


async def test_behind_the_cap_the_cursor_is_just_missing(serve):
    """More hits than the cap: the list ends there and looks complete."""
    ask = await serve(gallery(), search_cap=6)
    got = await ask.pages("images", username="ann", limit=4, sort="Newest")
    assert [item["id"] for item in got] == [10, 9, 8, 7, 6, 5]
    other = await ask.pages("images", username="ann", limit=4, sort="Oldest")
    assert {item["id"] for item in [*got, *other]} == set(range(1, 11))


async def test_hidden_hits_make_empty_and_short_pages(serve):
    """Minor-flagged, real-person and removed hits leave gaps; the cursor goes on."""
    world = gallery(4)
    for number in (2, 3):
        world.change_image(number, lambda image: replace(image, minor=True))
    world.change_image(4, lambda image: replace(image, poi=True))
    ask = await serve(world)
    _, page = await ask.get("images", username="ann", limit=2, sort="Newest")
    assert page["items"] == []
    assert page["metadata"]["nextCursor"].startswith("2|")
    got = await ask.pages("images", username="ann", limit=2, sort="Newest")
    assert [item["id"] for item in got] == [1]


async def test_by_model_the_database_answers(serve):
    """`modelId` without modelVersionId: the cursor is an image id, and a number."""
    ask = await serve(gallery())
    _, page = await ask.get("images", modelId=1, limit=4, sort="Oldest")
    assert isinstance(page["metadata"]["nextCursor"], int)
    _, page = await ask.get("images", modelId=1, modelVersionId=10, limit=4)
    assert "|" in page["metadata"]["nextCursor"]


async def test_by_model_newest_loses_and_oldest_repeats(serve):
    """Newest drops one image per border, Oldest gives one twice; engagement sorts are Newest."""
    ask = await serve(gallery())

    async def got(sort):
        return [i["id"] for i in await ask.pages("images", modelId=1, limit=4, sort=sort)]

    assert await got("Newest") == [10, 9, 8, 7, 5, 4, 3, 2]
    assert await got("Most Reactions") == [10, 9, 8, 7, 5, 4, 3, 2]
    assert await got("Oldest") == [1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10]


async def test_by_model_a_newer_build_is_exact(serve):
    """With newest_loses=False both orders give every image once."""
    ask = await serve(gallery(), newest_loses=False)
    for sort in ("Newest", "Oldest"):
        got = [i["id"] for i in await ask.pages("images", modelId=1, limit=3, sort=sort)]
        assert sorted(got) == list(range(1, 11))


async def test_by_model_meta_is_wrapped(serve):
    """The database path wraps meta in {id, meta} unless flatMeta=true; the search path never."""
    ask = await serve(gallery(1, meta={"prompt": "x"}))
    _, page = await ask.get("images", modelId=1, withMeta="true")
    assert page["items"][0]["meta"] == {"id": 1, "meta": {"prompt": "x"}}
    _, page = await ask.get("images", modelId=1, withMeta="true", flatMeta="true")
    assert page["items"][0]["meta"] == {"prompt": "x"}
    _, page = await ask.get("images", modelVersionId=10, withMeta="true")
    assert page["items"][0]["meta"] == {"prompt": "x"}


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_by_model_the_join_repeats_an_image(serve, limit):
    """An image that is linked to two versions comes twice, and the list still ends."""
    versions = [FakeVersion("b", 11, images=()), FakeVersion("a", 10, images=())]
    world = World().model(FakeModel(1, versions=versions))
    for number in (1, 2, 3):
        world.image(FakeImage(id=number, version_ids=(10, 11)))
    ask = await serve(world)
    assert ids((await ask.get("images", modelId=1, sort="Oldest"))[1]) == [1, 1, 2, 2, 3, 3]
    assert set(await ask.gallery(1, limit=limit)) == {1, 2, 3}


async def test_cursors_of_one_back_end_break_the_other(serve):
    """An offset cursor at the database and an id at the search are a 500."""
    ask = await serve(gallery())
    assert (await ask.get("images", modelId=1, cursor="4|1712265847499"))[0] == 500
    assert (await ask.get("images", modelId=1, cursor="-5"))[0] == 500
    status, body = await ask.get("images", username="ann", cursor="7")
    assert status == 500
    assert body["message"] == "An unexpected error occurred"


async def test_a_swallowed_timeout_looks_like_the_end(serve):
    """A statement timeout is a 200 with no items and no cursor; asked again, they are there."""
    ask = await serve(gallery())
    ask.fake.faults.add(KNOWN_FAULTS["images statement timeout"])
    assert await ask.get("images", modelId=1) == (200, {"items": [], "metadata": {}})
    assert len(ids((await ask.get("images", modelId=1))[1])) == 10


async def test_ids_are_ignored_by_older_builds(serve):
    """`ids` gives the whole feed, or with ids_on_images just those."""
    old = await serve(gallery())
    assert len(ids((await old.get("images", ids="3,5"))[1])) == 10
    new = await serve(gallery(), ids_on_images=True)
    assert sorted(ids((await new.get("images", ids="3,5,99"))[1])) == [3, 5]


async def test_an_image_by_id(serve):
    """`imageId` finds one image, or with wrong_image_for_id another one."""
    ask = await serve(gallery())
    assert ids((await ask.get("images", imageId=3))[1]) == [3]
    assert ids((await ask.get("images", imageId=333))[1]) == []
    other = await serve(gallery(), wrong_image_for_id=True)
    assert ids((await other.get("images", imageId=3))[1]) == [1]


async def test_users_unknown_and_impossible(serve):
    """An unknown user has an empty feed, at the database a 404; odd characters are a 400."""
    ask = await serve(gallery())
    assert await ask.get("images", username="nobody") == (200, {"items": [], "metadata": {}})
    assert (await ask.get("images", username="nobody", modelId=1))[0] == 404
    assert (await ask.get("images", username="a.b-c"))[0] == 400


async def test_filters(serve):
    """type, postId, baseModels and userId filter; an unknown base model is a 400."""
    world = gallery(2).image(FakeImage("mp4", id=70, username="bob", post_id=7))
    ask = await serve(world)
    assert ids((await ask.get("images", type="video"))[1]) == [70]
    assert ids((await ask.get("images", postId=7))[1]) == [70]
    bob = world.index.user("bob").id
    assert ids((await ask.get("images", userId=bob))[1]) == [70]
    assert len(ids((await ask.get("images", baseModels="SDXL 1.0,Pony"))[1])) == 3
    assert (await ask.get("images", baseModels="Unheard Of"))[0] == 400
    assert (await ask.get("images", limit=201))[0] == 400


@pytest.mark.parametrize(
    "query",
    [{"nsfw": "Maybe"}, {"type": "hologram"}, {"browsingLevel": "all"}, {"period": "Century"}],
)
async def test_wrong_words_are_refused(serve, query):
    """What the schema does not know is a 400 that names the parameter."""
    ask = await serve(gallery(1))
    status, body = await ask.get("images", **query)
    assert status == 400
    assert body["error"]["issues"][0]["path"] == list(query)


async def test_more_ids_than_a_hundred_and_recent_images(serve):
    """`ids` takes at most 100, and period looks at createdAt."""
    world = gallery(2)
    world.image(FakeImage(id=9, created_at=datetime.now(timezone.utc)))
    ask = await serve(world, ids_on_images=True)
    assert (await ask.get("images", ids=",".join(map(str, range(1, 102)))))[0] == 400
    assert ids((await ask.get("images", period="Day"))[1]) == [9]
    assert ids((await ask.get("images", modelId=77))[1]) == []


async def test_page_numbers_lead_nowhere(serve):
    """page=2 gives page 1 again and offers page 3; page*limit over 1000 is a 429."""
    ask = await serve(gallery())
    _, page = await ask.get("images", limit=3, page=2, sort="Oldest")
    assert ids(page) == [1, 2, 3]
    assert page["metadata"]["nextPage"].endswith("page=3")
    assert (await ask.get("images", limit=200, page=6))[0] == 429


async def test_overload_is_shed(serve):
    """image_overload answers 503 with Retry-After: 2."""
    ask = await serve(gallery(), image_overload=True)
    url = f"{ask.fake.base_url}/api/v1/images"
    async with ask.session.get(url, headers=ask.headers) as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "2"
        assert await answer.json() == {"error": "Server busy, please retry shortly."}


async def test_random_is_refused_by_the_database_only(serve):
    """sort=Random is a 400 by model and Newest elsewhere."""
    ask = await serve(gallery())
    assert (await ask.get("images", modelId=1, sort="Random"))[0] == 400
    assert ids((await ask.get("images", sort="Random", limit=2))[1]) == [10, 9]


async def test_items_may_lack_what_others_have(serve):
    """username, postId, baseModel and meta can be null; digits alone are a JSON number."""
    world = World().image(FakeImage(id=1, post_id=None, base_model=None))
    world.image(FakeImage(id=2, username="20240117"))
    ask = await serve(world)
    _, page = await ask.get("images", sort="Oldest")
    first, second = page["items"]
    assert (first["username"], first["postId"], first["baseModel"]) == (None, None, None)
    assert second["username"] == 20240117


async def test_posts_exist_in_newer_builds(serve):
    """/posts/:id is 404 HTML in the older build and the post's images in the newer one."""
    world = World()
    for _ in range(3):
        world.image(FakeImage(username="ann", post_id=9))
    old, new = await serve(world), await serve(world, posts_endpoint=True)
    async with old.session.get(
        f"{old.fake.base_url}/api/v1/posts/9", headers=old.headers
    ) as answer:
        assert answer.content_type == "text/html"
    _, post = await new.get("posts/9")
    assert len(post["images"]) == 3
    assert await new.get("posts/8") == (404, {"error": "Post not found"})
