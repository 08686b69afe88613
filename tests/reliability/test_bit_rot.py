"""T19: whatever happens to stored files is found, its evidence kept, and the file made whole."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from archives import FAST, run, tree, wanted
from whole import undated

from civitai_dl._verify import Order, VerifyReport, verify
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.domain.decisions import Damage, Finding
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World
from civitai_dl.worker import End, Progress
from reliability_size import note, pick

SEGMENT = 8_000
DAMAGES = pick(quick=200, full=2_000, nightly=10_000)
SEED = int(os.environ.get("RELIABILITY_SEED", "") or 20_260_801)
AT_ONCE = pick(quick=50, full=200, nightly=200)
"""Damages per look through the archive: the rest of it must be found good."""


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few thousand bytes have several segments."""
    monkeypatch.setattr("civitai_dl.adapters.storage._files.SEGMENT", SEGMENT)


MODELS = pick(quick=12, full=60, nightly=60)


def small_world(models: int = MODELS) -> World:
    """Files of one to five segments, some of them twice, previews and images of a user."""
    chance = random.Random(19)
    world = World().creator("ann")
    for number in range(1, models + 1):
        files = [
            FakeFile(name=f"{number}-{place}.safetensors", size=chance.randint(2_000, 40_000))
            for place in range(5)
        ]
        world.model(number, creator="ann", versions=(FakeVersion(files=tuple(files)),))
    return world.images(60, username="ann")


async def look(
    fake: FakeCivitai, output: Path, *, order: Order | None = None
) -> tuple[VerifyReport, list[Finding]]:
    found: list[Finding] = []
    report = await verify(
        replace(FAST, output=str(output), base_url=fake.base_url),
        order or Order(segment=SEGMENT, jobs=2),
        reporter=NullReporter(),
        stop=anyio.Event(),
        progress=Progress(),
        tell=found.append,
        clock=SystemClock(speed=30.0),
    )
    return report, found


@dataclass
class Vandal:
    """Does one thing to one file, and knows what that is called."""

    chance: random.Random
    output: Path

    def damage(self, paths: list[str]) -> dict[str, Damage]:
        """What was done to which files; no file is touched twice."""
        done: dict[str, Damage] = {}
        left = list(paths)
        self.chance.shuffle(left)
        while left and len(done) < AT_ONCE:
            path = self.output / left[-1]
            kind = self.chance.choice(["flip", "flip", "flip", "cut", "extend", "swap", "lose"])
            if kind == "swap":
                done |= self._swap(left)
                continue
            left.pop()
            data = bytearray(path.read_bytes())
            if kind == "flip":
                place = self.chance.randrange(len(data) * 8)
                data[place // 8] ^= 1 << (place % 8)
                done[str(path.relative_to(self.output))] = Damage.ROTTEN
            elif kind == "cut":
                del data[self.chance.randrange(len(data)) :]
                done[str(path.relative_to(self.output))] = Damage.TRUNCATED
            elif kind == "extend":
                data += self.chance.randbytes(self.chance.randint(1, 3 * SEGMENT))
                done[str(path.relative_to(self.output))] = Damage.LONGER
            else:
                path.unlink()
                done[str(path.relative_to(self.output))] = Damage.MISSING
                continue
            path.write_bytes(data)
        return done

    def _swap(self, left: list[str]) -> dict[str, Damage]:
        if len(left) < 2:
            return {}
        one, other = left.pop(), left.pop()
        first, second = self.output / one, self.output / other
        bytes_of_first = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(bytes_of_first)
        return {one: Damage.SWAPPED, other: Damage.SWAPPED}


def solitary(output: Path) -> list[str]:
    """Stored weights and images with a single name: a damage to one is a damage to no other."""
    return [
        path
        for path in tree(output)
        if path.startswith(("model_", "users/"))
        and not path.endswith((".json", ".html", ".info"))
        and ".preview." not in path
        and (output / path).stat().st_nlink == 1
    ]


@pytest.mark.timeout(pick(quick=300, full=1_200, nightly=3_600))
async def test_everything_is_found_and_made_whole(tmp_path: Path) -> None:
    """Flips, cuts, extensions, swaps and losses: all are found, kept as evidence, and healed."""
    started, chance = time.monotonic(), random.Random(SEED)
    found_in_all = healed = done = 0
    async with FakeCivitai(small_world()) as fake:
        output = tmp_path / "archive"
        assert (await run(fake, output, wanted("user:ann"))).exit_code == 0
        truth = tree(output)
        vandal = Vandal(chance, output)
        paths = solitary(output)
        assert len(paths) > AT_ONCE
        while done < DAMAGES:
            damaged = vandal.damage(paths)
            done += len(damaged)
            report, found = await look(fake, output)
            assert damaged == {one.kept.path: one.damage for one in found}, SEED
            assert_evidence(output, report)
            assert [one for one in report.treated if not one.is_well] == []
            shutil.rmtree(output / "corrupted", ignore_errors=True)
            assert comparable(truth) == comparable(tree(output)), SEED
            found_in_all, healed = found_in_all + len(found), healed + len(report.treated)
        report, found = await look(fake, output)
    assert (found, report.exit_code, report.progress.damaged) == ([], 0, 0)
    assert done == found_in_all == healed
    figures = {"damages": done, "found": found_in_all, "healed": healed}
    note("damage to files", seed=SEED, seconds=time.monotonic() - started, **figures)


def comparable(files: dict[str, str]) -> dict[str, str]:
    """The same without what the lists say, and the day in their names: every run writes them."""
    return {
        path: "" if path.startswith("lists/") else digest for path, digest in undated(files).items()
    }


def assert_evidence(output: Path, report: VerifyReport) -> None:
    for one in report.treated:
        if one.finding.damage is Damage.MISSING:
            continue
        noted = json.loads((output / one.evidence).read_text("utf-8"))
        assert noted["expected"]["sha256"] == one.finding.kept.sha256
        assert noted["found"]["sha256"] != one.finding.kept.sha256
        assert noted["end"] == one.end.value
        # What was swapped has its right place again; of all else the bytes are kept.
        assert (one.where == "") == (one.finding.damage is Damage.SWAPPED)
        if one.where:
            assert (output / one.where).is_file()


async def test_a_flipped_bit_costs_one_segment(tmp_path: Path) -> None:
    """One bit in a file of ten segments: one request for a link, one for the segment, no more."""
    file = FakeFile(name="large.safetensors", size=10 * SEGMENT - 100)
    world = World().model(1, versions=(FakeVersion(files=(file,)),))
    async with FakeCivitai(world) as fake:
        output = tmp_path / "archive"
        assert (await run(fake, output, wanted("model:1"))).exit_code == 0
        truth = tree(output)
        (path,) = [path for path in truth if path.endswith("large.safetensors")]
        data = bytearray((output / path).read_bytes())
        for number in range(10):
            fake.account.clear()
            broken = bytearray(data)
            broken[number * SEGMENT + 50] ^= 4
            (output / path).write_bytes(broken)
            report, found = await look(fake, output)
            assert [(Damage.ROTTEN, number)] == [(one.damage, one.segment) for one in found]
            (one,) = report.treated
            assert (End.HEALED, [number], 0) == (one.end, one.segments, report.exit_code)
            assert 0 < fake.account.bytes_sent("storage") <= SEGMENT
            assert 1 == fake.account.resolves().total() == fake.account.count(origin="storage")
            assert truth[path] == tree(output)[path]


async def test_what_is_whole_needs_no_transfer(tmp_path: Path) -> None:
    """Bytes at the end of a file are cut off, and swapped files change places: nothing is sent."""
    async with FakeCivitai(small_world(2)) as fake:
        output = tmp_path / "archive"
        assert (await run(fake, output, wanted("user:ann"))).exit_code == 0
        truth = tree(output)
        one, other, third = [path for path in solitary(output) if "safetensors" in path][:3]
        first, second = (output / one).read_bytes(), (output / other).read_bytes()
        (output / one).write_bytes(second)
        (output / other).write_bytes(first)
        with (output / third).open("ab") as target:
            target.write(b"more")
        fake.account.clear()
        report, found = await look(fake, output)
        assert 0 == fake.account.bytes_sent("storage") + fake.account.bytes_sent("cdn")
        ends = {one.finding.kept.path: (one.finding.damage, one.end) for one in report.treated}
        assert ends == {
            one: (Damage.SWAPPED, End.MENDED),
            other: (Damage.SWAPPED, End.MENDED),
            third: (Damage.LONGER, End.HEALED),
        }
        assert {one: other, other: one, third: ""} == {x.kept.path: x.other for x in found}
        shutil.rmtree(output / "corrupted")
        assert comparable(truth) == comparable(tree(output))
