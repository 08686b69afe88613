"""A steady pace: when the next request may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import Pace, slow_start


def starts(rate, arrivals):
    """When requests that arrive at these times are let go."""
    pace, found = Pace(rate), []
    for now in arrivals:
        pace, wait = pace.reserve(now)
        found.append(now + wait)
    return found


def test_two_requests_a_second_are_half_a_second_apart():
    """--max-rate-image 2 lets one request go every half second, the first at once."""
    assert starts(2.0, [100.0] * 4) == [100.0, 100.5, 101.0, 101.5]


def test_time_that_was_not_used_is_not_saved_up():
    """After an hour of silence there is no burst."""
    assert starts(1.0, [0.0, 3600.0, 3600.0]) == [0.0, 3600.0, 3601.0]


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_rate_of_0_is_no_limit(rate):
    """--max-rate-model 0 lets every request go at once."""
    assert starts(rate, [5.0] * 100) == [5.0] * 100


def test_bytes_take_the_time_they_should_take():
    """At 1000 bytes a second, 500 bytes make the next ones wait for half a second."""
    pace, first = Pace(1000.0).reserve(10.0, 500)
    _, second = pace.reserve(10.0, 500)
    assert (first, second) == (0.0, 0.5)


@given(
    rate=st.floats(0.01, 1000.0),
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=40),
    begin=st.integers(0, 39),
    window=st.floats(0, 100),
)
def test_no_window_holds_more_requests_than_the_rate_allows(rate, gaps, begin, window):
    """In any stretch of time at most rate x time + 1 requests are sent."""
    clock, arrivals = 1.7e9, []
    for gap in gaps:
        clock += gap
        arrivals.append(clock)
    sent = starts(rate, arrivals)
    assert sent == sorted(sent)
    left = sent[min(begin, len(sent) - 1)]
    inside = [at for at in sent if left <= at <= left + window]
    # A microsecond for what a float cannot tell apart in the year 2023.
    assert len(inside) <= rate * (window + 1e-6 * len(inside)) + 1 + 1e-9


@given(rate=st.floats(0.01, 1000.0), gaps=st.lists(st.floats(0, 20), min_size=2, max_size=40))
def test_nobody_waits_longer_than_for_those_before_him(rate, gaps):
    """The n-th request goes at most n intervals after the first arrived, or when it arrives."""
    arrivals = [sum(gaps[: end + 1]) for end in range(len(gaps))]
    for number, (arrived, sent) in enumerate(zip(arrivals, starts(rate, arrivals), strict=True)):
        assert arrived <= sent <= max(arrivals[: number + 1]) + number / rate + 1e-6


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(-5.0, 2.0), (0.0, 2.0), (1.0, 4.0), (2.0, 8.0), (2.5, 10.0), (64.0, 10.0), (1e9, 10.0)],
)
def test_a_lane_starts_slowly(elapsed, expected):
    """The rate of asking for links doubles every second from 2 to its cap."""
    assert expected == slow_start(10.0, first=2.0, elapsed=elapsed)


def test_a_cap_below_the_first_rate_holds_from_the_start():
    """A cap of half a request a second is not exceeded by starting slowly."""
    assert slow_start(0.5, first=2.0, elapsed=0.0) == 0.5


def test_without_a_cap_there_is_no_slow_start():
    """No cap means no limit from the first request on."""
    assert slow_start(0.0, first=2.0, elapsed=0.0) == 0.0
