"""Whether so many bytes may begin to come."""

from __future__ import annotations

MARGIN = 0.05
"""Share of what is to come that must stay free beside it: documents, the state, other programs."""


LARGEST = 1 << 40
"""Bytes; whoever announces more for one thing, of which no size is listed, is not believed."""


def room_needed(promised: int | None, listed: int | None) -> int | None:
    """Bytes to set room aside for; None when nothing believable is known.

    promised: by the answer at hand, which may be nonsense. listed: by the service, rounded.
    """
    if promised is None:
        return listed
    if listed is not None and promised > listed + max(listed // 50, 1 << 20):
        return listed
    return None if promised > LARGEST else promised


def decide_room(free: int | None, *, promised: int, more: int) -> int:
    """Bytes that are lacking for `more` of them; 0 when they may come.

    free: bytes free on the disk, None when nobody can tell: then they may. promised: bytes that are
    still to come into other files and not set aside yet.
    """
    if free is None:
        return 0
    needed = promised + more
    return max(0, needed + int(needed * MARGIN) - free)
