"""The service that all cases of a process share, and the way to the helpers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent, HERE.parent / "scenario"):
    sys.path.insert(0, str(folder))

from stage import Stage, a_fake  # noqa: E402  # the path had to be told first


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One service in a thread of its own; archives that were begun at it may be continued at it."""
    with a_fake().in_thread() as fake:
        yield Stage(fake, tmp_path_factory.mktemp("begun"))
