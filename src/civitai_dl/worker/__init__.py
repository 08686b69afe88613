"""Does one task; knows nothing of queues and schedules."""

from ._heal import Healer, Seed
from ._mend import End, Mender, Treated, found_facts, note_end
from ._perform import perform
from ._scan import Progress, Scanner
from ._tools import Dresser, Dressing, Tools

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
    "found_facts",
    "note_end",
    "perform",
]
