"""Targets withdrawn beside a run at work: what ends, what goes on, and how the run ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archives import FAST, run, wanted
from steering import SLOW, at_work, large_files

from civitai_dl._cancelling import cancel_targets
from civitai_dl.domain.entities import TargetsCancelled
from civitai_dl.testing import FakeCivitai, FakeOptions

ONE_STORE = FakeOptions(stores=("r2",))


def weights(output: Path) -> set[str]:
    """The names of the files that are stored."""
    return {path.name for path in output.glob("model_*/**/*.safetensors")}


async def test_a_transfer_of_what_is_withdrawn_ends_and_the_others_go_on(tmp_path: Path) -> None:
    """Its connection is closed, its bytes are dropped, and the run ends well without it."""
    async with FakeCivitai(large_files(3), options=ONE_STORE) as fake:
        async with at_work(fake, tmp_path, wanted("1", "2", "3")) as beside:
            await beside.until(lambda: beside.hearing.received() > 200_000)
            started = {key for key, _ in beside.hearing.starts()}
            assert any(key.startswith("file:1") for key in started), started
            answer = await cancel_targets(str(tmp_path), wanted("1"))
            assert answer is not None
            await beside.ask("limit", bytes=0)
            report = await beside.report()
        (target,) = answer["targets"]
        assert (True, 0) == (target["asked"], target["kept"])
        assert answer["ended"] == 1
        assert answer["partials"] == 1
        assert 0 == report.exit_code
        assert [True, False, False] == [one.cancelled for one in report.accounts]
        assert () == report.failures
        assert {"large-2.safetensors", "large-3.safetensors"} == weights(tmp_path)
        assert not list((tmp_path / ".civitai-dl/tmp").glob("*.part"))
        (event,) = beside.hearing.of(TargetsCancelled)
        assert isinstance(event, TargetsCancelled)
        assert ("1",) == event.texts
        # Asking for it again is all it takes.
        again = await run(fake, tmp_path, wanted("1"))
    assert 0 == again.exit_code
    assert "large-1.safetensors" in weights(tmp_path)


async def test_what_another_target_wants_is_not_ended(tmp_path: Path) -> None:
    """A model of a user who was asked for as well is fetched although it was withdrawn."""
    async with (
        FakeCivitai(large_files(2), options=ONE_STORE) as fake,
        at_work(fake, tmp_path, wanted("1", "user:ann")) as beside,
    ):
        await beside.until(lambda: beside.hearing.received() > 200_000)
        answer = await cancel_targets(str(tmp_path), wanted("1"))
        await beside.ask("limit", bytes=0)
        report = await beside.report()
    assert answer is not None
    assert 0 == answer["ended"]
    assert 0 == report.exit_code
    assert {"large-1.safetensors", "large-2.safetensors"} == weights(tmp_path)


async def test_a_run_of_which_all_is_withdrawn_ends_well(tmp_path: Path) -> None:
    """Nothing is wanted any more, so nothing failed and nothing is left."""
    async with FakeCivitai(large_files(2), options=ONE_STORE) as fake:
        async with at_work(fake, tmp_path, wanted("1", "2")) as beside:
            await beside.until(lambda: beside.hearing.received() > 100_000)
            await beside.ask("pause")
            await cancel_targets(str(tmp_path), wanted("1", "2"))
            report = await beside.report()
        assert fake.connections("storage") == 0
    assert (0, 0) == (report.exit_code, report.left)
    assert set() == weights(tmp_path)


async def test_without_a_run_the_archive_is_withdrawn_from_all_the_same(tmp_path: Path) -> None:
    """After an interrupted run a target is withdrawn, and the same command does the rest."""
    settings = replace(SLOW, concurrency=1)
    async with FakeCivitai(large_files(2), options=ONE_STORE) as fake:
        async with at_work(fake, tmp_path, wanted("1", "2"), settings=settings) as beside:
            await beside.until(lambda: beside.hearing.received() > 100_000)
            beside.stop.set()
            await beside.report()
        answer = await cancel_targets(str(tmp_path), wanted("1"))
        assert answer is not None
        assert 1 == answer["partials"]
        fake.account.clear()
        report = await run(fake, tmp_path, wanted("2"), settings=FAST)
        resolved = fake.account.resolves()
    assert 0 == report.exit_code
    assert 1 == len(resolved)
    assert {"large-2.safetensors"} == weights(tmp_path)
