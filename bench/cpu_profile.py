"""Where the CPU of civitai-dl goes, per GB of one large file and per 1,000 images.

By py-spy, which looks at all threads from outside and counts C code for the line that called it;
else by cProfile, which sees the main thread only and makes Python's part look larger than it is.
The figures are texts under build/bench: lines by their own time, and with all that they called.

    python bench/cpu_profile.py --size full
"""

from __future__ import annotations

import io
import pstats
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import _contenders as who
from _measure import CommandFailedError, Cost
from _profiles import PROFILES, Size
from _results import FOLDER, end_in_order_when_told
from _rounds import Part
from _servers import MissingError
from _stage import Stage, stage
from _words import speed_parser

RATE = 250
"""Looks per second."""

LINES = 40


def main() -> int:
    """Profile, write, and tell where."""
    arguments = speed_parser(__doc__).parse_args()
    end_in_order_when_told()
    size: Size = arguments.size
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for name in ("file", "images"):
            (part,) = PROFILES[name](size)
            further = tuple(arguments.ours.split())
            with stage(part.world, part.amount, data=arguments.data, further=further) as here:
                text = profile(here, part)
            path = FOLDER / f"profile-{name}-{size}.txt"
            path.write_text(text, "utf-8")
            print(f"{text}\n{path}\n")
    except (CommandFailedError, LookupError, MissingError) as error:
        print(f"cpu_profile.py: {error}", file=sys.stderr)
        return 1
    return 0


def profile(here: Stage, part: Part) -> str:
    """One run under the eye of a profiler, beside one without, as a text."""
    ours = part.contenders[0](here)
    plain = _run(here, ours, [])
    spy = py_spy()
    kept = here.folder / "profile"
    if spy is not None:
        looks = ["record", "--rate", str(RATE), "--format", "raw", "--output", str(kept)]
        # Stopping it for each look, as for C frames, made one run take ten times as long.
        watched = _run(here, ours, [spy, *looks, "--nonblocking", "--threads", "--"])
        tables = spied(kept.read_text("utf-8", "replace"))
    else:
        watched = _run(here, ours, [sys.executable, "-m", "cProfile", "-o", str(kept)])
        tables = traced(kept)
    how = f"py-spy, {RATE} looks a second" if spy is not None else "cProfile"
    return f"{_heading(here, part, plain)}\nwatched by {how}: {watched.wall:.2f} s\n\n{tables}"


def py_spy() -> str | None:
    """py-spy beside this interpreter or on the PATH."""
    beside = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    return beside or shutil.which("py-spy")


def _run(here: Stage, ours: who.Contender, before: Sequence[str]) -> Cost:
    folder = here.folder / "into"
    folder.mkdir()
    cost = here.launcher.run(
        [*before, *ours.words(folder)],
        env=here.environment(),
        output=here.folder / "said",
        servers=here.servers,
    )
    ours.check(folder)
    shutil.rmtree(folder)
    return cost


def _heading(here: Stage, part: Part, plain: Cost) -> str:
    things, size = len(here.things), sum(thing.size for thing in here.things)
    per = plain.cpu / (size / 1e9) if part.per == "byte" else plain.cpu / (things / 1000)
    unit = "GB" if part.per == "byte" else "1,000 images"
    others = 0.0 if plain.strangers is None else plain.strangers
    return (
        f"{part.title}\n"
        f"alone: {plain.wall:.2f} s, {plain.cpu:.2f} CPU s, {per:.2f} CPU s per {unit}, "
        f"peak {plain.peak / 1e6:.0f} MB; others used {others:.1f} cores"
    )


def spied(raw: str) -> str:
    """Two tables from lines of `frame;frame;frame count`: own time, and with what was called."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [one for one in stack.split(";") if not one.startswith(("process ", "thread "))]
        if not frames or not count.isdigit():
            continue
        own[frames[-1]] += int(count)
        # Once for each stack: who calls itself is not counted twice.
        whole.update(dict.fromkeys(frames, int(count)))
    looks = max(1, sum(own.values()))
    tables = [("own time", own), ("with all they called", whole)]
    lines = [f"{looks} stacks of busy threads"]
    for title, counts in tables:
        lines += ["", f"{'%':>6}  {title}"]
        lines += [
            f"{100 * count / looks:>6.1f}  {frame}" for frame, count in counts.most_common(LINES)
        ]
    return "\n".join(lines)


def traced(kept: Path) -> str:
    """The same two tables from what cProfile has written."""
    out = io.StringIO()
    stats = pstats.Stats(str(kept), stream=out).strip_dirs()
    stats.sort_stats("tottime").print_stats(LINES)
    stats.sort_stats("cumulative").print_stats(LINES)
    return out.getvalue().strip()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
