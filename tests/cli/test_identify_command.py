"""`civitai-dl identify`, run as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_dl.testing import FakeCivitai, FakeFile, FakeImage, FakeVersion, Fault, World
from civitai_dl.testing._world import file_body

Command = Callable[..., "subprocess.CompletedProcess[str]"]

UNPACED = ("--max-rate-model", "0")


def small_world() -> World:
    """Three models; the first has two files, the third has the first one's first as well."""
    twin = FakeFile(name="twin.safetensors", size=30_000, content=77)
    other = FakeFile(name="other.safetensors", size=20_000)
    own = FakeFile(name="own.safetensors", size=10_000)
    world = World().creator("ann")
    world.model(1, creator="ann", versions=(FakeVersion(files=(twin, other)),))
    world.model(2, creator="ann", versions=(FakeVersion(files=(own,)),))
    return world.model(3, creator="ann", versions=(FakeVersion(files=(twin,)),))


def bytes_of(world: World, name: str) -> bytes:
    files = (file for m in world.models for v in m.versions for file in v.files)
    body = file_body(next(file for file in files if file.name == name))
    return body.read(0, body.size)


def owned_folder(world: World, folder: Path) -> Path:
    """Files as somebody has them: renamed, twice, in other case, and some of nobody's."""
    folder.mkdir()
    (folder / "deep").mkdir()
    (folder / "mine (1).safetensors").write_bytes(bytes_of(world, "twin.safetensors"))
    (folder / "deep/again.SafeTensors").write_bytes(bytes_of(world, "twin.safetensors"))
    (folder / "deep/own.safetensors").write_bytes(bytes_of(world, "own.safetensors"))
    (folder / "nobody.ckpt").write_bytes(b"nobody knows this")
    (folder / "notes.txt").write_bytes(bytes_of(world, "other.safetensors"))
    (folder / "deep/loop").symlink_to(folder)
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def stored(folder: Path, name: str) -> list[Path]:
    return sorted((folder / "archive").glob(f"model_*/**/{name}"))


def test_what_is_owned_comes_in_by_link(tmp_path: Path, civitai_dl: Command) -> None:
    """Right ones adopted under their own names, in each version; the rest listed; none fetched."""
    world = small_world()
    folder = owned_folder(world, tmp_path / "owned")
    before = snapshot(folder)
    with FakeCivitai(world).in_thread() as fake:
        words = ("identify", "owned", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl(*words)
        assert done.returncode == 0, done.stderr + done.stdout
        assert 0 == fake.account.count(origin="storage")
        assert 1 == fake.account.count(origin="api", path_prefix="/api/v1/model-versions/by-hash")
        fake.account.clear()
        again = civitai_dl(*words, "--json")
        assert 1 == fake.account.count(origin="api")
        fake.account.clear()
        more = civitai_dl(
            "model:1", "model:2", "model:3", *words[2:], "--no-gallery", "--max-rate-image", "0"
        )
        assert more.returncode == 0, more.stderr
        assert {"other.safetensors"} == {
            Path(file.name).name
            for file in world.truth.files()
            if fake.account.resolves().get(file.file_id)
        }
    assert before == snapshot(folder)
    one, three = stored(tmp_path, "twin.safetensors")
    (own,) = stored(tmp_path, "own.safetensors")
    assert one.read_bytes() == bytes_of(world, "twin.safetensors")
    assert one.samefile(three)
    assert one.samefile(folder / "mine (1).safetensors") or one.samefile(
        folder / "deep/again.SafeTensors"
    )
    assert own.samefile(folder / "deep/own.safetensors")
    for beside in ("own.civitai.info", "own.preview.png", "previews/*.png"):
        assert list(own.parent.glob(beside)), beside
    assert (own.parent.parent / "description.html").is_file()
    assert "3  adopted, nothing transferred" in done.stdout
    assert "1  unknown to the service" in done.stdout
    assert "4/4 files read, 0 could not be" in done.stderr
    lines = (tmp_path / "archive/unidentified.txt").read_text("utf-8").splitlines()
    assert ["owned/nobody.ckpt\t17"] == [
        line.partition("\t")[0] + "\t" + line.split("\t")[1] for line in lines if line[0] != "#"
    ]
    told = json.loads(again.stdout)
    # The key is not asked about, nothing is read, and of what is there nobody is asked again.
    assert (0, 1, 3, 0, 1) == (
        told["hashed"],
        told["asked"],
        told["already"],
        told["adopted"],
        told["unknown"],
    )


def test_a_dry_run_takes_nothing_in(tmp_path: Path, civitai_dl: Command) -> None:
    """It lists what is known, with model and version, and what is not; any names on wish."""
    world = small_world()
    owned_folder(world, tmp_path / "owned")
    with FakeCivitai(world).in_thread() as fake:
        words = ("identify", "owned", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl(*words, "--dry-run", "--all-files", "--lang", "ja")
        told = civitai_dl(*words, "--dry-run", "--all-files", "--json")
    assert done.returncode == 0, done.stderr
    assert "取り込みは行っていません" in done.stdout
    assert "owned/notes.txt  model:1 version:" in done.stdout
    found = json.loads(told.stdout)
    assert (4, 1, 0) == (found["known"], found["unknown"], found["hashed"])
    assert not list((tmp_path / "archive").glob("model_*"))
    assert not (tmp_path / "archive/unidentified.txt").exists()


def test_copies_share_nothing(tmp_path: Path, civitai_dl: Command) -> None:
    """--mode copy: the archive has bytes of its own, verified as they were copied."""
    world = small_world()
    folder = owned_folder(world, tmp_path / "owned")
    with FakeCivitai(world).in_thread() as fake:
        words = ("identify", "owned", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl(*words, "--mode", "copy", "--no-images")
        assert done.returncode == 0, done.stderr
        assert 0 == fake.account.count(origin="storage") == fake.account.count(origin="cdn")
    (own,) = stored(tmp_path, "own.safetensors")
    assert own.read_bytes() == (folder / "deep/own.safetensors").read_bytes()
    assert 1 == own.stat().st_nlink
    assert 1 == (folder / "deep/own.safetensors").stat().st_nlink


def test_the_rest_comes_on_wish(tmp_path: Path, civitai_dl: Command) -> None:
    """--complete: what else the identified versions have is fetched, and their galleries."""
    world = small_world()
    version = world.models[0].versions[0].id
    world.image(FakeImage(version_ids=(version,), username="bob"))
    folder = tmp_path / "twin.safetensors"
    folder.write_bytes(bytes_of(world, "twin.safetensors"))
    with FakeCivitai(world).in_thread() as fake:
        words = ("identify", str(folder), "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        done = civitai_dl(*words, "--complete")
        assert done.returncode == 0, done.stderr
        assert 1 == fake.account.count(origin="storage")
    assert stored(tmp_path, "other.safetensors")
    assert list((tmp_path / "archive/model_0/1/gallery").glob("*/*.png"))
    assert 2 == len(stored(tmp_path, "twin.safetensors"))


@pytest.mark.parametrize("trouble", ["no such path", "unreadable", "no service"])
def test_trouble_is_told(tmp_path: Path, civitai_dl: Command, trouble: str) -> None:
    """A path that is not there is a mistake; what cannot be read or asked is a failure."""
    world = small_world()
    folder = owned_folder(world, tmp_path / "owned")
    with FakeCivitai(world).in_thread() as fake:
        url = fake.base_url if trouble != "no service" else "http://127.0.0.1:9"
        words = ("-o", "archive", "--base-url", url, *UNPACED)
        if trouble == "no such path":
            done = civitai_dl("identify", "nowhere", *words)
            assert (2, True) == (done.returncode, "nowhere" in done.stderr)
            assert not (tmp_path / "archive").exists()
        elif trouble == "unreadable":
            (folder / "broken.safetensors").symlink_to(folder / "not there")
            done = civitai_dl("identify", "owned", *words)
            assert 1 == done.returncode, done.stderr
            assert "not read: owned/broken.safetensors: No such file" in done.stdout
            assert stored(tmp_path, "own.safetensors")
        else:
            done = civitai_dl("identify", "owned", *words, "--retries", "1")
            assert 1 == done.returncode, done.stderr
            assert "4  not asked about to the end" in done.stdout
            assert "unknown to the service" not in done.stdout
            assert not (tmp_path / "archive/unidentified.txt").exists()
    assert folder.exists()


@pytest.mark.parametrize("moment", ["/api/v1/models", "xG1nkqKTMzGDvpLrqFT7WA"])
def test_a_kill_in_the_middle_is_made_good(
    tmp_path: Path, environment: dict[str, str], moment: str, civitai_dl: Command
) -> None:
    """Killed before the first file came in, or among previews: the same command ends as ever."""
    world = small_world()
    folder = owned_folder(world, tmp_path / "owned")
    before = snapshot(folder)
    with FakeCivitai(world).in_thread() as fake:
        words = ["identify", "owned", "-o", "archive", "--base-url", fake.base_url, *UNPACED]
        process: list[subprocess.Popen[bytes]] = []

        def kill() -> None:
            process[0].kill()

        fake.faults.add(Fault(path=moment, then=kill, delay=30))
        process.append(
            subprocess.Popen(
                [sys.executable, "-m", "civitai_dl", *words],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        assert 0 != process[0].wait(60)
        fake.faults.assert_all_served()
        done = civitai_dl(*words, "--json")
        assert done.returncode == 0, done.stderr
        assert 0 == fake.account.count(origin="storage")
        fake.account.clear()
        again = civitai_dl(*words, "--json")
        assert 1 == fake.account.count()
    told, last = json.loads(done.stdout), json.loads(again.stdout)
    assert (3, 0) == (told["adopted"] + told["already"], told["hashed"])
    assert 3 == last["already"]
    assert before == snapshot(folder)
    (own,) = stored(tmp_path, "own.safetensors")
    assert list(own.parent.glob("previews/*.png"))
    assert list(own.parent.glob("own.civitai.info"))


def test_what_failed_is_tried_again_by_the_script(tmp_path: Path, civitai_dl: Command) -> None:
    """A preview that could not be had: a failure; retry.sh is the same command, and gets it."""
    world = small_world()
    owned_folder(world, tmp_path / "owned")
    with FakeCivitai(world).in_thread() as fake:
        words = ("identify", "owned", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
        fake.faults.add(Fault(origin="cdn", status=403, body={"error": "no"}, every=True))
        done = civitai_dl(*words, "--retries", "1")
        assert done.returncode == 1, done.stdout
        assert "failed: preview" in done.stdout
        assert "3  adopted" in done.stdout
        script = (tmp_path / "archive/retry.sh").read_text("utf-8").splitlines()[-1]
        fake.faults.clear()
        again = civitai_dl(*script.split()[2:])
        assert again.returncode == 0, again.stderr
        assert 0 == fake.account.count(origin="storage")
    assert not (tmp_path / "archive/failed.txt").exists()
    (own,) = stored(tmp_path, "own.safetensors")
    assert list(own.parent.glob("previews/*.png"))
