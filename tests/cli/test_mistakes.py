"""Every mistake gets a sentence that names it, its own exit status, and costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeFile, FakeVersion, Fault, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0", "--no-gallery")


def small_world() -> World:
    return World().creator("ann").model(1, creator="ann").model(2, creator="ann")


def test_a_line_that_is_no_target_is_named(tmp_path: Path, civitai_dl: Command) -> None:
    """A bad line names file, line and text before anything is requested; exit 2."""
    (tmp_path / "models.txt").write_text("model:1\nhttps://example.org/models/5\nnonsense!\n")
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("--models", "models.txt", "-o", "archive", "--base-url", fake.base_url)
        done = civitai_dl(*words, *UNPACED)
        assert fake.account.count() == 0
    assert done.returncode == 2
    assert "models.txt:2" in done.stderr
    assert "https://example.org/models/5" in done.stderr
    assert "models.txt:3" in done.stderr
    assert "--skip-bad-lines" in done.stderr
    assert not (tmp_path / "archive").exists()


def test_bad_lines_may_be_left_out(tmp_path: Path, civitai_dl: Command) -> None:
    """--skip-bad-lines warns about such lines, and archives the rest."""
    (tmp_path / "models.txt").write_text("nonsense!\nmodel:1\n")
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("--models", "models.txt", "-o", "archive", "--base-url", fake.base_url)
        done = civitai_dl(*words, *UNPACED, "--skip-bad-lines")
    assert done.returncode == 0
    assert "models.txt:1" in done.stderr
    assert (tmp_path / "archive/model_0/1/model.json").is_file()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "--users"),
        (("--models", "missing.txt"), "missing.txt"),
        (("1", "--limit-rate", "fast"), "fast"),
        (("1", "--max-wait", "soon"), "soon"),
        (("1", "--concurrency", "many"), "many"),
        (("1", "--base-url", "http://civitai.com"), "https"),
        (("1", "-o", "gopher://bucket"), "gopher"),
        (("1", "--browsing-level", "R18"), "R18"),
        (("1", "--token", "two words"), "key"),
        (("1", "--config", "none.toml"), "none.toml"),
        (("1", "--no-such-flag"), "--no-such-flag"),
        (("https://civitai.com/collections/7",), "collection"),
    ],
)
def test_a_wrong_word_is_a_usage_error(
    civitai_dl: Command, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    """Each word that cannot be meant is named in the message; exit 2."""
    done = civitai_dl(*words)
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "civitai").exists()


def test_an_unknown_user_is_a_failure(tmp_path: Path, civitai_dl: Command) -> None:
    """An unknown user is a failure of its line; the others are archived; exit 1."""
    (tmp_path / "users.txt").write_text("https://civitai.com/user/nobody_at_all\nann\n")
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("--users", "users.txt", "-o", "archive", "--base-url", fake.base_url)
        done = civitai_dl(*words, *UNPACED)
    assert done.returncode == 1
    failed = (tmp_path / "archive/failed.txt").read_text("utf-8")
    assert "creator:nobody_at_all" in failed
    assert "User not found" in failed
    assert len(list((tmp_path / "archive").rglob("*.safetensors"))) == 2


def test_a_refused_key_ends_the_run_at_once(tmp_path: Path, civitai_dl: Command) -> None:
    """A key that the service refuses: one request, exit 3, and words on what to do."""
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("1", "-o", "archive", "--base-url", fake.base_url, "--token", "wrong-key")
        done = civitai_dl(*words, *UNPACED)
        assert fake.account.count() == 1
    assert done.returncode == 3
    assert "refused the API key" in done.stderr
    assert "wrong-key" not in done.stderr + done.stdout


def test_a_key_revoked_while_it_runs_ends_the_run(tmp_path: Path, civitai_dl: Command) -> None:
    """When downloads want a login although a key is sent, it is checked again: exit 3."""
    version = FakeVersion(files=(FakeFile(),), requires_login=True)
    world = World().model(1, versions=(version,)).model(2)
    refusal = '{"error":"Unauthorized","message":"… requires you to be logged in to download it"}'
    with FakeCivitai(world).in_thread() as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path="/api/download/.*",
                every=True,
                status=401,
                headers={"content-type": "application/json"},
                body=refusal.encode(),
            )
        )
        fake.faults.add(
            Fault(origin="api", path="/api/v1/me", nth=2, status=401, body=b'{"error":"no"}')
        )
        words = ("1", "2", "-o", "archive", "--base-url", fake.base_url, "--token", GOOD_KEY)
        done = civitai_dl(*words, *UNPACED)
        fake.faults.assert_all_served()
    assert done.returncode == 3, done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are other ones on Windows")
def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path, civitai_dl: Command) -> None:
    """An output that cannot be made: exit 4, before anything is requested."""
    (tmp_path / "file").write_text("in the way")
    with FakeCivitai(small_world()).in_thread() as fake:
        done = civitai_dl("1", "-o", "file/archive", "--base-url", fake.base_url, *UNPACED)
        assert fake.account.count() == 0
    assert done.returncode == 4
    assert "file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_in_use_is_told(
    tmp_path: Path, civitai_dl: Command, environment: dict[str, str]
) -> None:
    """A second run in the same directory names the first one's process and leaves; exit 5."""
    world = World().model(1, versions=(FakeVersion(files=(FakeFile(size=50_000_000),)),))
    with FakeCivitai(world).in_thread() as fake:
        fake.faults.add(Fault(origin="storage", path=".*", every=True, bytes_per_second=5_000_000))
        words = ["1", "-o", "archive", "--base-url", fake.base_url, *UNPACED]
        first = subprocess.Popen(
            [sys.executable, "-m", "civitai_dl", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            patience = time.monotonic() + 20
            while fake.account.count(origin="api") < 1:
                assert time.monotonic() < patience
                time.sleep(0.02)
            second = civitai_dl(*words)
            assert "at work" in civitai_dl("status", "-o", "archive").stdout
        finally:
            first.terminate()
            assert first.wait(20) == 130
    assert second.returncode == 5
    assert str(first.pid) in second.stderr


def test_a_list_of_duplicates_is_one_thing_each(tmp_path: Path, civitai_dl: Command) -> None:
    """A list that names the same model in many ways fetches it once."""
    (tmp_path / "models.txt").write_text(
        "1\nmodel:1\nhttps://civitai.com/models/1\nhttps://civitai.red/models/1/slug\n"
        "civitai.com/models/1?foo=bar\nhttps://civitai.com/models/1\n"
    )
    (tmp_path / "users.txt").write_text("ann\nANN\nhttps://civitai.com/user/ann/\n")
    world = small_world()
    with FakeCivitai(world).in_thread() as fake:
        words = ("--models", "models.txt", "--users", "users.txt", "-o", "archive")
        done = civitai_dl(*words, "--base-url", fake.base_url, *UNPACED)
        assert sorted(fake.account.resolves().values()) == [1, 1]
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("models.txt:1") == 1
    assert len(list((tmp_path / "archive").rglob("*.safetensors"))) == 2


def test_settings_may_lie_in_a_file(tmp_path: Path, civitai_dl: Command) -> None:
    """--config reads TOML; a setting that does not exist is named; exit 2."""
    (tmp_path / "good.toml").write_text(
        'output = "elsewhere"\nno-gallery = true\nmax-rate-model = 0\n'
    )
    (tmp_path / "bad.toml").write_text("no-galery = true\n")
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("1", "--base-url", fake.base_url)
        assert civitai_dl(*words, "--config", "good.toml").returncode == 0
        assert fake.account.count(path_prefix="/api/v1/images") == 0
        bad = civitai_dl(*words, "--config", "bad.toml")
    assert (tmp_path / "elsewhere/model_0/1").is_dir()
    assert bad.returncode == 2
    assert "no_galery" in bad.stderr


def test_a_closed_pipe_does_not_end_a_run(tmp_path: Path, environment: dict[str, str]) -> None:
    """Piped into something that stops reading, the archive is made all the same."""
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ["1", "-o", "archive", "--base-url", fake.base_url, *UNPACED]
        process = subprocess.Popen(
            [sys.executable, "-m", "civitai_dl", *words, "--json-logs"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        told = process.stderr.read()
        process.stderr.close()
        assert process.wait(30) == 0, told
    assert list((tmp_path / "archive").rglob("*.safetensors"))


@pytest.mark.parametrize("target", ["image:9000003", "post:7", "user:ann/images"])
def test_what_a_flag_leaves_out_is_told(tmp_path: Path, civitai_dl: Command, target: str) -> None:
    """An image asked for with --no-gallery is a contradiction, not a success; exit 2."""
    link = "https://civitai.com/user/ann/images" if target.startswith("user") else target
    with FakeCivitai(small_world()).in_thread() as fake:
        done = civitai_dl(link, "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert 0 == fake.account.count()
    assert 2 == done.returncode
    assert link in done.stderr
    assert "--no-gallery" in done.stderr
