"""`--sidecars` and `civitai-dl sidecars`, as a person runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_dl.adapters.storage import STATE, RunLock
from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeVersion, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


def small_world() -> World:
    """Two models with a file each."""
    world = World().creator("ann")
    for number in (1, 2):
        files = (FakeFile(name=f"file-{number}.safetensors", size=20_000),)
        world.model(number, creator="ann", versions=(FakeVersion(files=files),))
    return world


def archived(civitai_dl: Command, *words: str) -> None:
    """A small archive; its service is gone afterwards."""
    with FakeCivitai(small_world()).in_thread() as fake:
        done = civitai_dl(
            "model:1", "model:2", "-o", "archive", "--base-url", fake.base_url, *UNPACED, *words
        )
    assert done.returncode == 0, done.stderr


def names(folder: Path, number: int = 1) -> set[str]:
    return {path.name for path in folder.glob(f"archive/model_0/{number}/*/file-{number}.*")}


def test_a_download_writes_the_forms_that_are_asked_for(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """A list with commas; what is not in it is not written."""
    archived(civitai_dl, "--sidecars", "a1111,Stability-Matrix")
    assert {"file-1.safetensors", "file-1.json", "file-1.cm-info.json"} == names(tmp_path)


def test_an_archive_gets_other_forms_on_demand(tmp_path: Path, civitai_dl: Command) -> None:
    """Nobody is asked; it tells what it did, in either language."""
    archived(civitai_dl)
    done = civitai_dl("sidecars", "-o", "archive", "--sidecars", "all")
    assert (0, "") == (done.returncode, done.stderr)
    assert "sidecars in place: 10, of 2 models\n" == done.stdout
    assert {".json", ".metadata.json", ".cm-info.json", ".civitai.info", ".preview.png"} == {
        name.removeprefix("file-2") for name in names(tmp_path, 2)
    } - {".safetensors"}
    japanese = civitai_dl("sidecars", "-o", "archive", "--sidecars", "a1111", "--lang", "ja")
    assert "サイドカー 2 件を書き出しました (2 モデル)\n" == japanese.stdout
    quiet = civitai_dl("sidecars", "-o", "archive", "-q")
    assert (0, "", "") == (quiet.returncode, quiet.stdout, quiet.stderr)


def test_what_is_not_ours_is_told_of(tmp_path: Path, civitai_dl: Command) -> None:
    """A document that is no JSON object: named, counted, and left as it is."""
    archived(civitai_dl)
    (weights,) = tmp_path.glob("archive/model_0/1/*/file-1.safetensors")
    notes = weights.with_name("file-1.json")
    notes.write_text("my notes", "utf-8")
    done = civitai_dl("sidecars", "-o", "archive", "--sidecars", "a1111")
    assert 0 == done.returncode
    assert "file-1.json" in done.stderr
    assert "nothing can be added to them: 1" in done.stdout
    assert "my notes" == notes.read_text("utf-8")


def test_retry_and_sidecars_remember_the_choice(tmp_path: Path, civitai_dl: Command) -> None:
    """What the last run was asked for is written again when nobody says otherwise."""
    archived(civitai_dl, "--sidecars", "lora-manager")
    (sidecar,) = tmp_path.glob("archive/model_0/2/*/file-2.metadata.json")
    sidecar.unlink()
    done = civitai_dl("sidecars", "-o", "archive")
    assert 0 == done.returncode
    assert "file-2" == json.loads(sidecar.read_text("utf-8"))["file_name"]


@pytest.mark.parametrize("words", [("model:1",), ("sidecars",), ("retry",)])
@pytest.mark.parametrize(
    ("value", "named"), [("a1111,forge", "'forge'"), ("none,civitai", "'none'"), (",", "nothing")]
)
def test_an_unknown_form_is_a_mistake(
    tmp_path: Path, civitai_dl: Command, words: tuple[str, ...], value: str, named: str
) -> None:
    """It is named, with what there is; nothing is asked and nothing is made."""
    done = civitai_dl(*words, "-o", "archive", "--sidecars", value)
    assert 2 == done.returncode
    assert named in done.stderr
    assert "stability-matrix" in done.stderr or value == ","
    assert not (tmp_path / "archive").exists()


def test_the_file_of_settings_may_hold_a_list(tmp_path: Path, civitai_dl: Command) -> None:
    """As a list of names, or as the text that the option takes."""
    (tmp_path / "a.toml").write_text('sidecars = ["a1111"]\n', "utf-8")
    archived(civitai_dl, "--config", "a.toml")
    assert {"file-1.safetensors", "file-1.json"} == names(tmp_path)


def test_without_an_archive_it_is_a_mistake(tmp_path: Path, civitai_dl: Command) -> None:
    """It says so and makes none; exit 2."""
    done = civitai_dl("sidecars", "-o", "nothing")
    assert 2 == done.returncode
    assert "no archive" in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_run_at_work_is_not_disturbed(tmp_path: Path, civitai_dl: Command) -> None:
    """Another run holds the archive; exit 5."""
    archived(civitai_dl)
    with RunLock(tmp_path / "archive" / STATE / "lock"):
        done = civitai_dl("sidecars", "-o", "archive")
    assert 5 == done.returncode


META = {"prompt": "snow at night", "negativePrompt": "bad", "steps": 20, "seed": 5, "cfgScale": 7}


def test_prompts_are_embedded_in_copies(tmp_path: Path, civitai_dl: Command) -> None:
    """By a download, and on demand; what was done is told in either language."""
    world = small_world()
    version = world.models[0].versions[0].id
    for form in ("webp", "jpeg", "gif"):
        world.image(FakeImage(form, version_ids=(version,), username="bob", meta=META))
    words = ("model:1", "-o", "archive", *UNPACED)
    with FakeCivitai(world).in_thread() as fake:
        first = civitai_dl(*words, "--base-url", fake.base_url, "--embed-metadata")
    assert 0 == first.returncode, first.stderr
    copies = sorted((tmp_path / "archive/with_prompts").rglob("*.*"))
    assert [".jpg", ".webp"] == sorted(path.suffix for path in copies)
    copies[0].unlink()
    done = civitai_dl("sidecars", "-o", "archive")
    assert (0, "") == (done.returncode, done.stderr)
    assert "images with prompts in with_prompts/: 1 new, 1 before\n" in done.stdout
    image = next((tmp_path / "archive/model_0/1/gallery").rglob("*.webp"))
    image.write_bytes(image.read_bytes()[:40])
    again = civitai_dl("sidecars", "-o", "archive", "--embed-metadata", "--lang", "ja")
    assert 0 == again.returncode
    assert "壊れているため変更しなかった画像: 1 件" in again.stdout
    assert image.name in again.stdout
