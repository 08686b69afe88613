"""How many questions it takes to see that nothing is new."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest
from archives import FAST
from syncing import DAY, Still, keep, sync_once

from civitai_dl.domain.entities import Selection
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeModel, FakeVersion, World

OWN = 5
"""Models of each user, which are named by themselves as well."""

PER_REQUEST = 100
"""Models that one answer holds at most."""


def a_world(models: int, users: int) -> World:
    """One model in a hundred is flagged `minor`; each has a file and a picture."""
    world = World()
    for number in range(users):
        world.creator(f"user{number}")
    for number in range(1, models + 1):
        owner = (number - 1) // OWN
        version = FakeVersion(files=(FakeFile(size=64),), images=(FakeImage(),))
        world.model(
            FakeModel(
                id=number,
                creator=f"user{owner}" if owner < users else "crowd",
                minor=number % 100 == 7,
                versions=(version,),
            )
        )
    return world


def least(world: World, users: int, *, galleries: bool) -> int:
    """The fewest requests that see every change that the world can make.

    - the key, once: a bad one makes the service silently show less;
    - of each user the newest page of models with nsfw=true, and the one with nsfw=false: nothing
      else names a new model, and neither shows all (flagged ones are only in the second, those
      without PG only in the first). The first shows up to a hundred models whole;
    - all other known models by their ids, a hundred to an answer, which is the most: another
      description, tag, file or preview changes no date and no place in any list;
    - those that this list leaves out, in the list with nsfw=false, a hundred to an answer as well;
    - of each user the newest page of images, and of each model the newest page of its gallery:
      one answer speaks of one of them, and no answer about a model tells how many images it has.
    """
    models = len(world.models)
    owned = {model.id for model in world.models if model.creator != "crowd"}
    flagged = {model.id for model in world.models if model.minor}
    others = (models - len(owned)) + len(owned & flagged)
    asked = 1 + 2 * users + ceil(others / PER_REQUEST) + ceil(len(flagged) / PER_REQUEST)
    return asked + (users + models if galleries else 0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("models", "users", "galleries"), [(5000, 200, True), (1000, 50, False)])
async def test_nothing_new_costs_what_it_must(
    tmp_path: Path, models: int, users: int, *, galleries: bool
) -> None:
    """5,000 models and 200 users with nothing new: at most 2 % more requests than the least."""
    world = a_world(models, users)
    clock = Still()
    # What is listed is what counts: nothing is transferred, which would take minutes.
    settings = replace(FAST, dry_run=True, selection=Selection(gallery=galleries))
    names = [f"user:user{number}" for number in range(users)]
    await keep(tmp_path, *names, *(f"model:{number}" for number in range(1, models + 1)))
    async with FakeCivitai(world) as fake:
        first = await sync_once(fake, tmp_path, clock, settings=settings)
        fake.account.clear()
        clock.pass_by(DAY)
        second = await sync_once(fake, tmp_path, clock, settings=settings)
        asked = Counter(seen.path for seen in fake.account.of(origin="api"))
    assert (users + models, 0) == (first.full, second.full)
    assert models == second.runs[0].models
    assert () == second.runs[0].failures
    assert not second.news
    fewest = least(world, users, galleries=galleries)
    assert fewest <= asked.total() <= fewest * 1.02, (fewest, asked.most_common(5))
