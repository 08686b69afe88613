"""`civitai-dl link` and `unlink`, run as a person runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

LORA = "models/Lora/style.safetensors"


def world() -> World:
    """A LoRA, and a set of poses, which no application has a folder for."""
    style = FakeVersion("v1", files=[FakeFile("style.safetensors", 40_000)])
    poses = FakeVersion("v1", files=[FakeFile("poses.zip", format="Other", kind="Archive")])
    made = World().model(1, creator="ann", versions=[style])
    return made.model(2, creator="ann", kind="Poses", versions=[poses])


@pytest.fixture
def archive(tmp_path: Path, civitai_dl: Command) -> Path:
    with FakeCivitai(world()).in_thread() as fake:
        rates = ("--max-rate-model", "0", "--max-rate-image", "0")
        words = ("user:ann", "-o", "archive", "--base-url", fake.base_url, *rates)
        done = civitai_dl(*words, "--no-gallery")
    assert done.returncode == 0, done.stderr
    return tmp_path / "archive"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "webui"
    (made / "models").mkdir(parents=True)
    return made


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.usefixtures("archive")
def test_place_look_and_take_back(root: Path, civitai_dl: Command) -> None:
    """The three commands of an ordinary day, and what they say."""
    before = tree(root)
    foretold = civitai_dl("link", root, "--layout", "a1111", "-o", "archive", "--dry-run")
    assert "1 file to be placed (40.0 kB)" in foretold.stdout
    assert before == tree(root)
    done = civitai_dl("link", root, "--layout", "a1111", "-o", "archive")
    assert (0, "") == (done.returncode, done.stderr)
    for words in (
        "1 file placed (40.0 kB), previews and sidecars: 2",
        "  models/Lora: 1 file (40.0 kB)",
        "  hard links, which take no room: 1",
        "without a place: 1 Archive: it has to be unpacked first",
    ):
        assert words in done.stdout
    again = civitai_dl("link", root, "-o", "archive")
    assert "there already: 3" in again.stdout
    quiet = civitai_dl("link", root, "-o", "archive", "-q")
    assert (0, "", "") == (quiet.returncode, quiet.stdout, quiet.stderr)
    foretold = civitai_dl("unlink", root, "--dry-run")
    assert "3 files to be removed, 0 to be kept; nothing was changed" in foretold.stdout
    taken = civitai_dl("unlink", root)
    assert "3 files removed, 0 kept" in taken.stdout
    assert "folders that were made for them and are gone, too: 1" in taken.stdout
    assert before == tree(root)


@pytest.mark.usefixtures("archive")
def test_it_speaks_japanese_and_json(root: Path, civitai_dl: Command) -> None:
    """Both commands, for people and for programs."""
    words = ("link", root, "--layout", "a1111", "-o", "archive")
    said = civitai_dl(*words, "--dry-run", "--lang", "ja").stdout
    assert "配置予定 ファイル 1 件" in said
    assert "配置先なし: Archive 1 件: 先に展開する必要があります" in said
    told = json.loads(civitai_dl(*words, "--json").stdout)
    assert ("a1111", str(root), True, 0) == (
        told["layout"],
        told["root"],
        told["complete"],
        told["exit_status"],
    )
    (placed,) = (one for one in told["placed"] if not one["sidecar"])
    assert (LORA, "hardlink", 40_000) == (placed["path"], placed["how"], placed["bytes"])
    assert [("Archive", "packed")] == [(one["type"], one["why"]) for one in told["unplaced"]]
    (root / "models/Lora/style.civitai.info").write_text("edited")
    assert (
        "取り除き、1 件を残す予定です"
        in civitai_dl("unlink", root, "--dry-run", "--lang", "ja").stdout
    )
    told = json.loads(civitai_dl("unlink", root, "--json").stdout)
    kept = [{"path": "models/Lora/style.civitai.info", "why": "changed"}]
    assert (kept, 2) == (told["kept"], len(told["removed"]))


@pytest.mark.usefixtures("archive")
def test_a_conflict_is_exit_status_1(root: Path, civitai_dl: Command) -> None:
    """What could not be placed is told one by one."""
    words = ("link", root, "--layout", "a1111", "-o", "archive", "--no-sidecars")
    assert 0 == civitai_dl(*words).returncode
    (root / LORA).unlink()
    (root / LORA).write_bytes(b"merged")
    done = civitai_dl(*words, "-q")
    assert 1 == done.returncode
    assert f"not placed: {LORA}: it was changed after it was placed, and is kept" in done.stdout
    taken = civitai_dl("unlink", root)
    assert f"kept, since it was changed after it was placed: {LORA}" in taken.stdout
    assert b"merged" == (root / LORA).read_bytes()


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("link", "nowhere", "--layout", "a1111", "-o", "archive"), "this is no directory"),
        (("link", "webui", "--layout", "swarmui", "-o", "archive"), "there is no Models/"),
        (("link", "webui", "--layout", "a1111", "-o", "webui"), "there is no archive here"),
        (("link", "webui", "-o", "archive"), "--layout is missing"),
        (("link", "webui", "--layout", "a1111", "--type", "hologram"), "no such type: hologram"),
        (("link", "webui", "--layout", "a1111", "--folder", "LORA"), "--folder needs TYPE=PATH"),
        (("link", "webui", "image:5", "--layout", "a1111"), "names no model file: image:5"),
        (("link", "webui", "--layout", "invokeai"), "invokeai"),
        (("unlink", "webui"), "nothing was placed here"),
        (("unlink", "nowhere"), "this is no directory"),
    ],
)
def test_mistakes_are_told(
    root: Path, civitai_dl: Command, words: tuple[str, ...], text: str
) -> None:
    """Each names what is wrong, changes nothing, and ends with 2."""
    before = tree(root)
    done = civitai_dl(*words)
    assert (2, True) == (done.returncode, text in done.stderr), done.stderr
    assert before == tree(root)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.mark.usefixtures("archive")
def test_another_file_system_needs_a_choice(elsewhere: Path, civitai_dl: Command) -> None:
    """Nobody copies 100 GB unasked: it says so, places nothing, and tells how to go on."""
    (elsewhere / "models").mkdir()
    before = tree(elsewhere)
    words = ("link", elsewhere, "--layout", "a1111", "-o", "archive")
    foretold = civitai_dl(*words, "--dry-run")
    assert "40.0 kB are to go to another file system" in foretold.stdout
    for mode in ("auto", "hardlink", "reflink"):
        done = civitai_dl(*words, "--mode", mode)
        assert 2 == done.returncode
        for text in ("it is on another file system", "--mode copy", "--mode symlink"):
            assert text in done.stderr
        assert before == tree(elsewhere)
    for mode in ("copy", "symlink"):
        done = civitai_dl(*words, "--mode", mode, "--json")
        assert 0 == done.returncode, done.stderr
        hows = {one["how"] for one in json.loads(done.stdout)["placed"] if not one["sidecar"]}
        assert {mode} == hows
        assert 40_000 == (elsewhere / LORA).stat().st_size
        assert 0 == civitai_dl("unlink", elsewhere).returncode
        assert before == tree(elsewhere)


KILLED = """
import os, sys
from civitai_dl.adapters.storage import _system

left = [int(sys.argv[1])]
after = sys.argv[2] == "after"

def deadly(call):
    def work(self, *words):
        left[0] -= 1
        if not left[0] and not after:
            os._exit(137)
        try:
            return call(self, *words)
        finally:
            if not left[0] and after:
                os._exit(137)
    return work

for name, call in list(vars(_system.System).items()):
    if not name.startswith("_") and name != "is_in_memory":
        setattr(_system.System, name, deadly(call))

from civitai_dl.cli._main import cli
cli.main(args=sys.argv[3:], prog_name="civitai-dl")
"""


@pytest.mark.parametrize(("mode", "when"), [("auto", "before"), ("copy", "after")])
def test_a_killed_command_leaves_nothing_unknown(
    tmp_path: Path,
    archive: Path,
    root: Path,
    environment: dict[str, str],
    civitai_dl: Command,
    mode: str,
    when: str,
) -> None:
    """A real end of the process: the same command goes on, and unlink restores the folder.

    At each single call: see the scenario of the same name.
    """
    before = tree(root)
    words = ("link", str(root), "--layout", "a1111", "-o", str(archive), "--mode", mode)

    def die(call: int, *command: str) -> int:
        line = [sys.executable, "-c", KILLED, str(call), when, *command]
        done = subprocess.run(line, cwd=tmp_path, env=environment, check=False, capture_output=True)
        assert done.returncode in (0, 137), done.stderr
        return done.returncode

    whole = None
    for call in range(3, 200, 14):
        if die(call, *words) == 0:
            break
        if call % 28 == 3:
            assert 0 == civitai_dl(*words).returncode
            there = {name for name in tree(root) if not name.startswith(".civitai-dl-links")}
            whole = whole or there
            assert whole == there
        die(1 + call % 7, "unlink", str(root))
        taken = civitai_dl("unlink", str(root))
        # Nothing to take back, where nothing was begun or the killed one had ended with it.
        assert taken.returncode in (0, 2), taken.stderr
        assert "0 kept" in taken.stdout or "nothing was placed here" in taken.stderr
        assert before == tree(root)
    assert call > 10
    assert whole is not None


INTERRUPTED = """
import os, signal, sys, threading
from civitai_dl.adapters.storage import _system
from civitai_dl.cli import _linking

heard = threading.Event()
emit, link = _linking._Voice.emit, _system.System.link

def hear(self, event):
    emit(self, event)
    heard.set()

def interrupted(self, existing, new):
    link(self, existing, new)
    os.kill(os.getpid(), signal.SIGINT)
    assert heard.wait(60)

_linking._Voice.emit, _system.System.link = hear, interrupted

from civitai_dl.cli._main import cli
cli.main(args=sys.argv[1:], prog_name="civitai-dl")
"""


def test_a_signal_ends_it_in_order(
    tmp_path: Path, archive: Path, root: Path, environment: dict[str, str], civitai_dl: Command
) -> None:
    """Ctrl-C: what is placed by then is told and known, status 130, and the same goes on."""
    before = tree(root)
    words = ["link", str(root), "--layout", "a1111", "-o", str(archive)]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *words],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert 130 == done.returncode, done.stderr
    assert "stopped: the same command goes on" in done.stdout
    assert "stopping: what is on its way is kept" in done.stderr
    assert (root / LORA).is_file()
    assert 0 == civitai_dl(*words).returncode
    assert 0 == civitai_dl("unlink", root).returncode
    assert before == tree(root)


def test_links_need_no_archive_to_be_taken_back(
    tmp_path: Path, archive: Path, root: Path, civitai_dl: Command
) -> None:
    """It may be anywhere; where it is gone for good, the weights are the last, and stay."""
    before = tree(root)
    words = ("link", root, "--layout", "a1111", "-o")
    assert 0 == civitai_dl(*words, archive).returncode
    archive = archive.rename(tmp_path / "elsewhere")
    assert 0 == civitai_dl("unlink", root).returncode
    assert before == tree(root)
    assert 0 == civitai_dl(*words, archive).returncode
    shutil.rmtree(archive)
    done = civitai_dl("unlink", root)
    assert f"kept, since the archive has no copy of it any more: {LORA}" in done.stdout
    assert 40_000 == (root / LORA).stat().st_size
