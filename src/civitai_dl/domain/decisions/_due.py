"""When something that could not be had is worth another try, and for what the rest waits."""

from __future__ import annotations

from ..entities import Reason, Trouble

RECHECK = 86_400.0
"""Seconds after which a refusal is put to the test again."""

KINDS = ("early_access", "quota", "outage", "retry")
"""early_access: until it is free for all. quota: of downloads. outage: the service, its limits, or
this machine make the whole lane wait. retry: it failed by itself, and is tried again."""

_OF_LANES = (Trouble.THROTTLED.value, Trouble.BLOCKED.value, Trouble.STORAGE.value)


def is_due(reason: str, *, until: float | None, tried_at: float, now: float, key: bool) -> bool:
    """Whether an unavailable task should be tried in this run.

    reason: a Reason's value. until: the end of an early access. key: a key is at hand now.
    """
    if reason == Reason.EARLY_ACCESS.value and until is not None:
        return now >= until
    if reason == Reason.LOGIN_REQUIRED.value and key:
        return True
    # A try that lies far ahead was noted by a clock that was wrong.
    return abs(now - tried_at) >= RECHECK


def waits_for(why: str, *, counted: bool) -> str:
    """One of KINDS.

    why: the value of a Trouble or a Reason, "" for none. counted: it has used up an attempt, so
    that its trouble was its own.
    """
    if why == Reason.EARLY_ACCESS.value:
        return KINDS[0]
    if why == Trouble.QUOTA.value:
        return KINDS[1]
    if why in _OF_LANES or (why == Trouble.TRANSIENT.value and not counted):
        return KINDS[2]
    return KINDS[3]
