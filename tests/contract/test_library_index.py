"""What the library must find, forget, and bear."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from civitai_dl._exhibit import READERS
from civitai_dl.adapters.library import INDEX_FILE, MOST_COUNTED, Library
from civitai_dl.adapters.library._asking import ask_pictures
from civitai_dl.domain.entities import ImageId, Media, ModelId
from civitai_dl.domain.library import (
    ModelHolding,
    ModelOrder,
    ModelQuery,
    PictureQuery,
    Standing,
    StoredPicture,
    Tally,
)


@dataclass
class Holdings:
    """What an archive would tell of itself."""

    stored: dict[int, StoredPicture] = field(default_factory=dict)
    known: dict[int, ModelHolding] = field(default_factory=dict)
    newest: float = 100.0
    versions: int = 0
    asked: list[str] = field(default_factory=list)

    async def version(self) -> int:
        self.versions += 1
        return self.versions

    async def extent(self) -> tuple[int, float, int]:
        return max(self.stored, default=0), self.newest, len(self.stored)

    async def pictures(
        self, after: int, most: int, *, since: float = 0.0
    ) -> Sequence[StoredPicture]:
        self.asked.append(f"pictures {since:g}")
        found = [self.stored[row] for row in sorted(self.stored) if row > after]
        return [one for one in found if one.stamp >= since][:most]

    async def models(self, after: int, most: int) -> Sequence[ModelId]:
        return [ModelId(one) for one in sorted(self.known) if one > after][:most]

    async def models_since(self, moment: float) -> Sequence[ModelId]:
        return [ModelId(one) for one in sorted(self.known)]

    async def tallies(self, models: Sequence[ModelId]) -> dict[ModelId, ModelHolding]:
        return {number: self.known[number] for number in models if number in self.known}


@dataclass
class Archive:
    folder: Path
    holdings: Holdings
    library: Library

    def model(self, number: int, *, tally: Tally | None = None, **facts: object) -> None:
        place = self.folder / f"model_{number // 1000}" / str(number)
        place.mkdir(parents=True, exist_ok=True)
        told = {"id": number, "name": f"model {number}", "type": "LORA", **facts}
        (place / "model.json").write_text(json.dumps(told), "utf-8")
        self.holdings.known[number] = ModelHolding(
            ModelId(number), tally or Tally(stored=1, images=1), "1", 1.0
        )

    def image(self, row: int, model: int | None = 1, **facts: object) -> StoredPicture:
        sha256 = str(facts.pop("sha256", f"{row:064x}"[::-1]))
        user = facts.pop("user", None)
        if user is None:
            path = f"model_0/{model}/gallery/0/{row}.png"
        else:
            path = f"users/{user}/images/0/{row}.png"
        path = str(facts.pop("path", path))
        beside = (self.folder / path).with_suffix(".json")
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"id": row, **facts}), "utf-8")
        one = StoredPicture(
            row=row,
            place="gallery" if user is None else "user",
            model_id=None if model is None else ModelId(model),
            image_id=ImageId(row),
            url="",
            path=path,
            size=1000,
            sha256=sha256,
            stamp=100.0,
        )
        self.holdings.stored[row] = one
        return one

    async def read(self) -> bool:
        return await self.library.read(self.holdings)

    async def names(self, **query: object) -> list[str]:
        found = await self.library.models(ModelQuery(**query))  # type: ignore[arg-type]  # by name
        return [card.name for card in found.shown]

    async def images(self, **query: object) -> list[int]:
        found = await self.library.pictures(PictureQuery(**query))  # type: ignore[arg-type]  # by name
        return [one.image_id or 0 for one in found.shown]


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    state = tmp_path / ".civitai-dl"
    state.mkdir()
    library = Library(tmp_path, state, READERS)
    yield Archive(tmp_path, Holdings(), library)
    library.close()


async def test_models_are_found_by_all_that_they_are_called(archive: Archive) -> None:
    """Names, creators, tags and trigger words, in part and in any case, also two signs long."""
    archive.model(1, name="Aurora 水彩画", creator={"username": "Lumen"}, tags=["Landscape"])
    archive.model(2, name="Ink", modelVersions=[{"id": 5, "trainedWords": ["sumi_e"]}])
    await archive.read()
    for text in ("auro", "水彩", "水彩画", "lumen", "LANDSC", "aurora lumen"):
        assert ["Aurora 水彩画"] == await archive.names(text=text), text
    assert ["Ink"] == await archive.names(text="sumi_e")
    assert [] == await archive.names(text="aurora ink")
    assert [] == await archive.names(text='x" OR name:*')


async def test_models_are_chosen_and_ordered(archive: Archive) -> None:
    """By type, base model, creator, tag, rating and state."""
    version = {"id": 5, "baseModel": "Pony", "publishedAt": "2024-05-01T10:00:00Z"}
    archive.model(1, name="b", type="LORA", nsfwLevel=1 | 8, stats={"downloadCount": 5})
    archive.model(2, name="A", type="Checkpoint", modelVersions=[version], tags=["Ink"])
    archive.model(3, name="c", tally=Tally(failed=1, bytes=9), creator={"username": "Ann"})
    await archive.read()
    assert ["A"] == await archive.names(kind="Checkpoint")
    assert ["A"] == await archive.names(base_model="Pony")
    assert ["A"] == await archive.names(tag="ink")
    assert ["c"] == await archive.names(creator="ann")
    assert ["b"] == await archive.names(rating=8)
    assert ["c"] == await archive.names(standing=Standing.FAILED)
    assert ["A", "b", "c"] == await archive.names(order=ModelOrder.NAME)
    assert "A" == (await archive.names(order=ModelOrder.PUBLISHED))[0]
    assert "b" == (await archive.names(order=ModelOrder.DOWNLOADS))[0]
    assert "c" == (await archive.names(order=ModelOrder.SIZE))[0]
    facets = await archive.library.facets()
    assert {"LORA": 2, "Checkpoint": 1} == facets.kinds
    assert {"Pony": 1} == facets.base_models
    assert {Standing.COMPLETE: 2, Standing.FAILED: 1} == facets.standings


async def test_pages_show_each_thing_once(archive: Archive) -> None:
    """From the first to the last, for models and for images."""
    for number in range(1, 8):
        archive.model(number)
        archive.image(number, number)
    await archive.read()
    seen, after = [], ""
    for _ in range(3):
        page = await archive.library.models(ModelQuery(limit=3, after=after))
        seen += [card.id for card in page.shown]
        after = page.following
        assert 7 == page.total
    assert ([7, 6, 5, 4, 3, 2, 1], "") == (seen, after)
    seen, after = [], ""
    for _ in range(3):
        shown = await archive.library.pictures(PictureQuery(limit=3, after=after))
        seen += [one.image_id or 0 for one in shown.shown]
        after = shown.following
    assert ([7, 6, 5, 4, 3, 2, 1], "") == (seen, after)


async def test_prompts_are_found_by_their_words(archive: Archive) -> None:
    """Whole words, the last one as far as it is written, Japanese within its sentence."""
    archive.model(1)
    archive.image(1, meta={"prompt": "masterpiece, (red lantern:1.2), <lora:ink:0.6>"})
    archive.image(2, meta={"prompt": "夜明けの港、水彩画"})
    archive.image(3, meta={"prompt": "café at dusk"})
    await archive.read()
    assert [1] == await archive.images(text="lantern red")
    assert [1] == await archive.images(text="maste")
    assert [2] == await archive.images(text="水彩")
    assert [] == await archive.images(text="彩水")
    assert [3] == await archive.images(text="cafe")
    assert [1] == await archive.images(text='"red lantern"')
    assert [] == await archive.images(text='"lantern red"')
    assert 1 == await archive.library.count_pictures(PictureQuery(text="dusk"))
    words = dict(await archive.library.prompt_words("", 1000))
    assert [1] == words["lantern"]


async def test_images_are_chosen(archive: Archive) -> None:
    """By rating, kind, place, creator and model."""
    archive.model(1)
    archive.image(1, browsingLevel=8, username="Bob")
    archive.image(2, path="model_0/1/gallery/0/2.mp4")
    archive.image(3, None, user="Ann")
    await archive.read()
    assert [1] == await archive.images(rating=8)
    assert [2] == await archive.images(media=Media.VIDEO)
    assert [3] == await archive.images(place="user")
    assert [1] == await archive.images(creator="bob")
    assert [3] == await archive.images(creator="ann")
    assert [2, 1] == await archive.images(model_id=ModelId(1))


async def test_equal_bytes_are_shown_once(archive: Archive) -> None:
    """The same picture in a gallery and among a user's images; each place still has it."""
    archive.model(1)
    archive.image(1, sha256="ab" * 32)
    archive.image(2, None, user="ann", sha256="ab" * 32)
    await archive.read()
    assert [1] == await archive.images()
    assert [2, 1] == await archive.images(twins=True)
    del archive.holdings.stored[1]
    archive.holdings.newest = 200.0
    await archive.read()
    assert [2] == await archive.images()


async def test_a_later_reading_takes_what_has_changed(archive: Archive) -> None:
    """New things, other states, another prompt; nothing is written twice, and gone things go."""
    archive.model(1)
    archive.image(1, meta={"prompt": "first"})
    assert await archive.read()
    asked = len(archive.holdings.asked)
    assert not await archive.read()
    assert asked == len(archive.holdings.asked)
    archive.holdings.stored[1] = replace(archive.image(1, meta={"prompt": "other"}), stamp=200.0)
    archive.model(2, tally=Tally(open=1))
    archive.holdings.newest = 200.0
    assert await archive.read()
    assert "pictures 0" not in archive.holdings.asked[asked:]
    assert [1] == await archive.images(text="other")
    assert [] == await archive.images(text="first")
    assert ["model 2"] == await archive.names(standing=Standing.PARTIAL)
    del archive.holdings.known[2]
    del archive.holdings.stored[1]
    await archive.read()
    assert ["model 1"] == await archive.names()
    assert [] == await archive.images()


async def test_a_model_that_cannot_be_read_harms_no_other(archive: Archive) -> None:
    """Somebody's hand was in it; the rest of the archive is there."""
    archive.model(1)
    archive.model(2)
    (archive.folder / "model_0/1/model.json").write_bytes(b"\xff{no json")
    archive.image(3, 2)
    (archive.folder / "model_0/2/gallery/0/3.json").write_text("[]", "utf-8")
    await archive.read()
    assert ["model 2"] == await archive.names()
    assert [3] == await archive.images()


async def test_covers_are_stills_that_the_creator_shows_first(archive: Archive) -> None:
    """A preview before the gallery, a still before a video."""
    archive.model(1)
    archive.image(1)
    archive.image(2, path="model_0/1/gallery/0/2.mp4")
    await archive.read()
    card = await archive.library.model(ModelId(1))
    assert card is not None
    assert card.cover is not None
    assert 1 == card.cover.image_id


async def test_creators_are_those_whose_things_were_asked_for(archive: Archive) -> None:
    """Whoever only posted to a gallery is found by the pictures, and has a page."""
    archive.model(1, creator={"username": "Ann"})
    archive.image(1, username="guest")
    archive.image(2, None, user="Bob")
    await archive.read()
    listing = await archive.library.creators("", "", 10)
    assert [("Ann", 1, 0), ("Bob", 0, 1)] == [(c.name, c.models, c.images) for c in listing.shown]
    assert [] == list((await archive.library.creators("zed", "", 10)).shown)
    guest = await archive.library.creator("GUEST")
    assert guest is not None
    assert 1 == guest.images
    assert await archive.library.creator("nobody") is None


async def test_a_user_whose_images_are_all_in_galleries_is_among_the_creators(
    archive: Archive,
) -> None:
    """They were asked for; that the same bytes are shown from a gallery takes nothing away."""
    archive.model(1)
    archive.image(1, username="Bob", sha256="ab" * 32)
    archive.image(2, None, user="Bob", username="Bob", sha256="ab" * 32)
    await archive.read()
    listing = await archive.library.creators("", "", 10)
    assert [("Bob", 0, 1)] == [(c.name, c.models, c.images) for c in listing.shown]


async def test_a_strange_or_damaged_index_is_made_anew(tmp_path: Path) -> None:
    """It holds nothing that the disk does not have."""
    for content in (b"", b"no database at all" * 100):
        (tmp_path / INDEX_FILE).write_bytes(content)
        library = Library(tmp_path, tmp_path, READERS)
        assert 0 == (await library.extent()).models
        library.close()
    other = sqlite3.connect(tmp_path / INDEX_FILE)
    other.execute("PRAGMA user_version = 77")
    other.execute("CREATE TABLE strange (a)")
    other.close()
    library = Library(tmp_path, tmp_path, READERS)
    assert 0 == (await library.extent()).images
    library.close()


async def test_where_nothing_can_be_written_the_index_lies_elsewhere(tmp_path: Path) -> None:
    """An archive on a disk that is only read can be looked at, too."""
    library = Library(tmp_path, tmp_path / "not" / "there", READERS)
    assert 0 == (await library.extent()).models
    assert [] == list(tmp_path.iterdir())
    library.close()


def test_no_search_sorts_all_that_it_finds() -> None:
    """Pages of images come from an index in their order, however many there are."""
    from civitai_dl.adapters.library._open import open_writing

    connection = open_writing(Path(":memory:"))
    for query in (
        PictureQuery(),
        PictureQuery(text="cat"),
        PictureQuery(rating=8),
        PictureQuery(media=Media.VIDEO),
        PictureQuery(creator="ann"),
    ):
        text, values = ask_pictures(query)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
        assert not [step[3] for step in plan if "TEMP B-TREE" in step[3]], query
    connection.close()
    assert MOST_COUNTED > 1000
