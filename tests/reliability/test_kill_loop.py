"""T1: killed with its whole group at any moment, again and again, the archive comes out whole."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from old_state import make_old
from processes import Launcher, launching
from whole import Findings, Model
from worlds import files_world, images_world, twins_world, wrong_world

from civitai_dl.testing import FakeCivitai, FakeOptions, Fault, World
from reliability_size import pick

CHECKPOINT = 256 << 10
SLACK = 768 << 10
"""Bytes that are sent while one checkpoint is on its way to the disk, or lie in a buffer."""

ACTIVE = 3
RATE = 6_000_000
PATIENCE = 60
KILLS = pick(quick=7, full=50, nightly=170)
SEED = 20_260_801
WORDS = ("user:ann", "--concurrency", str(ACTIVE), "--max-rate-model", "0", "--max-rate-image", "0")
REHEARSAL = {"REHEARSAL_CHECKPOINT": str(CHECKPOINT), "REHEARSAL_SPEED": "60"}

Before = Callable[[Path], None]


@dataclass
class Loop:
    """One world, one service in front of it, and archives that begin in some state.

    again, worst: see `count_again`. twice: bytes of files that were sent more than once, by any
    requests. further: for the environment of each command.
    """

    fake: FakeCivitai
    launcher: Launcher
    folder: Path
    before: Before
    rounds: int = 0
    again: int = 0
    worst: int = 0
    twice: int = 0
    further: dict[str, str] = field(default_factory=dict)

    def fresh(self) -> Path:
        """A new archive."""
        self.rounds += 1
        output = self.folder / f"archive-{self.rounds}"
        self.before(output)
        return output

    def words(self, output: Path) -> list[str]:
        """The command for an archive."""
        return [*WORDS, "-o", str(output), "--base-url", self.fake.base_url]

    def undisturbed(self) -> tuple[Model, float]:
        """How it comes out when nothing happens, and how long that takes."""
        output = self.fresh()
        began = time.monotonic()
        status, said = self.launcher.call(self.words(output), **REHEARSAL, **self.further)
        took = time.monotonic() - began
        assert status in (0, 1), said
        findings = Findings("undisturbed", 0)
        findings.look_at_soundness(output)
        assert [] == findings.wrong, said
        return Model.of(output, status), took

    def round(self, model: Model, chance: random.Random, span: float, found: Findings) -> int:
        """Kill until the command is through; returns the number of kills."""
        output, kills = self.fresh(), 0
        self.fake.account.clear()
        while True:
            child = self.launcher.start(self.words(output), **REHEARSAL, **self.further)
            status, killed = child.wait_or_kill(chance.uniform(0, span))
            if not killed:
                break
            kills += 1
            found.look_at_the_visible(output, model)
        assert model.status == status, child.said()
        assert "Traceback" not in child.said()
        found.look_at_the_end(output, model)
        assert [] == found.wrong, f"round {self.rounds}\n{child.said()}"
        self.count_again()
        shutil.rmtree(output)
        return kills

    def count_again(self) -> None:
        """Bytes of files that were asked for although they had been sent: all, and most at once."""
        by_file: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
        for seen in sorted(self.fake.account.of(origin="storage"), key=lambda seen: seen.at):
            asked = seen.headers.get("range", "bytes=0-").removeprefix("bytes=")
            offset = int(asked.split("-")[0]) if seen.status == 206 else 0
            # A range that begins at the end is refused: then nothing is fetched.
            if seen.status in (200, 206):
                by_file[seen.file_id].append((offset, seen.bytes_sent))
        for requests in by_file.values():
            reached = 0
            for offset, sent in sorted(requests):
                self.twice += max(0, min(reached, offset + sent) - offset)
                reached = max(reached, offset + sent)
            for (offset, sent), (after, _) in pairwise(requests):
                self.again += max(0, offset + sent - after)
                self.worst = max(self.worst, offset + sent - after)


@pytest.fixture
def looping(tmp_path: Path) -> Iterator[Callable[..., Loop]]:
    """Serve a world and begin archives as `before` makes them."""
    ends = []

    def begin(world: World, before: Before = lambda output: None) -> Loop:
        # One store: on loopback both have one host, so that the other's ETag means other bytes.
        serving = FakeCivitai(world, options=FakeOptions(stores=("r2",))).in_thread()
        fake = serving.__enter__()
        ends.append(serving)
        slow = Fault(origin="storage", path=".*", every=True, bytes_per_second=RATE)
        fake.faults.add(slow)
        fake.faults.add(Fault(origin="cdn", path=".*", every=True, delay=0.01))
        starting = launching(tmp_path)
        ends.append(starting)
        return Loop(fake, starting.__enter__(), tmp_path, before)

    yield begin
    for end in reversed(ends):
        end.__exit__(None, None, None)


def kill_on(loop: Loop, name: str) -> tuple[Findings, Model]:
    """Rounds until there were kills enough."""
    found = Findings("kills at any moment", SEED, part=name)
    chance = random.Random(f"{SEED} {name}")
    began = time.monotonic()
    try:
        model, span = loop.undisturbed()
        while found.kills < KILLS:
            kills = loop.round(model, chance, span, found)
            found.kills += kills
            # Rounds without a kill waste time, those with many see little but the start.
            span *= 0.8 if kills < 2 else 1.2 if kills > 5 else 1.0
    finally:
        found.seconds = time.monotonic() - began
        found.more = {"rounds": loop.rounds - 1, "fetched again": loop.again, "worst": loop.worst}
        found.report()
    return found, model


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_files_are_continued_at_their_checkpoints(looping: Callable[..., Loop]) -> None:
    """A kill costs each file at work at most what came since its last checkpoint."""
    loop = looping(files_world())
    found, _ = kill_on(loop, "files")
    assert loop.worst <= CHECKPOINT + SLACK
    assert loop.again <= found.kills * ACTIVE * (CHECKPOINT + SLACK)


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_a_large_file_is_continued_in_all_its_pieces(looping: Callable[..., Loop]) -> None:
    """A kill costs a file that comes in pieces what came since its last checkpoint, no more."""
    loop = looping(files_world(1, 6_000_000))
    loop.further = {"REHEARSAL_PIECE": "400000"}
    found, _ = kill_on(loop, "pieces")
    assert loop.twice <= found.kills * (CHECKPOINT + ACTIVE * SLACK)


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_a_batch_of_images(looping: Callable[..., Loop]) -> None:
    """Images that are published together are each there whole, or not at all."""
    kill_on(looping(images_world()), "images")


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_equal_files(looping: Callable[..., Loop]) -> None:
    """Files with the same bytes are links to one of them, and cost the wire one transfer."""
    loop = looping(twins_world())
    found, _ = kill_on(loop, "twins")
    assert loop.again <= found.kills * ACTIVE * (CHECKPOINT + SLACK)


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_wrong_digests(looping: Callable[..., Loop]) -> None:
    """What fails its check lies in the quarantine once, with its evidence, and nowhere else."""
    _, model = kill_on(looping(wrong_world()), "quarantine")
    names = [name for name in model.files if name.startswith("corrupted/")]
    assert 4 == len(names)


def test_the_same_wrong_bytes_are_kept_once(looping: Callable[..., Loop]) -> None:
    """Bytes that were set aside just before a kill lie in the quarantine once."""
    loop = looping(wrong_world(20_000))
    output = loop.fresh()
    point = {"CIVITAI_DL_FAILPOINT": "quarantine-folder.after:1:kill"}
    assert -9 == loop.launcher.call(loop.words(output), **REHEARSAL, **point)[0]
    assert 1 == loop.launcher.call(loop.words(output), **REHEARSAL)[0]
    assert 4 == len(list((output / "corrupted").iterdir()))


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_an_update_of_the_state(looping: Callable[..., Loop], tmp_path: Path) -> None:
    """The state of an older version is brought up to date, whenever that is interrupted."""
    begun = tmp_path / "begun"

    def before(output: Path) -> None:
        if begun.exists():
            shutil.copytree(begun, output)

    loop = looping(files_world(3, 600_000), before)
    words = loop.words(begun)
    halfway = {"CIVITAI_DL_FAILPOINT": "state-hold.after:3:kill"}
    status, said = loop.launcher.call(words, **REHEARSAL, **halfway)
    assert -9 == status, said
    make_old(begun, filler=4_000)
    kill_on(loop, "migration")


@pytest.mark.timeout(pick(quick=120, full=900, nightly=2400))
def test_what_dead_processes_left(looping: Callable[..., Loop]) -> None:
    """A lock, partials and drafts of processes that are long dead are in nobody's way."""

    def before(output: Path) -> None:
        state = output / ".civitai-dl"
        scratch = state / "tmp"
        scratch.mkdir(parents=True)
        dead = {"pid": 2**22 + 1, "host": "elsewhere"}
        (state / "lock").write_text(json.dumps(dead))
        for name in ("document-0123456789abcdef.tmp", "copy-0123456789abcdef.tmp", "reserve.tmp"):
            (scratch / name).write_bytes(b"unfinished")

    kill_on(looping(files_world(2, 900_000), before), "stale lock")
