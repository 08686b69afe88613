"""From runs to figures: medians of rounds, ratios within a round, and whether a bar holds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

QUIET_ENOUGH = 3
"""Undisturbed rounds that are enough to leave the disturbed ones out."""


@dataclass(frozen=True)
class Run:
    """One command in one round. Seconds, bytes.

    inner: from the first request for bytes to the moment at which the last file was whole, None
    where nothing was sent. named: from the last byte that the server sent to that moment. requests,
    request_seconds: what was asked of the API. growth: bytes of memory from the middle third of the
    run to the last. strangers: cores that others used meanwhile. told: what it said of itself.
    """

    wall: float
    cpu: float
    peak: int
    size: int
    count: int
    inner: float | None = None
    named: float | None = None
    requests: int = 0
    request_seconds: float = 0.0
    growth: float = 0.0
    servers: float = 0.0
    strangers: float | None = None
    disturbed: bool = False
    told: Mapping[str, float] = field(default_factory=dict)


Round = Mapping[str, Run]
"""The runs of one round, by the name of the contender; all on the same servers, one by one."""

Figure = Callable[[Round], float]


@dataclass(frozen=True)
class Bar:
    """A promise: `figure` of the median round is at least, or at most, `limit`.

    needs: the contenders without which it cannot be held against anything.
    """

    words: str
    figure: Figure
    limit: float
    least: bool
    needs: tuple[str, ...]
    unit: str = ""


@dataclass(frozen=True)
class Verdict:
    """How a bar came out. measured: the median; low, high: the extremes of the rounds."""

    words: str
    wanted: str
    measured: float
    low: float
    high: float
    unit: str
    holds: bool


def usable(rounds: Sequence[Round]) -> tuple[list[Round], bool]:
    """The rounds that count, and whether they are quiet ones.

    A round is disturbed when one of its runs is: its ratios compare two different machines. Where
    too few are left, all count, and the reader is told.
    """
    quiet = [one for one in rounds if not any(run.disturbed for run in one.values())]
    if len(quiet) >= min(QUIET_ENOUGH, len(rounds)):
        return quiet, True
    return list(rounds), False


def judge(bar: Bar, rounds: Sequence[Round]) -> Verdict:
    """Hold a bar against rounds: within each, then the median of them."""
    values = [bar.figure(one) for one in rounds]
    median = statistics.median(values)
    holds = median >= bar.limit if bar.least else median <= bar.limit
    wanted = f"{'>=' if bar.least else '<='} {number(bar.limit)}"
    return Verdict(bar.words, wanted, median, min(values), max(values), bar.unit, holds)


def speed(ours: str, peer: str) -> Figure:
    """How many times as fast as a peer, as whole commands."""
    return lambda one: one[peer].wall / one[ours].wall


def inner_speed(ours: str, peer: str) -> Figure:
    """How many times as fast from the first byte to the last."""
    return lambda one: (one[peer].inner or 0.0) / (one[ours].inner or float("inf"))


def cost(ours: str, peer: str) -> Figure:
    """How many times the CPU seconds of a peer."""
    return lambda one: one[ours].cpu / one[peer].cpu


def row(name: str, rounds: Sequence[Round], per: str, first: str) -> dict[str, object]:
    """The medians of one contender.

    per: "byte" or "file", what its speed and CPU are told by. first: the contender whose time and
    CPU are one.
    """
    runs = [one[name] for one in rounds]

    def median(figure: Callable[[Run], float | None]) -> float | None:
        values = [value for run in runs if (value := figure(run)) is not None]
        return statistics.median(values) if values else None

    amount = runs[0].size / 1e6 if per == "byte" else runs[0].count
    beside = [(one[name], one[first]) for one in rounds]
    cpu = median(lambda run: run.cpu)
    each = runs[0].size / 1e9 if per == "byte" else runs[0].count / 1e3
    return {
        "name": name,
        "seconds": median(lambda run: run.wall),
        "rate": median(lambda run: amount / run.wall if amount else None),
        "inner_rate": median(lambda run: amount / run.inner if run.inner else None),
        "cpu": cpu / each if cpu is not None and each else None,
        "cpu_seconds": cpu,
        "time_ratio": statistics.median(mine.wall / other.wall for mine, other in beside),
        "cpu_ratio": statistics.median(mine.cpu / other.cpu for mine, other in beside),
        "peak": median(lambda run: run.peak / 1e6),
        "requests": median(lambda run: run.requests),
        "request_seconds": median(lambda run: run.request_seconds),
        "named": median(lambda run: run.named),
        "servers": median(lambda run: run.servers),
    }


def number(value: float) -> str:
    """Three figures that mean something, in no more room than they need."""
    if value == int(value) and abs(value) < 100:
        return f"{value:.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
