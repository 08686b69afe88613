"""How closely something is looked at."""

from __future__ import annotations

from enum import Enum


class Look(str, Enum):
    """How closely a page that was read before is looked at again.

    USUAL: as a download does. BRIEF: by the fewest requests that show what is new or has changed.
    HIDDEN: as BRIEF, of a model that the list of all ratings left out. FULL: to its end, also where
    it seems to be known.
    """

    USUAL = "usual"
    BRIEF = "brief"
    HIDDEN = "hidden"
    FULL = "full"
