"""How many transfers `--concurrency auto` comes to, and what they bring, on lines of six kinds.

civitai-dl itself, in this process, against the simulated service: on lines a hundred times as slow
as those it is about, with a clock five times as fast. What a line can bear at best is computed.
Exit status: 0, also where a bar does not hold; 1 when a part did not work.

    python bench/crowds.py --size full
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
from _bars import bar, part
from _cases import ROOT
from _figures import number
from _results import end_in_order_when_told, save
from _stage import MEMORY
from _tables import screen
from _words import speed_parser

from civitai_dl import _scope
from civitai_dl._compose import archive
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.config import Settings, collect
from civitai_dl.domain.entities import BytesReceived, Event, Secret
from civitai_dl.scheduler import _growth
from civitai_dl.sources import parse_target
from civitai_dl.testing import (
    GOOD_KEY,
    FakeCivitai,
    FakeFile,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)
from civitai_dl.testing import Line as Wire

sys.path.insert(0, str(ROOT / "tests" / "unit"))

from lines import LINES, MB, Line

MOST = 64
SPEED = 5.0
SMALLER = 100
"""A line of 100 MB/s is played by one of 1 MB/s, with files of a hundredth of the size."""

OF_BEST, OF_FEWEST, OF_LINES = 0.9, 2.0, 5


@dataclass
class Watcher:
    """Listens to a run, and ends it in time; times are the clock's."""

    clock: SystemClock
    begin: float
    end: float
    stop: anyio.Event
    received: int = 0

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        now = self.clock.now()
        if now >= self.end:
            self.stop.set()
        elif isinstance(event, BytesReceived) and now >= self.begin:
            self.received += event.count


def mean_streams(fake: FakeCivitai, begin: float, end: float) -> float:
    """How many bodies were asked for and not ended, on average between two moments."""
    seen = fake.account.of(origin="storage")
    return sum(max(0.0, min(one.ended, end) - max(one.at, begin)) for one in seen) / (end - begin)


def world_of(line: Line, seconds: float) -> World:
    """More files than the line can bring in that time."""
    size = int(line.piece * MB / SMALLER)
    count = int(1.3 * line.link * MB / SMALLER * seconds / size) + MOST
    world = World().creator("ann")
    for model in range(1, count // 50 + 2):
        files = tuple(FakeFile(name=f"{model}-{part}.safetensors", size=size) for part in range(50))
        world.model(model, creator="ann", versions=(FakeVersion(files=files, images=()),))
    return world


async def play(line: Line, seconds: float, folder: Path) -> tuple[float, float]:
    """MB/s and transfers at once in the last third of a run."""
    options = FakeOptions(line=Wire(line.link * MB / SMALLER * SPEED))
    async with FakeCivitai(world_of(line, seconds), options=options) as fake:
        cap = None if line.cap > line.link else line.cap * MB / SMALLER * SPEED
        fake.faults.add(
            Fault(
                origin="storage",
                path=".*",
                every=True,
                bytes_per_second=cap,
                delay=line.idle / SPEED,
            )
        )
        clock = SystemClock(speed=SPEED)
        stop, began, real = anyio.Event(), clock.now(), time.monotonic()
        watcher = Watcher(clock, began + seconds * 2 / 3, began + seconds, stop)
        settings = Settings(
            output=str(folder),
            base_url=fake.base_url,
            token=Secret(GOOD_KEY),
            max_rate_model=0,
            max_rate_image=0,
            max_rate_resolve=0,
        )
        things, _ = collect([], ["https://civitai.com/user/ann"], parse=parse_target, stdin=bytes)
        report = await archive(settings, things, reporter=watcher, stop=stop, clock=clock)
        ends = [real + seconds * share / SPEED for share in (2 / 3, 1)]
        streams = mean_streams(fake, *ends)
    if report.failures or not stop.is_set():
        raise RuntimeError(f"the run ended before its time, status {report.exit_code}")
    return watcher.received / (seconds / 3) * SMALLER / MB, streams


def judged(
    name: str, line: Line, goodput: float, streams: float
) -> tuple[list[dict[str, object]], bool]:
    """The two promises for a line, and whether both hold."""
    fewest, best = line.fewest(MOST), max(line.goodput(count) for count in range(1, MOST + 1))
    share, crowd = goodput / best, streams / fewest
    fills, is_small = share >= OF_BEST, crowd <= OF_FEWEST
    told = f"{name} (best {number(best)} MB/s, by {fewest} streams or more)"
    return [
        bar(
            f"{told}: bytes, of the best",
            f">= {OF_BEST:.2f}",
            [share],
            unit="x",
            holds=fills,
        ),
        bar(
            f"{told}: streams, of the fewest",
            f"<= {OF_FEWEST:.0f}",
            [crowd],
            unit="x",
            holds=is_small,
        ),
    ], fills and is_small


def main() -> int:
    """Play every line, and tell."""
    arguments = speed_parser(__doc__).parse_args()
    end_in_order_when_told()
    seconds = 300.0 if arguments.size == "full" else 90.0
    # What the lines are about is more than four for each core of a small machine.
    _scope.STREAMS_PER_CORE = -(-MOST // (os.cpu_count() or 1))
    # Bytes that say something are fewer where all bytes are.
    _growth.LEAST_RECEIVED //= SMALLER
    bars: list[dict[str, object]] = []
    good = 0
    began = time.monotonic()
    for name, line in LINES.items():
        parent = arguments.data or (MEMORY if MEMORY.exists() else None)
        folder = Path(tempfile.mkdtemp(prefix="civitai-dl-bench-", dir=parent))
        try:
            goodput, streams = anyio.run(play, line, seconds, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        two, holds = judged(name, line, goodput, streams)
        bars += two
        good += holds
    lines = f">= {OF_LINES}"
    bars.append(bar("lines on which both hold", lines, [good], holds=good >= OF_LINES, unit="of 6"))
    told = part(
        "Streams that find out by themselves how many they should be",
        bars,
        [
            f"runs of {seconds:.0f} s by the program's clock, the last third of each measured",
            f"{time.monotonic() - began:.0f} s in all",
        ],
        per="byte",
    )
    print(screen(told))
    print(save("crowds", arguments.size, [told], arguments.data))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
