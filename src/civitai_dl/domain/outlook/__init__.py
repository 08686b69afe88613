"""What a run would do, before a byte moves: things and sums, room and time."""

from ._forecast import forecast, judge_space
from ._things import Forecast, Foreseen, Outlook, Pace, Prospect, Scope, Share, Space

__all__ = [
    "Forecast",
    "Foreseen",
    "Outlook",
    "Pace",
    "Prospect",
    "Scope",
    "Share",
    "Space",
    "forecast",
    "judge_space",
]
