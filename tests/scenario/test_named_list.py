"""One list with everything that can be named, in every form that names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archives import FAST, assert_exact_media, run

from civitai_dl.config import collect, parse_any
from civitai_dl.domain.entities import Selection
from civitai_dl.sources import parse_target
from civitai_dl.testing import FakeCivitai, FakeOptions
from named_world import (
    FAVOURITE,
    IMAGE,
    IMAGES_OF,
    MODELS,
    POSTED,
    list_text,
    named_world,
    wanted_names,
)


async def test_a_list_with_one_line_of_each_kind_is_fetched_end_to_end(tmp_path: Path) -> None:
    """A list with one line of each kind brings exactly what its lines name, each thing once."""
    world = named_world()
    path = tmp_path / "everything.txt"
    path.write_bytes(list_text(world))
    things, bad = collect([(str(path), parse_any)], [], parse=parse_target, stdin=bytes)
    assert bad == []
    output = tmp_path / "archive"
    options = FakeOptions(favorites=frozenset({FAVOURITE}))
    async with FakeCivitai(world, options=options) as fake:
        settings = replace(FAST, selection=Selection(gallery_limit=5))
        report = await run(fake, output, things, settings=settings)
        times = fake.account.resolves()
    assert report.exit_code == 0, report.failures
    assert len(report.accounts) == len(things)
    assert all(account.expected and account.settled for account in report.accounts)
    pages = {int(path.parent.name) for path in output.glob("model_*/*/model.json")}
    assert pages == MODELS
    files = [path.name for path in output.rglob("*.safetensors")]
    assert sorted(files) == sorted(wanted_names(world))
    assert set(times.values()) == {1}
    stored = {path.stem for path in output.glob("users/*/images/*/*.png")}
    assert {str(number) for number in (IMAGE, *POSTED)} <= stored
    for name in IMAGES_OF:
        assert_exact_media(output, f"users/{name}/images", world.truth.user_images(name))
