"""Later, never, or not in this run: what follows from a failure, and when a lane rests."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    OUTAGE,
    Breaker,
    RetryPolicy,
    decide_retry,
    is_due,
    read_retry_after,
)
from civitai_dl.domain.entities import (
    Deferred,
    Failed,
    Failure,
    Kind,
    Lane,
    LaneClosed,
    ModelRef,
    Role,
    Task,
    Trouble,
)

NOW = 1_000_000.0
POLICY = RetryPolicy()
TASK = Task("model:1", Kind.MODEL, Lane.MODEL_PAGES, Role.PAGE, ModelRef(1), "model 1")
OWN_FAULT = [Trouble.TRANSIENT, Trouble.LINK]


def decide(trouble, task=TASK, *, asked=None, policy=POLICY, jitter=0.0):
    failure = Failure(trouble, "it failed", retry_after=asked)
    return decide_retry(task, failure, now=NOW, jitter=jitter, policy=policy)


def wait_of(trouble, task=TASK, **facts):
    verdict = decide(trouble, task, **facts)
    assert isinstance(verdict, Deferred)
    return verdict.until - NOW


# --- errors about the task itself


@pytest.mark.parametrize("trouble", OWN_FAULT)
def test_five_attempts_wait_2_4_8_and_16_seconds(trouble):
    """A task that fails for reasons of its own is tried five times, with doubling waits."""
    waits = [wait_of(trouble, replace(TASK, attempt=attempt)) for attempt in range(4)]
    assert waits == [2.0, 4.0, 8.0, 16.0]
    assert isinstance(decide(trouble, replace(TASK, attempt=4)), Failed)


def test_long_waits_are_64_seconds():
    """Doubling ends at 64 seconds, however often a task was tried."""
    patient = RetryPolicy(attempts=10_000)
    waits = [
        wait_of(Trouble.TRANSIENT, replace(TASK, attempt=attempt), policy=patient)
        for attempt in (5, 6, 7, 9_998)
    ]
    assert waits == [64.0, 64.0, 64.0, 64.0]


def test_jitter_makes_a_wait_up_to_a_quarter_longer():
    """Tasks that failed together are not tried together."""
    assert wait_of(Trouble.TRANSIENT, jitter=0.5) == 2.25
    assert wait_of(Trouble.NOT_FOUND, jitter=0.5) == 2.25


def test_errors_about_the_task_use_up_an_attempt():
    """A lost connection counts as one of the attempts of --retries, and rests no lane."""
    verdict = decide(Trouble.TRANSIENT)
    assert isinstance(verdict, Deferred)
    assert (True, None, False) == (verdict.counts, verdict.pause, verdict.mismatch)


def test_a_single_attempt_is_a_single_attempt():
    """With --retries 1 nothing is tried twice."""
    once = RetryPolicy(attempts=1)
    for trouble in (*OWN_FAULT, Trouble.NOT_FOUND):
        assert isinstance(decide(trouble, policy=once), Failed)


def test_what_was_refused_is_not_tried_again_in_this_run():
    """A refusal of the service is final for this run."""
    assert Failed(Failure(Trouble.REFUSED, "it failed")) == decide(Trouble.REFUSED)


def test_a_404_is_tried_again_after_2_8_and_30_seconds():
    """A 404 on a download may pass, so three more tries are made before it is believed."""
    waits = [wait_of(Trouble.NOT_FOUND, replace(TASK, attempt=attempt)) for attempt in range(3)]
    assert waits == [2.0, 8.0, 30.0]
    assert isinstance(decide(Trouble.NOT_FOUND, replace(TASK, attempt=3)), Failed)


def test_a_server_error_that_names_a_time_is_not_asked_before_it():
    """A 502 with Retry-After: 120 is asked again after 120 seconds."""
    assert wait_of(Trouble.TRANSIENT, asked=120.0) == 120.0
    assert isinstance(decide(Trouble.TRANSIENT, asked=301.0), Failed)


# --- wrong bytes


def test_wrong_bytes_are_fetched_three_times_in_all():
    """A file whose SHA256 is wrong three times is given up, whatever else had failed before."""
    first = decide(Trouble.CORRUPT, replace(TASK, attempt=4))
    assert Deferred(
        NOW + 2.0, Failure(Trouble.CORRUPT, "it failed"), counts=False, mismatch=True
    ) == (first)
    second = decide(Trouble.CORRUPT, replace(TASK, mismatches=1))
    assert isinstance(second, Deferred)
    assert NOW + 4.0 == second.until
    third = decide(Trouble.CORRUPT, replace(TASK, mismatches=2))
    assert Failed(Failure(Trouble.CORRUPT, "it failed"), mismatch=True) == third


# --- errors about the lane


def test_a_retry_after_is_honoured_and_costs_no_attempt():
    """A 429 with Retry-After: 30 rests the lane for 30 seconds."""
    verdict = decide(Trouble.THROTTLED, asked=30.0)
    assert (
        Deferred(
            NOW + 30.0,
            Failure(Trouble.THROTTLED, "it failed", retry_after=30.0),
            counts=False,
            pause=30.0,
        )
        == verdict
    )


def test_a_retry_after_of_0_waits_a_second():
    """Retry-After: 0 is no invitation to hammer."""
    assert wait_of(Trouble.THROTTLED, asked=0.0) == 1.0


def test_a_429_without_retry_after_waits_2_2_4_8_seconds():
    """Without a time to wait, the time already waited is doubled, up to 64 seconds."""
    waits, task = [], TASK
    for _ in range(8):
        waits.append(wait_of(Trouble.THROTTLED, task, policy=RetryPolicy(max_wait=1e9)))
        task = replace(task, waited=task.waited + waits[-1])
    assert waits == [2.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0]


def test_a_task_that_was_tried_often_may_still_be_throttled():
    """A 429 on the last attempt is waited for like any other."""
    assert wait_of(Trouble.THROTTLED, replace(TASK, attempt=99), asked=5.0) == 5.0


def test_a_wait_of_exactly_the_longest_allowed_is_waited():
    """With --max-wait 5m, Retry-After: 300 is waited for and 301 is not."""
    assert wait_of(Trouble.THROTTLED, asked=300.0) == 300.0
    assert isinstance(decide(Trouble.THROTTLED, asked=301.0), Failed)


def test_the_waits_of_one_task_add_up_to_the_longest_allowed():
    """A task that has waited 280 of 300 seconds waits for 20 more and no longer."""
    waited = replace(TASK, waited=280.0)
    assert wait_of(Trouble.THROTTLED, waited, asked=20.0) == 20.0
    assert isinstance(decide(Trouble.THROTTLED, waited, asked=21.0), Failed)


def test_the_download_quota_closes_the_lane_for_this_run():
    """When the quota is used up the lane ends, and says when to come back."""
    failure = Failure(Trouble.QUOTA, "it failed")
    assert LaneClosed(failure, until=NOW + 3600.0) == decide(Trouble.QUOTA)


def test_a_block_of_the_edge_closes_the_lane_for_this_run():
    """A challenge that lasts longer than --max-wait keeps all tasks for another day."""
    failure = Failure(Trouble.BLOCKED, "it failed", retry_after=900.0)
    assert LaneClosed(failure, until=NOW + 900.0) == decide(Trouble.BLOCKED, asked=900.0)
    assert wait_of(Trouble.BLOCKED, asked=900.0, policy=RetryPolicy(max_wait=900.0)) == 900.0


def test_a_patient_run_tries_the_quota_once_an_hour():
    """With --max-wait 24h the quota is looked at 24 times before the lane is closed."""
    patient, task, tries = RetryPolicy(max_wait=86_400.0), TASK, 0
    while isinstance(decide(Trouble.QUOTA, task, policy=patient), Deferred):
        tries += 1
        task = replace(task, waited=task.waited + 3600.0)
    assert tries == 24
    assert isinstance(decide(Trouble.QUOTA, task, policy=patient), LaneClosed)


# --- what holds for all of them

tasks = st.builds(
    lambda attempt, waited, mismatches: replace(
        TASK, attempt=attempt, waited=waited, mismatches=mismatches
    ),
    st.integers(0, 10_000),
    st.floats(0, 1e5),
    st.integers(0, 5),
)
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 50),
    max_wait=st.floats(0, 1e5),
    digest_tries=st.integers(1, 5),
    not_found=st.lists(st.floats(0.5, 60), max_size=4).map(tuple),
)
jitters = st.floats(0, 1, exclude_max=True)


@given(
    trouble=st.sampled_from(list(Trouble)),
    task=tasks,
    asked=st.none() | st.floats(0, 1e6),
    policy=policies,
    jitter=jitters,
)
def test_waits_are_bounded_and_never_shorter_than_asked(trouble, task, asked, policy, jitter):
    """No failure makes a task wait for ever, and none is tried before the service wants it."""
    verdict = decide(trouble, task, asked=asked, policy=policy, jitter=jitter)
    if not isinstance(verdict, Deferred):
        return
    wait = verdict.until - NOW
    assert wait >= 0.5
    assert wait <= max(80.0, policy.max_wait + 0.5) + 1e-6
    if asked is not None and trouble in (
        Trouble.THROTTLED,
        Trouble.QUOTA,
        Trouble.BLOCKED,
        *OWN_FAULT,
    ):
        assert wait >= asked - 1e-6
    assert verdict.counts == (verdict.pause is None and not verdict.mismatch)


@given(policy=policies, jitter=jitters, data=st.data())
def test_every_task_comes_to_an_end(policy, jitter, data):
    """A task that never succeeds is given up after a bounded number of tries."""
    task, most = TASK, 5 + policy.attempts + policy.digest_tries + int(policy.max_wait)
    for _ in range(most):
        trouble = data.draw(st.sampled_from(list(Trouble)))
        verdict = decide(trouble, task, policy=policy, jitter=jitter)
        if not isinstance(verdict, Deferred):
            return
        task = replace(
            task,
            attempt=task.attempt + verdict.counts,
            mismatches=task.mismatches + verdict.mismatch,
            waited=task.waited + (0.0 if verdict.counts else verdict.until - NOW),
        )
    pytest.fail("it was tried for ever")


# --- the breaker


def after(*keys):
    breaker = Breaker()
    for key in keys:
        breaker = breaker.failed(key)
    return breaker


def test_two_outages_in_a_row_may_be_about_the_tasks():
    """Two failed connections rest no lane."""
    assert after("a", "b").rest == 0.0


def test_the_third_outage_in_a_row_rests_the_lane():
    """Three failed connections in a row rest the lane for 2 seconds."""
    assert after("a", "b", "c").rest == 2.0


def test_an_outage_is_found_over_within_ten_seconds_and_a_long_one_within_a_minute():
    """In its first two minutes an outage is looked after every 9 seconds, later every 55."""
    breaker, rests = after("a", "b"), []
    for _ in range(20):
        breaker = breaker.failed("c")
        rests.append(breaker.rest)
        breaker = breaker.rested()
        assert breaker.rest == 0.0
    assert rests == [2.0, 6.0, *[9.0] * 13, 20.0, 40.0, 55.0, 55.0, 55.0]
    assert sum(rests[:15]) > 120.0


def test_an_outage_that_only_one_task_meets_may_be_that_tasks():
    """Three failures of one task do not prove that the service is down; those of two tasks do."""
    assert (False, True) == (after("a", "a", "a").is_lanes, after("a", "a", "b").is_lanes)


def test_a_success_closes_the_matter():
    """After one answer the next outage is counted from the beginning."""
    assert Breaker() == after("a", "b", "c").rested().failed("d").succeeded()


@pytest.mark.parametrize("status", [0, 502, 504, 520, 524, 530])
def test_no_answer_and_an_answer_of_the_edge_are_outages(status):
    """What the edge answers for a service that is down speaks of the service."""
    assert status in OUTAGE


@pytest.mark.parametrize("status", [200, 206, 403, 404, 416, 429, 500])
def test_an_answer_of_the_service_is_no_outage(status):
    """A 500 or a 404 speaks of the thing that was asked for."""
    assert status not in OUTAGE


# --- what could not be had


@pytest.mark.parametrize(
    ("reason", "until", "tried", "now", "key", "expected"),
    [
        ("early_access", 500.0, 0.0, 499.0, True, False),
        ("early_access", 500.0, 499.0, 500.0, False, True),
        ("early_access", None, 0.0, 86_399.0, True, False),
        ("early_access", None, 0.0, 86_400.0, False, True),
        ("login_required", None, 100.0, 101.0, True, True),
        ("login_required", None, 100.0, 101.0, False, False),
        ("login_required", None, 100.0, 86_500.0, False, True),
        ("downloads_disabled", None, 100.0, 101.0, True, False),
        ("gone", None, 100.0, 86_500.0, True, True),
    ],
)
def test_what_could_not_be_had_is_tried_again_when_it_may_be_had(
    reason, until, tried, now, key, expected
):
    """Early access on its date, a login once there is a key, and anything else once a day."""
    assert expected is is_due(reason, until=until, tried_at=tried, now=now, key=key)


DATE = "Mon, 01 Jan 2024 00:00:00 GMT"


@given(st.text(), st.none() | st.text() | st.just(DATE))
def test_no_retry_after_breaks_the_run(text, date):
    """Whatever a far side writes into the header, the wait is between nothing and a day."""
    seconds = read_retry_after(text, date)
    assert seconds is None or 0.0 <= seconds <= 86_400.0
