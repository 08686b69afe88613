"""What becomes of a thing when the person who asked for it withdraws that."""

from __future__ import annotations

from ..entities import State
from ._lifecycle import OPEN

CANCELLED = "cancelled"
"""Why a task is skipped that nobody wants any more. Whoever asks for it makes it due again."""

UNDONE = (*OPEN, State.FAILED)
"""States of what an earlier run did not bring home: what `retry` tries, and `cancel` withdraws."""


def withdrawn_state(*, has_stored: bool) -> State:
    """The state of a task that was UNDONE and that nobody wants any more.

    It is no outcome, for nobody has worked on it. Withdrawn is not failed: nothing has to be done.
    has_stored: what it has stored before is there; it was to be replaced, and now stays.
    """
    return State.STORED if has_stored else State.SKIPPED
