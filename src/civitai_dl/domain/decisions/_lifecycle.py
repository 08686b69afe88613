"""The whole life of a task as one table."""

from __future__ import annotations

from ..entities import (
    Deferred,
    Expanded,
    Failed,
    LaneClosed,
    Outcome,
    Skipped,
    State,
    Stored,
    Unavailable,
)

NEXT_STATE: dict[tuple[State, type[Outcome]], State] = {
    (State.CLAIMED, Stored): State.STORED,
    (State.CLAIMED, Expanded): State.STORED,
    (State.CLAIMED, Skipped): State.SKIPPED,
    (State.CLAIMED, Deferred): State.READY,
    (State.CLAIMED, LaneClosed): State.READY,
    (State.CLAIMED, Unavailable): State.UNAVAILABLE,
    (State.CLAIMED, Failed): State.FAILED,
}

OPEN = (State.WAITING, State.READY, State.CLAIMED)
"""States from which work is still to come."""

CANCELLED = "cancelled"
"""Why a task is skipped that nobody wants any more. Whoever asks for it makes it due again."""

UNDONE = (*OPEN, State.FAILED)
"""States of what an earlier run did not bring home: what `retry` tries, and `cancel` withdraws."""


def next_state(state: State, outcome: Outcome) -> State:
    """The state a task has after an outcome.

    A page with more to read stays READY. Raises RuntimeError for a step the table does not have:
    that is a bug of ours, not an event.
    """
    if isinstance(outcome, Expanded) and outcome.onward is not None and state is State.CLAIMED:
        return State.READY
    try:
        return NEXT_STATE[state, type(outcome)]
    except KeyError:
        raise RuntimeError(f"no step from {state.value} by {type(outcome).__name__}") from None


def withdrawn_state(*, has_stored: bool) -> State:
    """The state of a task that was UNDONE and that nobody wants any more.

    It is no outcome, for nobody has worked on it. Withdrawn is not failed: nothing has to be done.
    has_stored: what it has stored before is there; it was to be replaced, and now stays.
    """
    return State.STORED if has_stored else State.SKIPPED
