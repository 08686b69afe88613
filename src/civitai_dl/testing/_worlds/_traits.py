"""A nasty world: every oddity that Civitai is known for, once, in small."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from civitai_dl.testing._world import (
    MATURE,
    SAFE,
    SOFT,
    XXX,
    FakeCreator,
    FakeImage,
    FakeModel,
    World,
    X,
    is_returned,
)
from civitai_dl.testing._worlds._trait_files import file_traits, name_traits
from civitai_dl.testing._worlds._trait_states import page_traits, version_traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from civitai_dl.testing._world import PictureFormat

_MODELS = 60
_IMAGES = 1_500
_HIDDEN = 250
_FIRST_MODEL = 200_001
_USERS = ("ann_traits", "20240117", "Zoe_K")
_LEVELS = (SAFE, SAFE, SOFT, SAFE, MATURE, X, SAFE, XXX)
_FORMATS: tuple[PictureFormat, ...] = ("png", "jpeg", "png", "webp", "png", "mp4", "png", "gif")


def trait_world() -> World:
    """Return 60 models of 3 users and 1,500 images that are returned; the same every time.

    250 more images of Zoe_K are never returned but keep their places in the search: her newest
    page is empty and has a cursor.
    """
    world = World()
    for name in _USERS:
        world.creator(FakeCreator(name))
    for number, (trait, model) in enumerate(_models().items()):
        creator = model.creator or _USERS[number % len(_USERS)]
        world.model(
            replace(
                model,
                id=TRAITS[trait],
                name=model.name or trait.capitalize(),
                creator=None if trait == "no creator" else creator,
            )
        )
    previews = sum(is_returned(image) for image in world.index.images.values())
    for image in _posts(world, _IMAGES - previews):
        world.image(image)
    newest = _newest(world)
    for number in range(_HIDDEN):
        later = newest + timedelta(seconds=number)
        world.image(FakeImage(username="Zoe_K", minor=True, created_at=later))
    return world


def trait_lists(world: World) -> tuple[str, str]:
    """Return the texts of a users.txt and a models.txt that name everything that can be found."""
    users = "".join(f"https://civitai.com/user/{creator.username}\n" for creator in world.creators)
    models = "".join(f"https://civitai.com/models/{m.id}\n" for m in world.truth.models())
    return users, models


def _models() -> dict[str, FakeModel]:
    odd = {**file_traits(), **name_traits(), **page_traits(), **version_traits()}
    plain = {f"plain {number}": FakeModel() for number in range(2, 2 + _MODELS - len(odd))}
    return odd | plain


TRAITS = {trait: _FIRST_MODEL + number for number, trait in enumerate(_models())}
"""The id of the model that has a trait, by the trait's name."""


def _posts(world: World, count: int) -> Iterator[FakeImage]:
    models = [model for model in world.models if model.status == "Published" and not model.poi]
    for number in range(count):
        versions = models[number % len(models)].versions
        linked = {
            0: (),  # a post about no model
            1: tuple(version.id for version in versions[:2]),  # the join repeats it
        }.get(number % 7, (versions[number % len(versions)].id,))
        yield _odd(number, linked)


def _odd(number: int, linked: tuple[int, ...]) -> FakeImage:
    """Return a post; every 40 of them have each oddity of posts once."""
    image = FakeImage(
        _FORMATS[number % len(_FORMATS)],
        username=_USERS[number % len(_USERS)] if number % 20 else None,
        level=_LEVELS[number // 2 % len(_LEVELS)],
        width=48,
        height=64,
        version_ids=linked,
        meta={"prompt": f"trait {number}", "seed": number, "steps": 20} if number % 3 else None,
        reactions=number % 13,
    )
    change = _ODDITIES.get(number % 40)
    return image if change is None else change(image)


_ODDITIES: dict[int, Callable[[FakeImage], FakeImage]] = {
    2: lambda image: replace(image, numbered_url=False),
    4: lambda image: replace(image, content_type="text/plain"),
    6: lambda image: replace(image, redirects=True),
    8: lambda image: replace(image, chunked=True),
    10: lambda image: replace(image, post_id=None, base_model=None),
    12: lambda image: replace(image, meta={"prompt": 5, "seed": "x", "nested": {"a": [None]}}),
    13: lambda image: replace(image, still_first=True),  # number 13 of 40 is always an mp4
    14: lambda image: replace(image, format="webp", content_type="image/png"),
}


def _newest(world: World) -> datetime:
    """Return a time behind all posts so far."""
    posts = world.posts
    last = max(image.created_at for image in posts if image.created_at is not None)
    return last + timedelta(seconds=1)
