"""T14: many processes in one directory; with a lock that works, and where nothing is sure."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Child, Launcher, launching, until
from whole import Findings, Model, rows
from worlds import everything_world, files_world

from civitai_dl.adapters.catalog import _open
from civitai_dl.adapters.storage import System
from civitai_dl.adapters.storage._volume import Volume
from civitai_dl.testing import FakeCivitai, FakeOptions, Fault, World
from reliability_size import pick

PROCESSES = 8
ROUNDS = pick(quick=1, full=5, nightly=20)
SEED = 20_260_803
WORDS = ("user:ann", "--concurrency", "2", "--max-rate-model", "0", "--max-rate-image", "0")
REHEARSAL = {
    "REHEARSAL_CHECKPOINT": str(256 << 10),
    "REHEARSAL_SPEED": "60",
    "REHEARSAL_LOOK": "1",
}
DOCUMENTED = {0, 1, 4, 5}


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    """Starts the command in an empty directory."""
    with launching(tmp_path) as launcher:
        yield launcher


def words(fake: FakeCivitai, output: str) -> list[str]:
    return [*WORDS, "-o", output, "--base-url", fake.base_url]


def service(world: World, rate: int) -> FakeCivitai:
    fake = FakeCivitai(world, options=FakeOptions(stores=("r2",)))
    fake.faults.add(Fault(origin="storage", path=".*", every=True, bytes_per_second=rate))
    return fake


def watch(children: list[Child], found: Findings, output: Path, model: Model) -> list[int]:
    """Look at what is visible until the last process has left; their exit statuses."""
    statuses: dict[int, int] = {}
    patience = time.monotonic() + 90
    while len(statuses) < len(children):
        assert time.monotonic() < patience, [child.said() for child in children]
        for child in children:
            if child.number not in statuses:
                status = child.wait(0.02)
                if status is not None:
                    statuses[child.number] = status
        found.look_at_the_visible(output, model)
        assert [] == found.wrong
    return [statuses[child.number] for child in children]


@pytest.mark.timeout(pick(quick=60, full=300, nightly=1800))
def test_one_works_and_the_others_say_who(tmp_path: Path, launcher: Launcher) -> None:
    """Of eight processes in one directory one works; seven leave with status 5 and name it."""
    world = files_world(3, 900_000)
    for number in range(ROUNDS):
        output = f"archive-{number}"
        with service(world, 1_000_000).in_thread() as fake:
            children = [launcher.start(words(fake, output), **REHEARSAL) for _ in range(PROCESSES)]
            statuses = [child.wait(60) for child in children]
            sent = fake.account.bytes_sent("storage")
        assert {0: 1, 5: PROCESSES - 1} == Counter(statuses), [one.said() for one in children]
        worker = children[statuses.index(0)].number
        for child, status in zip(children, statuses, strict=True):
            assert status == 0 or f"process {worker} on" in child.said()
        assert sum(file.size for file in world.truth.files()) == sent


def test_a_later_one_names_the_holder_too(tmp_path: Path, launcher: Launcher) -> None:
    """Whoever comes while another works leaves at once, and takes nothing from it."""
    with service(files_world(1, 2_000_000), 2_000_000).in_thread() as fake:
        first = launcher.start(words(fake, "archive"), **REHEARSAL)
        until(lambda: list((tmp_path / "archive/.civitai-dl").glob("tmp/*.part")))
        status, said = launcher.call(words(fake, "archive"), **REHEARSAL)
        assert 5 == status
        assert f"process {first.number} on" in said
        assert 0 == first.wait(60)


def model_of(fake: FakeCivitai, launcher: Launcher, folder: Path) -> tuple[Model, int]:
    """How one process alone leaves the archive, and the bytes that this takes."""
    status, said = launcher.call(words(fake, "model"), **REHEARSAL)
    assert status in (0, 1), said
    sent = fake.account.bytes_sent("storage")
    fake.account.clear()
    return Model.of(folder / "model", status), sent


@pytest.mark.timeout(pick(quick=120, full=900, nightly=3600))
@pytest.mark.parametrize("flock", ["free", "ENOLCK", "EOPNOTSUPP"])
def test_a_lock_that_is_none_costs_time_and_no_byte(
    tmp_path: Path, launcher: Launcher, flock: str
) -> None:
    """Where everybody gets the lock, or nobody can, eight work at once and every byte is right."""
    found = Findings("many processes", SEED, part=flock)
    began = time.monotonic()
    ends: Counter[int] = Counter()
    most = 0.0
    try:
        with service(everything_world(), 3_000_000).in_thread() as fake:
            model, once = model_of(fake, launcher, tmp_path)
            for number in range(ROUNDS):
                fake.account.clear()
                output = tmp_path / f"archive-{number}"
                ends += trial(fake, launcher, output, model, found, REHEARSAL_FLOCK=flock)
                most = max(most, fake.account.bytes_sent("storage") / once)
    finally:
        found.seconds = time.monotonic() - began
        found.more = {"ends": {str(end): n for end, n in ends.items()}, "bytes": round(most, 2)}
        found.report()
    assert most <= PROCESSES
    assert ends.keys() <= DOCUMENTED


def trial(
    fake: FakeCivitai,
    launcher: Launcher,
    output: Path,
    model: Model,
    found: Findings,
    **extra: str,
) -> Counter[int]:
    """Eight at once, then one alone under a good lock; how the eight ended."""
    command = words(fake, str(output))
    # With a state to find all of them get to work: in a new directory most would leave, see below.
    assert 0 == launcher.call([*command, "--dry-run"], **REHEARSAL)[0]
    children = [launcher.start(command, **REHEARSAL, **extra) for _ in range(PROCESSES)]
    statuses = watch(children, found, output, model)
    for child in children:
        assert "Traceback" not in child.said(), child.said()
        assert "never awaited" not in child.said(), child.said()
    # What was being written when its writer ended is kept for a day; nobody is there any more.
    status, said = launcher.call(command, **REHEARSAL)
    assert model.status == status, said
    found.look_at_the_end(output, model, locked=False)
    assert [] == found.wrong, "\n\n".join(child.said() for child in children)
    assert [("ok",)] == rows(output, "PRAGMA integrity_check")
    return Counter(statuses)


@pytest.mark.timeout(pick(quick=60, full=300, nightly=1800))
def test_a_server_that_forgets_its_handles(tmp_path: Path, launcher: Launcher) -> None:
    """Stale handles, as network disks have them, now and then: tried again, and all is exact."""
    found = Findings("many processes", SEED, part="ESTALE")
    began = time.monotonic()
    ends: Counter[int] = Counter()
    try:
        with service(everything_world(), 20_000_000).in_thread() as fake:
            model, _ = model_of(fake, launcher, tmp_path)
            for number in range(3 * ROUNDS):
                output = tmp_path / f"archive-{number}"
                stale = {"REHEARSAL_STALE": f"{SEED + number}:0.03", "REHEARSAL_FLOCK": "ENOLCK"}
                status, said = launcher.call(words(fake, str(output)), **REHEARSAL, **stale)
                ends[status] += 1
                assert "Traceback" not in said, said
                found.look_at_the_visible(output, model)
                again, said = launcher.call(words(fake, str(output)), **REHEARSAL)
                assert model.status == again, said
                found.look_at_the_end(output, model)
                assert [] == found.wrong, said
    finally:
        found.seconds = time.monotonic() - began
        found.more = {"ends": {str(end): n for end, n in ends.items()}}
        found.report()
    assert ends.keys() <= DOCUMENTED


def test_two_may_make_the_state_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that appears while it is being made is taken as it is."""
    path, look = tmp_path / "state.db", _open._verify
    waiting = [True]

    def verify(connection: sqlite3.Connection, *, check: bool) -> int:
        version = look(connection, check=check)
        if waiting:
            waiting.clear()
            _open.open_connection(path).close()
        return version

    monkeypatch.setattr(_open, "_verify", verify)
    _open.open_connection(path).close()


class Overtaken(System):
    """Somebody else proves the same disk just when a draft is complete."""

    other: Volume | None = None

    def sync(self, handle: int) -> None:
        """See System."""
        super().sync(handle)
        other, self.other = self.other, None
        if other is not None:
            other.prove()


def test_two_may_prove_the_disk_at_once(tmp_path: Path) -> None:
    """Two that look at the same time whether the disk can be written both find that it can."""
    scratch = tmp_path / ".civitai-dl/tmp"
    scratch.mkdir(parents=True)
    system = Overtaken()
    system.other = Volume(tmp_path, scratch, System())
    Volume(tmp_path, scratch, system).prove()
