"""Does one task; knows nothing of queues and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl._doors import opens_later

from ._failures import as_failure
from ._perform import perform
from ._tools import Dresser, Dressing, Tools

if TYPE_CHECKING:
    from ._dress import Wearing, dress_model
    from ._heal import Healer, Seed
    from ._mend import End, Mender, Treated, found_facts, note_end
    from ._scan import Progress, Scanner

__all__ = [
    "Dresser",
    "Dressing",
    "End",
    "Healer",
    "Mender",
    "Progress",
    "Scanner",
    "Seed",
    "Tools",
    "Treated",
    "Wearing",
    "as_failure",
    "dress_model",
    "found_facts",
    "note_end",
    "perform",
]

__getattr__ = opens_later(
    __name__,
    {
        "End": "_mend",
        "Healer": "_heal",
        "Mender": "_mend",
        "Progress": "_scan",
        "Scanner": "_scan",
        "Seed": "_heal",
        "Treated": "_mend",
        "Wearing": "_dress",
        "dress_model": "_dress",
        "found_facts": "_mend",
        "note_end": "_mend",
    },
)
