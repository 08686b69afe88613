"""`civitai-dl retry`, run as a person runs it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


def small_world() -> World:
    world = World().creator("ann").creator("4384")
    for number, creator in ((1, "ann"), (2, "ann"), (3, "4384")):
        file = FakeFile(name=f"own-{number}.safetensors", size=8_000)
        world.model(number, creator=creator, versions=(FakeVersion(files=(file,)),))
    return world


def failing(fake: FakeCivitai) -> None:
    fake.faults.add(Fault(origin="storage", path=".*", every=True, status=500))


def stored(folder: Path) -> set[str]:
    return {path.name for path in (folder / "archive").glob("model_*/**/*.safetensors")}


def test_retry_needs_no_words_but_the_archive(tmp_path: Path, civitai_dl: Command) -> None:
    """What failed is fetched by `retry -o DIR` alone: targets and choices are remembered."""
    (tmp_path / "users.txt").write_text("ann\n4384\n")
    with FakeCivitai(small_world()).in_thread() as fake:
        failing(fake)
        words = ("--users", "users.txt", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        first = civitai_dl(*words, "--only", "models", "--retries", "1")
        assert (1, set()) == (first.returncode, stored(tmp_path)), first.stderr
        (tmp_path / "users.txt").unlink()
        fake.faults.clear()
        fake.account.clear()
        done = civitai_dl("retry", "-o", "archive")
        # Nothing is listed anew, and a number in a list of users stays a user.
        assert 0 == fake.account.count(origin="api", path_prefix="/api/v1/models")
        assert 0 == fake.account.count(origin="cdn")
        again = civitai_dl("retry", "-o", "archive")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"own-1.safetensors", "own-2.safetensors", "own-3.safetensors"} == stored(tmp_path)
    assert not (tmp_path / "archive/failed.txt").exists()
    assert (0, True) == (again.returncode, "nothing failed" in again.stdout), again.stderr


def test_a_target_restricts_it(tmp_path: Path, civitai_dl: Command) -> None:
    """`retry TARGET` tries only what is below it; the rest stays to be tried."""
    with FakeCivitai(small_world()).in_thread() as fake:
        failing(fake)
        words = ("user:ann/models", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert civitai_dl("https://civitai.com/user/ann", *words[1:], "--retries", "1").returncode
        fake.faults.clear()
        one = civitai_dl("retry", "model:2", "-o", "archive")
        assert one.returncode == 0, one.stdout + one.stderr
        assert {"own-2.safetensors"} == stored(tmp_path)
        other = civitai_dl("retry", "model:3", "-o", "archive")
        assert (0, True) == (other.returncode, "nothing failed" in other.stdout)
        rest = civitai_dl("retry", "-o", "archive")
    assert rest.returncode == 0, rest.stderr
    assert {"own-1.safetensors", "own-2.safetensors"} == stored(tmp_path)


def test_what_several_runs_left_is_tried_again(tmp_path: Path, civitai_dl: Command) -> None:
    """Two runs with other choices each left something: one `retry` brings both home."""
    with FakeCivitai(small_world()).in_thread() as fake:
        failing(fake)
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED, "--retries", "1")
        assert civitai_dl("model:1", *words, "--only", "models").returncode == 1
        assert civitai_dl("model:2", *words, "--no-gallery").returncode == 1
        still = civitai_dl("retry", "-o", "archive")
        failed = (tmp_path / "archive/failed.txt").read_text("utf-8")
        assert (1, True) == (still.returncode, "own-1" in failed and "own-2" in failed)
        assert "retry" in (tmp_path / "archive/retry.sh").read_text("utf-8")
        fake.faults.clear()
        again = subprocess.run(
            ["sh", "-n", str(tmp_path / "archive/retry.sh")], capture_output=True, check=False
        )
        assert again.returncode == 0
        done = civitai_dl("retry", "-o", "archive")
    assert done.returncode == 0, done.stderr
    assert {"own-1.safetensors", "own-2.safetensors"} == stored(tmp_path)


def test_the_words_of_the_retry_script_are_understood(tmp_path: Path, civitai_dl: Command) -> None:
    """What retry.sh calls after a `retry` that failed is a command that works."""
    with FakeCivitai(small_world()).in_thread() as fake:
        failing(fake)
        words = ("model:1", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert civitai_dl(*words, "--retries", "1").returncode == 1
        assert civitai_dl("retry", "-o", "archive").returncode == 1
        fake.faults.clear()
        script = (tmp_path / "archive/retry.sh").read_text("utf-8")
        found = re.search(r"^exec civitai-dl (.+)$", script, re.MULTILINE)
        assert found is not None
        done = civitai_dl(*found[1].split())
    assert done.returncode == 0, done.stderr
    assert {"own-1.safetensors"} == stored(tmp_path)


def test_a_dry_run_leaves_nothing_to_retry(tmp_path: Path, civitai_dl: Command) -> None:
    """What a dry run listed was not asked to be fetched."""
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("model:1", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert civitai_dl(*words, "--dry-run").returncode == 0
        done = civitai_dl("retry", "-o", "archive")
    assert (0, True) == (done.returncode, "nothing failed" in done.stdout)
    assert set() == stored(tmp_path)


def test_there_must_be_an_archive(tmp_path: Path, civitai_dl: Command) -> None:
    """Without an archive there is nothing to go by: status 2, and nothing is made."""
    done = civitai_dl("retry", "-o", "nothing", LC_ALL="ja_JP.UTF-8")
    assert (2, True) == (done.returncode, "アーカイブが見つかりません" in done.stderr)
    assert not (tmp_path / "nothing").exists()


def test_the_key_goes_nowhere_that_only_the_archive_names(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """An archive from a stranger may name any service: the key is not sent there unasked."""
    with FakeCivitai(small_world()).in_thread() as fake:
        failing(fake)
        words = ("model:1", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert civitai_dl(*words, "--retries", "1").returncode == 1
    database = tmp_path / "archive/.civitai-dl/state.db"
    with sqlite3.connect(database) as connection:
        settings = json.dumps({"base_url": "https://stranger.example"})
        connection.execute("UPDATE runs SET settings = ?", (settings,))
    done = civitai_dl("retry", "-o", "archive", "--token", "x" * 32)
    assert (2, True) == (done.returncode, "https://stranger.example" in done.stderr)


def test_what_was_lost_on_disk_is_left_to_be_fetched(tmp_path: Path, civitai_dl: Command) -> None:
    """A file that a run for something else found missing is fetched by `retry`."""
    with FakeCivitai(small_world()).in_thread() as fake:
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        assert civitai_dl("model:1", *words).returncode == 0
        (path,) = (tmp_path / "archive").glob("model_*/**/*.safetensors")
        path.unlink()
        assert civitai_dl("model:2", *words).returncode == 0
        done = civitai_dl("retry", "-o", "archive", "-q")
    assert (0, "") == (done.returncode, done.stdout), done.stderr
    assert {"own-1.safetensors", "own-2.safetensors"} == stored(tmp_path)


def two_kinds_of_failure(fake: FakeCivitai) -> None:
    """The file of model 1 is not found, that of model 2 is answered with 500."""
    for number, status in ((1, 404), (2, 500)):
        path = f"/api/download/models/{version_of(fake, number)}.*"
        fake.faults.add(Fault(origin="api", path=path, every=True, status=status))


def version_of(fake: FakeCivitai, model: int) -> int:
    """The one version of a model."""
    return next(one.version_id for one in fake.world.truth.files() if one.model_id == model)


def test_a_reason_restricts_it(tmp_path: Path, civitai_dl: Command) -> None:
    """`--reason` asks just for what failed so; the other failure stays listed, and stays failed."""
    with FakeCivitai(small_world()).in_thread() as fake:
        two_kinds_of_failure(fake)
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED)
        more = ("--only", "models", "--retries", "1")
        assert civitai_dl("model:1", "model:2", *words, *more).returncode == 1
        assert fake.account.count(origin="api", status=404)
        assert fake.account.count(origin="api", status=500)
        shown = json.loads(civitai_dl("retry", "-o", "archive", "--json").stdout)
        fake.faults.clear()
        fake.account.clear()
        one = civitai_dl("retry", "--reason", "not_found", "-o", "archive")
        asked = {seen.path for seen in fake.account.of(origin="api", path_prefix="/api/download")}
        failed = (tmp_path / "archive/failed.txt").read_text("utf-8")
        rest = civitai_dl("retry", "--reason", "transient", "-o", "archive")
        none = civitai_dl("retry", "--reason", "transient", "-o", "archive")
    assert {"not_found": 1, "transient": 1} == shown["reasons"]
    assert {"not_found", "transient"} == {thing["why"] for thing in shown["things"]}
    assert {f"/api/download/models/{version_of(fake, 1)}"} == asked
    assert 1 == one.returncode, one.stdout + one.stderr
    assert ("own-1" in failed, "own-2" in failed) == (False, True)
    assert 0 == rest.returncode, rest.stdout + rest.stderr
    assert {"own-1.safetensors", "own-2.safetensors"} == stored(tmp_path)
    assert (0, True) == (none.returncode, "for these reasons" in none.stdout)


def test_what_cannot_be_had_is_asked_for_again_by_its_reason(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """After a key was bought, or access, one word asks for just that, without any waiting."""
    world = World().creator("ann")
    for number in (1, 2):
        version = FakeVersion(files=(FakeFile(name=f"own-{number}.safetensors", size=8_000),))
        world.model(number, creator="ann", versions=(version,))
    with FakeCivitai(world).in_thread() as fake:
        path = f"/api/download/models/{version_of(fake, 2)}.*"
        body = b'{"error":"Unauthorized","message":"The creator of this asset requires you to be '
        body += b'logged in to download it"}'
        fake.faults.add(Fault(origin="api", path=path, every=True, status=401, body=body))
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED, "--only", "models")
        first = civitai_dl("model:1", "model:2", *words)
        assert fake.account.count(origin="api", status=401)
        fake.faults.clear()
        fake.account.clear()
        plain = civitai_dl("retry", "-o", "archive")
        done = civitai_dl("retry", "--reason", "login_required", "-o", "archive")
    assert (0, True) == (first.returncode, "login required" in first.stdout), first.stdout
    assert "nothing failed" in plain.stdout
    assert 0 == done.returncode, done.stdout + done.stderr
    assert {"own-1.safetensors", "own-2.safetensors"} == stored(tmp_path)


def test_a_reason_that_there_is_not_is_told(civitai_dl: Command) -> None:
    """A word that is none is a mistake, which names all that there are."""
    done = civitai_dl("retry", "--reason", "bad_luck", "-o", "archive")
    assert 2 == done.returncode
    assert all(word in done.stderr for word in ("bad_luck", "quota", "no_permission"))


def test_what_would_be_tried_is_told_and_not_tried(tmp_path: Path, civitai_dl: Command) -> None:
    """`--dry-run` names the failures and counts them, and asks nobody."""
    with FakeCivitai(small_world()).in_thread() as fake:
        two_kinds_of_failure(fake)
        words = ("-o", "archive", "--base-url", fake.base_url, *UNPACED, "--retries", "1")
        assert civitai_dl("model:1", "model:2", *words).returncode == 1
        fake.account.clear()
        told = civitai_dl("retry", "--dry-run", "-o", "archive", "--reason", "not_found")
        japanese = civitai_dl("retry", "--dry-run", "-o", "archive", "--lang", "ja")
        assert 0 == fake.account.count()
    assert 0 == told.returncode, told.stderr
    assert "1 thing would be tried again" in told.stdout
    assert "own-1.safetensors" in told.stdout
    assert "own-2.safetensors" not in told.stdout
    assert "再試行" in japanese.stdout
