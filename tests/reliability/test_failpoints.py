"""T1: stopped before or after any step of its work, the archive comes out whole."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from failpoints import STEPS
from old_state import make_old
from processes import Launcher, launching
from whole import Findings, Model, rows
from worlds import everything_world

from civitai_dl.testing import FakeCivitai, FakeOptions
from reliability_size import pick

SEED = 20_260_802
PARTS = pick(quick=1, full=2, nightly=5)
TIMES = pick(quick=1, full=3, nightly=5)
"""How often each part stops at each step."""

ERRORS = pick(quick=6, full=40, nightly=200)
WORDS = ("user:ann", "--concurrency", "3", "--max-rate-model", "0", "--max-rate-image", "0")
REHEARSAL = {
    "REHEARSAL_CHECKPOINT": str(256 << 10),
    "REHEARSAL_SPEED": "60",
    "REHEARSAL_LOOK": "1",
}
KILLED = -9


@dataclass(frozen=True)
class Way:
    """One way to the archive: where it begins, and what the file system lacks."""

    name: str
    begun: Path | None = None
    extra: dict[str, str] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)


@dataclass
class Stage:
    """A service, a launcher, and the ways that together pass every step."""

    fake: FakeCivitai
    launcher: Launcher
    folder: Path
    count: int = 0

    def words(self, output: Path) -> list[str]:
        """The command for an archive."""
        return [*WORDS, "-o", str(output), "--base-url", self.fake.base_url]

    def fresh(self, way: Way) -> Path:
        """An archive as a way begins it."""
        self.count += 1
        output = self.folder / f"archive-{self.count}"
        if way.begun is not None:
            shutil.copytree(way.begun, output)
        return output

    def run(self, output: Path, way: Way, failpoint: str = "", **extra: str) -> tuple[int, str]:
        """The command, stopped at a failpoint."""
        points = {"CIVITAI_DL_FAILPOINT": failpoint} if failpoint else {}
        return self.launcher.call(self.words(output), **REHEARSAL, **way.extra, **points, **extra)

    def traced(self, way: Way) -> tuple[Way, Path, int]:
        """A way with what is passed on it, where it leads, and the exit status."""
        trace = self.folder / f"{way.name}.json"
        output = self.fresh(way)
        status, said = self.run(output, way, CIVITAI_DL_FAILPOINT_TRACE=str(trace))
        assert "Traceback" not in said
        assert status in (0, 1), said
        passed = json.loads(trace.read_text("utf-8"))
        return Way(way.name, way.begun, way.extra, passed), output, status

    def begun(self) -> Path:
        """An archive in the middle of its first file, from which a stored file has vanished."""
        output = self.folder / "begun"
        words = ["model:2", *self.words(output)[1:]]
        assert 0 == self.launcher.call(words, **REHEARSAL)[0]
        words = ["model:1", "--only", "models", *self.words(output)[1:]]
        # The hold of a task is the commit of its checkpoint.
        point = {"CIVITAI_DL_FAILPOINT": "state-hold.after:2:kill"}
        assert KILLED == self.launcher.call(words, **REHEARSAL, **point)[0]
        (partial,) = (output / ".civitai-dl/tmp").glob("*.part")
        with partial.open("ab") as file:
            file.write(bytes(5_000))
        assert [] != rows(output, "SELECT key FROM partials")
        next(output.rglob("*.safetensors")).unlink()
        return output

    def old(self) -> Path:
        """The same with the state of the program's first version."""
        output = self.folder / "old"
        shutil.copytree(self.folder / "begun", output)
        make_old(output, filler=0)
        return output


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The service and the launcher, for all tests of this module."""
    folder = tmp_path_factory.mktemp("failpoints")
    fake = FakeCivitai(everything_world(), options=FakeOptions(stores=("r2",)))
    with fake.in_thread(), launching(folder) as launcher:
        yield Stage(fake, launcher, folder)


@pytest.fixture(scope="module")
def ways(stage: Stage) -> list[Way]:
    """All ways, with what is passed on them."""
    begun = stage.begun()
    return [
        stage.traced(way)[0]
        for way in (
            Way("fresh"),
            Way("begun", begun),
            Way("old", stage.old()),
            Way("no-move", extra={"REHEARSAL_DISK": "no-move"}),
            Way("no-links", extra={"REHEARSAL_DISK": "no-links"}),
        )
    ]


@pytest.fixture(scope="module")
def model(stage: Stage) -> Model:
    """How the archive comes out when nothing happens."""
    _, output, status = stage.traced(Way("model"))
    return Model.of(output, status)


def test_every_step_is_passed(ways: list[Way]) -> None:
    """The ways pass every step that has a name, and no step on the disk is without one."""
    passed = {step for way in ways for step in way.passed}
    assert [] == sorted(set(STEPS) - passed)
    on_the_disk = {step for step in passed if not step.startswith("state-")}
    # What removes something is named by what it removes: an undone draft, a partial, the reserve.
    assert [] == sorted(step for step in on_the_disk - set(STEPS) if "-remove." not in step)


def test_a_partial_goes_when_its_file_is_found_elsewhere(stage: Stage) -> None:
    """A file that was begun, and is then linked to its twin, leaves no partial."""
    output = stage.fresh(Way("twins"))
    options = ("--only", "models", *stage.words(output)[1:])
    extra = {"REHEARSAL_SPEED": "60"}
    point = {"CIVITAI_DL_FAILPOINT": "publish-move.before:1:kill"}
    assert KILLED == stage.launcher.call(["model:2", *options], **extra, **point)[0]
    for model in ("model:3", "model:2"):
        assert 0 == stage.launcher.call([model, *options], **extra)[0]
    assert [] == [path.name for path in (output / ".civitai-dl/tmp").iterdir()]


def test_a_slow_disk_is_no_damage(stage: Stage) -> None:
    """Wrong bytes, a state that is slow to write, and a kill: the next run goes on."""
    output = stage.fresh(Way("slow"))
    words = ["model:4", "--only", "models", *stage.words(output)[1:]]
    for point in ("state-settle.begin:1:slow", "lock.after:1:kill"):
        stage.launcher.call(words, **REHEARSAL, CIVITAI_DL_FAILPOINT=point)
    status, said = stage.launcher.call(words, **REHEARSAL)
    assert 1 == status, said


class Chain:
    """Kill after kill in one archive, from one step to another, until it is through; then anew."""

    def __init__(
        self, stage: Stage, way: Way, model: Model, found: Findings, output: Path | None = None
    ) -> None:
        self.stage, self.way, self.model, self.found = stage, way, model, found
        self.output = output or stage.fresh(way)

    def stop_at(self, step: str, number: int) -> None:
        """Be killed there; where the archive is too far for it, in a new one."""
        if self._try(step, number):
            return
        for _ in range(2):
            self.output = self.stage.fresh(self.way)
            if self._try(step, 1):
                return
        raise AssertionError(f"{step} is not passed on the way {self.way.name}")

    def _try(self, step: str, number: int) -> bool:
        status, said = self.stage.run(self.output, self.way, f"{step}:{number}:kill")
        if status == KILLED:
            self.found.kills += 1
            self.found.look_at_the_visible(self.output, self.model)
            return True
        self.end(status, said, step)
        return False

    def finish(self, after: str = "all") -> None:
        """Let it run to its end. after: what went before."""
        self.end(*self.stage.run(self.output, self.way), after)

    def end(self, status: int, said: str, step: str) -> None:
        """Look at what came out."""
        assert "Traceback" not in said, said
        assert self.model.status == status, f"{step}: {said}"
        self.found.look_at_the_end(self.output, self.model)
        assert [] == self.found.wrong, f"{step}: {self.output}\n{said}"
        shutil.rmtree(self.output)


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_every_step(stage: Stage, ways: list[Way], model: Model, part: int) -> None:
    """Killed before or after any step, and again at another, the next run goes on as if nothing."""
    seed = SEED + 100 * part
    found, chance = Findings("kills at each step", seed, part=str(part)), random.Random(seed)
    began = time.monotonic()
    try:
        for _ in range(TIMES):
            for way, steps in sorted_steps(ways, chance):
                chain = Chain(stage, way, model, found)
                for step in steps:
                    most = min(way.passed[step], 20)
                    chain.stop_at(step, 1 if TIMES == 1 else chance.randint(1, most))
                chain.finish()
    finally:
        found.seconds = time.monotonic() - began
        found.more = {"steps": len(STEPS) * TIMES}
        found.report()


def sorted_steps(ways: list[Way], chance: random.Random) -> Iterator[tuple[Way, list[str]]]:
    """Every step once, each on one of the ways that pass it, about in the order of the work."""
    by_way: dict[str, list[str]] = {way.name: [] for way in ways}
    for step in STEPS:
        fit = [way.name for way in ways if step in way.passed]
        by_way[chance.choice(fit) if TIMES > 1 else fit[0]].append(step)
    for way in ways:
        places = {step: place for place, step in enumerate(way.passed)}
        noise = 0 if TIMES == 1 else len(places) / 4
        steps = by_way[way.name]
        yield way, sorted(steps, key=lambda step: places[step] + chance.uniform(0, noise))


@pytest.mark.timeout(pick(quick=60, full=600, nightly=2400))
def test_an_error_at_any_step(stage: Stage, ways: list[Way], model: Model) -> None:
    """A disk that fails once at any step: never a wrong byte, a known status, whole in the end."""
    found = Findings("errors at a step", SEED)
    chance = random.Random(SEED + 1)
    began, ends = time.monotonic(), []
    steps = [step for step in STEPS if not step.startswith(("state-", "lock", "unlock", "leftov"))]
    try:
        for _ in range(ERRORS):
            step, what = chance.choice(steps), chance.choice(["eio", "enospc", "sleep"])
            way = chance.choice([way for way in ways if step in way.passed])
            output = stage.fresh(way)
            number = chance.randint(1, min(way.passed[step], 20))
            status, said = stage.run(output, way, f"{step}:{number}:{what}")
            ends.append(status)
            assert status in ({0, 1, 4} if what != "sleep" else {model.status}), f"{step} {what}"
            assert "Traceback" not in said, f"{step}:{number}:{what}\n{said}"
            found.look_at_the_visible(output, model)
            assert [] == found.wrong, f"{step}:{number}:{what}\n{said}"
            chain = Chain(stage, way, model, found, output)
            chain.finish(f"{step}:{number}:{what}")
    finally:
        found.seconds = time.monotonic() - began
        found.more = {"errors": len(ends), "ended well": ends.count(model.status)}
        found.report()
