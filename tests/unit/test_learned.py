"""A rate that is learned: what it starts with, when it falls and rises, and what is kept of it."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import Known, LearnedRate, RetryBudget, paced_lane
from civitai_dl.domain.entities import PacedLane

DAY = 86_400.0


def send(lane, moments, *, latency=0.1, waited=True):
    """Requests at these moments, all of them admitted."""
    for moment in moments:
        lane = lane.sent(moment, waited=waited).went_well(moment, moment + latency)
    return lane


def refuse(lane, moment, *, asked=None, measures=True, most=300.0):
    """One request that is refused at once."""
    lane = lane.sent(moment, waited=True)
    return lane.refused(moment, moment, asked=asked, measures=measures, most=most)


def every(seconds, count, *, begin=1000.0):
    return [begin + seconds * number for number in range(count)]


# --- how it begins


def test_a_fresh_lane_begins_with_two_a_second_and_doubles():
    """Nothing is known: 2 a second, 4, 8, up to the user's 10."""
    lane = LearnedRate.begin(10.0, None, now=0.0).sent(1000.0, waited=False)
    assert [2.0, 4.0, 8.0, 10.0] == [lane.rate_at(1000.0 + second) for second in range(4)]


def test_before_the_first_request_nothing_has_begun():
    """The seconds before the first request do not count as a start."""
    assert 2.0 == LearnedRate(10.0).rate_at(5_000.0)


def test_without_a_cap_a_lane_has_no_rate_until_it_is_refused():
    """Storage has shown no limit: no request waits for its turn."""
    lane = send(LearnedRate(), every(0.001, 50), waited=False)
    assert 0.0 == lane.rate_at(1001.0)
    assert lane.free_at <= 1000.05
    assert None is lane.known()


def test_a_learned_rate_is_what_the_next_run_begins_with():
    """A rate of yesterday holds from the first request on, under the cap of today."""
    known = Known(3.0, 120.0, 0.0, 1000.0)
    assert 3.0 == LearnedRate.begin(10.0, known, now=1000.0 + DAY).rate_at(1000.0 + DAY)
    assert 1.0 == LearnedRate.begin(1.0, known, now=1000.0 + DAY).rate_at(1000.0 + DAY)
    assert 3.0 == LearnedRate.begin(0.0, known, now=1000.0 + DAY).rate_at(1000.0 + DAY)


@pytest.mark.parametrize("age", [8 * DAY, -3600.0])
def test_a_rate_that_is_old_or_of_another_clock_is_learned_anew(age):
    """After a week, or from a clock that ran ahead, a lane begins with 2 a second again."""
    lane = LearnedRate.begin(10.0, Known(0.5, 30.0, 0.0, 1e6), now=1e6 + age)
    assert 2.0 == lane.rate_at(1e6 + age)
    assert not lane.trial


def test_a_pause_that_was_left_behind_is_tried_with_one_request():
    """Whatever is known of the rate, a lane that was paused begins with one request alone."""
    for known in (Known(3.0, 30.0, 2000.0, 990.0), Known(inf, 30.0, 2000.0, 0.0)):
        lane = LearnedRate.begin(10.0, known, now=1000.0)
        assert lane.trial
        assert 0.0 == lane.rest(1000.0)
        assert not send(lane, [1000.0]).trial


@given(rate=st.floats(1e-9, 1e9), hold=st.floats(-1e9, 1e9))
def test_nonsense_that_was_kept_does_no_harm(rate, hold):
    """Whatever is kept, a lane is asked at least every 100 seconds, and grows within the hour."""
    lane = LearnedRate.begin(0.0, Known(rate, hold, 0.0, 1000.0), now=1000.0)
    assert lane.rate_at(1000.0) >= 0.01
    assert 30.0 <= lane.hold <= 3600.0


# --- refusals


def test_a_refusal_pauses_for_as_long_as_it_asks():
    """Retry-After: 28 pauses the lane for 28 seconds; 0 for one; without it, for 2."""
    assert 28.0 == refuse(LearnedRate(10.0), 1000.0, asked=28.0).rest(1000.0)
    assert 1.0 == refuse(LearnedRate(10.0), 1000.0, asked=0.0).rest(1000.0)
    assert 2.0 == refuse(LearnedRate(10.0), 1000.0).rest(1000.0)


def test_nobody_can_make_a_whole_lane_wait_longer_than_a_run_waits():
    """With --max-wait 5m, Retry-After: 301 is one thing's trouble; the lane pauses for 2 s."""
    assert 2.0 == refuse(LearnedRate(10.0), 1000.0, asked=301.0).rest(1000.0)


def test_a_window_is_measured_over_its_pause():
    """300 admitted in 30 seconds and a pause of 30 more: 5 a second, less a margin."""
    lane = refuse(send(LearnedRate(10.0), every(0.1, 300)), 1030.0, asked=30.0)
    lane = send(lane, [1060.0])
    assert 0.99 * 301 / 60.0 == pytest.approx(lane.rate_at(1061.0))
    assert not lane.trial


def test_an_end_that_nobody_told_lies_between_the_last_two_looks():
    """Refused at 1030 and 1032, admitted at 1038: it was open again at 1035, as far as known."""
    lane = refuse(send(LearnedRate(10.0), every(0.1, 300)), 1030.0)
    lane = send(refuse(lane, 1032.0), [1038.0])
    assert 0.99 * 301 / 35.0 == pytest.approx(lane.rate_at(1039.0))


def test_few_requests_tell_little():
    """A refusal after nineteen requests lowers the rate by 3 %, and no more."""
    lane = send(refuse(send(LearnedRate(10.0), every(1.0, 18)), 1018.0), [1020.1])
    assert 9.7 == pytest.approx(lane.rate_at(1021.0))


def test_a_lane_that_was_not_pressed_measures_nothing():
    """Ten requests a minute that never had to wait are no measure of what is admitted."""
    lane = send(LearnedRate(10.0), every(6.0, 40), waited=False)
    lane = send(refuse(lane, 1240.0), [1242.1])
    assert 9.7 == pytest.approx(lane.rate_at(1243.0))


def test_a_lane_without_a_cap_learns_from_how_fast_it_was():
    """Fifty a second without any limit, then a 429: from then on there is one."""
    lane = send(LearnedRate(), every(0.02, 15), waited=False)
    lane = send(refuse(lane, 1000.3), [1002.4])
    assert 0.97 * 16 / 0.3 == pytest.approx(lane.rate_at(1003.0))
    assert None is not lane.known()


def test_a_first_request_that_is_refused_teaches_only_to_wait():
    """Who has asked once knows no rate."""
    lane = refuse(LearnedRate(), 1000.0)
    assert inf == send(lane, [1002.1]).rate


def test_what_was_on_its_way_tells_nothing_new():
    """Of eight that were refused together one counts; the longest wish is honoured."""
    lane = send(LearnedRate(10.0), every(0.1, 300))
    for number in range(8):
        lane = lane.sent(1030.0 + number / 100.0, waited=True)
    first = lane.refused(1030.0, 1030.2, asked=5.0, measures=True, most=300.0)
    again = first.refused(1030.05, 1030.3, asked=None, measures=True, most=300.0)
    assert first == again
    longer = first.refused(1030.06, 1030.4, asked=9.0, measures=True, most=300.0)
    assert 1039.4 == pytest.approx(longer.paused_until)
    assert 1 == longer.pauses
    late = longer.refused(1030.07, 1050.0, asked=9.0, measures=True, most=300.0)
    assert late == longer


def test_an_answer_to_an_earlier_request_does_not_end_a_pause():
    """What was sent before the pause and comes after it says nothing about its end."""
    lane = refuse(LearnedRate(10.0).sent(999.9, waited=True), 1000.0)
    assert lane.went_well(999.9, 1000.5).trial


def test_a_busy_service_is_waited_for_and_teaches_no_rate():
    """A 503 pauses the lane; afterwards it goes on as fast as before."""
    lane = send(LearnedRate(10.0), every(0.1, 100))
    lane = send(refuse(lane, 1010.0, measures=False), [1012.1])
    assert 10.0 == lane.rate_at(1013.0)
    assert None is not lane.known()


# --- a service that is down


def test_the_third_failure_in_a_row_pauses_the_lane_and_then_each():
    """No answer twice is bad luck; thrice is an outage, and one request at a time tries."""
    lane = LearnedRate(10.0)
    for number, rest in enumerate((0.0, 0.0, 2.0)):
        moment = 1000.0 + number
        lane = lane.sent(moment, waited=False).failed(moment, moment, 0)
        assert rest == lane.rest(moment)
    lane = lane.sent(1004.5, waited=False).failed(1004.5, 1004.5, 502)
    assert 6.0 == lane.rest(1004.5)
    lane = send(lane, [1011.0])
    assert (0, 0, False) == (lane.outages, lane.pauses, lane.trial)
    assert 10.0 == lane.rate_at(1011.0)


def test_a_500_is_no_outage():
    """What the service itself answers may be about the thing that was asked for."""
    lane = LearnedRate(10.0).sent(1000.0, waited=False)
    assert lane == lane.failed(1000.0, 1000.1, 500)


# --- growth


def grown(lane, *, until, begin=1000.0):
    """A lane that always wants more, and is given it, up to a moment."""
    now = begin
    while now < until:
        lane = lane.sent(now, waited=True).went_well(now, now + 0.1)
        now = max(lane.free_at, now + 1e-3)
    return lane


LEARNED = LearnedRate(10.0, rate=4.0, begun=900.0, last=999.0, clean_since=1000.0)


def test_a_rate_grows_after_thirty_clean_seconds():
    """Refused nothing for half a minute, a lane tries 4 % more, and again every 15 seconds."""
    assert 4.0 == grown(LEARNED, until=1029.0).rate
    assert 4.0 * 1.04 == pytest.approx(grown(LEARNED, until=1031.0).rate)
    assert 4.0 * 1.04**2 == pytest.approx(grown(LEARNED, until=1046.0).rate)


def test_a_rate_does_not_grow_above_the_users():
    """A lane that has reached the cap has nothing to look for."""
    lane = grown(replace(LEARNED, cap=4.1), until=1300.0)
    assert 4.1 == lane.rate_at(1300.0)
    assert lane.rate <= 4.1 * 1.04


def test_a_lane_that_wants_no_more_does_not_grow():
    """Without anybody waiting, more is not tried."""
    lane = send(LEARNED, every(1.0, 200), waited=False)
    assert 4.0 == lane.rate


def test_growing_into_the_limit_makes_the_next_try_later_and_smaller():
    """A refusal met while growing doubles the time before more is tried, and makes it 1 %."""
    lane = refuse(grown(LEARNED, until=1100.0), 1100.0)
    lane = grown(lane, begin=1102.1, until=1103.0)
    assert (60.0, False, False) == (lane.hold, lane.searching, lane.grown)
    before = lane.rate
    # What was admitted before the refusal is admitted again: the pause is no part of the measure.
    assert 4.0 < before < 4.0 * 1.04**5
    assert before == grown(lane, begin=1103.0, until=1160.0).rate
    assert before * 1.01 == pytest.approx(grown(lane, begin=1103.0, until=1165.0).rate)


def test_the_time_before_more_is_tried_is_an_hour_at_most():
    """However often growing was refused, more is tried once an hour."""
    lane = replace(LEARNED, hold=3000.0, grown=True)
    assert 3600.0 == send(refuse(lane, 1001.0), [1003.1]).hold


def test_an_idle_lane_begins_a_new_measure():
    """What was admitted before an hour without requests says nothing about the limit."""
    lane = send(LearnedRate(10.0), every(0.1, 300))
    lane = send(lane, [4630.0])
    assert (4630.0, 1) == (lane.span.since, lane.span.admitted)
    assert None is lane.before


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["well", "refused", "busy", "down", "late"]),
            st.floats(0.0, 100.0),
            st.none() | st.floats(0.0, 400.0),
        ),
        max_size=60,
    ),
    cap=st.sampled_from([0.0, 0.5, 10.0]),
)
def test_whatever_happens_the_cap_holds_and_pauses_are_bounded(events, cap):
    """No story of answers lets a lane exceed the user's rate, or pause for longer than allowed."""
    lane, now, earlier = LearnedRate(cap), 1000.0, 1000.0
    for what, gap, asked in events:
        now += gap
        lane = lane.sent(now, waited=gap < 50.0)
        if what == "well":
            lane = lane.went_well(now, now)
        elif what == "down":
            lane = lane.failed(now, now, 0)
        else:
            sent_at = earlier if what == "late" else now
            busy = what == "busy"
            lane = lane.refused(sent_at, now, asked=asked, measures=not busy, most=300.0)
        earlier = now
        assert 0.0 <= lane.rest(now) <= 300.0
        assert lane.rate >= 0.01
        assert cap == 0.0 or 0.0 < lane.rate_at(now) <= cap
        assert cap == 0.0 or lane.free_at >= now + 1.0 / cap - 1e-6 or now > lane.last


# --- tries again


def test_ten_tries_again_are_free_and_then_a_tenth_of_the_requests():
    """Of trouble without end, a lane tries ten things again at once, then one a minute's tenth."""
    budget, waits = RetryBudget().asked(1000.0), []
    for _ in range(12):
        budget, wait = budget.spend()
        waits.append(wait)
    assert [0.0] * 10 + [6.0, 12.0] == pytest.approx(waits)


def test_requests_and_time_pay_for_tries_again():
    """Ten requests pay for one try again, and so do six seconds; never for more than ten."""
    spent = RetryBudget(left=0.0, at=1000.0)
    for _ in range(10):
        spent = spent.asked(1000.0)
    assert 1.0 == pytest.approx(spent.left)
    assert 2.1 == pytest.approx(spent.asked(1006.0).left)
    assert 10.0 == spent.asked(9000.0).left
    assert spent.left + 0.1 == pytest.approx(spent.asked(0.0).left)


# --- which lane


@pytest.mark.parametrize(
    ("url", "name", "host"),
    [
        (
            "https://image.civitai.com/x/0a1b2c3d-0000-1111-2222-0a1b2c3d4e5f/original=true/1.jpeg",
            "cdn.image",
            "image.civitai.com",
        ),
        ("https://B2.example:8443/f?signature=1", "blob.b2.example:8443", "b2.example:8443"),
    ],
)
def test_a_transfer_belongs_to_the_lane_of_its_host(url, name, host):
    """Images of the CDN share a lane; each storage host has its own."""
    assert PacedLane(name, host) == paced_lane(url)


def test_requests_that_were_only_counted_weigh_as_much_as_others() -> None:
    """A lane that is refused nothing counts its requests and looks at its rate now and then."""
    rate = LearnedRate.begin(0.0, None, now=100.0).sent(100.0, waited=False)
    one_by_one = rate.went_well(100.0, 100.5).went_well(100.0, 100.5)
    assert rate.counted(2).span == one_by_one.span
    assert rate.counted(0) is rate
    assert rate.is_carefree(100.9)
    assert not rate.is_carefree(101.1)
    assert not LearnedRate.begin(2.0, None, now=100.0).sent(100.0, waited=False).is_carefree(100.9)
