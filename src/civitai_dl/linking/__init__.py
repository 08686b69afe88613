"""An archive's model files in the folders of the applications that use them."""

from __future__ import annotations

from ._link import LinkOrder, LinkReport, link
from ._place import Done, Keep
from ._plan import Conflict, Obstacle
from ._unlink import UnlinkReport, unlink
from ._wanted import Choice, Unplaced
from ._watch import Progress

__all__ = [
    "Choice",
    "Conflict",
    "Done",
    "Keep",
    "LinkOrder",
    "LinkReport",
    "Obstacle",
    "Progress",
    "UnlinkReport",
    "Unplaced",
    "link",
    "unlink",
]
