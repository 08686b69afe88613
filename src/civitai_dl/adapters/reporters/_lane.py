"""The counters of one lane of things to store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._view import LaneView
from ._window import Window

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Lane

RATE_SPAN = 10
"""Seconds over which a rate is shown: long enough to read, short enough to be true."""

ETA_SPAN = 60
"""Seconds over which the time left is reckoned, so that it does not jump."""


class LaneCount:
    """done + failed + unavailable + open = expected, and none is ever negative.

    inherited: of the open ones, those left by an earlier run, whose kind and size are unknown.
    chores: open tasks of this run in the lane that store nothing (pages to write).
    unsized, hinted: open ones found by this run without a size, and the sizes of the others.
    """

    __slots__ = (
        "bytes",
        "chores",
        "debt",
        "done",
        "expected",
        "failed",
        "hinted",
        "inherited",
        "lane",
        "retrying",
        "sized",
        "sized_bytes",
        "unavailable",
        "unsized",
        "wire",
        "work",
    )

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.expected = self.done = self.failed = self.unavailable = 0
        self.inherited = self.chores = self.debt = self.retrying = 0
        self.unsized = self.hinted = self.sized = self.sized_bytes = 0
        self.bytes = 0
        self.wire = Window(ETA_SPAN)
        self.work = Window(ETA_SPAN)

    @property
    def open(self) -> int:
        """Expected and not settled."""
        return self.expected - self.done - self.failed - self.unavailable

    def inherit(self, number: int) -> None:
        """An earlier run left so many."""
        self.inherited += number
        self.expected += number

    def meet(self, size: int | None) -> None:
        """One more is to be stored, of about so many bytes."""
        if self.debt:
            # It was settled before it was announced, and expected from then on.
            self.debt -= 1
            return
        self.expected += 1
        if size is None:
            self.unsized += 1
        else:
            self.hinted += size
            self.sized += 1
            self.sized_bytes += size

    def close(self, size: int | None, *, met: bool) -> None:
        """Make room for one that is settled now; the caller counts how. met: by this run."""
        if not self.open:
            self.expected += 1
            self.debt += 1
            return
        if not met and self.inherited:
            self.inherited -= 1
        elif size is None:
            self.unsized = max(0, self.unsized - 1)
        else:
            self.hinted = max(0, self.hinted - size)
        self.inherited = min(self.inherited, self.open - 1)

    def close_chore(self) -> None:
        """A task that stores nothing is settled: one of this run, or one that was inherited."""
        if self.chores:
            self.chores -= 1
        elif self.inherited:
            self.inherited -= 1
            self.expected -= 1

    def drop(self, number: int) -> None:
        """So many that were open are wanted no more; of which size they were is not known."""
        gone = min(number, self.open)
        self.expected -= gone
        self.inherited = min(self.inherited, self.open)
        self.unsized = min(self.unsized, self.open)

    def view(self, now: float, *, growing: bool, paused: bool, under_way: int) -> LaneView:
        """The lane now. under_way: bytes that the open ones have already."""
        return LaneView(
            lane=self.lane,
            expected=self.expected,
            done=self.done,
            failed=self.failed,
            unavailable=self.unavailable,
            open=self.open,
            retrying=self.retrying,
            bytes=self.bytes,
            rate=self.wire.rate(now, RATE_SPAN),
            eta=None if paused or not self.open else self._eta(now, under_way),
            growing=growing,
        )

    def _eta(self, now: float, under_way: int) -> float | None:
        """By bytes where sizes are told, else by number."""
        if self.sized:
            mean = self.sized_bytes / self.sized
            left = self.hinted + (self.unsized + self.inherited) * mean - under_way
            pace = self.wire.rate(now)
        else:
            left, pace = float(self.open), self.work.rate(now)
        return max(0.0, left) / pace if pace > 0 else None
