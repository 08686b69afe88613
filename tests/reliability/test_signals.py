"""T16: signals, at any stage of a run."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import environment_in, until
from running import GENEROUS, MB, WORDS, Begin, beginning, digest, finish, service, world_of
from whole import rows

from civitai_dl.testing import Fault
from reliability_size import pick

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals"),
    pytest.mark.timeout(180),
]

LARGE = pick(quick=300 * MB, full=1_500 * MB, nightly=10_000 * MB)
"""Bytes that have to be digested again before a file goes on."""


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin the command in an empty directory."""
    with beginning(tmp_path) as begin:
        yield begin


def test_a_signal_while_the_program_loads(tmp_path: Path) -> None:
    """Interrupted in its first moments it leaves as it does later: status 130, and no traceback."""
    command = (sys.executable, "-X", "importtime", "-m", "civitai_dl", "1", *WORDS)
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment_in(tmp_path), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.endswith(" anyio\n"):
                process.send_signal(signal.SIGINT)
        status = process.wait(30)
    assert 130 == status
    assert not any("Traceback" in line or "Aborted" in line for line in said)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_transfers(tmp_path: Path, begin: Begin, name: str) -> None:
    """Any of the three ends the run in order; the next one goes on where this one stopped."""
    with service(world_of(8 * MB, 3), 2 * MB).in_thread() as fake:
        running = begin("1", "2", "3", "--base-url", fake.base_url)
        until(running.has_written(1 * MB))
        sent = running.signal(getattr(signal, name))
        said = running.ends_in_order(sent)
        assert "stopping" in said
        assert "Interrupted" in said
        held = {str(key): size for key, size in rows(tmp_path / "archive", HELD)}
        assert held
        fake.account.clear()
        finish(begin, fake, tmp_path, "1", "2", "3")
        ranges = [seen.headers.get("range") for seen in fake.account.of(origin="storage")]
    assert {f"bytes={size}-" for size in held.values()} <= set(ranges)


HELD = "SELECT key, size FROM partials WHERE size > 0"


def test_a_signal_during_the_digest_of_a_large_file(tmp_path: Path, begin: Begin) -> None:
    """A long digest is left between two slices of it; the checkpoint it began from still holds."""
    with service(world_of(LARGE), 0).in_thread() as fake:
        one = ("1", "--base-url", fake.base_url)
        fake.faults.add(Fault(origin="storage", path=".*", every=True, bytes_per_second=20 * MB))
        # A first checkpoint, made by the program itself, that then comes to speak of nearly all.
        running = begin(*one, environment={"REHEARSAL_CHECKPOINT": str(1 * MB)})
        until(lambda: running.partials and rows(tmp_path / "archive", HELD))
        running.signal(signal.SIGKILL)
        running.process.wait()
        running.process.stdout.close()
        held = LARGE - 1_000
        (partial,) = running.partials
        with partial.open("r+b") as file:
            file.truncate(held)
        with closing(sqlite3.connect(tmp_path / "archive/.civitai-dl/state.db")) as state:
            state.execute("UPDATE partials SET size = ?", (held,))
            state.commit()
        fake.account.clear()
        running = begin(*one)
        until(lambda: fake.account.count(path_prefix="/api/download"))
        sent = running.signal(signal.SIGINT)
        running.ends_in_order(sent)
        assert [(held,)] == rows(tmp_path / "archive", "SELECT size FROM partials")
        assert 0 == fake.account.count(origin="storage")


def test_a_second_signal_leaves_at_once(tmp_path: Path, begin: Begin) -> None:
    """Told twice it leaves within a second, whatever it is about; the state is safe."""
    slow = {"CIVITAI_DL_FAILPOINT": "checkpoint-sync.before:1:hang"}
    with service(world_of(8 * MB), 4 * MB).in_thread() as fake:
        one = ("1", "--base-url", fake.base_url)
        running = begin(*one, environment=slow)
        until(running.has_written(1 * MB))
        running.signal(signal.SIGINT)
        until(running.has_logged("stopping"))
        sent = running.signal(signal.SIGINT)
        status, said = running.end()
        assert 130 == status, said
        assert time.monotonic() - sent <= GENEROUS * 1.0
        finish(begin, fake, tmp_path, "1")


def test_a_signal_during_the_shutdown(tmp_path: Path, begin: Begin) -> None:
    """Signals in a row, from the first byte to the last breath: never a riddle, never a trace."""
    with service(world_of(3 * MB, 2), 6 * MB).in_thread() as fake:
        two = ("1", "2", "--base-url", fake.base_url)
        for wait in pick(quick=(0.01, 0.1), full=(0.0, 0.01, 0.03, 0.1, 0.3), nightly=(0.0, 0.05)):
            running = begin(*two)
            until(running.has_written(100_000))
            running.signal(signal.SIGINT)
            time.sleep(wait)
            if running.process.poll() is None:
                running.signal(signal.SIGINT)
            status, said = running.end()
            assert status in (130, -signal.SIGINT), said
            assert [("ok",)] == rows(tmp_path / "archive", "PRAGMA integrity_check")
        finish(begin, fake, tmp_path, "1", "2")


def test_a_signal_while_the_disk_is_full(tmp_path: Path, begin: Begin) -> None:
    """A run that waits for room can be stopped."""
    with service(world_of(2 * MB)).in_thread() as fake:
        one = ("1", "--base-url", fake.base_url)
        every = {"CIVITAI_DL_FAILPOINT": "partial-create.after:1:full"}
        running = begin(*one, environment=every)
        until(running.has_logged("paused: no space is left"))
        sent = running.signal(signal.SIGINT)
        running.ends_in_order(sent)
        finish(begin, fake, tmp_path, "1")


def test_a_signal_while_a_lane_rests(tmp_path: Path, begin: Begin) -> None:
    """A run that rests for minutes because the service says so can be stopped."""
    with service(world_of(MB)).in_thread() as fake:
        fake.faults.add(
            Fault(path="/api/download", every=True, status=429, headers={"Retry-After": "200"})
        )
        one = ("1", "--base-url", fake.base_url)
        running = begin(*one)
        until(running.has_logged("paused"))
        sent = running.signal(signal.SIGINT)
        running.ends_in_order(sent)
        finish(begin, fake, tmp_path, "1")


@pytest.mark.parametrize(
    "wait", pick(quick=[0.05], full=[0.0, 0.02, 0.05, 0.1, 0.2], nightly=[0.0, 0.1])
)
def test_a_signal_before_anything_is_asked(tmp_path: Path, begin: Begin, wait: float) -> None:
    """Stopped while it opens the archive, it leaves quietly; nothing is half made."""
    with service(world_of(MB)).in_thread() as fake:
        fake.faults.add(Fault(path="/api/v1", every=True, delay=30))
        one = ("1", "--base-url", fake.base_url)
        running = begin(*one)
        until((tmp_path / "archive/.civitai-dl/lock").exists)
        time.sleep(wait)
        sent = running.signal(signal.SIGINT)
        running.ends_in_order(sent)
        finish(begin, fake, tmp_path, "1")


def test_stopped_and_continued(tmp_path: Path, begin: Begin) -> None:
    """Suspended with Ctrl-Z and continued, it goes on; the lock is held all the while."""
    with service(world_of(4 * MB), 4 * MB).in_thread() as fake:
        running = begin("1", "--base-url", fake.base_url)
        until(running.has_written(500_000))
        # In a session of its own there is no terminal whose Ctrl-Z would stop it.
        running.signal(signal.SIGSTOP)
        stopped = begin("1", "--base-url", fake.base_url).end()
        assert 5 == stopped[0], stopped[1]
        running.signal(signal.SIGCONT)
        status, said = running.end()
    assert 0 == status, said
    (stored,) = (tmp_path / "archive").rglob("*.safetensors")
    assert {digest(stored)} == {file.sha256 for file in fake.world.truth.files()}


def test_json_lines_are_whole_until_the_end(tmp_path: Path, begin: Begin) -> None:
    """Interrupted, --json-logs still ends with a whole line that tells of the end."""
    with service(world_of(8 * MB), 2 * MB).in_thread() as fake:
        running = begin("1", "--base-url", fake.base_url, "--json-logs")
        until(running.has_written(500_000))
        sent = running.signal(signal.SIGINT)
        running.ends_in_order(sent)
    lines = [json.loads(line) for line in running.out.splitlines()]
    assert lines[-1]["event"] == "run_finished"
