"""The edge's limit of requests: a bucket that refills with time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Bucket:
    """Tokens, one per request. rate: tokens per second; size: most tokens it holds."""

    rate: float
    size: float
    tokens: float = 0.0
    at: float | None = None

    def take(self, now: float) -> bool:
        """Take one token if there is one; a new bucket is full. now: seconds of any clock."""
        if self.at is None:
            self.tokens = self.size
        else:
            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
