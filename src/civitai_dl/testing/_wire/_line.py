"""A line of limited width that all bodies of a server share."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

SLICE = 16 * 1024
"""Bytes that go at once: small, so that connections take turns."""


@dataclass
class Line:
    """rate: bytes per second of all bodies together, 0 for no limit; may be set at any time."""

    rate: float = 0.0
    _free_at: float = 0.0

    async def take(self, size: int) -> None:
        """Return when so many bytes may go; whoever asks first goes first."""
        if self.rate <= 0:
            return
        now = time.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + size / self.rate
        await asyncio.sleep(start - now)
