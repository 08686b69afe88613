"""`civitai-dl verify`, run as a person runs it."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0", "--max-rate-image", "0")


def small_world() -> World:
    """Two models with two files each, of which one is the same in both, and six images."""
    twin = FakeFile(name="twin.safetensors", size=30_000, content=77)
    world = World().creator("ann")
    for number in (1, 2):
        own = FakeFile(name=f"own-{number}.safetensors", size=40_000)
        world.model(number, creator="ann", versions=(FakeVersion(files=(own, twin)),))
    return world.images(6, username="ann")


def archived(civitai_dl: Command, fake: FakeCivitai) -> None:
    words = ("user:ann", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
    done = civitai_dl(*words)
    assert done.returncode == 0, done.stderr


def found(folder: Path, name: str) -> Path:
    return min(folder.glob(f"archive/model_*/**/{name}"))


def flip(path: Path, place: int = 1000) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def checked_at(folder: Path) -> list[float | None]:
    with sqlite3.connect(folder / "archive/.civitai-dl/state.db") as connection:
        rows = connection.execute(
            "SELECT checked_at FROM tasks WHERE status = 'stored' "
            "AND type IN ('file', 'image') AND path IS NOT NULL ORDER BY id"
        )
        return [row[0] for row in rows]


def test_a_sound_archive_is_told_to_be_sound(tmp_path: Path, civitai_dl: Command) -> None:
    """Nothing wrong: status 0, nobody is asked, and the catalog knows when it was looked at."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        before = checked_at(tmp_path)
        fake.account.clear()
        done = civitai_dl("verify", "-o", "archive")
        assert 0 == fake.account.count()
    assert (0, True) == (done.returncode, "nothing is wrong with them" in done.stdout), done.stderr
    assert f"{len(before)} files, " in done.stdout
    assert f"{len(before)}/{len(before)} files checked, 0 damaged" in done.stderr
    after = checked_at(tmp_path)
    assert all(moment is not None for moment in after)
    assert max(moment or 0 for moment in before) < min(moment or 0 for moment in after)


def test_damage_is_told_and_healed(tmp_path: Path, civitai_dl: Command) -> None:
    """A flipped bit: path, digests and what happens next are told, and the file is whole again."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        path = found(tmp_path, "own-1.safetensors")
        truth = path.read_bytes()
        flip(path)
        bad = hashlib.sha256(path.read_bytes()).hexdigest()
        done = civitai_dl("verify", "-o", "archive")
        again = civitai_dl("verify", "-o", "archive", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.read_bytes() == truth
    name = path.relative_to(tmp_path / "archive").as_posix()
    line = next(line for line in done.stderr.splitlines() if name in line)
    for part in (bad, hashlib.sha256(truth).hexdigest(), "it will be set aside"):
        assert part in line
    assert "1 damaged: 1 whole again, 0 not" in done.stdout
    (evidence,) = (tmp_path / "archive/corrupted").glob("*.evidence.json")
    noted = json.loads(evidence.read_text("utf-8"))
    assert (name, "bit_rot", bad) == (noted["path"], noted["damage"], noted["found"]["sha256"])
    assert noted["last_known_good"] is not None
    kept = evidence.with_name(evidence.name.removesuffix(".evidence.json"))
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == bad
    assert (0, "", "") == (again.returncode, again.stdout, again.stderr)


def test_no_heal_only_tells(tmp_path: Path, civitai_dl: Command) -> None:
    """--no-heal changes nothing, asks nobody, and ends with 1; --json has each finding."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        path = found(tmp_path, "own-1.safetensors")
        flip(path)
        found(tmp_path, "own-2.safetensors").unlink()
        damaged = path.read_bytes()
        fake.account.clear()
        done = civitai_dl("verify", "-o", "archive", "--no-heal", "--json")
        assert 0 == fake.account.count()
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert {"bit_rot", "missing"} == {one["damage"] for one in told["findings"]}
    assert {"left"} == {one["end"] for one in told["findings"]}
    assert (True, 2, 0) == (told["complete"], told["damaged"], told["healed"])
    assert path.read_bytes() == damaged
    assert not (tmp_path / "archive/corrupted").exists()


def test_twins_are_damaged_together_and_healed_by_one_transfer(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """A flipped bit in an inode with two names: both are told, one transfer heals both."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        one, other = sorted((tmp_path / "archive").glob("model_*/**/twin.safetensors"))
        assert one.samefile(other)
        truth = one.read_bytes()
        flip(one)
        fake.account.clear()
        done = civitai_dl("verify", "-o", "archive", "--json")
        assert 1 == fake.account.count(origin="storage")
    told = json.loads(done.stdout)
    assert (0, 2, 2) == (done.returncode, told["damaged"], told["healed"])
    assert truth == one.read_bytes() == other.read_bytes()
    assert one.samefile(other)
    assert 2 == len(list((tmp_path / "archive/corrupted").iterdir()))


def test_a_whole_copy_in_the_archive_heals_without_a_transfer(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """One of two places has an inode of its own, and is damaged: the other one mends it."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        one, other = sorted((tmp_path / "archive").glob("model_*/**/twin.safetensors"))
        truth = one.read_bytes()
        one.unlink()
        one.write_bytes(truth[:-1] + b"?")
        fake.account.clear()
        done = civitai_dl("verify", "-o", "archive", "--json")
        assert 0 == fake.account.count()
    assert done.returncode == 0, done.stderr
    assert ["mended"] == [found["end"] for found in json.loads(done.stdout)["findings"]]
    assert truth == one.read_bytes()
    assert one.samefile(other)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_lies_in_the_place_of_a_file_is_set_aside(
    tmp_path: Path, civitai_dl: Command, kind: str
) -> None:
    """A folder or a link in the place of a file goes to corrupted/, and the file comes back."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        path = found(tmp_path, "own-1.safetensors")
        truth = path.read_bytes()
        path.unlink()
        (tmp_path / "elsewhere").write_bytes(truth)
        if kind == "folder":
            path.mkdir()
            (path / "mine.txt").write_text("a note")
        else:
            path.symlink_to(tmp_path / "elsewhere")
        done = civitai_dl("verify", "-o", "archive", "--json")
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["findings"]
    assert ("replaced", "fetched") == (told["damage"], told["end"])
    assert truth == path.read_bytes()
    assert not path.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == truth
    if kind == "folder":
        assert "a note" == (tmp_path / "archive" / told["set_aside"] / "mine.txt").read_text()


def test_a_preview_beside_the_weights_is_healed_with_the_preview(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """The preview that other programs read is a second name of an image: it is made whole, too."""
    world = World().model(1, creator="ann")
    with FakeCivitai(world).in_thread() as fake:
        words = ("model:1", "-o", "archive", "--base-url", fake.base_url, "--no-gallery", *UNPACED)
        assert civitai_dl(*words).returncode == 0
        sidecar = found(tmp_path, "*.preview.*")
        preview = next(path for path in sidecar.parent.glob("previews/*") if path.samefile(sidecar))
        truth = preview.read_bytes()
        flip(preview, len(truth) // 2)
        done = civitai_dl("verify", "-o", "archive")
    assert done.returncode == 0, done.stdout + done.stderr
    assert truth == preview.read_bytes() == sidecar.read_bytes()
    assert preview.samefile(sidecar)


def test_targets_and_subsets_restrict_what_is_read(tmp_path: Path, civitai_dl: Command) -> None:
    """A target means what is below it; two parts are all; a share takes the longest unread."""
    with FakeCivitai(small_world()).in_thread() as fake:
        archived(civitai_dl, fake)
        everything = len(checked_at(tmp_path))
        told = [
            json.loads(civitai_dl("verify", "-o", "archive", "--json", *words).stdout)["checked"]
            for words in (
                ("model:1",),
                ("--subset", "1/2"),
                ("--subset", "2/2"),
            )
        ]
        assert 0 < told[0] < everything
        assert everything == sum(told[1:])
        seen: set[float | None] = set(checked_at(tmp_path))
        for _ in range(2):
            assert civitai_dl("verify", "-o", "archive", "--subset", "50%").returncode == 0
        assert not seen & set(checked_at(tmp_path))
        unknown = civitai_dl("verify", "model:77", "-o", "archive")
        wrong = civitai_dl("verify", "-o", "archive", "--subset", "4/3")
    assert (2, True) == (unknown.returncode, "model:77" in unknown.stderr)
    assert (2, True) == (wrong.returncode, "4/3" in wrong.stderr)


def test_what_cannot_be_fetched_is_told_and_tried_again_later(
    tmp_path: Path, civitai_dl: Command
) -> None:
    """While the service is away the damage stays told, with status 1; `retry` heals it later."""
    world = small_world()
    fake = FakeCivitai(world)
    with fake.in_thread():
        archived(civitai_dl, fake)
        path = found(tmp_path, "own-1.safetensors")
        truth = path.read_bytes()
        flip(path)
        away = f"http://127.0.0.1:{closed_port()}"
        words = ("--max-wait", "0s", "--retries", "1", "--base-url", away)
        done = civitai_dl("verify", "-o", "archive", *words)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "1 damaged: 0 whole again, 1 not" in done.stdout
        assert not path.exists()
        retried = civitai_dl("retry", "-o", "archive", "--base-url", fake.base_url)
        assert retried.returncode == 0, retried.stdout + retried.stderr
    assert truth == path.read_bytes()


def closed_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_there_must_be_an_archive(tmp_path: Path, civitai_dl: Command) -> None:
    """A directory without an archive is a mistake, and stays as it is."""
    done = civitai_dl("verify", "-o", "nothing")
    assert (2, True) == (done.returncode, "there is no archive here" in done.stderr)
    assert not (tmp_path / "nothing").exists()


def test_a_signal_ends_it_in_order(tmp_path: Path, environment: dict[str, str]) -> None:
    """Ctrl-C while files are read: how far it was is told, nothing is changed, status 130."""
    with FakeCivitai(small_world()).in_thread() as fake:
        words = [sys.executable, "-m", "civitai_dl"]
        get = ["user:ann", "-o", "archive", "--base-url", fake.base_url, *UNPACED]
        subprocess.run(
            [*words, *get], cwd=tmp_path, env=environment, check=True, capture_output=True
        )
    path = found(tmp_path, "own-1.safetensors")
    # A hole of many gigabytes takes its time to be read.
    with path.open("ab") as target:
        target.truncate(40 << 30)
    process = subprocess.Popen(
        [*words, "verify", "-o", "archive"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "files checked" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: " in said
    assert path.stat().st_size == 40 << 30
