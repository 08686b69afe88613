"""Playing a part of a benchmark: its contenders in turn, round by round, on one stage."""

from __future__ import annotations

import json
import math
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from _contenders import Contender
from _figures import Bar, Round, Run, judge, row, usable
from _measure import Cost
from _servers import MissingError
from _stage import Stage, stage
from _worlds import Amount

LOOK = 0.05
"""Seconds between two looks at the memory of a command."""


@dataclass(frozen=True)
class Part:
    """One question of a benchmark, with all who are asked it.

    per: "byte" or "file". grows: watch the memory of each command over time.
    """

    title: str
    world: str
    amount: Amount
    contenders: Sequence[Callable[[Stage], Contender]]
    bars: Sequence[Bar]
    per: str
    rounds: int
    capped: bool = False
    latency: float = 0.0
    notes: Sequence[str] = ()


@dataclass
class Memory:
    """Resident bytes of a command, looked at again and again: seconds since 1970, and bytes."""

    seen: list[tuple[float, int]] = field(default_factory=list)

    def growth(self, until: float = math.inf) -> float:
        """Bytes by which the last third of its life, up to a moment, was above the middle third."""
        sizes = [size for moment, size in self.seen if moment <= until]
        third = len(sizes) // 3
        return float(max(sizes[-third:]) - max(sizes[third : 2 * third])) if third else 0.0


@contextmanager
def watched(launcher: int) -> Iterator[Memory]:
    """Look at the memory of what a launcher runs. launcher: its process."""
    memory, over = Memory(), threading.Event()
    children = Path(f"/proc/{launcher}/task/{launcher}/children")

    def look() -> None:
        while not over.wait(LOOK):
            try:
                child = children.read_text("ascii").split()[0]
                facts = Path(f"/proc/{child}/status").read_text("ascii", "replace")
            except (OSError, IndexError):  # it has just begun, or ended
                continue
            for line in facts.splitlines():
                if line.startswith("VmRSS:"):
                    memory.seen.append((time.time(), int(line.split()[1]) * 1024))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def play(part: Part, data: Path | None, further: tuple[str, ...] = ()) -> dict[str, object]:
    """Play a part, and return what is written of it; what is missing here is left out, and told.

    data, further: see stage.
    """
    notes = list(part.notes)
    rounds: list[dict[str, Run]] = []
    contenders: list[Contender] = []
    try:
        with stage(
            part.world,
            part.amount,
            data=data,
            capped=part.capped,
            latency=part.latency,
            further=further,
        ) as here:
            contenders = _present(part, here, notes)
            for number in range(part.rounds):
                rounds.append(_round(here, contenders, number))
                _tell(part, rounds[-1], number)
    except MissingError as error:
        notes.append(f"left out: {error}")
    return told(part, contenders, rounds, notes)


def _present(part: Part, here: Stage, notes: list[str]) -> list[Contender]:
    found = []
    for make in part.contenders:
        try:
            found.append(make(here))
        except MissingError as error:
            words = f"left out: {error}"
            notes += [words] if words not in notes else []
    return found


def told(
    part: Part, contenders: Sequence[Contender], rounds: Sequence[Round], notes: Sequence[str]
) -> dict[str, object]:
    """The figures of a part, as they are written and as the page is made of."""
    good, quiet = usable(rounds)
    names = [one.name for one in contenders] if good else []
    there = [bar for bar in part.bars if good and {*bar.needs} <= {*names}]
    bars = [asdict(judge(bar, good)) for bar in there]
    lost = [bar.words for bar in part.bars if bar not in there]
    return {
        "title": part.title,
        "amount": asdict(part.amount),
        "per": part.per,
        "rounds": len(rounds),
        "used": len(good),
        "quiet": quiet,
        "options": {one.name: one.shown for one in contenders},
        "rows": [row(name, good, part.per, names[0]) for name in names],
        "bars": bars,
        "not_measured": lost,
        "notes": list(notes),
        "runs": [{name: asdict(run) for name, run in one.items()} for one in rounds],
    }


def _round(here: Stage, contenders: Sequence[Contender], number: int) -> dict[str, Run]:
    """One round; who begins it moves on, so that nobody always comes after the same."""
    groups = [
        [one, *(after for after in contenders if after.keeps == one.name)]
        for one in contenders
        if one.keeps is None
    ]
    first = number % len(groups)
    runs: dict[str, Run] = {}
    for group in groups[first:] + groups[:first]:
        folder = here.folder / "into"
        folder.mkdir()
        for contender in group:
            runs[contender.name] = _run(here, contender, folder)
        shutil.rmtree(folder)
    return runs


def _run(here: Stage, contender: Contender, folder: Path) -> Run:
    here.nginx.log()
    here.fake.asked()
    with watched(here.launcher.process.pid) as memory:
        cost = here.launcher.run(
            contender.words(folder),
            env=here.environment(),
            output=here.folder / "said",
            servers=here.servers,
        )
    named = contender.check(folder)
    return _sum_up(here, contender, cost, named, memory)


def _sum_up(here: Stage, contender: Contender, cost: Cost, named: float, memory: Memory) -> Run:
    sent, asked = here.nginx.log(), here.fake.asked()
    last = max((one.ended for one in sent), default=0.0)
    said = (here.folder / "said").read_text("utf-8", "replace").splitlines()
    told = json.loads(said[-1]) if contender.tells else {}
    # The server has sent what still lies in the buffers between it and the tool.
    done = max(named, told.get("done", 0.0))
    return Run(
        wall=cost.wall,
        cpu=cost.cpu,
        peak=cost.peak,
        size=contender.size or sum(thing.size for thing in contender.due),
        count=len(contender.due),
        inner=max(done - min(one.begun for one in sent), 1e-3) if sent else None,
        named=named - last if sent else None,
        requests=asked.requests,
        request_seconds=asked.seconds,
        growth=memory.growth(),
        servers=cost.servers,
        strangers=cost.strangers,
        disturbed=cost.disturbed,
        told=told,
    )


def _tell(part: Part, runs: Round, number: int) -> None:
    words = [f"{name} {run.wall:.2f} s" for name, run in runs.items()]
    worst = max((run.strangers or 0.0 for run in runs.values()), default=0.0)
    line = f"{part.title}, round {number + 1} of {part.rounds}: {', '.join(words)}"
    print(f"{line}; others used {worst:.1f} cores", file=sys.stderr)
