"""What every request was, and what it got: the fake's book."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from civitai_dl.testing._service._options import Origin

REDIRECTS = range(300, 400)
_SECRET_HEADERS = ("authorization", "cookie")


@dataclass(frozen=True)
class Seen:
    """One request, entered when its answer has ended.

    status: 0 when the connection was reset or closed instead of an answer.
    bytes_sent: body bytes handed to the connection.
    at, ended: when the request arrived and its answer ended, in seconds of the monotonic clock.
    """

    origin: Origin
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    status: int
    bytes_sent: int
    at: float
    file_id: int | None = None
    """The file that a download redirect or a storage answer was about."""
    ended: float = field(default_factory=time.monotonic)

    def param(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


class Account:
    """All requests in the order in which their answers ended. Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._cleared_at = 0.0
        self._peaks: Counter[Origin] = Counter()

    def enter(self, seen: Seen, in_flight: int) -> None:
        """Add one request; for the fake itself."""
        with self._lock:
            if seen.at < self._cleared_at:
                return
            self._seen.append(seen)
            self._peaks[seen.origin] = max(self._peaks[seen.origin], in_flight)

    def of(
        self,
        *,
        origin: Origin | None = None,
        method: str | None = None,
        path_prefix: str = "",
        status: int | None = None,
    ) -> list[Seen]:
        """Return the requests that match all that is given."""
        with self._lock:
            seen = tuple(self._seen)
        return [
            one
            for one in seen
            if origin in (None, one.origin)
            and method in (None, one.method)
            and status in (None, one.status)
            and one.path.startswith(path_prefix)
        ]

    def count(
        self,
        *,
        origin: Origin | None = None,
        method: str | None = None,
        path_prefix: str = "",
        status: int | None = None,
    ) -> int:
        """Count the requests that match all that is given."""
        return len(self.of(origin=origin, method=method, path_prefix=path_prefix, status=status))

    def bytes_sent(self, origin: Origin | None = None) -> int:
        """Return how many body bytes an origin, or all of them, sent."""
        return sum(one.bytes_sent for one in self.of(origin=origin))

    def peak(self, origin: Origin) -> int:
        """Return the most requests that were under way at once on an origin."""
        with self._lock:
            return self._peaks[origin]

    def resolves(self) -> Counter[int]:
        """Count the successful download redirects per file id."""
        redirects = self.of(origin="api", path_prefix="/api/download/")
        ids = [s.file_id for s in redirects if s.status in REDIRECTS]
        return Counter(file_id for file_id in ids if file_id is not None)

    def leaks(self, secret: str) -> list[Seen]:
        """Return the requests to storage and CDN that carried credentials or the secret."""
        others = [*self.of(origin="storage"), *self.of(origin="cdn")]
        return [seen for seen in others if _leaks(seen, secret)]

    def clear(self) -> None:
        """Forget everything, the requests that are still under way too."""
        with self._lock:
            self._cleared_at = time.monotonic()
            self._seen.clear()
            self._peaks.clear()


def _leaks(seen: Seen, secret: str) -> bool:
    if any(name in seen.headers for name in _SECRET_HEADERS):
        return True
    words = [seen.path, *(part for pair in seen.query for part in pair), *seen.headers.values()]
    return bool(secret) and re.search(re.escape(secret), "\n".join(words)) is not None
