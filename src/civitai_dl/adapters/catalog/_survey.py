"""How the queue stands, over all runs: what `status` tells. Reads only, also older states.

By the partial indexes, which hold little but what is open, and by one that covers the types: a
million rows are not read for it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from civitai_dl.domain.decisions import waits_for
from civitai_dl.domain.entities import Kind, Lane, PacedLane, Reason, State

from ._database import Database
from ._rates import READ
from ._seal import seal_of

MOST_AT_WORK = 50

_LANE_OF = {
    Kind.FILE.value: Lane.FILES,
    Kind.IMAGE.value: Lane.IMAGES,
    Kind.DRESS.value: Lane.IMAGES,
    Kind.GALLERY.value: Lane.IMAGE_PAGES,
}
"""Lanes by type; all other types are pages of models and of who made them."""

TOTALS = "SELECT type, COUNT(*) FROM tasks GROUP BY type"

AT_ONCE = """
SELECT lane, COUNT(*) FROM tasks WHERE status = 'ready' AND not_before = 0 GROUP BY lane
"""

PUT_OFF = """
SELECT lane, COALESCE(why, '') AS why, retries > 0 AS counted, not_before > ? AS later,
  COUNT(*) AS count, MIN(not_before) AS first
FROM tasks WHERE status = 'ready' AND not_before > 0 GROUP BY lane, why, counted, later
"""

CLAIMED = "SELECT lane, COUNT(*) FROM tasks WHERE status = 'claimed' GROUP BY lane"
HELD_BACK = "SELECT lane, COUNT(*) FROM tasks WHERE status = 'waiting' GROUP BY lane"

TROUBLED = """
SELECT status, lane, COALESCE(why, '') AS why, COUNT(*) AS count, MIN(id) AS example
FROM tasks WHERE status IN ('failed', 'unavailable') GROUP BY status, lane, why
"""

EARLY = f"""
SELECT lane, COUNT(*) AS count, MIN(until) AS first FROM tasks
WHERE status IN ('failed', 'unavailable') AND status = 'unavailable'
  AND why = '{Reason.EARLY_ACCESS.value}' AND until > ? GROUP BY lane
"""  # noqa: S608  # our own word

UNDER_WAY = """
SELECT tasks.key, tasks.lane, tasks.label, partials.size, partials.total
FROM tasks LEFT JOIN partials USING (key)
WHERE tasks.status = 'claimed' ORDER BY tasks.lane, tasks.id LIMIT ?
"""


@dataclass(slots=True)
class LaneCounts:
    """Tasks of one lane. ready: to be begun at once. waiting: for a time, or for other tasks.

    at_work: claimed. done: stored, or nothing had to be done.
    """

    ready: int = 0
    waiting: int = 0
    at_work: int = 0
    done: int = 0
    failed: int = 0
    unavailable: int = 0

    @property
    def open(self) -> int:
        """What is still to be done."""
        return self.ready + self.waiting + self.at_work


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """Things of a lane that wait for the same reason. kind: see waits_for. first: the earliest."""

    kind: str
    reason: str
    lane: Lane
    count: int
    first: float


@dataclass(frozen=True, slots=True)
class TroubleGroup:
    """Things that failed, or cannot be had, for one reason; the other facts are of one of them."""

    reason: str
    count: int
    key: str
    label: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class LearnedLane:
    """What was learned of a lane. rate: requests per second, None where none was refused."""

    lane: PacedLane
    rate: float | None
    paused_until: float
    learned_at: float


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A task that is claimed. held, size: bytes that are durable, and of all (None: unknown)."""

    key: str
    lane: Lane
    label: str
    held: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """The queue at one moment; see the parts. began: when the last run did."""

    lanes: Mapping[Lane, LaneCounts] = field(default_factory=dict)
    waiting: tuple[WaitingGroup, ...] = ()
    failures: tuple[TroubleGroup, ...] = ()
    unavailable: tuple[TroubleGroup, ...] = ()
    rates: tuple[LearnedLane, ...] = ()
    under_way: tuple[UnderWay, ...] = ()
    began: float = 0.0


async def survey(database: Database, now: float) -> Survey:
    """Look at the queue. Raises: CatalogError."""

    def work(connection: sqlite3.Connection) -> Survey:
        lanes = _lanes(connection, now)
        (began,) = connection.execute("SELECT MAX(started_at) FROM runs").fetchone()
        return Survey(
            lanes,
            _waiting(connection, now),
            _troubles(connection, State.FAILED),
            _troubles(connection, State.UNAVAILABLE),
            _rates(connection),
            _under_way(connection),
            float(began or 0.0),
        )

    return await database.run(work, "survey")


def _lanes(connection: sqlite3.Connection, now: float) -> dict[Lane, LaneCounts]:
    lanes = {lane: LaneCounts() for lane in Lane}
    totals: Counter[Lane] = Counter()
    for kind, count in connection.execute(TOTALS):
        totals[_LANE_OF.get(kind, Lane.MODEL_PAGES)] += count
    for lane, count in connection.execute(AT_ONCE):
        lanes[Lane(lane)].ready += count
    for row in connection.execute(PUT_OFF, (now,)):
        counts = lanes[Lane(row["lane"])]
        if row["later"]:
            counts.waiting += row["count"]
        else:
            counts.ready += row["count"]
    for lane, count in connection.execute(HELD_BACK):
        lanes[Lane(lane)].waiting += count
    for lane, count in connection.execute(CLAIMED):
        lanes[Lane(lane)].at_work += count
    for row in connection.execute(TROUBLED):
        counts = lanes[Lane(row["lane"])]
        if row["status"] == State.FAILED.value:
            counts.failed += row["count"]
        else:
            counts.unavailable += row["count"]
    for of, counts in lanes.items():
        settled = totals[of] - counts.open - counts.failed - counts.unavailable
        counts.done = max(0, settled)
    return lanes


def _waiting(connection: sqlite3.Connection, now: float) -> tuple[WaitingGroup, ...]:
    found = [
        WaitingGroup(
            waits_for(row["why"], counted=bool(row["counted"])),
            row["why"],
            Lane(row["lane"]),
            int(row["count"]),
            float(row["first"]),
        )
        for row in connection.execute(PUT_OFF, (now,))
        if row["later"]
    ]
    early = Reason.EARLY_ACCESS.value
    found += [
        WaitingGroup(
            waits_for(early, counted=False),
            early,
            Lane(row["lane"]),
            int(row["count"]),
            float(row["first"]),
        )
        for row in connection.execute(EARLY, (now,))
    ]
    return tuple(sorted(found, key=lambda one: (one.first, one.lane.value, one.reason)))


def _troubles(connection: sqlite3.Connection, state: State) -> tuple[TroubleGroup, ...]:
    counts: Counter[str] = Counter()
    examples: defaultdict[str, list[int]] = defaultdict(list)
    for row in connection.execute(TROUBLED):
        if row["status"] == state.value:
            counts[row["why"]] += row["count"]
            examples[row["why"]].append(row["example"])
    found = []
    for reason, count in counts.most_common():
        one = connection.execute(
            "SELECT key, label, detail, hint FROM tasks WHERE id = ?", (min(examples[reason]),)
        ).fetchone()
        texts = (str(one[name] or "") for name in ("key", "label", "detail", "hint"))
        found.append(TroubleGroup(reason, count, *texts))
    return tuple(found)


def _rates(connection: sqlite3.Connection) -> tuple[LearnedLane, ...]:
    """Of each lane what was learned last, by whichever key; which one, nobody needs to know."""
    is_there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'rates'"
    if connection.execute(is_there).fetchone() is None:
        return ()
    found: dict[PacedLane, LearnedLane] = {}
    for row in connection.execute(f"{READ} ORDER BY learned_at"):
        if row["seal"] == seal_of(*tuple(row)[:-1]):
            lane = PacedLane(row["lane"], row["host"])
            rate = None if row["rate"] is None else float(row["rate"])
            found[lane] = LearnedLane(
                lane, rate, float(row["paused_until"]), float(row["learned_at"])
            )
    return tuple(found[lane] for lane in sorted(found, key=lambda lane: (lane.name, lane.host)))


def _under_way(connection: sqlite3.Connection) -> tuple[UnderWay, ...]:
    return tuple(
        UnderWay(row["key"], Lane(row["lane"]), row["label"], int(row["size"] or 0), row["total"])
        for row in connection.execute(UNDER_WAY, (MOST_AT_WORK,))
    )
