"""For what kind of reason a thing waits for its time."""

from __future__ import annotations

from ..entities import Reason, Trouble

KINDS = ("early_access", "quota", "outage", "retry")
"""early_access: until it is free for all. quota: of downloads. outage: the service, its limits, or
this machine make the whole lane wait. retry: it failed by itself, and is tried again."""

_OF_LANES = (Trouble.THROTTLED.value, Trouble.BLOCKED.value, Trouble.STORAGE.value)


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
