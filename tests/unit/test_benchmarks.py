"""The arithmetic of the benchmarks: a figure that is wrong here misleads everybody."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from _bars import bar  # noqa: E402
from _bars import part as part_of  # noqa: E402
from _contenders import Contender  # noqa: E402
from _figures import Bar, Run, cost, inner_speed, judge, number, row, speed, usable  # noqa: E402
from _measure import CommandFailedError, launcher  # noqa: E402
from _rounds import Memory, Part, told  # noqa: E402
from _tables import markdown, screen  # noqa: E402
from _worlds import Amount, job_world, log_uniform  # noqa: E402

OURS, PEER = "ours", "peer"
RUN = Run(wall=2.0, cpu=1.0, peak=50_000_000, size=10**9, count=100, inner=1.0)


def a_round(wall=2.0, peer=1.0, *, disturbed=False):
    return {
        OURS: replace(RUN, wall=wall, disturbed=disturbed),
        PEER: replace(RUN, wall=peer, cpu=0.5, inner=0.5),
    }


def test_a_ratio_is_made_within_a_round_and_its_median_taken() -> None:
    """A machine that is slow in one round is slow for both: the ratio does not see it."""
    rounds = [a_round(2.0, 1.0), a_round(20.0, 10.0), a_round(3.0, 1.2)]
    verdict = judge(Bar("speed", speed(OURS, PEER), 0.5, True, (PEER,), "x"), rounds)
    assert (0.5, 0.5, True) == (verdict.measured, verdict.high, verdict.holds)
    assert math.isclose(0.4, verdict.low)


@pytest.mark.parametrize(
    ("figure", "limit", "least", "holds"),
    [
        (speed(OURS, PEER), 0.51, True, False),
        (speed(OURS, PEER), 0.5, True, True),
        (cost(OURS, PEER), 2.0, False, True),
        (cost(OURS, PEER), 1.9, False, False),
        (inner_speed(OURS, PEER), 0.5, True, True),
        (inner_speed(OURS, PEER), 0.6, True, False),
    ],
)
def test_a_bar_that_does_not_hold_says_so(figure, limit, least, holds) -> None:
    """Half as fast is 0.5 times, twice the CPU is 2 times; the limit itself is still good."""
    assert holds == judge(Bar("a bar", figure, limit, least, ()), [a_round()]).holds


def test_disturbed_rounds_do_not_count_where_enough_are_quiet() -> None:
    """Three quiet rounds stand alone; with two, all count and the reader is told."""
    quiet, loud = a_round(), a_round(disturbed=True)
    assert ([quiet] * 3, True) == usable([quiet, loud, quiet, quiet])
    assert ([quiet, loud, quiet], False) == usable([quiet, loud, quiet])
    assert ([quiet, quiet], True) == usable([quiet, quiet])


def test_the_figures_of_a_row_have_the_units_of_their_headings() -> None:
    """1 GB in 2 s is 500 MB/s at 1 CPU s/GB, twice the time of a peer."""
    by_byte, by_file = (row(OURS, [a_round()], per, PEER) for per in ("byte", "file"))
    assert (500, 1000, 1.0, 50) == tuple(
        by_byte[key] for key in ("rate", "inner_rate", "cpu", "peak")
    )
    assert (2.0, 2.0) == (by_byte["time_ratio"], by_byte["cpu_ratio"])
    assert (50, 100, 10) == tuple(by_file[key] for key in ("rate", "inner_rate", "cpu"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (17.0, "17"), (0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234"), (-3.21, "-3.21")],
)
def test_numbers_show_what_means_something(value, text) -> None:
    """Three figures, and thousands set apart."""
    assert text == number(value)


def test_tables_hide_nothing() -> None:
    """A bar that does not hold, one that was not measured, and a noisy machine are all shown."""
    verdict = judge(Bar("speed, of peer's", speed(OURS, PEER), 0.8, True, (), "x"), [a_round()])
    part = {
        "title": "A part",
        "per": "byte",
        "rounds": 2,
        "used": 1,
        "quiet": False,
        "rows": [row(name, [a_round()], "byte", OURS) for name in (OURS, PEER)],
        "bars": [{name: getattr(verdict, name) for name in verdict.__dataclass_fields__}],
        "not_measured": ["speed, of a stranger's"],
        "options": {PEER: "-x16"},
        "notes": ["left out: a stranger is not installed here"],
    }
    for text in (screen(part), markdown(part)):
        for words in (
            ">= 0.80 x",
            "0.50 x",
            "0.50 to 0.50",
            "NO",
            "not measured",
            "not quiet",
            "left out",
        ):
            assert words in text


def test_growth_is_looked_for_until_a_moment() -> None:
    """What comes after the moment is no growth of the run, and three looks are the least."""
    memory = Memory([(float(second), size) for second, size in enumerate((9, 5, 5, 6, 7, 7, 50))])
    assert 1.0 == memory.growth(until=5.5)
    assert 44.0 == memory.growth()
    assert 0.0 == memory.growth(until=1.5)


def test_sizes_are_log_uniform_and_the_same_every_time() -> None:
    """Of sizes from 50 KB to 2 MB half lie below their geometric middle."""
    sizes = log_uniform(2000, 50_000, 2_000_000)
    middle = math.sqrt(50_000 * 2_000_000)
    assert sizes == log_uniform(2000, 50_000, 2_000_000)
    assert 50_000 <= min(sizes) < 60_000
    assert 1_900_000 < max(sizes) <= 2_000_000
    assert 900 < sum(size < middle for size in sizes) < 1100


def test_the_job_has_what_it_is_called_after() -> None:
    """12 models, 48 files, 816 images."""
    amount = Amount(
        files=48, file_size=1000, images=816, models=12, smallest=20_000, largest=20_001
    )
    truth = job_world(amount).truth
    assert (12, 48, 816) == (len(truth.models()), len(truth.files()), len(truth.images()))


def test_a_bar_without_its_peer_is_told_as_not_measured() -> None:
    """A peer, or a server, that is not on this machine takes no bar away in silence."""
    bars = [
        Bar("of a stranger's", speed(OURS, "stranger"), 1, True, ("stranger",)),
        Bar("of its own", lambda one: one[OURS].wall, 1, True, ()),
    ]
    part = Part("A part", "files", Amount(), (), bars, "byte", 1)
    alone = Contender(OURS, lambda _: [], (), "")
    some = told(part, [alone], [{OURS: RUN}], [])
    assert (["of its own"], ["of a stranger's"]) == (
        [bar["words"] for bar in some["bars"]],
        some["not_measured"],
    )
    nothing = told(part, [], [], ["left out: nginx is not installed here"])
    assert ([], ["of a stranger's", "of its own"]) == (nothing["bars"], nothing["not_measured"])
    assert "nginx is not installed" in markdown(nothing)


needs_proc = pytest.mark.skipif(not hasattr(os, "wait4"), reason="no wait4 on this system")


@needs_proc
def test_the_launcher_counts_what_a_command_and_its_children_use(tmp_path: Path) -> None:
    """CPU of a grandchild counts; memory is the command's own, not that of whoever measures."""
    busy = "import time\nheavy = bytearray(60_000_000)\nwhile time.process_time() < 0.3: pass"
    script = f'{sys.executable} -c "{busy}"; true'
    with launcher() as measure:
        cost_of = measure.run(["/bin/sh", "-c", script], env={}, output=tmp_path / "said")
        small = measure.run(["/bin/sh", "-c", ":"], env={}, output=tmp_path / "said")
    assert cost_of.cpu >= 0.3
    assert small.peak < 30_000_000
    assert cost_of.peak > 60_000_000


@needs_proc
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/bin/sh", "-c", "echo because; exit 3"], r"status 3.*\n.*because"),
        (["/nowhere/program"], r"status 127.*\n.*No such file"),
        (["/bin/sh", "-c", "sleep 60; true"], r"status 124"),
    ],
)
def test_a_command_that_fails_or_hangs_is_never_measured(tmp_path: Path, words, told) -> None:
    """A status that was not expected is told with the last words; who hangs is stopped."""
    with launcher() as measure, pytest.raises(CommandFailedError, match=told):
        measure.run(words, env={}, output=tmp_path / "said", limit=2.0)


@needs_proc
def test_a_command_can_be_interrupted_as_by_a_person(tmp_path: Path) -> None:
    """After `stop_after` seconds comes SIGINT, and the command ends in its own way."""
    script = "trap 'exit 7' INT; while :; do sleep 0.1; done"
    with launcher() as measure:
        stopped = measure.run(
            ["/bin/sh", "-c", script],
            env={"PATH": os.defpath},
            output=tmp_path / "said",
            stop_after=1.0,
            statuses=(7,),
        )
    assert 7 == stopped.status


def test_bars_without_contenders_make_a_table() -> None:
    """What is held against a figure has no options of others to tell of, and may be one only."""
    bars = [
        bar("lines", ">= 5 of 6", [6], unit="", holds=True),
        bar("pages", "", [1, 2, 9], unit="ms", holds=True),
    ]
    text = markdown(part_of("Streams", bars, ["a note"], per="byte"))
    assert "| lines | >= 5 of 6 | 6 | 6 to 6 | yes |" in text
    assert "| pages |  | 2 ms | 1 to 9 |  |" in text
