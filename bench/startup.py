"""How long `civitai-dl --help` takes, against an empty program of the same interpreter.

The two are run in turn, so that a machine that grows busy slows both; the difference of the medians
is what our imports cost. Exit status: 0 within the limit, 1 over it, 2 when the command cannot run.

    python bench/startup.py --pairs 30 --json startup.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

MIN_PAIRS = 15
WARM_UPS = 2  # the first runs write .pyc files and fill the page cache


def milliseconds(command: list[str]) -> float:
    """Run the command to its end; the wall time it took."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begun) * 1000


def measure(subject: list[str], control: list[str], pairs: int) -> dict[str, list[float]]:
    """Both times of each pair, in ms; which of the two goes first alternates."""
    for _ in range(WARM_UPS):
        milliseconds(control)
        milliseconds(subject)
    times: dict[str, list[float]] = {"control": [], "subject": []}
    for pair in range(pairs):
        order = [("control", control), ("subject", subject)]
        for name, command in order if pair % 2 else reversed(order):
            times[name].append(milliseconds(command))
    return times


def summary(times: dict[str, list[float]], limit: float) -> dict[str, object]:
    """The figures that are printed and written."""
    best = {name: min(series) for name, series in times.items()}
    median = {name: statistics.median(series) for name, series in times.items()}
    difference = median["subject"] - median["control"]
    return {
        "control": {"min_ms": best["control"], "median_ms": median["control"]},
        "subject": {"min_ms": best["subject"], "median_ms": median["subject"]},
        "difference": {
            "min_ms": best["subject"] - best["control"],
            "median_ms": difference,
        },
        "limit_ms": limit,
        "within_limit": difference <= limit,
        "pairs": len(times["subject"]),
        "machine": {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
        },
        "times_ms": times,
    }


def table(figures: dict[str, object], subject: str) -> str:
    """Three lines of figures under a heading."""
    rows = [("python -c pass", "control"), (subject, "subject"), ("difference", "difference")]
    lines = [f"{'ms':<22}{'min':>8}{'median':>8}"]
    for title, key in rows:
        cells = figures[key]
        assert isinstance(cells, dict)
        lines.append(f"{title:<22}{cells['min_ms']:>8.1f}{cells['median_ms']:>8.1f}")
    return "\n".join(lines)


def installed() -> str | None:
    """The civitai-dl beside this interpreter, or else on the PATH."""
    beside = shutil.which("civitai-dl", path=str(Path(sys.executable).parent))
    return beside or shutil.which("civitai-dl")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=25, help=f"at least {MIN_PAIRS} (default 25)")
    parser.add_argument("--limit", type=float, default=150, help="ms allowed (default 150)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--command", default=installed(), help="the program (default civitai-dl)")
    arguments = parser.parse_args()
    if arguments.pairs < MIN_PAIRS:
        parser.error(f"--pairs: fewer than {MIN_PAIRS} say nothing")
    if arguments.command is None:
        parser.error("civitai-dl is not installed beside this interpreter; name it with --command")
    return arguments


def main() -> int:
    """Measure, print, write; the exit status tells whether the limit holds."""
    arguments = parsed()
    subject = [arguments.command, "--help"]
    try:
        times = measure(subject, [sys.executable, "-c", "pass"], arguments.pairs)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"startup.py: {' '.join(subject)} does not run: {error}", file=sys.stderr)
        return 2
    figures = summary(times, arguments.limit)
    print(table(figures, f"{Path(arguments.command).name} --help"))
    verdict = "within" if figures["within_limit"] else "OVER"
    print(f"{verdict} the limit of {arguments.limit:g} ms; {arguments.pairs} pairs")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0 if figures["within_limit"] else 1


if __name__ == "__main__":
    sys.exit(main())
