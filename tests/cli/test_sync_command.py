"""`civitai-dl add`, `remove`, `list` and `sync`, run as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from civitai_dl._following import follow
from civitai_dl._sync import Manner
from civitai_dl.adapters.catalog import STATE_FILE
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import STATE, RunLock
from civitai_dl.cli import _syncing
from civitai_dl.cli._options import read_targets
from civitai_dl.config import Settings
from civitai_dl.domain.messages import Language, Messages
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


def small_world() -> World:
    world = World().creator("ann").creator("bob")
    for number, creator in ((1, "ann"), (2, "ann"), (3, "bob")):
        file = FakeFile(name=f"own-{number}.safetensors", size=800)
        world.model(number, creator=creator, versions=(FakeVersion(files=(file,)),))
    return world


def test_from_add_to_a_report(tmp_path: Path, civitai_dl: Command) -> None:
    """add, list, sync twice, something new, sync again: what is said, kept and left."""
    (tmp_path / "users.txt").write_text("ann\n")
    world = small_world()
    with FakeCivitai(world).in_thread() as fake:
        at = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        added = civitai_dl("add", "--users", "users.txt", "model:3", "-o", "archive")
        again = civitai_dl("add", "@Ann", "--no-gallery", "-o", "archive")
        listed = civitai_dl("list", "-o", "archive")
        first = civitai_dl("sync", *at)
        second = civitai_dl("sync", *at)
        world.add_version(3, FakeVersion("v2", files=(FakeFile(name="new.safetensors"),)))
        world.change_model(2, lambda model: replace(model, name="Dream"))
        third = civitai_dl("sync", *at, "--lang", "ja")
    assert (0, "added: 2; there already: 0") == (added.returncode, added.stdout.splitlines()[0])
    assert "added: 0; there already: 1" in again.stdout
    assert ["@Ann     never synced", "model:3  never synced", "2 targets"] == (
        listed.stdout.splitlines()
    )
    assert 0 == first.returncode, first.stderr
    assert first.stdout.startswith("new models 3, versions 0; stored files 3, ")
    assert (0, 1) == (second.returncode, len(second.stdout.splitlines()))
    assert second.stdout.startswith("nothing new: 2 targets in ")
    assert "新規: モデル 0 件、バージョン 1 件" in third.stdout
    assert "Dream" in third.stdout
    reports = sorted((tmp_path / "archive/lists").glob("*_changes*.json"))
    assert 2 == len(reports)
    report = json.loads(reports[-1].read_text("utf-8"))
    assert {"new_versions": 1, "changed": 1} == {
        name: count
        for name, count in report["counts"].items()
        if name in ("new_versions", "changed")
    }
    ((renamed,),) = (model["changes"] for model in report["models"] if model["id"] == 2)
    assert ("renamed", "Model 2") == (renamed["change"], renamed["what"])
    kept = json.loads(civitai_dl("list", "-o", "archive", "--json").stdout)
    assert [True, True] == [one["complete"] for one in kept]
    assert [False, None] == [one["selection"] and one["selection"]["gallery"] for one in kept]


def test_remove_keeps_what_is_stored(tmp_path: Path, civitai_dl: Command) -> None:
    """It says so; what was not there is named, with exit status 1."""
    with FakeCivitai(small_world()).in_thread() as fake:
        civitai_dl("add", "user:ann", "user:bob", "-o", "archive")
        civitai_dl("sync", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        files = set((tmp_path / "archive").rglob("*.safetensors"))
        done = civitai_dl("remove", "user:ann", "-o", "archive")
        none = civitai_dl("remove", "user:ann", "-o", "archive")
    assert (0, "removed: 1; what is stored of it stays\n") == (done.returncode, done.stdout)
    assert 1 == none.returncode
    assert "user:ann is not kept current here" in none.stderr
    assert files == set((tmp_path / "archive").rglob("*.safetensors"))
    assert "user:bob" in civitai_dl("list", "-o", "archive").stdout


def test_an_archive_of_downloads_is_told_how_to_begin(tmp_path: Path, civitai_dl: Command) -> None:
    """`sync` without targets names the command; --from-runs takes them over, also bare names."""
    (tmp_path / "users.txt").write_text("ann\n")
    with FakeCivitai(small_world()).in_thread() as fake:
        nowhere = civitai_dl("sync", "-o", "archive")
        at = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        civitai_dl("--users", "users.txt", "3", *at)
        none = civitai_dl("sync", *at)
        taken = civitai_dl("add", "--from-runs", "-o", "archive")
        done = civitai_dl("sync", *at)
    assert (2, True) == (nowhere.returncode, "there is no archive here" in nowhere.stderr)
    assert (2, True) == (none.returncode, "civitai-dl add --from-runs" in none.stderr)
    assert "added: 2" in taken.stdout
    assert (0, True) == (done.returncode, "nothing new: 2 targets" in done.stdout)


def test_what_cannot_be_kept_is_refused(tmp_path: Path, civitai_dl: Command) -> None:
    """Nothing named, something that is nothing, a hook that is none: exit status 2."""
    for words in (
        ("add", "-o", "archive"),
        ("add", "nonsense!", "-o", "archive"),
        ("add", "image:5", "--no-gallery", "-o", "archive"),
        ("remove", "model:1", "-o", "archive"),
    ):
        said = civitai_dl(*words)
        assert (2, "error: ") == (said.returncode, said.stderr[:7]), said.stderr
    assert not (tmp_path / "archive/model_0").exists()
    civitai_dl("add", "model:1", "-o", "archive")
    bad = civitai_dl("sync", "-o", "archive", "--on-finish", "http://example.org/")
    assert (2, True) == (bad.returncode, "in the clear" in bad.stderr)


@pytest.mark.parametrize("command", ["sync", "download"])
def test_whoever_wants_to_know_is_told(tmp_path: Path, civitai_dl: Command, command: str) -> None:
    """--on-finish COMMAND gets the report as JSON; its trouble changes no exit status."""
    script = tmp_path / "hook.py"
    script.write_text(
        "import json, os, sys\n"
        "told = {n: v for n, v in os.environ.items() if n.startswith('CIVITAI')}\n"
        "json.dump([json.load(sys.stdin), told], open('seen.json', 'w'))\n"
        "raise SystemExit(7)\n"
    )
    hook = f"{sys.executable} {script}"
    with FakeCivitai(small_world()).in_thread() as fake:
        civitai_dl("add", "user:ann", "-o", "archive")
        words = ("sync",) if command == "sync" else ("user:ann",)
        at = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        said = civitai_dl(*words, *at, "--on-finish", hook, CIVITAI_API_KEY="fake-key")
    assert 0 == said.returncode, said.stderr
    assert f"--on-finish: {sys.executable} ended with status 7" in said.stderr
    report, told = json.loads((tmp_path / "seen.json").read_text("utf-8"))
    assert (command, 0, 2) == (report["command"], report["status"], report["counts"]["new_models"])
    assert (command, "0") == (told["CIVITAI_DL_COMMAND"], told["CIVITAI_DL_STATUS"])
    assert str(tmp_path / "archive") == told["CIVITAI_DL_OUTPUT"] == report["output"]
    assert "CIVITAI_API_KEY" not in told
    assert (command == "sync") == bool(told["CIVITAI_DL_REPORT"])


def test_json_is_all_there_is_on_standard_output(tmp_path: Path, civitai_dl: Command) -> None:
    """`sync --json` prints the report, whether there is anything new or not."""
    with FakeCivitai(small_world()).in_thread() as fake:
        civitai_dl("add", "model:1", "-o", "archive")
        at = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        first, second = (json.loads(civitai_dl("sync", *at, "--json").stdout) for _ in range(2))
    assert (1, 0) == tuple(report["counts"]["new_models"] for report in (first, second))
    assert (1, 1, 0) == (first["targets"], first["targets_in_full"], second["targets_in_full"])


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_a_watch_holds_nothing_while_it_rests(
    tmp_path: Path, civitai_dl: Command, environment: dict[str, str]
) -> None:
    """Others work in the archive meanwhile; one signal ends it in order, with exit status 0."""
    with FakeCivitai(small_world()).in_thread() as fake:
        civitai_dl("add", "model:1", "-o", "archive")
        words = ("sync", "-o", "archive", "--base-url", fake.base_url, *UNPACED, "--watch", "60")
        with subprocess.Popen(
            [sys.executable, "-m", "civitai_dl", *words],
            cwd=tmp_path,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        ) as watching:
            assert watching.stdout is not None
            assert watching.stdout.readline().startswith("new models 1")
            assert "Model 1" in watching.stdout.readline()
            assert "lists/" in watching.stdout.readline()
            beside = civitai_dl("add", "model:2", "-o", "archive")
            watching.send_signal(signal.SIGTERM)
            code = watching.wait(timeout=30)
    assert (0, 0) == (beside.returncode, code)


async def test_trouble_of_one_round_does_not_end_a_watch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody else at work, then nobody there to answer, then all is well: it goes on."""
    output = tmp_path / "archive"
    targets = read_targets(("model:1",))
    clock = SystemClock(speed=3000.0)
    await follow(str(output), targets, None, from_runs=False, reporter=NullReporter(), clock=clock)
    stop_at = _StopAt()
    async with FakeCivitai(small_world()) as fake:
        settings = Settings(output=str(output), base_url=fake.base_url, max_wait=20.0)
        order = _syncing.Order(Manner(), 600.0, None, as_json=False)
        lock = RunLock(output / STATE / "lock")
        lock.__enter__()

        async def world_turns() -> None:
            await stop_at.said(capsys, "another")
            fake.faults.add(Fault(origin="api", path=".*", every=True, status=503))
            lock.__exit__(None, None, None)
            await stop_at.said(capsys, "nothing new was seen, but not all")
            fake.faults.assert_all_served()
            fake.faults.clear()
            await stop_at.said(capsys, "new models 1")
            os.kill(os.getpid(), signal.SIGTERM)

        async with anyio.create_task_group() as group:
            group.start_soon(world_turns)
            code = await _syncing._go(settings, order, Messages(Language.EN), clock)
    assert 0 == code
    assert (output / STATE / STATE_FILE).is_file()


class _StopAt:
    """Waits until something was printed."""

    def __init__(self) -> None:
        self.heard = ""

    async def said(self, capsys: pytest.CaptureFixture[str], text: str) -> None:
        with anyio.fail_after(30):
            while text not in self.heard:
                await anyio.sleep(0.02)
                found = capsys.readouterr()
                self.heard += found.out + found.err
