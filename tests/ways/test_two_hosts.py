"""A service with two hosts: what the first denies is asked of the second before it is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from on_the_way import Ear, is_whole, run, small_world

from civitai_dl.domain.entities import Notice, Selection, Ways
from civitai_dl.testing import (
    GOOD_KEY,
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeVersion,
    Fault,
    World,
)

GALLERIES = Selection()


def mature_world(count: int = 3) -> World:
    """Models of one creator, each with a file and a gallery image."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(f"{number}.safetensors", size=3000 + number)
        version = FakeVersion(f"v{number}", files=[file], images=[FakeImage("png")])
        world.model(number, creator="ann", versions=[version])
    return world


def hide(fake: FakeCivitai) -> None:
    """As in April 2026: the first host denies what is mature, singly and in lists."""
    denied = {"error": "No model with id"}
    for path in ("/api/v1/models/[0-9]", "/api/v1/model-versions/[0-9]", "/api/download/"):
        fake.faults.add(Fault(origin="api", path=path, status=404, body=denied, every=True))
    empty = {"items": [], "metadata": {}}
    for path in (r"/api/v1/models\?", r"/api/v1/images\?"):
        fake.faults.add(Fault(origin="api", path=path, status=200, body=empty, every=True))


def both(second: FakeCivitai) -> Ways:
    return Ways(fallbacks=(second.base_url,))


async def test_what_the_first_host_denies_comes_from_the_second(
    engine: str, tmp_path: Path
) -> None:
    """Models that one host hides are fetched whole by the other; cursors stay with it."""
    world, ear = mature_world(), Ear()
    async with FakeCivitai(world) as first, FakeCivitai(world) as second:
        hide(first)
        ways = both(second)
        report = await run(
            first,
            tmp_path / "archive",
            "user:ann",
            ways=ways,
            engine=engine,
            reporter=ear,
            selection=GALLERIES,
        )
        told = [one.text for one in ear.heard if isinstance(one, Notice)]
        served = [planted for planted in first.faults._planted if planted.served]
    assert 0 == report.exit_code, report
    assert is_whole(world, tmp_path / "archive")
    assert len(served) >= 3
    assert 1 == len([text for text in told if "does not show everything" in text])
    assert [] == second.account.leaks(GOOD_KEY)


async def test_a_list_that_began_at_a_host_goes_on_there(tmp_path: Path) -> None:
    """Each further page of a list is asked of the host that gave its cursor, in its words."""
    world = mature_world(120)
    selection = Selection(images=False)
    async with FakeCivitai(world) as first, FakeCivitai(world) as second:
        hide(first)
        ways = both(second)
        report = await run(first, tmp_path / "archive", "user:ann", ways=ways, selection=selection)
    assert 0 == report.exit_code, report
    pages = second.account.of(path_prefix="/api/v1/models")
    cursors = [seen.param("cursor") for seen in pages if seen.param("cursor")]
    assert cursors
    assert not [cursor for cursor in cursors if "@" in cursor]
    lists = first.account.of(path_prefix="/api/v1/models")
    assert not [seen for seen in lists if seen.param("cursor")]


async def test_a_thing_is_gone_only_when_both_hosts_say_so(tmp_path: Path) -> None:
    """While one host shows a model it is not gone; when both deny it, it is, and is kept."""
    world, output = mature_world(1), tmp_path / "archive"
    selection = Selection(images=False)
    async with FakeCivitai(world) as first, FakeCivitai(world) as second:
        ways = both(second)
        report = await run(first, output, ways=ways, selection=selection)
        assert 0 == report.exit_code
        hide(first)
        report = await run(first, output, ways=ways, selection=selection)
        assert (0, ()) == (report.exit_code, report.unavailable)
        assert not list(output.rglob("gone.json"))
        hide(second)
        report = await run(first, output, ways=ways, selection=selection)
        assert 0 == report.exit_code
        assert report.unavailable
        assert list(output.rglob("gone.json"))
        assert is_whole(world, output)


@pytest.mark.parametrize("trouble", [{"status": 500}, {"reset": True}, {"status": 403}])
async def test_nothing_is_held_to_be_gone_while_one_host_cannot_say(
    trouble: dict[str, object], tmp_path: Path
) -> None:
    """A second host that is down leaves a 404 in doubt: it fails, is told why, and is not gone."""
    world, output = mature_world(1), tmp_path / "archive"
    selection = Selection(images=False)
    async with FakeCivitai(world) as first, FakeCivitai(world) as second:
        ways = both(second)
        await run(first, output, ways=ways, selection=selection)
        hide(first)
        second.faults.add(Fault(origin="api", path="/api/v1", every=True, **trouble))
        report = await run(first, output, ways=ways, selection=selection)
        second.faults.assert_all_served()
    assert 1 == report.exit_code
    assert () == report.unavailable
    (failure,) = report.failures
    assert second.base_url.removeprefix("http://") in failure.detail
    assert "--base-url" in failure.hint
    assert not list(output.rglob("gone.json"))


async def test_a_thing_that_is_nowhere_is_asked_of_the_second_host_once(tmp_path: Path) -> None:
    """A 404 is tried again at the first host, as ever; the second one is not asked each time."""
    async with FakeCivitai(small_world()) as first, FakeCivitai(small_world()) as second:
        report = await run(first, tmp_path / "archive", "7", "8", ways=both(second))
    assert 1 == report.exit_code
    for number in (7, 8):
        path = f"/api/v1/models/{number}"
        assert first.account.count(path_prefix=path) >= 3
        assert 1 == second.account.count(path_prefix=path)


async def test_empty_galleries_do_not_double_the_requests(tmp_path: Path) -> None:
    """Of many empty galleries fifty are asked of the other host, then one in ten."""
    world = World().creator("ann")
    for number in range(1, 121):
        version = FakeVersion(f"v{number}", files=[], images=[])
        world.model(number, creator="ann", versions=[version])
    targets = [str(number) for number in range(1, 121)]
    selection = Selection(files=False)
    async with FakeCivitai(world) as first, FakeCivitai(world) as second:
        await run(first, tmp_path / "archive", *targets, ways=both(second), selection=selection)
    asked = first.account.count(path_prefix="/api/v1/images")
    again = second.account.count(path_prefix="/api/v1/images")
    assert asked >= 120
    assert 50 <= again <= 50 + asked // 10 + 1


async def test_a_host_that_hides_something_is_never_believed_alone_again(
    tmp_path: Path,
) -> None:
    """Once the hosts have differed every empty list is asked of both."""
    world = mature_world(70)
    for number in range(100, 170):
        world.model(number, creator="ann", versions=[FakeVersion("v", files=[], images=[])])
    targets = [str(number) for number in (*range(1, 71), *range(100, 170))]
    selection = Selection(files=False)
    async with FakeCivitai(world) as first, FakeCivitai(world) as second:
        empty = {"items": [], "metadata": {}}
        first.faults.add(
            Fault(origin="api", path=r"/api/v1/images\?", status=200, body=empty, every=True)
        )
        await run(first, tmp_path / "archive", *targets, ways=both(second), selection=selection)
        first.faults.assert_all_served()
    doubted = {seen.param("modelId") for seen in second.account.of(path_prefix="/api/v1/images")}
    assert set(targets) == doubted


async def test_one_host_that_is_named_is_the_only_one_asked(tmp_path: Path) -> None:
    """Without fallbacks a 404 is a 404."""
    async with FakeCivitai(small_world()) as first, FakeCivitai(small_world()) as second:
        report = await run(
            first, tmp_path / "archive", "7", ways=replace(both(second), fallbacks=())
        )
    assert 1 == report.exit_code
    assert [] == second.account.of()
