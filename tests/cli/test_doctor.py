"""`civitai-dl doctor`, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from civitai_dl import _doctor, _probes
from civitai_dl._doctor import diagnose
from civitai_dl._probes import Ground
from civitai_dl.adapters.storage import STATE, RunLock
from civitai_dl.domain.messages import Language, Messages
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


@pytest.fixture
def archive(tmp_path: Path, civitai_dl) -> Path:
    """A small archive, complete."""
    world = World().creator("ann").model(1, creator="ann", versions=(FakeVersion(),))
    world.model(2, creator="ann", versions=(FakeVersion(files=(FakeFile(),)),))
    with FakeCivitai(world).in_thread() as fake:
        done = civitai_dl("user:ann", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
    assert done.returncode == 0, done.stderr
    return tmp_path / "archive"


def test_a_sound_archive_needs_nothing(archive: Path, civitai_dl) -> None:
    """An archive that is in order is called so, and nothing is left of the look at it; exit 0."""
    before = sorted(path for path in archive.rglob("*") if STATE not in path.parts)
    done = civitai_dl("doctor", "-o", "archive", "--offline")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing has to be mended" in done.stdout
    assert "state database is sound" in done.stdout
    assert before == sorted(path for path in archive.rglob("*") if STATE not in path.parts)
    assert list((archive / STATE / "tmp").iterdir()) == []


def test_a_damaged_state_is_told_and_rebuilt(archive: Path, civitai_dl) -> None:
    """A damaged state: exit 4 with what to do; after doing it: exit 0, and all is there."""
    state = archive / STATE / "state.db"
    state.write_bytes(state.read_bytes()[:5_000])
    told = civitai_dl("doctor", "-o", "archive", "--offline")
    assert told.returncode == 4
    assert "--rebuild" in told.stdout
    assert "Traceback" not in told.stdout + told.stderr
    run = civitai_dl("1", "-o", "archive", "--base-url", "http://127.0.0.1:9", *UNPACED)
    assert run.returncode == 4
    assert "--rebuild" in run.stderr
    done = civitai_dl("doctor", "-o", "archive", "--rebuild", "--lang", "ja")
    assert done.returncode == 0, done.stderr
    assert "damaged-" in done.stdout
    again = civitai_dl("doctor", "-o", "archive", "--json", "--offline")
    assert again.returncode == 0
    assert json.loads(again.stdout)["sound"] is True


def test_the_findings_are_told_to_programs(archive: Path, civitai_dl) -> None:
    """--json names each finding with its figures; a stored file that is gone is a problem."""
    next(archive.rglob("*.safetensors")).unlink()
    done = civitai_dl("doctor", "-o", "archive", "--json", "--offline")
    assert done.returncode == 4
    found = {one["topic"]: one for one in json.loads(done.stdout)["findings"]}
    assert found["files"]["level"] == "problem"
    assert found["files"]["facts"]["missing"] == 1
    assert found["state"]["level"] == "ok"


def test_a_rebuild_beside_a_run_is_refused(archive: Path, civitai_dl) -> None:
    """The state of a run at work is not taken from under it; exit 5."""
    with RunLock(archive / STATE / "lock"):
        assert civitai_dl("doctor", "-o", "archive", "--rebuild").returncode == 5
        looked = civitai_dl("doctor", "-o", "archive", "--offline")
    assert looked.returncode == 0
    assert "a run is at work here" in looked.stdout


def test_nothing_is_no_archive(tmp_path: Path, civitai_dl) -> None:
    """Where there is no archive, the doctor says so and makes none; exit 2."""
    for words in ((), ("--rebuild",)):
        done = civitai_dl("doctor", "-o", "nothing", *words)
        assert done.returncode == 2
        assert "no archive" in done.stderr
    assert not (tmp_path / "nothing").exists()


POOR = Ground(
    free=5_000_000,
    kind="nfs4",
    shared=True,
    links=False,
    moves=False,
    syncs=False,
    locks=False,
    case_matters=False,
    longest=143,
)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    "ground", [POOR, Ground(None, "", shared=False, trouble="Read-only file system")]
)
def test_a_poor_place_is_described(
    archive: Path, monkeypatch: pytest.MonkeyPatch, language: Language, ground: Ground
) -> None:
    """Whatever a file system lacks is told with what follows from it, in both languages."""
    monkeypatch.setattr(_doctor, "probe", lambda *_: ground)
    (archive / "corrupted").mkdir()
    (archive / "corrupted/a.bin").touch()
    (archive / STATE / "tmp/x.part").write_bytes(b"half")
    findings = diagnose(archive)
    assert findings is not None
    messages = Messages(language)
    for one in findings:
        assert messages.say(one.text, **one.facts)
        assert not one.todo or messages.say(one.todo)
    levels = {one.topic: one.level for one in findings}
    assert levels["file system"] == ("warning" if ground.shared else "ok")
    assert levels["corrupted"] == "warning"
    if ground.trouble:
        assert levels["writing"] == "problem"
    else:
        assert levels["sync"] == "problem"
        assert {levels[name] for name in ("links", "names", "locks", "longest name")} == {"warning"}


def test_the_file_system_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    """The tries leave neither files nor folders behind, also where there was no scratch folder."""
    ground = _probes.probe(tmp_path, tmp_path / STATE / "tmp")
    assert ground.trouble == ""
    assert ground.syncs
    assert (ground.longest or 0) > 100
    assert not (tmp_path / STATE / "tmp").exists()
