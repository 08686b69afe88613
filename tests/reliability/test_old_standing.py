"""`status` on a state that an older version wrote: told in full, and left as it is."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from old_state import VERSIONS, make_old
from states import filled_state

from civitai_dl._standing import read_standing
from civitai_dl.domain.entities import Lane


def version_of(path: Path) -> int:
    """The schema's version of a state."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_an_older_state_is_told_and_not_touched(tmp_path: Path, version: int) -> None:
    """Nobody has to let a new version write into an archive to see how it stands."""
    path = tmp_path / ".civitai-dl" / "state.db"
    path.parent.mkdir()
    asyncio.run(filled_state(path))
    make_old(tmp_path, version=version)
    standing = asyncio.run(read_standing(tmp_path))
    assert version == version_of(path)
    assert standing is not None
    assert 5 == standing.queue.lanes[Lane.FILES].failed
    assert {"transient": 5} == standing.report.total.failed
    assert ["transient"] == [one.reason for one in standing.queue.failures]
    assert () == standing.queue.rates
