"""The newest N images of a gallery, run after run."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from civitai_dl.domain.entities import Selection
from civitai_dl.testing import FakeCivitai, FakeImage, World

sys.path.insert(0, str(Path(__file__).parents[1] / "scenario"))

from archives import FAST, run, wanted  # lies beside the scenarios


def gallery(output: Path) -> set[int]:
    found = (output / "model_0/1/gallery").rglob("*")
    return {int(path.stem) for path in found if path.is_file() and path.suffix != ".json"}


async def test_a_limited_gallery_does_not_grow_by_being_asked_for_again(tmp_path: Path) -> None:
    """--gallery-limit 5 holds the newest five of thirty images, however often it is run."""
    world = World().model(1, creator="ann")
    version = world.models[0].versions[0].id
    world.images(30, username="bob", version_ids=(version,))
    settings = replace(FAST, selection=Selection(gallery_limit=5))
    newest = {image.id for image in sorted(world.posts, key=lambda image: image.id)[-5:]}
    async with FakeCivitai(world) as fake:
        for _ in range(3):
            fake.account.clear()
            assert (await run(fake, tmp_path, wanted("1"), settings=settings)).exit_code == 0
            assert gallery(tmp_path) == newest
        assert fake.account.count(origin="api", path_prefix="/api/v1/images") <= 2
        latest = max(image.created_at for image in world.posts) + timedelta(days=1)
        one = FakeImage(username="bob", version_ids=(version,), created_at=latest)
        world.image(one)
        await run(fake, tmp_path, wanted("1"), settings=settings)
    assert gallery(tmp_path) == newest | {max(image.id for image in world.posts)}
