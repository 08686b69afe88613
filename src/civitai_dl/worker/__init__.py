"""Does one task; knows nothing of queues and schedules."""

from ._perform import perform
from ._tools import Dresser, Dressing, Tools

__all__ = ["Dresser", "Dressing", "Tools", "perform"]
