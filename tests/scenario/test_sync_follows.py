"""An archive that is kept current holds what the world has had, whatever has happened to it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from archives import EXTENSIONS, tree
from syncing import DAY, Still, keep, sync_once, told

from civitai_dl.documents import gone_path, read_gone
from civitai_dl.domain.entities import ModelId
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeModel, FakeVersion, World

FIRST = datetime(2025, 1, 1, tzinfo=timezone.utc)
PEOPLE = ("ann", "bob", "eve")

CHANGES = 200
A_FEW = 5
"""Changes between two syncs."""


class Story:
    """Changes of a world, by chance; it remembers what it took away.

    Things come as they do at the service: what is published now has a date of now, and a number
    that is higher than all before.
    """

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.taken: dict[int, FakeModel] = {}
        self.hidden: set[int] = set()
        self.lost: list[tuple[int, FakeVersion]] = []
        self.day = 0
        self.happened: list[str] = []
        self.number = 1000
        self.words = 0

    def goes_on(self) -> None:
        """One change; what cannot happen now is left out for something else."""
        acts: list[Callable[[], bool]] = [
            self.new_model,
            self.new_version,
            self.new_file,
            self.other_bytes,
            self.other_words,
            self.other_name,
            self.new_preview,
            self.new_gallery_image,
            self.new_user_image,
            self.model_goes,
            self.model_comes_back,
            self.version_goes,
            self.version_comes_back,
            self.file_goes,
            self.model_is_hidden,
            self.hidden_model_is_back,
            self.archived_or_not,
            self.early_access_comes,
            self.early_access_ends,
        ]
        while True:
            self.day += 1
            act = self.chance.choice(acts)
            if act():
                self.happened.append(act.__name__)
                return

    def now(self) -> datetime:
        return FIRST + timedelta(hours=self.day)

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def word(self) -> str:
        self.words += 1
        return f"word{self.words}"

    def a_model(self, *, whole: bool = True) -> FakeModel | None:
        found = [
            model
            for model in self.world.models
            if model.status == "Published" and not (whole and model.mode)
        ]
        return self.chance.choice(found) if found else None

    def version(self, level: int = 1, *, until: datetime | None = None) -> FakeVersion:
        shown = FakeImage(id=self.next_number(), level=level, created_at=self.now())
        return FakeVersion(
            self.word(),
            id=self.next_number(),
            files=(FakeFile(id=self.next_number(), name=f"{self.word()}.safetensors", size=300),),
            images=(shown,),
            description=f"<p>{self.word()}</p>",
            published_at=self.now(),
            early_access_until=until,
        )

    def new_model(self) -> bool:
        flagged = self.chance.random() < 0.25
        levels = [self.chance.choice((1, 4)) for _ in range(self.chance.randint(1, 2))]
        if flagged:
            # One that is nowhere PG would be in no list at all.
            levels[0] = 1
        self.world.model(
            FakeModel(
                id=self.next_number(),
                name=self.word(),
                creator=self.chance.choice(PEOPLE),
                minor=flagged,
                versions=[self.version(level) for level in levels],
            )
        )
        return True

    def new_version(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        self.world.add_version(model.id, self.version())
        return True

    def early_access_comes(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        self.world.add_version(
            model.id, self.version(until=datetime(2030, 1, 1, tzinfo=timezone.utc))
        )
        return True

    def early_access_ends(self) -> bool:
        for model in self.world.models:
            for version in model.versions:
                if version.early_access_until is not None:
                    self.world.change_version(
                        version.id, lambda found: replace(found, early_access_until=None)
                    )
                    return True
        return False

    def new_file(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        file = FakeFile(
            id=self.next_number(), name=f"{self.word()}.safetensors", size=200, primary=False
        )
        version = self.chance.choice(model.versions)
        self.world.change_version(
            version.id, lambda found: replace(found, files=(*found.files, file))
        )
        return True

    def other_bytes(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        file = self.chance.choice(self.chance.choice(model.versions).files)
        self.world.change_file(file.id, lambda found: replace(found, revision=found.revision + 1))
        return True

    def other_words(self) -> bool:
        model = self.a_model(whole=False)
        if model is None:
            return False
        text = f"<p>{self.word()}</p>"
        if self.chance.random() < 0.5:
            self.world.change_model(model.id, lambda found: replace(found, description=text))
        else:
            version = self.chance.choice(model.versions)
            self.world.change_version(version.id, lambda found: replace(found, description=text))
        return True

    def other_name(self) -> bool:
        model = self.a_model(whole=False)
        if model is None:
            return False
        name = self.word()
        self.world.change_model(
            model.id, lambda found: replace(found, name=name, tags=(*found.tags, name))
        )
        return True

    def new_preview(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        version = self.chance.choice(model.versions)
        image = FakeImage(
            id=self.next_number(),
            uuid=f"00000000-0000-4000-8000-{self.number:012d}",
            seed=self.number,
            username=model.creator,
            version_ids=(version.id,),
            post_id=None,
            level=self.chance.choice((1, 4)),
            created_at=self.now(),
        )
        self.world.change_version(
            version.id, lambda found: replace(found, images=(image, *found.images))
        )
        return True

    def new_gallery_image(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        for _ in range(self.chance.choice((1, 1, 3))):
            version = self.chance.choice(model.versions)
            self.world.image(
                FakeImage(
                    id=self.next_number(),
                    username="zoe",
                    version_ids=(version.id,),
                    level=self.chance.choice((1, 8)),
                    created_at=self.now(),
                )
            )
        return True

    def new_user_image(self) -> bool:
        self.world.image(
            FakeImage(
                id=self.next_number(), username=self.chance.choice(PEOPLE), created_at=self.now()
            )
        )
        return True

    def model_goes(self) -> bool:
        model = self.a_model(whole=False)
        if model is None:
            return False
        self.taken[model.id] = model
        self.world.remove_model(model.id)
        return True

    def model_comes_back(self) -> bool:
        if not self.taken:
            return False
        self.world.restore_model(self.taken.pop(self.chance.choice(sorted(self.taken))))
        return True

    def model_is_hidden(self) -> bool:
        model = self.a_model(whole=False)
        if model is None:
            return False
        self.hidden.add(model.id)
        self.world.change_model(model.id, lambda found: replace(found, status="Unpublished"))
        return True

    def hidden_model_is_back(self) -> bool:
        if not self.hidden:
            return False
        number = self.chance.choice(sorted(self.hidden))
        self.hidden.discard(number)
        self.world.change_model(number, lambda found: replace(found, status="Published"))
        return True

    def version_goes(self) -> bool:
        model = self.a_model()
        if model is None or len(model.versions) < 2:
            return False
        version = self.chance.choice(model.versions)
        self.lost.append((model.id, version))
        self.world.remove_version(version.id)
        return True

    def version_comes_back(self) -> bool:
        there = {model.id for model in self.world.models}
        ready = [entry for entry in self.lost if entry[0] in there]
        if not ready:
            return False
        entry = self.chance.choice(ready)
        self.lost.remove(entry)
        self.world.change_model(
            entry[0], lambda found: replace(found, versions=(*found.versions, entry[1]))
        )
        return True

    def file_goes(self) -> bool:
        model = self.a_model()
        if model is None:
            return False
        spare = [file for version in model.versions for file in version.files if not file.primary]
        if not spare:
            return False
        self.world.remove_file(self.chance.choice(spare).id)
        return True

    def archived_or_not(self) -> bool:
        model = self.a_model(whole=False)
        if model is None:
            return False
        mode = None if model.mode else "Archived"
        self.world.change_model(model.id, lambda found: replace(found, mode=mode))
        return True


class Memory:
    """What the archive must hold: all that was true at the moment of any sync."""

    def __init__(self) -> None:
        self.files: dict[int, set[str]] = {}
        self.media: set[str] = set()
        self.shown: dict[int, FakeModel] = {}
        self.words: dict[int, set[str]] = {}

    def take(self, world: World) -> None:
        truth = world.truth
        self.shown = {model.id: model for model in truth.models()}
        for file in truth.files(key="fake-key"):
            if file.obtainable:
                self.files.setdefault(file.file_id, set()).add(file.sha256.upper())
        for model in truth.models():
            images = list(truth.gallery(model.id))
            for shown in truth.previews(model.id).values():
                images += shown
            self.media |= {image.sha256.upper() for image in images if image.obtainable}
            texts = [str(model.description), *(str(v.description) for v in model.versions)]
            self.words.setdefault(model.id, set()).update(texts)
        for name in PEOPLE:
            self.media |= {image.sha256.upper() for image in truth.user_images(name)}


def assert_current(output: Path, world: World, memory: Memory) -> None:
    """The archive has every byte and every word that was there, and shows models as they are."""
    held = set(tree(output).values())
    lost = {number for number, digests in memory.files.items() if not digests <= held}
    assert set() == lost
    assert set() == memory.media - held
    shown = {version.id for model in memory.shown.values() for version in model.versions}
    for number, texts in memory.words.items():
        folder = output / f"model_{number // 1000}/{number}"
        told = "".join(path.read_text("utf-8") for path in folder.glob("*.json"))
        assert [text for text in texts if json.dumps(text)[1:-1] not in told] == []
        stones = (
            read_gone((output / gone_path(ModelId(number))).read_bytes())
            if (output / gone_path(ModelId(number))).is_file()
            else None
        )
        gone = stones is not None and stones.gone_since is not None
        assert gone == (number not in memory.shown), f"model {number}"
        if number in memory.shown:
            now = json.loads((folder / "model.json").read_bytes())
            model = memory.shown[number]
            assert (model.name, model.description) == (now["name"], now["description"])
            assert {v.id for v in model.versions} == {v["id"] for v in now["modelVersions"]}
            lost_versions = {stone.id for stone in stones.versions} if stones else set()
            assert set() == lost_versions & shown


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_200_changes_are_followed_with_nothing_missed(tmp_path: Path, seed: int) -> None:
    """New, changed, hidden, gone, back, archived: after every few a sync has it all."""
    chance = random.Random(seed)
    world = World()
    for name in (*PEOPLE, "zoe"):
        world.creator(name)
    story, memory, clock = Story(world, chance), Memory(), Still(speed=600)
    for _ in range(6):
        story.new_model()
    output = tmp_path / "archive"
    # Two users by name, models of the third one by their numbers: they are known from the start.
    others = [model.id for model in world.models if model.creator == "eve"]
    await keep(output, "user:ann", "user:bob", "user:eve", *(f"model:{n}" for n in others[:2]))
    async with FakeCivitai(world) as fake:
        await sync_once(fake, output, clock)
        memory.take(world)
        for done in range(0, CHANGES, A_FEW):
            for _ in range(A_FEW):
                story.goes_on()
            clock.pass_by(DAY * 1.5)
            report = await sync_once(fake, output, clock)
            memory.take(world)
            trail = f"seed {seed}, after {done + A_FEW}: {story.happened[-A_FEW:]}"
            assert 0 == report.exit_code, (trail, report.runs[0].failures)
            try:
                assert_current(output, world, memory)
            except AssertionError as error:
                raise AssertionError(f"{trail}; told: {told(report)}; {error}") from error
    assert len(set(story.happened)) >= 17
    assert {"png"} <= set(EXTENSIONS.values())
