"""The command, run as a person runs it: a process of its own, against a service on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No key, no locale and no settings of the one who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIVITAI")}
    home = tmp_path / "home"
    home.mkdir()
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
    }


@pytest.fixture
def civitai_dl(tmp_path: Path, environment: dict[str, str]) -> Command:
    """Run `civitai-dl` with these words in an empty directory; returns what it said."""

    def call(
        *words: str | Path, stdin: str = "", timeout: float = 100, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "civitai_dl", *map(str, words)],
            cwd=tmp_path,
            env={**environment, **extra},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    return call
