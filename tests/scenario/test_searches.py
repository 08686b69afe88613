"""Searches, tags and favourites: lists that the service makes, with all that it hides in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, wanted

from civitai_dl.domain.decisions import LISTED_AT_ONCE
from civitai_dl.domain.entities import RunReport, Selection
from civitai_dl.errors import UsageError
from civitai_dl.testing import (
    KNOWN_FAULTS,
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)

BARE = replace(FAST, selection=Selection(images=False))
LISTING = replace(BARE, dry_run=True)
"""What belongs to a list is known before any file moves."""


def a_model(number: int, *, name: str = "", **facts: object) -> FakeModel:
    """A model with one small file and no pictures."""
    version = FakeVersion(files=(FakeFile(size=600),), images=())
    model = FakeModel(number, name=name or f"model {number}", creator="ann", versions=(version,))
    return replace(model, **facts)  # type: ignore[arg-type]  # by the names of the fields


def a_world(models: Sequence[FakeModel]) -> World:
    world = World().creator("ann")
    for model in models:
        world.model(model)
    return world


def kept(output: Path) -> set[int]:
    """The models whose page is in the archive."""
    return {int(path.parent.name) for path in output.glob("model_*/*/model.json")}


def asked(fake: FakeCivitai, path: str = "/api/v1/models") -> list[dict[str, list[str]]]:
    """The questions that were asked of a list: each its parameters by name."""
    found = []
    for seen in fake.account.of(origin="api"):
        if seen.path == path:
            question: dict[str, list[str]] = {}
            for name, value in seen.query:
                question.setdefault(name, []).append(value)
            found.append(question)
    return found


def told(report: RunReport) -> str:
    return "\n".join([*(trace.detail for trace in report.failures), *report.notices])


# --- tags


async def test_a_tag_is_all_of_its_models(tmp_path: Path) -> None:
    """tag:NAME archives each model that has the tag, those that either list hides, too."""
    tagged = [a_model(number, tags=("style", "two words")) for number in range(1, 231)]
    tagged[4] = replace(tagged[4], minor=True)
    tagged[5] = replace(tagged[5], nsfw_level=16)
    tagged[6] = replace(tagged[6], mode="Archived")
    others = [a_model(number, tags=("style", "two words more")) for number in range(300, 320)]
    async with FakeCivitai(a_world([*tagged, *others])) as fake:
        report = await run(fake, tmp_path, wanted("tag:Two Words"), settings=LISTING)
        questions = asked(fake)
    assert report.exit_code == 0
    assert kept(tmp_path) == set(range(1, 231))
    assert all(question["tag"] == ["two words"] for question in questions if "ids" not in question)
    assert {"true", "false"} == {question["nsfw"][0] for question in questions}


@pytest.mark.parametrize("text", ["tag:no such tag", "https://civitai.com/tag/no%20such%20tag"])
async def test_an_unknown_tag_is_a_failure_and_not_everything(tmp_path: Path, text: str) -> None:
    """A tag that the service does not know fails by its name; no model is listed for it."""
    world = a_world([a_model(number) for number in range(1, 30)])
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted(text, "model:7"), settings=BARE)
        questions = asked(fake)
    assert report.exit_code == 1
    assert ["tag:no such tag"] == [trace.key for trace in report.failures]
    assert "no such tag" in told(report)
    assert kept(tmp_path) == {7}
    assert not any("tag" in question for question in questions)


async def test_a_tag_that_drops_out_of_the_question_is_noticed(tmp_path: Path) -> None:
    """A tag that /tags still shows, but the list does not heed, brings no model."""
    world = a_world([a_model(number, tags=("style",)) for number in range(1, 30)])
    stale = {"items": [{"name": "lost", "link": "x"}], "metadata": {"totalPages": 1}}
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(origin="api", path="/api/v1/tags", every=True, status=200, body=stale)
        )
        report = await run(fake, tmp_path, wanted("tag:lost"), settings=BARE)
        fake.faults.assert_all_served()
    assert report.exit_code == 1
    assert "without the tag 'lost'" in told(report)
    assert kept(tmp_path) == set()


async def test_a_tag_behind_many_that_contain_it_is_found(tmp_path: Path) -> None:
    """The tag itself may stand on a later page of tags whose names contain it."""
    longer = [a_model(n, tags=tuple(f"{n:03} a {i:02}" for i in range(60))) for n in range(1, 11)]
    async with FakeCivitai(a_world([*longer, a_model(50, tags=("a",))])) as fake:
        # The names that begin with a digit come first.
        report = await run(fake, tmp_path, wanted("tag:a"), settings=BARE)
        pages = [question["page"] for question in asked(fake, "/api/v1/tags")]
    assert report.exit_code == 0
    assert kept(tmp_path) == {50}
    assert pages == [["1"], ["2"], ["3"], ["4"]]


async def test_a_tag_that_is_gone_keeps_what_it_brought(tmp_path: Path) -> None:
    """A tag that nobody uses any more is told as gone; what it once listed stays and counts."""
    world = a_world([a_model(1, tags=("rare",)), a_model(2)])
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("tag:rare"), settings=BARE)
        world.change_model(1, lambda model: replace(model, tags=("common",)))
        again = await run(fake, tmp_path, wanted("tag:rare"), settings=BARE)
    assert again.exit_code == 0
    assert ["tag:rare"] == [trace.key for trace in again.unavailable]
    assert "no longer knows this tag" in again.unavailable[0].detail
    assert again.total.stored == 1
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


# --- searches


async def test_a_search_finds_all_behind_short_and_empty_pages(tmp_path: Path) -> None:
    """Filters cut a search's pages after they are made: short and empty ones are no end."""
    models = [
        a_model(number, name=f"needle {number}", kind="LORA" if number % 9 == 0 else "Checkpoint")
        for number in range(1, 401)
    ]
    for number in range(150, 390):
        version = replace(models[number].versions[0], base_model="SD 1.5")
        models[number] = replace(models[number], versions=(version,))
    models.append(a_model(500, name="hay"))
    text = "search:needle?types=lora,checkpoint&base-models=SDXL 1.0"
    async with FakeCivitai(a_world(models)) as fake:
        report = await run(fake, tmp_path, wanted(text), settings=LISTING)
        questions = asked(fake)
    assert report.exit_code == 0
    assert kept(tmp_path) == {*range(1, 151), *range(391, 401)}
    assert all(["Checkpoint", "LORA"] == question["types"] for question in questions)
    assert all(["SDXL 1.0"] == question["baseModels"] for question in questions)
    assert ["100", "200", "300"] == [
        question["cursor"][0] for question in questions if "cursor" in question
    ][:3]


async def test_a_search_that_finds_nothing_says_so(tmp_path: Path) -> None:
    """No model for a search is no failure, and is told."""
    async with FakeCivitai(a_world([a_model(1)])) as fake:
        report = await run(fake, tmp_path, wanted("search:unheard of"), settings=BARE)
    assert report.exit_code == 0
    assert "search:unheard of: the service lists no model for this" in report.notices


async def test_a_base_model_in_another_spelling_finds_nothing_and_is_told(tmp_path: Path) -> None:
    """The service wants base models in its own spelling; where nothing comes, that is said."""
    async with FakeCivitai(a_world([a_model(1)])) as fake:
        text = "tag:style?base-models=sdxl 1.0"
        report = await run(fake, tmp_path, wanted(text), settings=BARE)
    assert report.exit_code == 0
    assert "must be spelt as the site spells them" in told(report)


async def test_a_search_is_asked_anew_by_each_run(tmp_path: Path) -> None:
    """A second run finds what is new; what it finds no more stays, and is not asked for."""
    world = a_world([a_model(number, name=f"cat {number}") for number in range(1, 4)])
    async with FakeCivitai(world) as fake:
        first = await run(fake, tmp_path, wanted("search:cat"), settings=BARE)
        world.model(a_model(9, name="cat 9"))
        world.change_model(2, lambda model: replace(model, name="dog 2"))
        fake.account.clear()
        again = await run(fake, tmp_path, wanted("search:cat"), settings=BARE)
        questions = asked(fake)
        resolved = fake.account.count(origin="api", path_prefix="/api/download")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert (first.stored, again.stored) == (3, 1)
    assert kept(tmp_path) == {1, 2, 3, 9}
    assert again.total.stored == 4
    assert resolved == 1
    assert len(questions) == 2


async def test_a_type_that_the_service_does_not_know_fails_with_its_words(tmp_path: Path) -> None:
    """Types grow, so a new word is asked for; what the service says of it is told."""
    async with FakeCivitai(a_world([a_model(1, name="cat")])) as fake:
        report = await run(fake, tmp_path, wanted("search:cat?types=Nope"), settings=BARE)
    assert report.exit_code == 1
    assert "Nope" in told(report)


async def test_an_overloaded_search_is_waited_for(tmp_path: Path) -> None:
    """503 with Retry-After on a search costs time and no model, also in the middle of a list."""
    world = a_world([a_model(number, name=f"cat {number}") for number in range(1, 251)])
    busy = KNOWN_FAULTS["model search overloaded"]
    async with FakeCivitai(world) as fake:
        fake.faults.add(busy.at(nth=1, times=2))
        fake.faults.add(busy.at(path="cursor=100", nth=1))
        report = await run(fake, tmp_path, wanted("search:cat"), settings=LISTING)
        fake.faults.assert_all_served()
    assert report.exit_code == 0
    assert kept(tmp_path) == set(range(1, 251))


async def test_a_search_that_stays_overloaded_is_left_and_told(tmp_path: Path) -> None:
    """A search that never answers does not end as if there were nothing."""
    async with FakeCivitai(a_world([a_model(1, name="cat")])) as fake:
        fake.faults.add(KNOWN_FAULTS["model search overloaded"].at(every=True))
        settings = replace(BARE, max_wait=5.0, retries=2)
        report = await run(fake, tmp_path, wanted("search:cat"), settings=settings)
        fake.faults.assert_all_served()
    assert report.exit_code == 1
    assert report.left + len(report.failures) == 1


async def test_a_tag_and_words_narrow_each_other(tmp_path: Path) -> None:
    """A link of the site with words and a tag gives the models that have both."""
    models = [a_model(number, name=f"cat {number}") for number in range(1, 5)]
    models[1] = replace(models[1], tags=("blue",))
    models.append(a_model(9, name="dog", tags=("blue",)))
    async with FakeCivitai(a_world(models)) as fake:
        link = "https://civitai.com/models?query=cat&tag=blue&view=feed"
        report = await run(fake, tmp_path, wanted(link), settings=BARE)
    assert report.exit_code == 0
    assert kept(tmp_path) == {2}


async def test_with_pg_alone_only_the_safe_list_is_read(tmp_path: Path) -> None:
    """--no-nsfw: a search takes the models that the service lists as safe."""
    models = [a_model(1, name="cat"), a_model(2, name="cat", nsfw_level=16)]
    settings = replace(BARE, selection=Selection(images=False, levels=1))
    async with FakeCivitai(a_world(models)) as fake:
        await run(fake, tmp_path, wanted("search:cat", "tag:style"), settings=settings)
        lists = [question["nsfw"] for question in asked(fake) if "ids" not in question]
    assert kept(tmp_path) == {1}
    assert lists == [["false"], ["false"]]


async def test_galleries_of_what_a_search_finds_are_fetched(tmp_path: Path) -> None:
    """A model that a search found is archived as if it had been named: with its gallery."""
    world = a_world([a_model(1, name="cat")])
    version = world.models[0].versions[0].id
    world.images(3, username="bob", version_ids=(version,))
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted("search:cat"), settings=FAST)
    assert report.exit_code == 0
    assert len(list((tmp_path / "model_0/1/gallery").rglob("*.png"))) == 3


# --- the first so many


def in_order(world: World, sort: str) -> list[int]:
    """The models of a world by a metric of the fake, or by date, as the site shows them."""
    models = sorted(world.models, key=lambda model: model.id, reverse=True)
    if sort == "Newest":
        # The fake publishes them in the order of their numbers.
        return [model.id for model in models]
    name = "thumbsUpCount"
    models.sort(key=lambda model: int(str((model.stats or {})[name])), reverse=True)
    return [model.id for model in models]


def ranked(count: int) -> World:
    """Models whose order by likes is another than that of their numbers, each in its own place."""
    return a_world(
        [
            a_model(
                number,
                stats={"thumbsUpCount": 10 * (number * 7 % count), "downloadCount": number},
            )
            for number in range(1, count + 1)
        ]
    )


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("most", [1, 99, 100, 101, 250])
@pytest.mark.parametrize("sort", ["Newest", "Highest Rated", "Oldest"])
async def test_the_first_so_many_are_exactly_those(
    tmp_path: Path, sort: str, most: int, *, older: bool
) -> None:
    """--max-models N is the first N in that order, though page borders lose or repeat models."""
    world = ranked(311)
    first = in_order(world, "Newest")[::-1] if sort == "Oldest" else in_order(world, sort)
    text = f"tag:style?sort={sort}&max-models={most}"
    async with FakeCivitai(world, options=FakeOptions(newest_loses=older)) as fake:
        report = await run(fake, tmp_path, wanted(text), settings=LISTING)
        pages = [question for question in asked(fake) if "ids" not in question]
    assert report.exit_code == 0
    assert kept(tmp_path) == set(first[:most])
    assert len(pages) <= -(-most // LISTED_AT_ONCE) + 1
    assert report.notices == ()


async def test_models_that_move_while_they_are_listed_are_counted_once(tmp_path: Path) -> None:
    """Of a list that moves N different models come, and that one may have slipped is told."""
    async with FakeCivitai(ranked(400), options=FakeOptions(ranks_move=True)) as fake:
        text = "tag:style?sort=most-liked&max-models=250"
        report = await run(fake, tmp_path, wanted(text), settings=LISTING)
    assert len(kept(tmp_path)) == 250
    assert "the order changed while it was read" in told(report)


async def test_a_whole_list_is_whole_whatever_moves(tmp_path: Path) -> None:
    """Without --max-models nothing is lost to moving ranks: the list is read oldest first."""
    async with FakeCivitai(ranked(250), options=FakeOptions(ranks_move=True)) as fake:
        text = "tag:style?sort=Most Liked"
        await run(fake, tmp_path, wanted(text), settings=LISTING)
        sorts = {question["sort"][0] for question in asked(fake) if "ids" not in question}
    assert kept(tmp_path) == set(range(1, 251))
    assert sorts == {"Oldest"}


@pytest.mark.parametrize("sort", ["Newest", "Oldest"])
async def test_the_first_so_many_survive_a_stop(tmp_path: Path, sort: str) -> None:
    """Stopped in the middle of a list, the next run goes on with it and counts what it had."""
    world, stop = ranked(311), anyio.Event()
    text = f"tag:style?sort={sort}&max-models=250"
    newest = in_order(world, "Newest")
    first = newest if sort == "Newest" else newest[::-1]
    async with FakeCivitai(world) as fake:
        halt = Fault(origin="api", path="/api/v1/models.*cursor=", nth=2, then=stop.set)
        fake.faults.add(halt)
        await run(fake, tmp_path, wanted(text), settings=LISTING, stop=stop)
        fake.faults.assert_all_served()
        begun = len(kept(tmp_path))
        fake.account.clear()
        await run(fake, tmp_path, wanted(text), settings=LISTING)
        first_pages = [one for one in asked(fake) if "cursor" not in one and "ids" not in one]
    assert 100 <= begun < 250
    assert kept(tmp_path) == set(first[:250])
    assert first_pages == []


async def test_the_first_so_many_are_the_same_for_the_next_run(tmp_path: Path) -> None:
    """A second run takes the first three again and not the next three; a new one comes in."""
    world = ranked(9)
    things = wanted("tag:style?sort=Newest&max-models=3")
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, things, settings=BARE)
        await run(fake, tmp_path, things, settings=BARE)
        assert kept(tmp_path) == {7, 8, 9}
        world.model(a_model(10))
        report = await run(fake, tmp_path, things, settings=BARE)
    assert kept(tmp_path) == {7, 8, 9, 10}
    assert (report.stored, report.total.stored) == (1, 4)


async def test_a_period_is_asked_for(tmp_path: Path) -> None:
    """period=Week asks for models whose last version is of that week."""
    async with FakeCivitai(ranked(5)) as fake:
        await run(fake, tmp_path, wanted("tag:style?period=week"), settings=LISTING)
        assert {("Week",)} == {tuple(question["period"]) for question in asked(fake)}


async def test_the_same_search_in_other_words_is_read_once(tmp_path: Path) -> None:
    """Equal searches are one list, however they are written; other terms make another one."""
    things = wanted(
        "tag:style?types=LORA&types=Checkpoint",
        "https://civitai.com/models?tag=style&types=Checkpoint,LORA",
        "tag:STYLE?types=checkpoint,lora&sort=Newest&period=AllTime",  # codespell:ignore
        "tag:style",
    )
    assert len(things) == 2
    async with FakeCivitai(ranked(3)) as fake:
        report = await run(fake, tmp_path, things, settings=LISTING)
        tags = asked(fake, "/api/v1/tags")
    assert report.exit_code == 0
    assert len(tags) == 2


# --- favourites


async def test_favourites_are_those_of_the_key(tmp_path: Path) -> None:
    """favorites: archives what the key's owner bookmarked, and nothing else."""
    models = [a_model(number) for number in range(1, 10)]
    models[3] = replace(models[3], minor=True)
    options = FakeOptions(favorites=frozenset({2, 4, 8}))
    async with FakeCivitai(a_world(models), options=options) as fake:
        report = await run(fake, tmp_path, wanted("favorites:"), settings=BARE)
        refused = fake.account.count(status=401)
    assert report.exit_code == 0
    assert kept(tmp_path) == {2, 4, 8}
    assert refused == 0


async def test_favourites_without_a_key_are_refused_before_anything(tmp_path: Path) -> None:
    """Without a key nobody has favourites: an error that says so, and no request."""
    async with FakeCivitai(a_world([a_model(1)])) as fake:
        settings = replace(BARE, token=None)
        with pytest.raises(UsageError, match="needs an API key") as error:
            await run(fake, tmp_path / "a", wanted("model:1", "favorites:"), settings=settings)
        assert fake.account.count() == 0
    assert "CIVITAI_API_KEY" in error.value.hint
    assert not (tmp_path / "a").exists()


async def test_only_favourites_are_asked_for_as_such(tmp_path: Path) -> None:
    """No other list names favourites: the word alone makes the service want a login."""
    settings = replace(BARE, token=None)
    async with FakeCivitai(a_world([a_model(1, name="cat")])) as fake:
        things = wanted("search:cat", "tag:style", "user:ann")
        report = await run(fake, tmp_path, things, settings=settings)
        assert not any("favorites" in question for question in asked(fake))
        assert fake.account.count(status=401) == 0
    assert report.exit_code == 0


# --- digests of eight digits


def digests_of(world: World, model_id: int) -> dict[str, str]:
    model = next(model for model in world.models if model.id == model_id)
    return world.index.hashes(model.versions[0].files[0])


@pytest.mark.parametrize("kind", ["AutoV1", "CRC32", "AutoV2", "AutoV3", "SHA256", "BLAKE3"])
async def test_a_file_is_found_by_each_of_its_digests(tmp_path: Path, kind: str) -> None:
    """Every digest that the service lists names the version that has the file."""
    # An AutoV1 is of what lies behind the first megabyte.
    file = FakeFile(size=1_200_000)
    models = [FakeModel(n, versions=(FakeVersion(files=(file,), images=()),)) for n in (1, 2)]
    world = a_world(models)
    digest = digests_of(world, 2)[kind]
    async with FakeCivitai(world) as fake:
        things = wanted(f"{kind.lower()}:{digest.lower()}")
        report = await run(fake, tmp_path, things, settings=BARE)
    assert report.exit_code == 0
    assert kept(tmp_path) == {2}
    assert ("share eight digits" in told(report)) is (kind in ("AutoV1", "CRC32"))


async def test_eight_digits_of_another_kind_are_no_match(tmp_path: Path) -> None:
    """The service looks in digests of all kinds: an AutoV1 that was asked for as CRC32 fails."""
    world = a_world([a_model(1)])
    digest = digests_of(world, 1)["AutoV1"]
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted(f"crc32:{digest}"), settings=BARE)
    assert report.exit_code == 1
    assert "no file whose CRC32 is" in told(report)
    assert kept(tmp_path) == set()


async def test_what_a_search_found_twice_is_one(tmp_path: Path) -> None:
    """A model that a search, a tag, a user and its own number name is fetched once."""
    world = a_world([a_model(1, name="cat", tags=("blue",))])
    world.image(FakeImage(username="ann"))
    async with FakeCivitai(world) as fake:
        things = wanted("search:cat", "tag:blue", "user:ann", "model:1")
        report = await run(fake, tmp_path, things, settings=BARE)
        assert list(fake.account.resolves().values()) == [1]
    assert report.exit_code == 0
    assert [account.stored for account in report.accounts] == [1, 1, 1, 1]
