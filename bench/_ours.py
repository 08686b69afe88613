"""The same cases in our own hands: the stage of the fault matrix, and the judge of the peers."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
from _cases import CRASHES, EXACT, HANGS, SILENT, TOLD, WRONG, Case, Ending
from archives import tree
from places import Place
from stage import OURS, Stage, a_fake

from civitai_dl.domain.entities import RunReport
from civitai_dl.errors import CivitaiDLError

NAME = "civitai-dl"
PATIENCE = 8
"""Runs to stop in their middle before it is given up."""


def play_ours(cases: list[Case]) -> Iterator[Ending]:
    """Play them one by one, in this process; the clock of the client runs fast."""
    with tempfile.TemporaryDirectory() as folder, a_fake().in_thread() as fake:
        begun = Path(folder, "begun")
        begun.mkdir()
        stage = Stage(fake, begun)
        for number, case in enumerate(cases):
            yield anyio.run(_play, stage, case, Path(folder, f"archive-{number}"))


async def _play(stage: Stage, case: Case, output: Path) -> Ending:
    began = time.monotonic()
    kind, fake = case.kind, stage.fake
    place = stage.place(kind, case.position, case.mode)
    await _begun(stage, case, place, output)
    fake.faults.clear()
    fake.account.clear()
    planted = [fake.faults.add(fault) for fault in kind.plant(place)]
    how, status, note = await _run(stage, case, output)
    met = all(one.served for one in planted)
    again = None
    if how not in (EXACT, SILENT):
        fake.faults.clear()
        # What is final for a day is asked for again two days later.
        again = (await _run(stage, case, output, later=True))[0]
    seconds = time.monotonic() - began
    return Ending(case.label, NAME, how, met, seconds, status, again, note)


async def _begun(stage: Stage, case: Case, place: Place, output: Path) -> None:
    """What an earlier run left; one that was through before it could be stopped is no use."""
    for attempt in range(PATIENCE):
        try:
            await stage.archive_for(case.kind, place, output)
        except AssertionError:
            if attempt == PATIENCE - 1:
                raise
            for folder in stage.folder.iterdir():
                if folder not in stage.begun.values():
                    shutil.rmtree(folder)
        else:
            return


async def _run(
    stage: Stage, case: Case, output: Path, *, later: bool = False
) -> tuple[str, int | None, str]:
    try:
        report = await stage.run(case.kind, output, later=later)
    except TimeoutError:
        return HANGS, None, ""
    except CivitaiDLError as error:
        report, note = None, str(error)
    except Exception as error:  # noqa: BLE001  # a bug of ours is a result like any other
        return CRASHES, None, repr(error)
    else:
        note = _words(report)
    status = report.exit_code if report is not None else 4
    digest, _ = stage.truth(case.kind)
    found = {
        sha256
        for path, sha256 in tree(output).items()
        if not path.startswith("corrupted/") and Path(path).suffix not in OURS
    }
    if found - {digest}:
        return (WRONG if status else SILENT), status, note
    return (TOLD if status or not found else EXACT), status, note


def _words(report: RunReport) -> str:
    return "; ".join(f"{trace.why}: {trace.detail}" for trace in report.failures)
