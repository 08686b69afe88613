"""A world of real answers: every capture of a folder, served in the shape it was captured in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from civitai_dl.testing._world import FakeCreator, World
from civitai_dl.testing._worlds._adopt import (
    adopt_image,
    adopt_model,
    adopt_version,
    invent_model,
)
from civitai_dl.testing._worlds._raw import number, part, read, rows, text

if TYPE_CHECKING:
    from pathlib import Path

    from civitai_dl.testing._world import FakeVersion, Json

_NOT_REAL = ("docs", "trpc")
"""Words in the names of files that are documentation or derived, not captured from the API."""


class _Captures:
    """All captures, sorted by what they are about."""

    def __init__(self) -> None:
        self.models: dict[int, dict[str, Json]] = defaultdict(dict)
        """Whole models by id and kind of answer."""
        self.raws: dict[int, list[Json]] = defaultdict(list)
        """Versions by id, from whatever answer."""
        self.versions: dict[int, dict[str, Json]] = defaultdict(dict)
        """Answers about one version by id and kind."""
        self.parents: dict[int, list[int]] = defaultdict(list)
        """Version ids per model id, in the order of their coming."""
        self.images: list[Json] = []

    def add_model(self, raw: Json, kind: str) -> None:
        self.models[number(raw, "id")].setdefault(kind, raw)
        for version in rows(raw, "modelVersions"):
            self.add_version(version, number(raw, "id"))

    def add_version(self, raw: Json, model_id: int, kind: str | None = None) -> None:
        version_id = number(raw, "id")
        self.raws[version_id].append(raw)
        if version_id not in self.parents[model_id]:
            self.parents[model_id].append(version_id)
        if kind is not None:
            self.versions[version_id].setdefault(kind, raw)

    def adopted(self, model_id: int) -> list[FakeVersion]:
        return [
            adopt_version(self.raws[version_id], self.versions[version_id])
            for version_id in self.parents[model_id]
        ]


def world_from_samples(folder: Path) -> World:
    """Return a world of the real captures in a folder; empty when there are none.

    All JSON is kept, unknown keys too; addresses are the fake's, and sizes and digests are those
    of small made-up bodies. A parent is invented where only a version was captured.
    """
    captures, world = _read(folder), World()
    for model_id in captures.parents:
        for raw in captures.models[model_id].values():
            _add_creator(world, raw)
        versions = captures.adopted(model_id)
        if captures.models[model_id]:
            world.model(adopt_model(captures.models[model_id], versions))
        else:
            raw = captures.raws[captures.parents[model_id][0]][0]
            world.model(invent_model(model_id, raw, versions))
    for raw in captures.images:
        world.image(replace(adopt_image(raw), captured={"image": raw}))
    return world


def _read(folder: Path) -> _Captures:
    captures = _Captures()
    for raw in _objects(folder, "models_list_*"):
        captures.add_model(raw, "item")
    for raw in _objects(folder, "model_by_id_*"):
        captures.add_model(raw, "model")
    for kind, pattern in (
        ("version", "model_version_by_id_*"),
        ("by-hash", "model_version_by_hash_*"),
        (None, "model_version_multifile_*"),
    ):
        for raw in _objects(folder, pattern):
            captures.add_version(raw, number(raw, "modelId"), kind)
    captures.images = [*_objects(folder, "images_page_*"), *_objects(folder, "image_item_*")]
    known = {
        image.get("id") for r in captures.raws.values() for v in r for image in rows(v, "images")
    }
    for raw in _objects(folder, "video_item_*"):
        # The video of a version; most often the version was captured with it.
        if raw.get("id") not in known:
            captures.images.append(raw)
    return captures


def _objects(folder: Path, pattern: str) -> list[Json]:
    paths = sorted(folder.glob(f"{pattern}.json"))
    return [raw for p in paths if not any(word in p.name for word in _NOT_REAL) for raw in read(p)]


def _add_creator(world: World, raw: Json) -> None:
    creator = part(raw, "creator")
    name = text(creator, "username")
    if name and world.index.user(name) is None:
        world.creator(FakeCreator(name, number(raw, "userId"), text(creator, "image") or None))


def sample_lists(world: World) -> tuple[str, str]:
    """Return the texts of a users.txt and a models.txt in the forms that people paste."""
    users = ["# Users", *(f"https://civitai.com/user/{quote(c.username)}" for c in world.creators)]
    models = ["# Models"]
    for place, model in enumerate(world.models):
        newest = model.versions[0].id
        forms = (
            f"https://civitai.com/models/{model.id}",
            f"https://civitai.com/models/{model.id}/a-slug?modelVersionId={newest}",
            f"https://civitai.red/models/{model.id}/a-slug",
            f"https://civitai.com/model-versions/{newest}",
            f"https://civitai.com/api/download/models/{newest}",
            f"urn:air:sdxl:checkpoint:civitai:{model.id}@{newest}",
        )
        models.append(forms[place % len(forms)])
    return "\n".join(users) + "\n", "\n".join(models) + "\n"
