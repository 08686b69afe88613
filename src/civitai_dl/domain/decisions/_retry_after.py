"""Numbers in headers: how long a far side asks us to wait, and how much it says there is."""

from __future__ import annotations

import re
from datetime import datetime, timezone

LONGEST = 86_400.0
"""Seconds; what asks for more than a day is taken for a day."""

MOST_DIGITS = 18

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOMENT = re.compile(
    r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


def read_retry_after(text: str | None, date: str | None) -> float | None:
    """The seconds that a Retry-After header asks for; None when it is absent or nonsense.

    date: the answer's own Date header: a moment is measured against it, so that a wrong clock on
    either side does no harm.
    """
    wish = (text or "").strip()
    if not wish:
        return None
    if wish.isascii() and wish.isdigit():
        seconds = read_whole(wish)
        return LONGEST if seconds is None else min(LONGEST, float(seconds))
    until, since = read_moment(wish), read_moment((date or "").strip())
    if until is None or since is None:
        return None
    return min(LONGEST, max(0.0, (until - since).total_seconds()))


def read_whole(text: str) -> int | None:
    """A whole number of up to 18 digits; None for anything else, also for what no disk can hold."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > MOST_DIGITS:
        return None
    return int(digits)


def read_moment(text: str) -> datetime | None:
    """A date as HTTP writes it (RFC 9110, 5.6.7); the two obsolete forms are not read."""
    match = _MOMENT.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    month = _MONTHS.index(match[2]) + 1
    day, year, hour, minute, second = (int(match[number]) for number in (1, 3, 4, 5, 6))
    try:
        # A leap second is read as the second before it.
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        return None
