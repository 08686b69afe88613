"""/creators, /users, /tags, /me, /enums, and how people are written."""

from civitai_dl.testing import GOOD_KEY, FakeCreator, FakeModel, World


async def test_creators_tell_their_counts(serve):
    """`modelCount` counts Published models and is missing where it is zero."""
    world = World().model(1, creator="ann").model(FakeModel(2, creator="ann", status="Draft"))
    world.creator("annabel").creator("bob")
    ask = await serve(world)
    _, page = await ask.get("creators", query="ann")
    assert [(c["username"], c.get("modelCount")) for c in page["items"]] == [
        ("ann", 1),
        ("annabel", None),
    ]
    assert page["metadata"]["totalItems"] == 2


async def test_creators_have_page_numbers(serve):
    """`limit` and page cut the list; nextPage and prevPage lead through it."""
    world = World()
    for number in range(5):
        world.creator(f"user{number}")
    ask = await serve(world)
    _, page = await ask.get("creators", limit=2, page=2)
    assert [creator["username"] for creator in page["items"]] == ["user2", "user3"]
    assert page["metadata"]["totalPages"] == 3
    assert page["metadata"]["nextPage"].endswith("page=3")
    assert (await ask.get("creators", limit=201))[0] == 400


async def test_users_map_ids_to_names(serve):
    """By ids or by the beginning of a name."""
    ask = await serve(World().creator(FakeCreator("ann", 5)).creator(FakeCreator("bob", 6)))
    assert (await ask.get("users", ids="6"))[1]["items"] == [{"id": 6, "username": "bob"}]
    assert (await ask.get("users", query="an"))[1]["items"] == [{"id": 5, "username": "ann"}]


async def test_tags_say_what_exists(serve):
    """A tag that no model has is not found, so a client can check before it filters."""
    ask = await serve(World().model(FakeModel(1, tags=("cat", "catalog"))))
    _, page = await ask.get("tags", query="cat")
    assert [tag["name"] for tag in page["items"]] == ["cat", "catalog"]
    assert (await ask.get("tags", query="dog"))[1]["items"] == []


async def test_only_me_refuses_a_wrong_key(serve):
    """A wrong key is silently anonymous everywhere but at /me."""
    wrong, right = await serve(World(), key="wrong"), await serve(World(), key=GOOD_KEY)
    assert await wrong.get("me") == (401, {"error": "Unauthorized"})
    assert (await wrong.get("models"))[0] == 200
    assert (await right.get("me"))[1]["username"] == "me"
    anyone = await serve(World(), key="whatever", any_key=True)
    assert (await anyone.get("me"))[0] == 200


async def test_enums_name_the_types(serve):
    """The lists of model types and base models are there."""
    ask = await serve(World())
    assert "LORA" in (await ask.get("enums"))[1]["ModelType"]


async def test_creators_in_answers(serve):
    """A model may have no creator; one of digits only is a JSON number."""
    ask = await serve(World().model(1).model(2, creator="20240117"))
    assert "creator" not in (await ask.get("models/1"))[1]
    assert (await ask.get("models/2"))[1]["creator"]["username"] == 20240117


async def test_what_does_not_exist_is_a_page(serve):
    """An unknown path is a 404 in HTML."""
    ask = await serve(World())
    for path in ("/api/v1/nothing", "/models/1", "/api/v1/models/1/2"):
        async with ask.session.get(ask.fake.base_url + path, headers=ask.headers) as answer:
            assert (answer.status, answer.content_type) == (404, "text/html")
