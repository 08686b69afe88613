"""An archive's model files in the folders of the applications that use them."""

from __future__ import annotations

from ._link import (
    LinkOrder,
    LinkReport,
    Progress,
    Stopped,
    UnlinkReport,
    link,
    unlink,
)
from ._place import Done
from ._plan import Conflict, Obstacle
from ._wanted import Choice, Unplaced

__all__ = [
    "Choice",
    "Conflict",
    "Done",
    "LinkOrder",
    "LinkReport",
    "Obstacle",
    "Progress",
    "Stopped",
    "UnlinkReport",
    "Unplaced",
    "link",
    "unlink",
]
