"""How long a far side asks us to wait."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""Seconds; what asks for more than a day is taken for a day."""


def read_retry_after(text: str | None, date: str | None) -> float | None:
    """The seconds that a Retry-After header asks for; None when it is absent or nonsense.

    date: the answer's own Date header: a moment is measured against it, so that a wrong clock on
    either side does no harm.
    """
    wish = (text or "").strip()
    if wish.isascii() and wish.isdigit():
        return min(LONGEST, float(wish))
    try:
        until = parsedate_to_datetime(wish)
        since = parsedate_to_datetime(date or "")
        seconds = (until - since).total_seconds()
    except (TypeError, ValueError, OverflowError):
        # No date, or one of the two has no zone and they cannot be compared.
        return None
    return min(LONGEST, max(0.0, seconds))
