"""How many transfers at once: simulated lines that share fairly, as reliability.md 3c has them."""

from __future__ import annotations

import random

import pytest
from lines import LINES, MB, SECONDS, Line

from civitai_dl.domain.decisions import Streams, Window


def settle(
    line: Line, streams: Streams, windows: int, chance: random.Random, begin: int = 0
) -> tuple[Streams, float, float]:
    """The streams after so many windows; their mean number and goodput in the last third."""
    numbers, brought = [], []
    for number in range(windows):
        noise = chance.uniform(0.85, 1.15)
        window = line.window(streams.now, noise)
        numbers.append(streams.now)
        brought.append(line.goodput(streams.now))
        streams = streams.heard(window, (begin + number + 1) * SECONDS)
    late = len(numbers) // 3 or 1
    return streams, sum(numbers[-late:]) / late, sum(brought[-late:]) / late


@pytest.mark.parametrize("seed", range(5))
def test_most_lines_are_filled_by_not_too_many(seed: int) -> None:
    """T10: at least 90 % of the best with at most twice the fewest that bring 95 % of it."""
    good = []
    for name, line in LINES.items():
        _, number, goodput = settle(line, Streams(64), 120, random.Random(f"{seed} {name}"))
        fewest, best = line.fewest(64), max(line.goodput(n) for n in range(1, 65))
        good.append(goodput >= 0.9 * best and number <= 2 * fewest)
    assert sum(good) >= 5


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_line_that_changes_is_followed_within_a_minute(factor: float) -> None:
    """When the line becomes ten times as fast, or as slow, its new number is found."""
    chance = random.Random(4)
    before, after = Line(10, 2), Line(10 * factor, 2)
    streams, _, _ = settle(before, Streams(64), 60, chance)
    streams, _, _ = settle(after, streams, 20, chance, begin=60)
    best = max(after.goodput(n) for n in range(1, 65))
    assert after.goodput(streams.now) >= 0.9 * best
    # On a line that can carry half a connection, a few more cost nothing.
    assert streams.now <= max(5, 2 * after.fewest(64))


def test_it_begins_with_one_and_never_has_more_than_the_most() -> None:
    """The owner's wish: one at first, and never more than a number that the machine can bear."""
    assert Streams(8).now == 1
    streams, _, _ = settle(Line(1000, 1), Streams(8), 50, random.Random(1))
    assert streams.now == 8


def test_trouble_halves_them_and_they_climb_back_in_steps() -> None:
    """When more than a fifth fails for the far side's sake, half of them rest for a while."""
    line = Line(1000, 1)
    streams, _, _ = settle(line, Streams(16), 50, random.Random(1))
    assert streams.now == 16
    bad = Window(16 * MB, 48.0, SECONDS, ended=10, troubled=3)
    streams = streams.heard(bad, 1_000.0)
    assert streams.now == 8
    assert streams.heard(bad, 1_003.0).now == 4
    numbers = []
    for number in range(4):
        streams = streams.heard(line.window(streams.now, 1.0), 1_010.0 + number)
        numbers.append(streams.now)
    assert numbers == [10, 12, 14, 16]


def test_a_single_failure_among_many_halves_nothing() -> None:
    """What fails now and then is nobody's overload."""
    streams = Streams(8, now=8, alone=1.0 * MB)
    window = Window(24 * MB, 24.0, SECONDS, ended=10, troubled=2)
    assert streams.heard(window, 3.0).now == 8


def test_one_alone_is_never_halved_away() -> None:
    """One transfer is left in any trouble."""
    window = Window(0, 0.0, SECONDS, ended=1, troubled=1)
    assert Streams(8).heard(window, 3.0).now == 1


def test_where_nothing_comes_nothing_is_learned() -> None:
    """A while without bytes, or without work, moves nothing."""
    streams = Streams(8, now=3, alone=1.0 * MB)
    assert streams.heard(Window(0, 9.0, SECONDS), 3.0) == streams
    assert streams.heard(Window(0, 0.0, SECONDS), 3.0) == streams


def test_without_work_for_all_there_are_no_more() -> None:
    """Three that are at work out of eight say nothing about a ninth."""
    streams = Streams(16, now=8, alone=1.0 * MB)
    assert streams.heard(Window(9 * MB, 9.0, SECONDS), 3.0).now == 8
