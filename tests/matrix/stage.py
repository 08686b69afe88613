"""One case: a world with one thing to fetch, a service that goes wrong, and two runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, tree, wanted
from places import AFTER, Kind, Mode, Place

from civitai_dl import _compose
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher import open_fetcher
from civitai_dl.config import Settings
from civitai_dl.domain.entities import BytesReceived, RunReport, Selection, Wanted
from civitai_dl.testing import (
    GOOD_KEY,
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)

SPEED = 300.0
"""Client seconds per real second."""

FILE_SIZE = 300_000
HELD = 100_000
"""Bytes that an earlier run left in a resumed case."""

DAY = 86_400.0
OURS = frozenset({".info", ".json", ".html", ".css", ".md", ".txt", ".svg", ".js"})
"""What the archive writes beside the things it fetches."""

FILES = replace(FAST, selection=Selection(images=False), concurrency=2, max_wait=60.0)
IMAGES = replace(
    FAST, selection=Selection(files=False, gallery=False), concurrency=2, max_wait=60.0
)


def a_fake() -> FakeCivitai:
    """Model 1 with one file and no image, model 2 with one preview."""
    file = FakeFile(name="a.safetensors", size=FILE_SIZE)
    picture = FakeImage(format="webp", width=316, height=316)
    world = World().creator("ann")
    world.model(FakeModel(1, creator="ann", versions=[FakeVersion(files=[file], images=())]))
    world.model(FakeModel(2, creator="ann", versions=[FakeVersion(images=[picture])]))
    return FakeCivitai(world, options=FakeOptions(stores=("r2",)))


class LaterClock(SystemClock):
    """The clock of somebody who comes back two days later."""

    def now(self) -> float:
        return super().now() + 2 * DAY


@dataclass
class StopAt:
    """Ends a run when so many bytes have come."""

    bytes_: int
    stop: anyio.Event
    come: int = 0

    def emit(self, event: object) -> None:
        if isinstance(event, BytesReceived):
            self.come += event.count
            if self.come >= self.bytes_:
                self.stop.set()


@dataclass
class Stage:
    """The service and what earlier runs left of its things."""

    fake: FakeCivitai
    folder: Path
    engine: str = "curl"
    begun: dict[tuple[str, int], Path] = field(default_factory=dict)

    def truth(self, kind: Kind) -> tuple[str, int]:
        """SHA256 in upper case, and size in bytes, of what a kind's cases fetch."""
        if kind.origin == "cdn":
            image = self.fake.world.truth.previews(2).popitem()[1][0]
            return image.sha256.upper(), image.size
        (file,) = [one for one in self.fake.world.truth.files() if one.model_id == 1]
        return file.sha256.upper(), file.size

    def place(self, kind: Kind, position: str | int, mode: Mode) -> Place:
        """A point in the transfer of a kind's thing."""
        whole = self.truth(kind)[1]
        return Place(position, mode, whole - (HELD if mode == "resume" else 0), whole, self.fake)

    async def archive_for(self, kind: Kind, place: Place, output: Path) -> None:
        """Lay down what an earlier run left, for a case that resumes."""
        if place.mode == "fresh":
            return
        held = place.whole if place.position == AFTER else HELD
        key = ("cdn" if kind.origin == "cdn" else "storage", held)
        if key not in self.begun:
            left = self.folder / f"{key[0]}-{held}"
            await self._begin(kind, held, place.whole, left)
            self.begun[key] = left
        shutil.copytree(self.begun[key], output, dirs_exist_ok=True)

    async def _begin(self, kind: Kind, held: int, whole: int, output: Path) -> None:
        origin = "cdn" if kind.origin == "cdn" else "storage"
        self._calm()
        # With a length the last byte would be the end of it, and nothing would be left to resume.
        self.fake.faults.add(Fault(origin=origin, stall_after=held, omit_length=held == whole))
        ear = StopAt(held, anyio.Event())
        report = await run(
            self.fake,
            output,
            self.wish(kind),
            settings=self.settings(kind),
            stop=ear.stop,
            reporter=ear,
            speed=1,
        )
        self.fake.faults.assert_all_served()
        assert (report.exit_code, report.stored) == (130, 0)

    def wish(self, kind: Kind) -> list[Wanted]:
        """What a case asks for."""
        return wanted("model:2" if kind.origin == "cdn" else "model:1")

    def settings(self, kind: Kind) -> Settings:
        """How a case is run."""
        return IMAGES if kind.origin == "cdn" else FILES

    def _calm(self) -> None:
        self.fake.faults.clear()
        self.fake.account.clear()

    async def run(
        self, kind: Kind, output: Path, *, later: bool = False, streams: int = 2
    ) -> RunReport:
        """One run of the program, with the patience that the kind asks for."""
        settings = replace(self.settings(kind), concurrency=streams)
        clock = LaterClock(speed=SPEED) if later else SystemClock(speed=SPEED)
        opened = partial(open_fetcher, silence=kind.silence)
        settings = replace(settings, engine=self.engine)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_compose, "open_fetcher", opened)
            with anyio.fail_after(15):
                return await run(self.fake, output, self.wish(kind), settings=settings, clock=clock)

    async def play(self, kind: Kind, place: Place, output: Path) -> None:
        """The whole case, with all that must hold in it."""
        await self.archive_for(kind, place, output)
        self._calm()
        for fault in kind.plant(place):
            self.fake.faults.add(fault)
        try:
            report = await self.run(kind, output)
            self.fake.faults.assert_all_served()
            digest, _ = self.truth(kind)
            assert_true(output, digest, report)
            assert kind.end(place) == class_of(report), (report.failures, report.unavailable)
            if kind.end(place) == "failed:corrupt":
                assert list((output / "corrupted").glob("*.evidence.json"))
            if kind.resolves is not None:
                assert sum(self.fake.account.resolves().values()) <= kind.resolves
            await self._heal(kind, output, digest, class_of(report))
            assert self.fake.account.leaks(GOOD_KEY) == []
        finally:
            self.fake.faults.clear()

    async def play_in_pieces(self, kind: Kind, place: Place, output: Path) -> None:
        """A case without any word about which piece meets the trouble, and how the run ends."""
        self._calm()
        for fault in kind.plant(place):
            self.fake.faults.add(fault)
        digest, _ = self.truth(kind)
        try:
            report = await self.run(kind, output, streams=5)
            assert_true(output, digest, report)
            await self._heal(kind, output, digest, class_of(report))
            assert self.fake.account.leaks(GOOD_KEY) == []
        finally:
            self.fake.faults.clear()

    async def _heal(self, kind: Kind, output: Path, digest: str, ended: str) -> None:
        """The trouble is over, and the same command is given once more."""
        if ended == "exact":
            return
        self.fake.faults.clear()
        # What was found to be impossible, or wrong three times, is not asked for again at once.
        final = ended.startswith("unavailable:") or ended == "failed:corrupt"
        report = await self.run(kind, output, later=final)
        assert_true(output, digest, report)
        assert class_of(report) == "exact", (report.failures, report.unavailable)


def class_of(report: RunReport) -> str:
    """How a run ended, in one word or two."""
    if report.left:
        return "left"
    if report.failures:
        return f"failed:{report.failures[0].why}"
    if report.unavailable:
        return f"unavailable:{report.unavailable[0].why}"
    assert report.exit_code == 0, report
    return "exact"


def assert_true(output: Path, digest: str, report: RunReport) -> None:
    """What has a name in the archive is the truth, and what is called stored has a name."""
    found = {
        path: sha256
        for path, sha256 in tree(output).items()
        if not path.startswith("corrupted/") and Path(path).suffix not in OURS
    }
    assert set(found.values()) <= {digest}, "wrong bytes have a name"
    stored = report.stored + report.reused + report.kept
    assert stored == len(found), f"{stored} are called stored, {len(found)} are there"
    if class_of(report) == "exact":
        assert len(found) == 1, "nothing was stored, and nobody was told"
