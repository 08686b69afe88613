"""Short steps of a disk are taken on the spot as long as nobody feels them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import Promptness

SMALL = 100_000


def may_stay(known: Promptness, now: float, *, size: int = SMALL, spent: float = 0.0) -> bool:
    return known.may_stay(now, size=size, spent=spent)


def test_a_disk_is_taken_for_prompt_until_it_is_not() -> None:
    known = Promptness().took(0.0, 0.001)
    assert may_stay(known, 0.0)


def test_a_large_step_is_for_a_thread() -> None:
    assert not may_stay(Promptness(), 0.0, size=(1 << 20) + 1)


def test_steps_that_took_their_share_of_a_turn_leave_the_next_to_a_thread() -> None:
    assert not may_stay(Promptness(), 0.0, spent=0.005)


def test_one_slow_step_may_be_the_machines_fault() -> None:
    assert may_stay(Promptness().took(0.0, 0.05), 0.0)


def test_a_disk_that_hung_for_a_second_is_left_to_threads_for_half_a_minute() -> None:
    known = Promptness().took(100.0, 1.0)
    assert not may_stay(known, 129.0)
    assert may_stay(known, 131.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), min_size=1))
def test_slow_steps_hold_others_up_for_no_more_than_a_small_share_of_the_time(
    steps: list[tuple[float, float]],
) -> None:
    known, now, held_up = Promptness(), 0.0, 0.0
    for wait, seconds in steps:
        now += wait
        if may_stay(known, now):
            now += seconds
            known = known.took(now, seconds)
            held_up += seconds if seconds >= 0.02 else 0.0
    longest = max(seconds for _, seconds in steps)
    assert held_up <= 0.03 * now + 0.1 + longest
