"""The fault matrix: every kind of trouble, at every place of a transfer, fresh and resumed.

RELIABILITY=quick plays a sample in which every kind, place and mode occurs, full plays all of it,
and nightly adds places by chance, from RELIABILITY_SEED.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from kinds import KINDS
from places import MODES, POSITIONS, Kind, Mode
from stage import Stage

from civitai_dl.config import ENGINES
from reliability_size import pick

QUICK_STEP = 5
"""Coprime to the number of cases of a kind, so that the sample goes round all of them."""

SEED = int(os.environ.get("RELIABILITY_SEED", "") or 20_260_801)
"""Where the chance of the nightly cases begins."""

Case = tuple[Kind, "str | int", Mode]


def cases() -> list[Case]:
    """The cases of the chosen size, always in the same order."""
    found: list[Case] = []
    for number, kind in enumerate(KINDS):
        every: list[Case] = [(kind, position, mode) for mode in MODES for position in POSITIONS]
        chosen = pick(
            quick=[every[(number * QUICK_STEP + number // 12) % len(every)]],
            full=every,
            nightly=[*every, *_by_chance(kind)],
        )
        found += chosen
    return found


def played() -> list[object]:
    """Every case with each engine; of the sample, with one or the other in turn."""
    return [
        pytest.param(case, engine, id=f"{_name(case)}, {engine}")
        for number, case in enumerate(cases())
        for engine in pick(quick=ENGINES[number % 2 :][:1], full=ENGINES, nightly=ENGINES)
    ]


def _by_chance(kind: Kind) -> list[Case]:
    dice = random.Random(f"{SEED} {kind.name}")
    return [(kind, dice.randrange(1, 190_000), mode) for mode in MODES for _ in range(4)]


def _name(case: Case) -> str:
    kind, position, mode = case
    return f"{kind.origin} {kind.name}, {position}, {mode}"


@pytest.mark.parametrize(("case", "engine"), played())
async def test_trouble_ends_exact_or_is_told(
    stage: Stage, tmp_path: Path, case: Case, engine: str
) -> None:
    """After any trouble the archive holds the true bytes, or the run says what it has not got."""
    kind, position, mode = case
    print(f"seed {SEED}: {_name(case)} ({kind.ids})")  # noqa: T201  # shown when it fails
    stage.engine = engine
    await stage.play(kind, stage.place(kind, position, mode), tmp_path / "archive")


def test_the_table_is_wide_enough() -> None:
    """The table has sixty kinds for files at least, and every name in it is said once."""
    names = [(kind.origin, kind.name) for kind in KINDS]
    assert len(names) == len(set(names))
    assert len([kind for kind in KINDS if kind.origin != "cdn"]) >= 60
    assert len([kind for kind in KINDS if kind.origin == "cdn"]) >= 25


def test_the_sample_goes_round() -> None:
    """Whatever the size, every kind, every place and both modes occur."""
    found = cases()
    assert {kind.name for kind, _, _ in found} == {kind.name for kind in KINDS}
    assert {position for _, position, _ in found} >= set(POSITIONS)
    assert {mode for _, _, mode in found} == set(MODES)
