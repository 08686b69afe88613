"""What the simulated Civitai holds for each benchmark; the same bytes every time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

KB, MB = 1000, 1_000_000
USER = "ann"
SEED = 20261122


@dataclass(frozen=True)
class Amount:
    """How much there is: files with their size in bytes, images with the bounds of theirs."""

    files: int = 0
    file_size: int = 0
    images: int = 0
    smallest: int = 50 * KB
    largest: int = 2 * MB
    models: int = 1


def log_uniform(count: int, low: int, high: int) -> list[int]:
    """Sizes of which as many lie between 50 and 100 as between 500 and 1000."""
    dice = random.Random(SEED)  # noqa: S311  # no secret: the same sizes every time
    return [int(math.exp(dice.uniform(math.log(low), math.log(high)))) for _ in range(count)]


def files_world(amount: Amount) -> World:
    """One model with so many files and nothing else."""
    files = [
        FakeFile(name=f"big-{number}.safetensors", size=amount.file_size, precision=f"fp{number}")
        for number in range(1, amount.files + 1)
    ]
    version = FakeVersion(files=files, images=())
    return World().model(FakeModel(1, name="big", creator=USER, versions=[version]))


def images_world(amount: Amount) -> World:
    """One user with so many images and no model."""
    world = World().creator(USER)
    for size in log_uniform(amount.images, amount.smallest, amount.largest):
        world.image(_picture(size))
    return world


def job_world(amount: Amount) -> World:
    """Models of two versions each; of their images a part are previews, the rest the gallery."""
    world = World()
    sizes = iter(log_uniform(amount.images, amount.smallest, amount.largest))
    each = amount.images // amount.models
    previews = min(4, each // 4)
    for number in range(1, amount.models + 1):
        versions = [
            FakeVersion(
                f"v{place}",
                id=number * 100 + place,
                files=[
                    FakeFile(
                        name=f"model-{number}-{place}-{part}.safetensors",
                        size=amount.file_size,
                        precision=f"fp{part * 8}",
                    )
                    for part in range(1, amount.files // amount.models // 2 + 1)
                ],
                images=[_picture(next(sizes)) for _ in range(previews)],
            )
            for place in (2, 1)
        ]
        world.model(FakeModel(number, name=f"model {number}", creator=USER, versions=versions))
        for _ in range(each - 2 * previews):
            world.image(_picture(next(sizes), number * 100 + 1))
    return world


def _picture(size: int, *versions: int) -> FakeImage:
    # One seed for all: what tells them apart is the filler.
    return FakeImage(
        "png", seed=1, username=USER, version_ids=versions, filler=max(1, size - 12_000)
    )


WORLDS: dict[str, Callable[[Amount], World]] = {
    "files": files_world,
    "images": images_world,
    "job": job_world,
}
