"""`civitai-dl status` about what the service no longer has, as a person asks for it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from civitai_dl.testing import FakeCivitai, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0", "--no-gallery", "--max-wait", "1m")


def test_status_tells_and_lists_what_is_gone(tmp_path: Path, civitai_dl: Command) -> None:
    """A count in the account, a list with --gone, and as JSON; verify and doctor find all well."""
    world = World().model(1, name="Dream", creator="ann", versions=2).model(2, creator="ann")
    newer = world.models[0].versions[0]
    with FakeCivitai(world).in_thread() as fake:
        words = ("user:ann", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert civitai_dl(*words).returncode == 0
        nothing = civitai_dl("status", "-o", "archive", "--gone")
        world.remove_version(newer.id)
        done = civitai_dl(*words)
        assert done.returncode == 0, done.stderr
        assert "is gone from the service; what was saved is kept" in done.stdout
    assert "nothing of what is kept here" in nothing.stdout
    short = civitai_dl("status", "-o", "archive")
    assert "gone from the service and kept here: 0 models, 1 versions, 0 files" in short.stdout
    figures = json.loads(civitai_dl("status", "-o", "archive", "--json").stdout)
    assert {"models": 0, "versions": 1, "files": 0} == figures["gone"]
    listed = civitai_dl("status", "-o", "archive", "--gone")
    assert listed.returncode == 0, listed.stderr
    assert "model 1  Dream  model_0/1:" in listed.stdout
    assert f"  version {newer.id} ({newer.name}): gone 20" in listed.stdout
    japanese = civitai_dl("status", "-o", "archive", "--gone", "--lang", "ja")
    assert "モデル 1  Dream" in japanese.stdout
    told = json.loads(civitai_dl("status", "-o", "archive", "--gone", "--json").stdout)
    assert [1] == [one["model_id"] for one in told]
    assert [newer.id] == [one["id"] for one in told[0]["versions"]]
    assert civitai_dl("verify", "-o", "archive", "-q").returncode == 0
    assert civitai_dl("doctor", "--offline", "-o", "archive").returncode == 0
