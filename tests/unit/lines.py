"""Simulated lines that share fairly, as reliability.md 3c has them."""

from __future__ import annotations

from dataclasses import dataclass

from civitai_dl.domain.decisions import Window

SECONDS = 3.0
MB = 1_000_000


@dataclass(frozen=True)
class Line:
    """A line of so many MB/s, of which one connection gets `cap` at most.

    idle: seconds at the start of each piece of `piece` MB in which nothing comes.
    """

    link: float
    cap: float
    idle: float = 0.25
    piece: float = 8.0

    def window(self, streams: int, noise: float) -> Window:
        """What so many streams bring in a while."""
        rate = min(self.cap, self.link)
        for _ in range(40):
            # Each piece takes its idle time; who is idle leaves the line to the others.
            share = self.piece / (self.piece / rate + self.idle) / rate
            rate = min(self.cap, self.link / max(1.0, streams * share))
        each = self.piece / (self.piece / rate + self.idle)
        goodput = min(self.link, streams * each) * noise
        return Window(int(goodput * MB * SECONDS), streams * SECONDS, SECONDS)

    def goodput(self, streams: int) -> float:
        """MB/s of so many."""
        return self.window(streams, 1.0).received / MB / SECONDS

    def fewest(self, most: int) -> int:
        """How many bring 95 % of the best that `most` can bring."""
        best = max(self.goodput(n) for n in range(1, most + 1))
        return next(n for n in range(1, most + 1) if self.goodput(n) >= 0.95 * best)


LINES = {
    "5 MB/s each on a line of 100": Line(100, 5),
    "a line of 12": Line(12, 1e9),
    "slow answers on a line of 120": Line(120, 40, idle=1.5),
    "1 MB/s each on a line of 100": Line(100, 1),
    "a line of 1": Line(1, 1e9),
    "2 MB/s each on a line of 20": Line(20, 2),
}
