"""How does one thing stand? From its row in the state and what the selection says of it."""

from __future__ import annotations

from enum import Enum

from ..entities import Reason, State
from ._verdicts import LeftOut, Unsafe, Verdict


class Stand(str, Enum):
    """What a person is told about a thing; each has one sentence."""

    STORED = "stored"
    UNDER_WAY = "under_way"
    TO_DO = "to_do"
    WAITING = "waiting"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    LEFT_OUT = "left_out"
    UNPLANNED = "unplanned"
    UNKNOWN = "unknown"


def stand_of(
    status: str | None,
    verdict: Verdict | None = None,
    *,
    why: str | None = None,
    not_before: float = 0.0,
    now: float,
) -> Stand:
    """How a thing stands.

    status, why: of its row, None where it has none. verdict: what the selection says of it, None
    where it was not asked; what is stored stays so, whatever that is. not_before, now: seconds
    since the epoch.
    """
    if status in (State.STORED.value, State.SKIPPED.value):
        return Stand.STORED
    if isinstance(verdict, LeftOut):
        return Stand.LEFT_OUT
    if isinstance(verdict, Unsafe):
        return Stand.UNAVAILABLE
    was_unsafe = status == State.UNAVAILABLE.value and why == Reason.UNSAFE.value
    if status is None or (was_unsafe and verdict is not None):
        return Stand.UNPLANNED
    if status == State.UNAVAILABLE.value:
        return Stand.UNAVAILABLE
    if status == State.FAILED.value:
        return Stand.FAILED
    if status == State.CLAIMED.value:
        return Stand.UNDER_WAY
    return Stand.WAITING if not_before > now else Stand.TO_DO
