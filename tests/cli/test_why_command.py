"""`civitai-dl why`, run as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from civitai_dl.testing import (
    GOOD_KEY,
    FakeCivitai,
    FakeFile,
    FakeModel,
    FakeVersion,
    Fault,
    World,
)

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")
LATE = datetime(2099, 1, 1, tzinfo=timezone.utc)


def odd_world() -> World:
    """A model of which each file stands in another way, and one that is not wanted."""
    world = World().creator("ann").creator("bob")
    early = FakeVersion(
        "early", 20, files=[FakeFile("e.safetensors", id=21)], early_access_until=LATE
    )
    main = FakeVersion(
        "main",
        10,
        files=[
            FakeFile("a.safetensors", id=11),
            FakeFile("a.ckpt", id=12, format="PickleTensor"),
            FakeFile("broken.safetensors", id=13, extent="full"),
            FakeFile("t.zip", id=14, kind="Training Data", format="Other", extent=None),
        ],
    )
    world.model(FakeModel(1, "Dream", "ann", "Checkpoint", versions=[early, main]))
    world.model(FakeModel(2, "Line", "ann", "LORA"))
    return world.images(3, version_ids=(10,), username="bob")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """An archive after a run with choices in which something failed."""
    folder = tmp_path_factory.mktemp("why") / "archive"
    world = odd_world()
    words = ["user:ann", "-o", str(folder), "--types", "Checkpoint", "--no-training-data"]
    home = {"HOME": str(folder.parent), "CIVITAI_API_KEY": GOOD_KEY, "LC_ALL": "C.UTF-8"}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CIVITAI")}
    with FakeCivitai(world).in_thread() as fake:
        fake.faults.add(Fault(origin="api", path="fileId=13", every=True, status=500))
        words += [*UNPACED, "--retries", "1", "--base-url", fake.base_url]
        done = subprocess.run(
            [sys.executable, "-m", "civitai_dl", *words],
            env={**kept, **home},
            capture_output=True,
            text=True,
            check=False,
        )
        fake.faults.assert_all_served()
    assert done.returncode == 1, done.stdout + done.stderr
    return folder, world


def why(civitai_dl: Command, folder: Path, *words: str) -> str:
    said = civitai_dl("why", *words, "-o", folder)
    assert said.returncode == 0, said.stderr
    return said.stdout


def line_of(text: str, start: str) -> str:
    return next(line.strip() for line in text.splitlines() if line.strip().startswith(start))


def test_each_file_of_a_model_is_told_with_its_reason(archive, civitai_dl: Command) -> None:
    """Stored where; failed why; unavailable why; left out why; unsafe why; and what to run."""
    folder, _ = archive
    text = why(civitai_dl, folder, "model:1")
    assert line_of(text, "a.safetensors").endswith(
        "stored: model_0/1/10-main/a.safetensors (6.0 kB)"
    )
    assert "cannot be had: early access: until 2099-01-01 00:00 UTC" in line_of(text, "e.safet")
    assert "failed: network or server error: " in line_of(text, "broken.safetensors")
    assert f"civitai-dl retry version:10 -o {folder}" in text
    assert "cannot be had: unsafe: it is a pickle" in line_of(text, "a.ckpt")
    assert f"civitai-dl version:10 -o {folder} --allow-unsafe" in text
    assert line_of(text, "t.zip").endswith(
        "not fetched, because it is training data, which --no-training-data leaves out"
    )
    assert "gallery images 5 stored" in text
    assert "(under the choices of the run of 20" in text


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "model:2",
            "model 2 (Line): not fetched, because its type is LORA, --types asks for Checkpoint",
        ),
        ("https://civitai.com/models/2/line", "its type is LORA"),
        ("version:20", "early access"),
        ("file:12", "a.ckpt (file 12): cannot be had: unsafe"),
        ("file:10:14", "training data"),
        ("user:ann", "model 2 (Line): not fetched, because its type is LORA"),
        ("user:ann", "failed: network or server error"),
        ("model:99", "model 99: the archive knows nothing of it"),
        ("version:99", "version:99: the archive knows nothing of it"),
        ("image:999", "image:999: the archive knows nothing of it"),
        ("post:999", "the archive knows nothing of it"),
        ("user:nobody", "the archive knows nothing of it"),
        ("file:999", "the archive knows nothing of it"),
        ("ab" * 32, "the archive knows nothing of it"),
    ],
)
def test_every_kind_of_target_has_an_answer(archive, civitai_dl: Command, target, told) -> None:
    """Models, versions, files, users, images, posts and digests; unknown ones are said to be so."""
    text = why(civitai_dl, archive[0], target)
    assert told in text
    if "knows nothing" in told:
        assert ("to change that: civitai-dl " in text) != target.startswith("file:")


def test_a_version_that_nothing_is_there_of_is_found_by_what_is_kept(
    archive, civitai_dl: Command
) -> None:
    """No task is known of a version of a model that was left out; its model.json is."""
    folder, world = archive
    (left_out,) = [one for one in world.models if one.id == 2]
    number = left_out.versions[0].id
    assert "its type is LORA" in why(civitai_dl, folder, f"version:{number}")


def test_an_image_and_a_digest_are_told_by_where_they_lie(archive, civitai_dl: Command) -> None:
    """Each place of an image; the file of a digest with its version."""
    folder, world = archive
    image = next(one for one in world.truth.gallery(1) if one.username == "bob")
    assert "stored: model_0/1/gallery/" in why(civitai_dl, folder, f"image:{image.image_id}")
    sha256 = next(one.sha256 for one in world.truth.files() if one.file_id == 11)
    assert "a.safetensors (file 11): stored" in why(civitai_dl, folder, sha256)
    assert "a.safetensors (file 11): stored" in why(civitai_dl, folder, sha256[:10])


def test_choices_that_are_given_stand_for_those_of_the_run(archive, civitai_dl: Command) -> None:
    """`why TARGET --types ...` says what would be; what is stored stays so."""
    folder, _ = archive
    text = why(civitai_dl, folder, "model:1", "--formats", "GGUF", "--allow-unsafe")
    assert "stored: model_0/1/10-main/a.safetensors (6.0 kB); it would not be fetched now" in text
    assert line_of(text, "t.zip").endswith("its format is Other, --formats asks for GGUF")
    assert "(under the choices given here)" in text
    wide = why(civitai_dl, folder, "file:12", "file:14", "--allow-unsafe")
    assert 2 == wide.count("wanted under these choices, and no run has asked for it yet")
    roles = why(civitai_dl, folder, "model:1", "--only", "images")
    assert "not fetched, because --only images leaves model files out" in roles
    excluded = folder.parent / "no.txt"
    excluded.write_text("user:ann\n")
    assert "the user ann is excluded" in why(
        civitai_dl, folder, "user:ann", "--exclude", str(excluded)
    )


def test_programs_read_the_same(archive, civitai_dl: Command) -> None:
    """--json has states, reasons, times, keys and commands."""
    folder, _ = archive
    (told,) = json.loads(why(civitai_dl, folder, "model:1", "--json"))
    assert told["text"] == "model:1"
    assert told["choices"] == "remembered"
    (model,) = told["answers"]
    parts = {file["key"] or file["label"]: file for one in model["parts"] for file in one["parts"]}
    assert {key: part["stand"] for key, part in parts.items()} == {
        "file:20:21": "unavailable",
        "file:10:11": "stored",
        "file:10:12": "unavailable",
        "file:10:13": "failed",
        "t.zip (file 14)": "left_out",
    }
    assert parts["file:20:21"]["until"] == "2099-01-01T00:00:00+00:00"
    assert parts["file:10:12"]["why"] == "unsafe"
    assert parts["file:10:13"]["command"].startswith("civitai-dl retry version:10")
    assert parts["t.zip (file 14)"]["because"].startswith("it is training data")


def test_it_speaks_japanese(archive, civitai_dl: Command) -> None:
    """Each sentence has a translation."""
    text = why(civitai_dl, archive[0], "model:1", "user:ann", "image:9999", "--lang", "ja")
    for said in ("保存済み", "取得していません", "取得できません", "失敗", "情報がありません"):
        assert said in text


def test_it_changes_nothing(archive, civitai_dl: Command) -> None:
    """Not a byte of the archive is another one afterwards."""

    def stamps() -> dict[str, tuple[int, int]]:
        found = (path for path in folder.rglob("*") if path.is_file())
        # The journal of the state is made by whoever looks into it.
        mine = (path for path in found if not path.name.endswith(("-wal", "-shm")))
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in mine}

    folder = archive[0]
    before = stamps()
    why(civitai_dl, folder, "model:1", "user:ann", "version:20")
    assert before == stamps()


def test_without_an_archive_or_with_a_word_that_names_nothing_it_says_so(
    tmp_path: Path, archive, civitai_dl: Command
) -> None:
    """Exit status 2, and the word."""
    nowhere = civitai_dl("why", "model:1", "-o", "nothing")
    assert (2, True) == (nowhere.returncode, "there is no archive here" in nowhere.stderr)
    assert not (tmp_path / "nothing").exists()
    bad = civitai_dl("why", "model:1", "what?", "-o", archive[0])
    assert (2, True) == (bad.returncode, "what?" in bad.stderr)


def test_a_run_says_at_its_end_what_is_asked_of_it(tmp_path: Path, civitai_dl: Command) -> None:
    """--why TARGET, after a dry run and after a run, under the choices of that run."""
    with FakeCivitai(odd_world()).in_thread() as fake:
        words = ("model:1", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        chosen = ("--formats", "SafeTensor", "--why", "file:11", "--why", "model:2")
        dry = civitai_dl(*words, *chosen, "--dry-run", CIVITAI_API_KEY=GOOD_KEY)
        done = civitai_dl(*words, *chosen, "-q", CIVITAI_API_KEY=GOOD_KEY)
        bad = civitai_dl(*words, "--why", "nothing?", CIVITAI_API_KEY=GOOD_KEY)
        before = fake.account.count(origin="api")
        assert before == fake.account.count(origin="api")
    assert (0, 0, 2) == (dry.returncode, done.returncode, bad.returncode), done.stderr
    assert "a.safetensors (file 11): wanted, and not fetched yet" in dry.stdout
    assert "a.safetensors (file 11): stored: " in done.stdout
    assert "model 2: the archive knows nothing of it" in done.stdout
    assert "nothing?" in bad.stderr
