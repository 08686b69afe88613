"""How slow one transfer is beside others: another connection may be worth a try."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import TRICKLE_SECONDS, is_trickle
from civitai_dl.errors import Stalled

if TYPE_CHECKING:
    from civitai_dl.domain.entities import SignedUrl
    from civitai_dl.ports import Clock

MOST_REOPENED = 3
"""How often one address is opened anew because others were much faster."""

PEERS = 32
"""Transfers whose speed is remembered, per host."""

LEAST_MEASURED = 1 << 20
"""Bytes of a whole body that say something about speed."""


class Watch:
    """How fast one transfer is, compared with others from its host.

    rates: bytes per second of those. Raises from `came`: Stalled, when it is worth opening anew.
    """

    def __init__(self, rates: deque[float], clock: Clock, may_reopen: Callable[[], bool]) -> None:
        self._rates, self._clock, self._may_reopen = rates, clock, may_reopen
        self._since, self._bytes = clock.now(), 0

    def came(self, size: int) -> None:
        """Take note of bytes."""
        self._bytes += size
        seconds = self._clock.now() - self._since
        if seconds < TRICKLE_SECONDS:
            return
        rate = self._bytes / seconds
        if is_trickle(rate, self._rates) and self._may_reopen():
            raise Stalled("it came much slower than others from its host")
        self._rates.append(rate)
        self._since, self._bytes = self._clock.now(), 0

    def ended(self) -> None:
        """Take note of the end, for the others."""
        seconds = self._clock.now() - self._since
        if self._bytes >= LEAST_MEASURED and seconds > 0:
            self._rates.append(self._bytes / seconds)


class Watches:
    """Makes watches, and remembers what they saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rates: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=PEERS))
        self._reopened: Counter[str] = Counter()

    def over(self, link: SignedUrl, host: str) -> Watch:
        """Watch one transfer."""

        def may_reopen() -> bool:
            # Without what is secret, and differs from link to link.
            name = str(link)
            self._reopened[name] += 1
            return self._reopened[name] <= MOST_REOPENED

        return Watch(self._rates[host], self._clock, may_reopen)
