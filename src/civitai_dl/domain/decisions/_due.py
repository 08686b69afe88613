"""Whether something that could not be had is worth another try."""

from __future__ import annotations

from ..entities import Reason

RECHECK = 86_400.0
"""Seconds after which a refusal is put to the test again."""


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
