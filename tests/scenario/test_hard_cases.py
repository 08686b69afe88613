"""What a review found: rare, and each of them would have cost somebody an archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
from archives import FAST, run, tree, wanted

from civitai_dl.domain.entities import Selection
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, Fault, World

FILES_ONLY = replace(FAST, selection=Selection(images=False), concurrency=2)


def one_file(size: int = 50_000) -> World:
    files = (FakeFile(name="a.safetensors", size=size),)
    return World().model(1, versions=(FakeVersion(files=files, images=()),))


async def test_a_left_over_name_of_a_published_file_is_never_written_into(tmp_path: Path) -> None:
    """A partial that a dead process left linked to a published file is dropped, not truncated."""
    world = one_file()
    async with FakeCivitai(world) as fake:
        await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        published = next(tmp_path.rglob("a.safetensors"))
        truth = world.truth.files()[0]
        scratch = tmp_path / ".civitai-dl/tmp"
        key = f"file:{truth.version_id}:{truth.file_id}"
        left = scratch / f"{partial_name(key)}.deadbeef.part"
        left.hardlink_to(published)
        world.change_file(truth.file_id, lambda found: replace(found, revision=1))
        fake.faults.add(Fault(origin="storage", path=".", every=True, status=500))
        settings = replace(FILES_ONLY, retries=1)
        await run(fake, tmp_path, wanted("1"), settings=settings)
        fake.faults.assert_all_served()
    assert truth.size == published.stat().st_size
    assert truth.sha256.upper() in tree(tmp_path).values()
    assert not left.exists()


def partial_name(key: str) -> str:
    import hashlib

    return hashlib.sha256(key.encode()).hexdigest()[:24]


async def test_half_an_emoji_ends_no_run(tmp_path: Path) -> None:
    """A description that was cut in the middle of a character is archived with a mark for it."""
    body = (
        b'{"items":[{"id":1,"name":"x","type":"LORA","description":"cut \\ud83d more",'
        b'"stats":{"x":NaN},"modelVersions":[{"id":5,"name":"v"}]}],"metadata":{}}'
    )
    async with FakeCivitai(one_file()) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path=r"/api/v1/models\?",
                every=True,
                status=200,
                headers={"content-type": "application/json"},
                body=body,
            )
        )
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        again = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
    assert (0, 0) == (report.exit_code, again.exit_code)
    assert "cut ? more" in (tmp_path / "model_0/1/description.html").read_text("utf-8")


async def test_half_an_emoji_in_an_error_ends_no_run(tmp_path: Path) -> None:
    """The words of an error are told with a mark where half a character was."""
    async with FakeCivitai(one_file()) as fake:
        fake.faults.add(
            Fault(
                origin="api",
                path="^/api/download",
                every=True,
                status=400,
                headers={"content-type": "application/json"},
                body=b'{"message":"bad \\ud800 x"}',
            )
        )
        report = await run(fake, tmp_path, wanted("1"), settings=FILES_ONLY)
        fake.faults.assert_all_served()
    assert 1 == report.exit_code
    assert "bad ? x" in report.failures[0].detail


async def test_a_length_that_no_disk_can_hold_ends_no_run(tmp_path: Path) -> None:
    """A Content-Length of twenty digits is nonsense; the file is stored in spite of it."""
    world = one_file(3_000_000)
    async with FakeCivitai(world) as fake:
        fake.faults.add(
            Fault(origin="storage", path=".", every=True, claimed_length=10**19, cut_after=400_000)
        )
        report = await run(fake, tmp_path, wanted("1"), settings=replace(FILES_ONLY, retries=2))
        fake.faults.assert_all_served()
    assert 0 == report.exit_code
    assert world.truth.files()[0].sha256.upper() in tree(tmp_path).values()


async def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    """Where a folder is due and a file stands, that file fails and says so; the others go on."""
    world = one_file().model(2)
    truth = world.truth.files()[0]
    (tmp_path / "model_0/1").mkdir(parents=True)
    (tmp_path / f"model_0/1/{truth.version_id}-v1.0").write_text("mine")
    async with FakeCivitai(world) as fake:
        report = await run(fake, tmp_path, wanted("1", "2"), settings=FILES_ONLY)
    assert 1 == report.exit_code
    assert 1 == report.stored
    assert ["a file is in the way"] == [t.detail.split(":")[0] for t in report.failures]
    assert "mine" == (tmp_path / f"model_0/1/{truth.version_id}-v1.0").read_text()


async def test_a_server_that_says_no_for_ever_is_left_alone(tmp_path: Path) -> None:
    """A 429 without end on all images: the run ends within its patience, after few requests."""
    world = World().model(1).images(40, version_ids=(100_001,), username="bob")
    settings = replace(FAST, max_wait=60.0)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="cdn", path=".", every=True, status=429, body=b""))
        with anyio.fail_after(60):
            report = await run(fake, tmp_path, wanted("1"), settings=settings)
        fake.faults.assert_all_served()
        asked = fake.account.count(origin="cdn")
    assert 1 == report.exit_code
    assert asked <= 60
    assert report.left > 0
