"""Small worlds, each with something that goes wrong in its own way when the program is killed."""

from __future__ import annotations

from civitai_dl.testing import FakeFile, FakeImage, FakeVersion, World

TWIN = 7_777
"""The content that several files share."""


def version(*files: FakeFile, pictures: int = 0) -> FakeVersion:
    """A version of these files and so many previews."""
    return FakeVersion(files=files, images=tuple(FakeImage() for _ in range(pictures)))


def files_world(count: int = 4, size: int = 2_000_000) -> World:
    """Files that take several checkpoints each."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(name=f"file-{number}.safetensors", size=size)
        world.model(number, creator="ann", versions=(version(file),))
    return world


def images_world(count: int = 40) -> World:
    """Many small images, in a gallery and of a user."""
    world = World().creator("ann").model(1, creator="ann", versions=(version(FakeFile()),))
    return world.images(count, username="ann", version_ids=(world.models[0].versions[0].id,))


def twins_world(count: int = 4, size: int = 1_200_000) -> World:
    """The same bytes in many places, and previews that are in the gallery as well."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(name=f"twin-{number}.safetensors", size=size, content=TWIN)
        world.model(number, creator="ann", versions=(version(file, pictures=1),))
    return world


def wrong_world(size: int = 300_000) -> World:
    """Files whose listed digest is wrong, among good ones."""
    world = World().creator("ann")
    for number, hashes in enumerate(("wrong", "all", "wrong"), 1):
        file = FakeFile(name=f"file-{number}.safetensors", size=size, hashes=hashes)
        world.model(number, creator="ann", versions=(version(file),))
    return world


def everything_world() -> World:
    """A little of all: a file with checkpoints, twins, a wrong digest, previews, images."""
    world = World().creator("ann")
    world.model(1, creator="ann", versions=(version(FakeFile(size=1_300_000), pictures=1),))
    world.model(2, creator="ann", versions=(version(FakeFile(size=300_000, content=TWIN)),))
    world.model(3, creator="ann", versions=(version(FakeFile(size=300_000, content=TWIN)),))
    wrong = FakeFile(size=20_000, hashes="wrong")
    world.model(4, creator="ann", versions=(version(wrong, pictures=1),))
    return world.images(5, username="ann")
