"""The kinds of trouble once more, in files that come in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from kinds import KINDS
from places import POSITIONS, Kind
from stage import Stage

from civitai_dl.config import ENGINES
from civitai_dl.domain.decisions import _pieces
from reliability_size import pick

SMALL = {"LEAST_PIECE": 30_000, "FIRST_PIECE": 30_000, "MOST_PIECE": 60_000, "LEAST_TAIL": 10_000}

CASES = [
    pytest.param(kind, position, engine, id=f"{kind.name}, {position}, {engine}")
    for number, kind in enumerate(kind for kind in KINDS if kind.origin != "cdn")
    for position in pick(quick=(POSITIONS[number % 6],), full=POSITIONS, nightly=POSITIONS)
    for engine in pick(quick=ENGINES[number % 2 :][:1], full=ENGINES, nightly=ENGINES)
]


@pytest.fixture(autouse=True)
def small_pieces() -> Iterator[None]:
    """A file of 300 kB is large enough for ten of them."""
    with mock.patch.multiple(_pieces, **SMALL):
        yield


@pytest.mark.parametrize(("kind", "position", "engine"), CASES)
async def test_trouble_with_pieces_ends_exact_or_is_told(
    stage: Stage, tmp_path: Path, kind: Kind, position: str, engine: str
) -> None:
    """Whatever piece it strikes, no wrong byte has a name, and the next run makes it whole."""
    stage.engine = engine
    await stage.play_in_pieces(kind, stage.place(kind, position, "fresh"), tmp_path / "archive")
