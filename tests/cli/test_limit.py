"""`civitai-dl limit`, run as a person runs it beside a run at work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from civitai_dl.adapters.storage import leave_wish
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def large_world() -> World:
    """A file that takes a quarter of an hour at 20 KiB/s."""
    file = FakeFile(name="large.safetensors", size=20 << 20)
    return World().creator("ann").model(1, creator="ann", versions=(FakeVersion(files=(file,)),))


def left_of(folder: Path) -> list[str]:
    """What is left of wishes, and of answers to them."""
    return [path.name for path in (folder / "archive/.civitai-dl/wishes").glob("*")]


def test_a_limit_is_changed_while_a_run_is_at_work(
    tmp_path: Path, civitai_dl: Command, environment: dict[str, str]
) -> None:
    """A run that would take a quarter of an hour is through at once when its limit is lifted."""
    with FakeCivitai(large_world()).in_thread() as fake:
        words = ["model:1", "-o", "archive", "--base-url", fake.base_url, "--limit-rate", "20K"]
        run = subprocess.Popen(
            [sys.executable, "-m", "civitai_dl", *words, "--max-rate-model", "0", "--json-logs"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert run.stdout is not None
            # The model's page has been read: its file is next.
            has_begun = any('"page"' in line for line in run.stdout)
            slower = civitai_dl("limit", "10K", "-o", "archive")
            is_working = run.poll() is None
            lifted = civitai_dl("limit", "none", "-o", "archive", "--lang", "ja")
            out, err = run.communicate(timeout=60)
        finally:
            run.kill()
            run.wait()
    assert (0, "keeping to 10.2 kB/s now\n") == (slower.returncode, slower.stdout), slower.stderr
    assert has_begun
    assert is_working
    assert (0, "転送速度の制限を解除しました\n") == (
        lifted.returncode,
        lifted.stdout,
    ), lifted.stderr
    assert 0 == run.returncode, err
    assert "no limit on bytes now" in out + err
    assert (20 << 20,) == tuple(one.stat().st_size for one in tmp_path.rglob("large.safetensors"))
    assert [] == left_of(tmp_path)


def test_without_a_run_there_is_nothing_to_limit(tmp_path: Path, civitai_dl: Command) -> None:
    """It says that nobody is at work, and leaves nothing that a later run would heed."""
    (tmp_path / "archive/.civitai-dl/tmp").mkdir(parents=True)
    done = civitai_dl("limit", "1M", "-o", "archive")
    assert 2 == done.returncode
    assert "no run is at work in archive" in done.stderr
    assert "--limit-rate" in done.stderr
    assert [] == left_of(tmp_path)


def test_a_limit_that_is_no_size_is_told(civitai_dl: Command) -> None:
    """A word that is no number of bytes changes nothing and is named."""
    done = civitai_dl("limit", "fast", "-o", "archive")
    assert 2 == done.returncode
    assert "fast" in done.stderr


def test_a_wish_of_another_day_is_not_heeded(tmp_path: Path, civitai_dl: Command) -> None:
    """What was asked of a run that died is no wish to the next one."""
    state = tmp_path / "archive/.civitai-dl"
    (state / "tmp").mkdir(parents=True)
    leave_wish(state, {"do": "limit", "bytes": 1})
    world = World().creator("ann")
    file = FakeFile(name="small.safetensors", size=100_000)
    world.model(1, creator="ann", versions=(FakeVersion(files=(file,)),))
    with FakeCivitai(world).in_thread() as fake:
        words = ("model:1", "-o", "archive", "--base-url", fake.base_url, "--max-rate-model", "0")
        done = civitai_dl(*words, timeout=60)
    assert 0 == done.returncode, done.stderr
    assert [] == left_of(tmp_path)
