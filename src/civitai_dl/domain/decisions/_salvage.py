"""What may be believed of a state that a crash, a clock or a damage has left."""

from __future__ import annotations

LONGEST_WAIT = 2 * 86_400.0
"""Seconds: nothing that we put off is put off for longer (the longest is a daily quota)."""


def latest_wait(now: float) -> float:
    """The latest moment until which a task may wait; what says later was put off by another clock.

    now: seconds since the epoch, as is the result.
    """
    return now + LONGEST_WAIT
