"""`pause`, `resume`, `cancel` and `status`, run as a person runs them beside a run at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from civitai_dl.testing import FakeCivitai, FakeFile, FakeOptions, FakeVersion, Fault, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

SIZE = 8 << 20
ONE_STORE = FakeOptions(stores=("r2",))


def large_world(count: int = 1) -> World:
    """Files that take minutes each at 50 KiB/s."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(name=f"large-{number}.safetensors", size=SIZE)
        world.model(number, creator="ann", versions=(FakeVersion(files=(file,), images=()),))
    return world


def weights(folder: Path) -> set[str]:
    return {path.name for path in (folder / "archive").glob("model_*/**/*.safetensors")}


def words_for(fake: FakeCivitai, *targets: str) -> list[str]:
    rates = ("--max-rate-model", "0", "--max-rate-image", "0")
    return [*targets, "-o", "archive", "--base-url", fake.base_url, *rates]


@contextmanager
def a_run(
    fake: FakeCivitai, folder: Path, environment: dict[str, str], *targets: str
) -> Iterator[subprocess.Popen[str]]:
    """A slow run in a process of its own, of which something has come."""
    words = [*words_for(fake, *targets), "--limit-rate", "50K", "--only", "models"]
    run = subprocess.Popen(
        [sys.executable, "-m", "civitai_dl", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: fake.connections("storage") > 0)
        yield run
    finally:
        run.kill()
        run.communicate()


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that must come; it is another process that brings it."""
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_a_run_is_paused_looked_at_and_resumed(
    tmp_path: Path, civitai_dl: Command, environment: dict[str, str]
) -> None:
    """Everything a person does to one run, by the words of the command line alone."""
    with (
        FakeCivitai(large_world(), options=ONE_STORE).in_thread() as fake,
        a_run(fake, tmp_path, environment, "model:1") as run,
    ):
        paused = civitai_dl("pause", "-o", "archive")
        assert (0, True) == (paused.returncode, "Paused" in paused.stdout), paused.stderr
        assert "checkpoint" in paused.stdout
        until(lambda: fake.connections() == 0)
        shown = civitai_dl("status", "-o", "archive", COLUMNS="80")
        facts = json.loads(civitai_dl("status", "-o", "archive", "--json").stdout)
        one = json.loads(civitai_dl("resume", "--lane", "files", "-o", "archive", "--json").stdout)
        civitai_dl("limit", "none", "-o", "archive")
        assert 0 == civitai_dl("resume", "-o", "archive").returncode
        out, err = run.communicate(timeout=60)
    assert 0 == run.returncode, out + err
    assert "Paused" in shown.stdout
    assert f"process {run.pid}" in shown.stdout
    assert all(len(line) <= 80 for line in shown.stdout.splitlines()), shown.stdout
    assert {"files", "images", "model_pages"} == set(facts["paused"])
    assert (True, run.pid) == (facts["busy"], facts["run"]["process"])
    assert [] == facts["at_work"]
    assert facts["free_bytes"] > 0
    assert (["files"], 0) == (one["changed"], one["ended"])
    assert "images" in one["paused"]
    assert {"large-1.safetensors"} == weights(tmp_path)
    assert "Paused" in err
    assert [] == list((tmp_path / "archive/.civitai-dl/wishes").glob("*"))


def test_after_a_kill_nothing_is_paused(
    tmp_path: Path, civitai_dl: Command, environment: dict[str, str]
) -> None:
    """A run that was killed while it was paused holds up nobody, and status says nothing of it."""
    with FakeCivitai(large_world(), options=ONE_STORE).in_thread() as fake:
        with a_run(fake, tmp_path, environment, "model:1") as run:
            assert 0 == civitai_dl("pause", "-o", "archive").returncode
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
        facts = json.loads(civitai_dl("status", "-o", "archive", "--json").stdout)
        assert (False, [], None) == (facts["busy"], facts["paused"], facts["run"])
        again = civitai_dl(*words_for(fake, "model:1"), "--only", "models")
    assert 0 == again.returncode, again.stderr
    assert {"large-1.safetensors"} == weights(tmp_path)


def test_a_target_is_cancelled_beside_the_run_that_wants_it(
    tmp_path: Path, civitai_dl: Command, environment: dict[str, str]
) -> None:
    """One is withdrawn, the other is brought home, and the end says which was which."""
    with (
        FakeCivitai(large_world(2), options=ONE_STORE).in_thread() as fake,
        a_run(fake, tmp_path, environment, "model:1", "model:2") as run,
    ):
        unknown = civitai_dl("cancel", "model:9", "-o", "archive")
        done = civitai_dl("cancel", "model:1", "-o", "archive")
        assert 0 == civitai_dl("limit", "none", "-o", "archive").returncode
        out, err = run.communicate(timeout=60)
    assert (2, True) == (unknown.returncode, "model:9" in unknown.stderr)
    assert 0 == done.returncode, done.stderr
    assert "model:1: 1 thing dropped" in done.stdout
    assert 0 == run.returncode, out + err
    assert {"large-2.safetensors"} == weights(tmp_path)
    assert "cancelled; ask for it again" in out
    assert not (tmp_path / "archive/failed.txt").exists()


def test_a_failure_of_what_is_cancelled_is_listed_no_more(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """Without a run, too: failed.txt, status and the next retry know nothing of it."""
    world = World().creator("ann")
    for number in (1, 2):
        version = FakeVersion(files=(FakeFile(name=f"own-{number}.safetensors", size=8_000),))
        world.model(number, creator="ann", versions=(version,))
    with FakeCivitai(world).in_thread() as fake:
        fake.faults.add(Fault(origin="storage", path=".*", every=True, status=500))
        first = civitai_dl(*words_for(fake, "model:1", "model:2"), "--retries", "1")
        assert 1 == first.returncode
        assert fake.account.count(origin="storage", status=500)
        done = civitai_dl("cancel", "model:1", "-o", "archive", "--json")
        failed = (tmp_path / "archive/failed.txt").read_text("utf-8")
        shown = civitai_dl("status", "-o", "archive")
        fake.faults.clear()
        again = civitai_dl("retry", "-o", "archive")
    facts = json.loads(done.stdout)
    assert (True, "model:1") == (facts["answered"], facts["targets"][0]["text"])
    assert facts["targets"][0]["dropped"] >= 1
    assert ("own-1" in failed, "own-2" in failed) == (False, True)
    assert "own-1" not in shown.stdout
    assert "civitai-dl retry --reason transient -o archive" in shown.stdout
    assert 0 == again.returncode, again.stderr
    assert {"own-2.safetensors"} == weights(tmp_path)


def test_without_a_run_nothing_is_paused(tmp_path: Path, civitai_dl: Command) -> None:
    """It says that nobody is at work, and leaves nothing behind that a later run would heed."""
    (tmp_path / "archive/.civitai-dl/tmp").mkdir(parents=True)
    for word in ("pause", "resume"):
        done = civitai_dl(word, "-o", "archive")
        assert 2 == done.returncode
        assert "no run is at work in archive" in done.stderr
    assert 2 == civitai_dl("cancel", "model:1", "-o", "archive").returncode
    assert not list((tmp_path / "archive/.civitai-dl").rglob("*.wish"))


def test_a_lane_that_there_is_not_is_told(civitai_dl: Command) -> None:
    """A word that is no lane is a mistake, which names those that there are."""
    done = civitai_dl("pause", "--lane", "videos", "-o", "archive")
    assert (2, True) == (done.returncode, "image_pages" in done.stderr)
