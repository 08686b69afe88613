"""What an answer to "who am I" says about the way to the service, the key, and the clock."""

from __future__ import annotations

from enum import Enum

from ._retry_after import read_moment

MOST_SKEW = 300.0
"""Seconds that two clocks may differ before dates and links are misjudged."""


class Reach(str, Enum):
    """What stands at the other end of the way."""

    KNOWN = "known"
    """The service, which knows the key."""
    REFUSED = "refused"
    """The service, which does not accept the key; or answers nobody without one."""
    REGION_BLOCKED = "region blocked"
    CHALLENGED = "challenged"
    """The edge before the service wants to see a browser."""
    TURNED_AWAY = "turned away"
    """The edge, or the service, refuses whoever asks from here."""
    BUSY = "busy"
    DOWN = "down"
    """The service has trouble, or is being maintained."""
    STRANGER = "stranger"
    """Something else answers: the login page of a network, or another server."""


def judge_reach(status: int, *, is_json: bool, challenged: bool) -> Reach:
    """What answered GET /api/v1/me, which is 200 with a good key and 401 otherwise (source).

    is_json: the body is a JSON object. challenged: headers or body are those of the edge's
    challenge.
    """
    if status == 451:
        return Reach.REGION_BLOCKED
    if challenged:
        return Reach.CHALLENGED
    if status == 403:
        return Reach.TURNED_AWAY
    if status == 429 or (status == 503 and is_json):
        return Reach.BUSY
    if status >= 500:
        return Reach.DOWN
    if is_json and status in (200, 401):
        return Reach.KNOWN if status == 200 else Reach.REFUSED
    return Reach.STRANGER


def clock_skew(date: str | None, now: float) -> float | None:
    """Seconds that our clock is ahead of the one in a Date header; None where it tells none.

    now: our time, in seconds since the epoch. The header has whole seconds.
    """
    told = read_moment((date or "").strip())
    return None if told is None else now - told.timestamp()
