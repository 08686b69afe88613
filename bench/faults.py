"""What becomes of a file when the way to it goes wrong, in our hands and in those of others.

Every kind of trouble that the fault matrix knows for files and images is played, at its places and
for a fresh and a resumed transfer, to civitai-dl and to the downloaders that this machine has.
Nothing is asked of the network. Exit status: 0, or 1 when a case of civitai-dl ended otherwise than
exact or told.

    python bench/faults.py --size full --json faults.json --docs docs/reliability.md
    python bench/faults.py --size full --take faults.json --only civitai-dl --docs ...
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from multiprocessing import get_context
from pathlib import Path

import anyio
from _cases import EXACT, LIMIT, TOLD, Case, Ending, Lane, cases
from _markers import replace_between
from _ours import NAME, play_ours
from _peers import PEERS, Peer, found
from _verdicts import details, markdown, read_back, screen, totals
from stage import a_fake

from civitai_dl import __version__

TOOLS = (NAME, *(peer.name for peer in PEERS))
PIECES = 2
"""Into how many pieces for each process the cases are cut; what is late then weighs less."""

Piece = tuple[str, str, int, int]
"""Size, tool, and from which case in which steps."""


def _origins(name: str) -> tuple[str, ...]:
    return next((peer.origins for peer in PEERS if peer.name == name), ("storage", "cdn"))


def _played(piece: Piece) -> list[Ending]:
    """Play some cases to one tool. For a process of its own."""
    size, name, first, step = piece
    mine = [case for case in cases(size) if case.kind.origin in _origins(name)]
    chosen = mine[first::step]
    if name == NAME:
        return list(play_ours(chosen))
    (peer,) = [one for one in PEERS if one.name == name]
    return anyio.run(_in_lanes, peer, chosen)


async def _in_lanes(peer: Peer, chosen: list[Case]) -> list[Ending]:
    waiting, endings = list(reversed(chosen)), []

    async def work(folder: Path) -> None:
        async with a_fake() as fake:
            lane = Lane(fake, folder)
            while waiting:
                endings.append(await lane.play(peer, waiting.pop()))

    with tempfile.TemporaryDirectory() as folder:
        async with anyio.create_task_group() as group:
            for number in range(min(peer.lanes, len(chosen))):
                mine = Path(folder, f"lane-{number}")
                mine.mkdir()  # noqa: ASYNC240  # nobody else waits yet
                group.start_soon(work, mine)
    return endings


def play(size: str, tools: Iterable[str], jobs: int) -> list[Ending]:
    """Play everything, one tool after the other, and tell on standard error how it goes."""
    endings: list[Ending] = []
    order = {case.label: number for number, case in enumerate(cases(size))}
    for name in tools:
        began = time.monotonic()
        step = jobs * PIECES
        pieces: list[Piece] = [(size, name, first, step) for first in range(step)]
        # A fresh process for each piece: nothing that one left behind can colour the next.
        with get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
            mine = [ending for played in pool.imap(_played, pieces) for ending in played]
        endings += sorted(mine, key=lambda ending: order.get(ending.case, len(order)))
        took = time.monotonic() - began
        print(f"{name}: {len(mine)} cases in {took:.0f} s", file=sys.stderr)
    return endings


def facts(size: str, peers: tuple[Peer, ...]) -> dict[str, object]:
    """What must be known to believe the figures."""
    return {
        "test": "bench/faults.py",
        "size": size,
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "seed": None,
        "limit_seconds": LIMIT,
        "versions": {NAME: __version__}
        | {peer.name.partition(",")[0]: peer.version() for peer in peers},
        "options": {peer.name: peer.option for peer in peers},
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
        },
    }


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    add = parser.add_argument
    add("--size", choices=("quick", "full"), default="quick", help="a case of each kind, or all")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    add("--only", action="append", choices=TOOLS, help="play this tool; may be repeated")
    add("--take", type=Path, metavar="FILE", help="an earlier --json, for tools not played now")
    add("--json", type=Path, metavar="FILE", help="write everything there")
    add("--docs", type=Path, metavar="FILE", help="write the tables into that page")
    return parser.parse_args()


def main() -> int:
    """Play, print, write; the exit status tells how civitai-dl came out."""
    arguments = parsed()
    peers = found()
    there = (NAME, *(peer.name for peer in peers))
    for name in TOOLS:
        if name not in there:
            print(f"{name} is not installed here: left out", file=sys.stderr)
    chosen = [name for name in there if name in (arguments.only or there)]
    endings = play(arguments.size, chosen, arguments.jobs)
    told = facts(arguments.size, peers)
    if arguments.take:
        earlier = read_back(json.loads(arguments.take.read_text("utf-8")), arguments.size)
        endings += [ending for ending in earlier if ending.tool not in chosen]
        endings.sort(key=lambda ending: TOOLS.index(ending.tool))
    counted = totals(endings)
    print(screen(counted))
    if arguments.json:
        modes = {mode: totals(endings, mode) for mode in ("fresh", "resume")}
        figures = {**told, "totals": counted, **modes, "cases": details(endings)}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if arguments.docs:
        replace_between(arguments.docs, "faults", markdown(endings, told))
    ours = [ending for ending in endings if ending.tool == NAME]
    bad = [ending for ending in ours if ending.how not in (EXACT, TOLD)]
    for ending in bad:
        print(f"{NAME} {ending.how}: {ending.case.words()} {ending.note}".rstrip())
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
