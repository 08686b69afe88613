"""The whole life of a task: which steps there are, and that there are no others."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from civitai_dl.domain.decisions import NEXT_STATE, OPEN, next_state
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Failed,
    Failure,
    LaneClosed,
    ModelRef,
    Reason,
    Skipped,
    State,
    Stored,
    Trouble,
    Unavailable,
)

FAILURE = Failure(Trouble.TRANSIENT, "it failed")
ENDS = {
    Stored("a/b", "00", 1): State.STORED,
    Expanded(): State.STORED,
    Skipped("there already"): State.SKIPPED,
    Unavailable(Reason.GONE, "gone"): State.UNAVAILABLE,
    Failed(FAILURE): State.FAILED,
}
GOES_ON = [
    Expanded(onward=ModelRef(5)),
    Deferred(1.0, FAILURE),
    LaneClosed(FAILURE, until=1.0),
]
OUTCOMES = [*ENDS, *GOES_ON]


@pytest.mark.parametrize(("outcome", "state"), ENDS.items())
def test_a_claimed_task_ends_by_its_outcome(outcome, state):
    """What is done, skipped, not to be had or given up is settled as just that."""
    assert state is next_state(State.CLAIMED, outcome)
    assert state not in OPEN


@pytest.mark.parametrize("outcome", GOES_ON)
def test_a_claimed_task_that_is_not_done_is_ready_again(outcome):
    """What is put off, or has more to read, goes back to the queue."""
    assert next_state(State.CLAIMED, outcome) is State.READY


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("state", [state for state in State if state is not State.CLAIMED])
def test_only_a_claimed_task_can_come_to_an_outcome(state, outcome):
    """An outcome for a task that nobody works on is a bug, and says so."""
    with pytest.raises(RuntimeError, match=f"no step from {state.value} by"):
        next_state(state, outcome)


def test_the_table_speaks_of_every_outcome_and_of_claimed_tasks_only():
    """There is one step for each outcome, and all of them begin with a claim."""
    assert {(State.CLAIMED, type(outcome)) for outcome in OUTCOMES} == set(NEXT_STATE)


class LifeOfATask(RuleBasedStateMachine):
    """A task that is released, claimed and settled in any order."""

    def __init__(self):
        super().__init__()
        self.state, self.final = State.WAITING, None

    @rule()
    def release(self):
        if self.state is State.WAITING:
            self.state = State.READY

    @rule()
    def claim(self):
        if self.state is State.READY:
            self.state = State.CLAIMED

    @rule(outcome=st.sampled_from(OUTCOMES))
    def settle(self, outcome):
        before = self.state
        try:
            self.state = next_state(before, outcome)
        except RuntimeError:
            assert before is not State.CLAIMED
            return
        assert before is State.CLAIMED
        assert self.state is not State.WAITING
        assert self.state is not State.CLAIMED
        if self.state not in OPEN:
            assert self.final is None
            self.final = self.state

    @invariant()
    def stays_where_it_ended(self):
        assert self.final in (None, self.state)


TestLifeOfATask = LifeOfATask.TestCase
TestLifeOfATask.__doc__ = "A task that has come to its end never takes another step."
