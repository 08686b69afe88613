"""What a command imports: a run pays for what it uses, and for nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

pytest.importorskip("pycurl")

NEVER = {"aiohttp", "yarl", "multidict", "rich", "certifi", "keyring", "pkg_resources"}
"""What no run with plain lines needs; aiohttp is the other engine's."""

ELSEWHERE = {
    "civitai_dl.adapters.catalog._checkup",
    "civitai_dl.adapters.catalog._inspection",
    "civitai_dl.adapters.catalog._rebuild",
    "civitai_dl.adapters.catalog._wreck",
    "civitai_dl.adapters.fetcher._aiohttp",
    "civitai_dl.adapters.reporters._checking",
    "civitai_dl.adapters.reporters._json",
    "civitai_dl.adapters.reporters._terminal",
    "civitai_dl._outlook",
    "civitai_dl.adapters.catalog._outlook",
    "civitai_dl.cli._outlook",
    "civitai_dl.cli._plan",
    "civitai_dl.domain.outlook",
    "civitai_dl.cli._keys",
    "civitai_dl.config._stored",
    "civitai_dl.worker._heal",
    "civitai_dl.worker._mend",
    "civitai_dl.worker._scan",
}
"""What other commands and other displays are made of."""

PAGES = {"nh3", "html.parser", "civitai_dl.archive._description"}
"""What a model's page is written with."""

MOST_AGAIN = 460
"""Modules that a run with nothing new imports, the interpreter's own included; 457 when counted."""


def world() -> World:
    file = FakeFile("a.safetensors", size=5000)
    return World().model(1, creator="ann", versions=[FakeVersion("v1", files=[file], images=())])


def imported(said: str) -> list[str]:
    """The modules that -X importtime tells of."""
    lines = [line for line in said.splitlines() if line.startswith("import time:")]
    return [line.rpartition("|")[2].strip() for line in lines[1:]]


def test_a_run_imports_what_it_uses(tmp_path: Path, environment: dict[str, str]) -> None:
    """No second client, no live display in a pipe, nothing of verify."""
    # Where coverage is measured, it is imported into every process.
    alone = {name: text for name, text in environment.items() if not name.startswith("COV")}
    words = ["1", "-o", "archive", "--max-rate-model", "0", "--no-gallery", "--base-url"]
    with FakeCivitai(world()).in_thread() as fake:
        first, again = (
            subprocess.run(
                [sys.executable, "-X", "importtime", "-m", "civitai_dl", *words, fake.base_url],
                cwd=tmp_path,
                env=alone,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            for _ in range(2)
        )
    for run in (first, again):
        assert 0 == run.returncode, run.stderr[-2000:]
        names = imported(run.stderr)
        assert "pycurl" in names
        assert set() == NEVER & {name.split(".")[0] for name in names}
        assert set() == ELSEWHERE & set(names)
    assert PAGES <= set(imported(first.stderr))
    assert set() == PAGES & set(imported(again.stderr))
    assert MOST_AGAIN >= len(imported(again.stderr))


def test_help_imports_nothing_but_options(environment: dict[str, str]) -> None:
    """`--help` comes at once: of ours it loads the commands' options, and nothing behind them."""
    words = [sys.executable, "-X", "importtime", "-m", "civitai_dl", "--help"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    ours = {name for name in imported(done.stderr) if name.startswith("civitai_dl.")}
    assert "civitai_dl.cli._main" in ours
    assert set() == {
        name for name in ours if not name.startswith(("civitai_dl.cli", "civitai_dl._"))
    }
