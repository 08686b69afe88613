"""The options that choose, given as a person gives them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from civitai_dl.testing import FakeCivitai, FakeFile, FakeModel, FakeVersion, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


def world() -> World:
    found = World().creator("ann").creator("bob")
    for number, kind, creator in ((1, "LORA", "ann"), (2, "Checkpoint", "ann"), (3, "LORA", "bob")):
        files = [
            FakeFile(f"{number}.safetensors"),
            FakeFile(f"{number}.gguf", format="GGUF", extent="full"),
        ]
        version = FakeVersion(files=files, images=())
        found.model(FakeModel(number, f"M{number}", creator, kind, versions=[version]))
    return found


def names(folder: Path) -> set[str]:
    return {
        path.name
        for path in folder.glob("archive/model_*/*/*/*.*")
        if path.suffix in (".safetensors", ".gguf")
    }


def test_options_files_and_exclusions_together(tmp_path: Path, civitai_dl: Command) -> None:
    """Flags over the configuration file, a list of exclusions, and a warning for a new word."""
    (tmp_path / "config.toml").write_text('types = "Checkpoint"\nformats = ["SafeTensor"]\n')
    (tmp_path / "no.txt").write_text("# not these\nuser:bob\n")
    with FakeCivitai(world()).in_thread() as fake:
        words = ("1", "2", "3", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl(
            *words,
            *("--config", "config.toml", "--exclude", "no.txt"),
            *("--types", "lora", "--types", "Brandnew"),
        )
        assert done.returncode == 0, done.stderr
        assert {"1.safetensors"} == names(tmp_path)
        assert "warning: types: 'Brandnew' is no word that is known here" in done.stderr
        more = civitai_dl(*words, "--config", "config.toml")
        assert more.returncode == 0, more.stderr
    assert {"1.safetensors", "2.safetensors"} == names(tmp_path)


def test_mistakes_are_told_before_anything_is_asked(tmp_path: Path, civitai_dl: Command) -> None:
    """A slip of a word, a line that excludes nothing, two lists from one input: exit status 2."""
    (tmp_path / "no.txt").write_text("version:5\n")
    with FakeCivitai(world()).in_thread() as fake:
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        slip = civitai_dl("1", *words, "--types", "lorra")
        line = civitai_dl("1", *words, "--exclude", "no.txt", "--skip-bad-lines")
        twice = civitai_dl("--models", "-", *words, "--exclude", "-", stdin="1\n")
        everything = civitai_dl("user:bob", *words, "--exclude", "-", stdin="user:bob\n")
        assert 0 == fake.account.count()
    assert (2, 2, 2, 2) == tuple(one.returncode for one in (slip, line, twice, everything))
    assert "'lorra' looks like 'LORA'" in slip.stderr
    assert "no.txt:1: only a user, a model or a tag can be excluded" in line.stderr
    assert "standard input cannot be two lists at once" in twice.stderr
    assert "everything that is asked for is excluded" in everything.stderr
    assert not (tmp_path / "archive" / "model_0").exists()
