"""How often the service is asked, and how it is left alone when it asks for that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from archives import FAST, run, wanted_of

from civitai_dl.config import Settings
from civitai_dl.domain.entities import Secret, Selection
from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeOptions, Fault, World

SLOW = 5.0
"""Client seconds per real second, where distances are measured."""

TOLERANCE = 0.9
"""Of a distance: the fake and the client look at clocks of their own."""


def models(count: int) -> tuple[World, str]:
    world = World().creator("ann")
    for number in range(1, count + 1):
        world.model(number, creator="ann")
    return world, "".join(f"{number}\n" for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("settings", "path", "interval"),
    [
        (Settings(), "/api/v1/models", 2.0),
        (Settings(), "/api/v1/images", 0.5),
        (Settings(max_rate_image=5.0), "/api/v1/images", 0.2),
    ],
)
async def test_requests_keep_their_distance(
    tmp_path: Path, settings: Settings, path: str, interval: float
) -> None:
    """By default the Model API is asked every 2 s at most and the Image API every 0.5 s."""
    world, listed = models(320 if path.endswith("models") else 12)
    gallery = path.endswith("images")
    chosen = replace(
        settings,
        dry_run=True,
        token=Secret(GOOD_KEY),
        selection=Selection(gallery=gallery),
    )
    async with FakeCivitai(world) as fake:
        await run(
            fake, tmp_path / "a", wanted_of("", listed, tmp_path), settings=chosen, speed=SLOW
        )
        moments = [seen.at for seen in fake.account.of(origin="api", path_prefix=path)]
    assert len(moments) >= 4
    took = (moments[-1] - moments[0]) * SLOW
    assert took >= (len(moments) - 1) * interval * TOLERANCE


async def test_links_are_asked_for_slowly_at_first(tmp_path: Path) -> None:
    """Links have a pace of their own: two a second to begin with, never above ten."""
    world, listed = models(12)
    settings = replace(
        FAST, max_rate_resolve=10.0, concurrency=6, selection=Selection(images=False)
    )
    async with FakeCivitai(world) as fake:
        await run(
            fake, tmp_path / "a", wanted_of("", listed, tmp_path), settings=settings, speed=SLOW
        )
        moments = [seen.at for seen in fake.account.of(origin="api", path_prefix="/api/download")]
    assert (moments[1] - moments[0]) * SLOW >= 0.5 * TOLERANCE
    assert (moments[-1] - moments[0]) * SLOW >= (len(moments) - 1) * 0.1 * TOLERANCE


async def test_an_edge_that_limits_is_obeyed(tmp_path: Path) -> None:
    """Behind an edge that lets few requests through, each refusal is waited for; none is lost."""
    world, listed = models(8)
    # Far slower than any machine asks, so that there is something to refuse.
    options = FakeOptions(edge_rate=4.0, edge_burst=2, edge_retry_after=8)
    async with FakeCivitai(world, options=options) as fake:
        report = await run(fake, tmp_path / "a", wanted_of("", listed, tmp_path))
        refused = fake.account.count(origin="api", status=429)
    assert refused > 0
    assert report.exit_code == 0


async def test_several_galleries_are_asked_for_at_once(tmp_path: Path) -> None:
    """Where no rate is set, listings come side by side, and no more than streams are allowed."""
    peaks = {}
    for streams in (1, 3):
        world, listed = models(12)
        settings = replace(FAST, dry_run=True, concurrency=streams)
        async with FakeCivitai(world) as fake:
            # Long enough for all who may ask to be there at once.
            fake.faults.add(Fault(path="/api/v1/images", delay=0.1, every=True))
            things = wanted_of("", listed, tmp_path)
            report = await run(fake, tmp_path / f"{streams}", things, settings=settings)
            assert 12 == fake.account.count(origin="api", path_prefix="/api/v1/images", status=200)
            peaks[streams] = fake.account.peak("api")
        assert 0 == report.exit_code
    # One more is the list of models.
    assert peaks[1] <= 2
    assert 3 <= peaks[3] <= 4


async def test_a_service_that_is_busy_is_asked_by_fewer(tmp_path: Path) -> None:
    """When the Image API is overloaded for a while all galleries come, and none is asked in vain.

    What was on its way when it said so may be refused as well; after that one asks alone.
    """
    world, listed = models(12)
    async with FakeCivitai(world) as fake:
        busy = Fault(path="/api/v1/images", status=503, headers={"Retry-After": "2"}, times=4)
        fake.faults.add(busy)
        things = wanted_of("", listed, tmp_path)
        report = await run(fake, tmp_path / "a", things, settings=replace(FAST, dry_run=True))
        refused = fake.account.count(origin="api", path_prefix="/api/v1/images", status=503)
        came = fake.account.count(origin="api", path_prefix="/api/v1/images", status=200)
    assert 0 == report.exit_code
    assert (4, 12) == (refused, came)
