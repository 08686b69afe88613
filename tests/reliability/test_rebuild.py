"""A state that is gone or broken is made anew from the disk, and nothing is fetched twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from archives import run, tree, wanted

from civitai_dl._doctor import diagnose
from civitai_dl._gone import find_gone
from civitai_dl._rebuild import Progress, rebuild
from civitai_dl.adapters.catalog import SCHEMA_VERSION, Database, _open
from civitai_dl.adapters.storage import STATE, RunLock
from civitai_dl.domain.entities import RunReport
from civitai_dl.errors import Busy, CatalogTooNew, UsageError
from civitai_dl.testing import FakeCivitai, World, demo_world
from reliability_size import pick

WORLD = ("user:lumen", "user:yamane_ken")
ROUNDS = pick(quick=3, full=15, nightly=60)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeCivitai]:
    """The small invented service."""
    with FakeCivitai(demo_world()).in_thread() as service:
        yield service


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory, fake: FakeCivitai) -> tuple[Path, RunReport]:
    """An archive with everything that its service has."""
    output = tmp_path_factory.mktemp("master") / "archive"
    report = asyncio.run(run(fake, output, wanted(*WORLD)))
    assert report.exit_code == 0
    assert report.total.stored > 150
    return output, report


@pytest.fixture
def archive(master: tuple[Path, RunReport], tmp_path: Path) -> Path:
    """A copy of it."""
    output = tmp_path / "archive"
    shutil.copytree(master[0], output)
    return output


async def mend(output: Path, fake: FakeCivitai) -> Progress:
    """Rebuild, and check that no file of the archive was touched."""
    before = tree(output)
    done = await rebuild(output, fake.base_url, lambda _: None)
    assert before == tree(output)
    assert state_problems(output) == []
    return done


def state_problems(output: Path) -> list[str]:
    """What the doctor says is wrong with the state itself."""
    found = diagnose(output) or []
    return [one.text for one in found if one.level == "problem" and one.topic != "files"]


async def fetched_again(output: Path, fake: FakeCivitai) -> tuple[RunReport, int]:
    """The same command once more: its report, and how often storage and CDN were asked."""

    def asked() -> int:
        return fake.account.count(origin="storage") + fake.account.count(origin="cdn")

    before = asked()
    report = await run(fake, output, wanted(*WORLD))
    return report, asked() - before


def state_of(output: Path) -> Path:
    return output / STATE / "state.db"


@pytest.mark.parametrize("left", ["nothing", "empty", "garbage"])
async def test_a_state_that_is_gone_is_made_from_the_disk(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai, left: str
) -> None:
    """From the files alone everything is taken in, and the next run asks for no byte of it."""
    state_of(archive).unlink()
    if left != "nothing":
        state_of(archive).write_bytes(b"" if left == "empty" else os.urandom(50_000))
    assert state_problems(archive)
    done = await mend(archive, fake)
    report, asked = await fetched_again(archive, fake)
    assert (report.exit_code, report.total.stored) == (0, master[1].total.stored)
    assert (asked, report.bytes_received) == (0, 0)
    assert done.found == master[1].total.stored
    assert done.wrong == 0


async def test_a_sound_state_is_kept_without_reading_a_file(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """What the old state says, and the sizes bear out, is believed; the old one is kept aside."""
    old = state_of(archive).read_bytes()
    done = await mend(archive, fake)
    assert (done.kept, done.files) == (master[1].total.stored, 0)
    assert (archive / done.aside / "state.db").read_bytes() == old
    report, asked = await fetched_again(archive, fake)
    assert (report.exit_code, report.total.stored, asked) == (0, master[1].total.stored, 0)


async def test_a_torn_state_gives_what_can_be_read(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """With pages overwritten anywhere, rows and disk together bring back every stored thing."""
    chance = random.Random(7)
    data = state_of(archive).read_bytes()
    for _ in range(ROUNDS):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 12)):
            page = chance.randrange(len(data) // 4_096)
            start = page * 4_096 + chance.randrange(2_000)
            changed[start : start + 900] = chance.randbytes(900)
        for name in ("state.db-wal", "state.db-shm"):
            state_of(archive).with_name(name).unlink(missing_ok=True)
        state_of(archive).write_bytes(changed)
        done = await mend(archive, fake)
        assert done.kept + done.found == master[1].total.stored
    report, asked = await fetched_again(archive, fake)
    assert (report.exit_code, report.total.stored, asked) == (0, master[1].total.stored, 0)


async def test_only_what_is_not_there_is_fetched(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """Files that were deleted, cut or altered are not taken in; the next run gets them."""
    files = sorted(archive.rglob("*.safetensors"))
    files[0].unlink()
    gone = 1
    for path, data in ((files[1], b"cut"), (min(archive.rglob("gallery/*/*.png")), b"x")):
        path.unlink()
        path.write_bytes(data)
        gone += 1
    state_of(archive).unlink()
    done = await mend(archive, fake)
    assert done.found == master[1].total.stored - gone
    assert done.wrong >= 2
    report, _ = await fetched_again(archive, fake)
    assert (report.exit_code, report.total.stored) == (0, master[1].total.stored)
    # The altered ones are the user's now: ours lie beside them.
    assert files[1].read_bytes() == b"cut"


async def test_a_file_under_another_name_is_known_by_its_digest(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """A file that lies in its folder under an older name is not fetched under its new one."""
    file = next(path for path in archive.rglob("*.safetensors") if path.stat().st_nlink == 1)
    file.rename(file.with_name(f"older {file.name}"))
    state_of(archive).unlink()
    await mend(archive, fake)
    report, asked = await fetched_again(archive, fake)
    assert (report.exit_code, report.total.stored, asked) == (0, master[1].total.stored, 0)


async def test_what_is_gone_from_the_service_is_found_again(tmp_path: Path) -> None:
    """A version that only gone.json tells of: its files are taken in, and it is marked again."""
    world = World().model(1, creator="ann", versions=2)
    newer = world.models[0].versions[0]
    output = tmp_path / "archive"
    with FakeCivitai(world).in_thread() as fake:
        await run(fake, output, wanted("model:1"))
        world.remove_version(newer.id)
        await run(fake, output, wanted("model:1"))
        before = find_gone(output)
        shutil.rmtree(output / STATE)
        (output / STATE).mkdir()
        done = await mend(output, fake)
    assert [newer.id] == [stone.id for stone in before[0].versions]
    assert before == find_gone(output)
    with closing(sqlite3.connect(output / STATE / "state.db")) as connection:
        query = "SELECT path FROM tasks WHERE status = 'stored' AND key = ?"
        row = connection.execute(query, (f"file:{newer.id}:{newer.files[0].id}",)).fetchone()
    assert row is not None
    assert (output / row[0]).is_file()
    assert 0 == done.wrong


async def test_a_listing_is_never_believed_complete_after_a_loss(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """Rows of images that were lost before they were fetched are found again by listing anew."""
    images = sorted(path for path in archive.rglob("gallery/*/*") if path.suffix != ".json")[:5]
    with closing(sqlite3.connect(state_of(archive))) as connection:
        for path in images:
            path.unlink()
            name = path.relative_to(archive).as_posix()
            connection.execute("UPDATE tasks SET label = 'damaged' WHERE path = ?", (name,))
            path.with_suffix(".json").unlink()
        connection.commit()
    await mend(archive, fake)
    report, _ = await fetched_again(archive, fake)
    assert (report.exit_code, report.total.stored) == (0, master[1].total.stored)
    assert all(path.exists() for path in images)


async def test_a_user_may_keep_anything_between(archive: Path, fake: FakeCivitai) -> None:
    """Notes, broken JSON, links and folders of other names disturb nothing and stay."""
    (archive / "model_notes").mkdir()
    (archive / "model_101/notes").mkdir()
    (archive / "model_101/7").mkdir()
    (archive / "model_101/7/model.json").write_text('{"id": 8}')
    (archive / "model_101/8").mkdir()
    (archive / "model_101/8/model.json").write_bytes(b'{"id": \xff')
    (archive / "users/me/images/0").mkdir(parents=True)
    (archive / "users/me/images/0/5.json").write_text("[1]")
    (archive / "users/me/images/0/6.json").write_text(json.dumps({"id": 7, "url": "https://x/y"}))
    (archive / "users/loop").symlink_to(archive)
    state_of(archive).unlink()
    done = await mend(archive, fake)
    assert done.wrong == 0


async def test_a_kill_in_the_middle_changes_nothing(archive: Path, fake: FakeCivitai) -> None:
    """Until the last step the old state is in its place; a rebuild that died is begun again."""

    def die(progress: Progress) -> None:
        raise RuntimeError(f"killed after {progress.files}")

    old = state_of(archive).read_bytes()
    with pytest.raises(RuntimeError, match="killed"):
        await rebuild(archive, fake.base_url, die)
    assert old == state_of(archive).read_bytes()
    await mend(archive, fake)


async def test_a_state_that_was_put_aside_is_not_lost(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """Killed between putting the old one aside and the new one in place, it is found there."""
    aside = archive / STATE / "damaged-20260101T000000Z"
    aside.mkdir()
    state_of(archive).rename(aside / "state.db")
    done = await mend(archive, fake)
    assert (done.kept, done.files) == (master[1].total.stored, 0)


async def test_a_state_of_version_1_can_be_salvaged(
    archive: Path, master: tuple[Path, RunReport], fake: FakeCivitai
) -> None:
    """An older state gives its rows, too."""
    from old_state import make_old

    make_old(archive)
    done = await mend(archive, fake)
    assert done.kept == master[1].total.stored


async def test_what_may_not_be_rebuilt_is_refused(archive: Path, tmp_path: Path) -> None:
    """Neither beside a run at work, nor a newer program's state, nor where there is no archive."""
    with RunLock(archive / STATE / "lock"), pytest.raises(Busy):
        await rebuild(archive, "https://civitai.com", print)
    with closing(sqlite3.connect(state_of(archive))) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    old = state_of(archive).read_bytes()
    with pytest.raises(CatalogTooNew):
        await rebuild(archive, "https://civitai.com", print)
    assert old == state_of(archive).read_bytes()
    with pytest.raises(UsageError):
        await rebuild(tmp_path / "nothing", "https://civitai.com", print)


def test_a_rebuilt_state_opens_like_any_other(archive: Path) -> None:
    """The state of a finished run passes the whole examination that follows a death."""
    database = Database(state_of(archive))
    database.start(check=True)
    database.close()
    assert _open.holds_an_archive(archive)
