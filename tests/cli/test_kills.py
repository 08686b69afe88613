"""Killed again and again at any moment, the archive still comes out whole."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World

KILLS = 7


def busy_world() -> World:
    world = World().creator("ann")
    for number in range(1, 5):
        files = (FakeFile(name=f"file-{number}.safetensors", size=3_000_000),)
        world.model(number, creator="ann", versions=(FakeVersion(files=files),))
    version = world.models[0].versions[0].id
    return world.images(120, username="ann", version_ids=(version,))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_after_kill(tmp_path: Path, environment: dict[str, str], seed: int) -> None:
    """After seven kills at random moments the same command ends with exactly the world."""
    chance = random.Random(seed)
    world = busy_world()
    words = [sys.executable, "-m", "civitai_dl", "user:ann", "-o", "archive", "--concurrency", "4"]
    with FakeCivitai(world).in_thread() as fake:
        # Slow enough that every kill finds something on its way.
        fake.faults.add(Fault(origin="storage", path=".*", every=True, bytes_per_second=4_000_000))
        fake.faults.add(Fault(origin="cdn", path=".*", every=True, delay=0.05))
        words += ["--base-url", fake.base_url, "--max-rate-model", "0", "--max-rate-image", "0"]
        for _ in range(KILLS):
            process = subprocess.Popen(
                words,
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(0.35 + chance.random())  # the moment of the kill
            process.kill()
            process.wait(20)
            assert_nothing_wrong_is_visible(world, tmp_path / "archive")
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, timeout=90, check=False
        )
        fake.faults.assert_all_served()
        served = Counter(
            seen.path for seen in fake.account.of(origin="storage") if seen.status in (200, 206)
        )
    assert 0 == done.returncode, done.stderr.decode()
    digests = {digest(path) for path in (tmp_path / "archive").rglob("*.safetensors")}
    assert {file.sha256.upper() for file in world.truth.files()} == digests
    images = {path.stem for path in (tmp_path / "archive/users/ann/images").rglob("*.png")}
    assert {str(image.image_id) for image in world.truth.user_images("ann")} == images
    assert sum(served.values()) <= 4 + 4 * KILLS
    assert_state_is_sound(tmp_path / "archive/.civitai-dl")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest().upper()


def assert_nothing_wrong_is_visible(world: World, output: Path) -> None:
    """Whatever has its final name has its true bytes, at every moment."""
    truth = {file.sha256.upper() for file in world.truth.files()}
    truth |= {image.sha256.upper() for image in world.truth.images()}
    for path in output.rglob("*"):
        if path.suffix in (".safetensors", ".png") and ".civitai-dl" not in path.parts:
            assert digest(path) in truth, path


def assert_state_is_sound(folder: Path) -> None:
    """The database is whole, nothing is left at work, and no partial is left behind."""
    with sqlite3.connect(folder / "state.db") as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
        open_tasks = connection.execute(
            "SELECT key FROM tasks WHERE status IN ('ready', 'claimed', 'waiting')"
        ).fetchall()
        assert [] == open_tasks
    connection.close()
    assert [] == [path.name for path in (folder / "tmp").iterdir()]
