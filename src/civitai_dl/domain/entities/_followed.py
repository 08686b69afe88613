"""What an archive keeps current."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Followed:
    """One thing that is to be kept current; times are seconds since the epoch, None for never.

    identity: what tells two ways to name one thing from two things. text: the words it was named
    in. selection: JSON of what of it is wanted, None for what a run wants by default. synced_at:
    when it was last brought up to date; full_at: when it was last looked at in full. complete:
    whether all that could be had was stored then.
    """

    identity: str
    text: str
    origin: str
    added_at: float
    selection: str | None = None
    synced_at: float | None = None
    full_at: float | None = None
    complete: bool = False
