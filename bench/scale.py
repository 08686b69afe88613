"""A queue of many rows: how fast it fills, what a claim costs, what a run with it needs.

Each round fills a small queue and a large one through the same calls as a run, claims from both,
lets the command go on with the large one for a while, and times the look after stored files that
every start begins with. Exit status: 0, also where a bar does not hold; 1 when a part did not work.

    python bench/scale.py --size full
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import _contenders as who
from _figures import Bar, Run
from _measure import CommandFailedError, Cost
from _results import end_in_order_when_told, save
from _rounds import Part, told, watched
from _servers import MissingError
from _stage import Stage, stage
from _tables import screen
from _words import speed_parser
from _worlds import KB, Amount

HERE = Path(__file__).resolve().parent
INTERRUPTED = 130
SMALL = 1000
FILL_SMALL, FILL, RUN, SCAN = "small queue", "queue", "run", "scan"


def part_of(size: str) -> tuple[Part, int, int, float]:
    """What is promised; rows, files on disk, and seconds for which the command runs."""
    full = size == "full"
    rows, files, seconds = (1_000_000, 500_000, 60.0) if full else (20_000, 10_000, 6.0)
    bars = (
        Bar(
            f"cost of a claim with {rows:,} rows, of that with {SMALL:,}",
            lambda one: one[FILL].told["claim_median"] / one[FILL_SMALL].told["claim_median"],
            1.2,
            False,
            (),
            "x",
        ),
        Bar(
            "a claim, 99th percentile", lambda one: one[FILL].told["claim_p99"], 2, False, (), "ms"
        ),
        Bar(
            "taking in, as pages of 200",
            lambda one: one[FILL].told["enqueued_per_second"],
            50_000,
            True,
            (),
            "rows/s",
        ),
        Bar(
            f"look after {files:,} stored files at the start",
            lambda one: one[SCAN].told["scan_seconds"],
            10,
            False,
            (),
            "s",
        ),
        Bar(
            f"from the call to the first request for bytes, {rows:,} rows waiting",
            lambda one: one[RUN].told["first_byte"],
            10,
            False,
            (),
            "s",
        ),
        Bar(
            f"peak memory of a run with {rows:,} rows waiting",
            lambda one: one[RUN].peak / 1e6,
            250,
            False,
            (),
            "MB",
        ),
        Bar(
            "its growth from the middle third to the last, until it is interrupted",
            lambda one: one[RUN].growth / 1e6,
            8,
            False,
            (),
            "MB",
        ),
    )
    title = f"A queue of {rows:,} images, and {files:,} files on disk"
    notes = (f"the run is interrupted, as by Ctrl-C, after {seconds:.0f} s",)
    amount = Amount(images=1, smallest=100 * KB, largest=100 * KB + 1)
    part = Part(title, "images", amount, (), bars, "file", 5 if full else 2, notes=notes)
    return part, rows, files, seconds


def play_round(here: Stage, rows: int, files: int, seconds: float) -> dict[str, Run]:
    """One round: all of it on one archive, which is gone afterwards."""
    small, archive = here.folder / "small", here.folder / "archive"
    runs = {
        FILL_SMALL: _child(here, "fill", small, SMALL, here.bodies),
        FILL: _child(here, "fill", archive, rows, here.bodies),
        RUN: _going_on(here, archive, seconds),
        SCAN: _child(here, "scan", archive, files),
    }
    shutil.rmtree(small)
    shutil.rmtree(archive)
    return runs


def _child(here: Stage, what: str, archive: Path, count: int, *rest: str) -> Run:
    script = str(HERE / "_queue_child.py")
    argv = [sys.executable, script, what, str(archive), str(count), *rest]
    said = here.folder / "said"
    cost = here.launcher.run(argv, env=here.environment(), output=said, servers=here.servers)
    return _run(cost, json.loads(said.read_text("utf-8").splitlines()[-1]))


def _going_on(here: Stage, archive: Path, seconds: float) -> Run:
    """The command, on a job that is under way, until it is interrupted."""
    here.nginx.log()
    target = f"https://civitai.com/user/{here.fake.user}/images"
    contender = who.ours(here, [target])
    with watched(here.launcher.process.pid) as memory:
        cost = here.launcher.run(
            contender.words(archive),
            env=here.environment(),
            output=here.folder / "said",
            servers=here.servers,
            statuses=(0, INTERRUPTED),
            stop_after=seconds,
        )
    sent = here.nginx.log()
    if not sent:
        said = (here.folder / "said").read_text("utf-8", "replace")[-1500:]
        raise CommandFailedError(f"nothing was fetched in {seconds:.0f} s\n{said}")
    first = min(one.begun for one in sent) - cost.begun
    # The account of an interrupted run is a matter of its own: the peak has it, the growth not.
    growth = memory.growth(until=cost.begun + seconds)
    return _run(cost, {"first_byte": first, "fetched": len(sent)}, growth)


def _run(cost: Cost, figures: dict[str, float], growth: float = 0.0) -> Run:
    return Run(
        wall=cost.wall,
        cpu=cost.cpu,
        peak=cost.peak,
        size=0,
        count=0,
        growth=growth,
        servers=cost.servers,
        strangers=cost.strangers,
        disturbed=cost.disturbed,
        told=figures,
    )


def play(size: str, data: Path | None, further: tuple[str, ...]) -> dict[str, object]:
    """All rounds; what is missing here is told."""
    part, rows, files, seconds = part_of(size)
    notes, rounds = list(part.notes), []
    try:
        with stage(part.world, part.amount, data=data, picture=True, further=further) as here:
            (thing,) = here.things
            shutil.copy(here.nginx.root / thing.path.lstrip("/"), here.nginx.root / "any.png")
            for number in range(part.rounds):
                rounds.append(play_round(here, rows, files, seconds))
                took = ", ".join(f"{name} {run.wall:.1f} s" for name, run in rounds[-1].items())
                print(f"round {number + 1} of {part.rounds}: {took}", file=sys.stderr)
    except MissingError as error:
        notes.append(f"left out: {error}")
    return told(part, (), rounds, notes)


def main() -> int:
    """Measure, print, write."""
    arguments = speed_parser(__doc__).parse_args()
    end_in_order_when_told()
    try:
        figures = play(arguments.size, arguments.data, tuple(arguments.ours.split()))
    except CommandFailedError as error:
        print(f"scale.py: {error}", file=sys.stderr)
        return 1
    print(screen(figures))
    print(save("queue", arguments.size, [figures], arguments.data))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
