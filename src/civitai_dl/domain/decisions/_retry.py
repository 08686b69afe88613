"""What to do about a failure: later, never, or not in this run."""

from __future__ import annotations

from dataclasses import dataclass

from ..entities import Deferred, Failed, Failure, LaneClosed, Task, Trouble

QUOTA_WAIT = 3600.0
"""Seconds between two tries when the download quota is used up: the service's count is cached for
an hour and its 429 carries no Retry-After (server source)."""

SHORTEST_PAUSE = 1.0
"""Seconds; a Retry-After of 0 is not an invitation to hammer."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a run is; seconds.

    attempts: tries per task for errors about itself. max_wait: the longest that one task may make
    the run wait for the service. not_found: a 404 may be a passing failure of the storage lookup.
    """

    attempts: int = 5
    first_wait: float = 2.0
    longest_wait: float = 64.0
    max_wait: float = 300.0
    digest_tries: int = 3
    not_found: tuple[float, ...] = (2.0, 8.0, 30.0)

    def backoff(self, attempt: int, jitter: float) -> float:
        """Seconds before try number attempt + 2: doubling, capped, and up to a quarter longer."""
        wait = self.first_wait * 2.0 ** min(attempt, 32)
        return min(self.longest_wait, wait) * (1.0 + jitter / 4.0)


def decide_retry(
    task: Task, failure: Failure, *, now: float, jitter: float, policy: RetryPolicy
) -> Deferred | Failed | LaneClosed:
    """The verdict on a failure of a task; `jitter` is in [0, 1).

    Errors about the task use up its attempts. Errors about the lane (throttled, quota) use none,
    and rest the whole lane, until the task has waited longer than the policy allows.
    """
    if failure.trouble is Trouble.REFUSED:
        return Failed(failure)
    if failure.trouble is Trouble.CORRUPT:
        return _after_mismatch(task, failure, now=now, jitter=jitter, policy=policy)
    if failure.trouble in (Trouble.THROTTLED, Trouble.QUOTA, Trouble.BLOCKED):
        return _after_throttle(task, failure, now=now, jitter=jitter, policy=policy)
    if failure.trouble is Trouble.NOT_FOUND:
        if task.attempt >= min(len(policy.not_found), policy.attempts - 1):
            return Failed(failure)
        return Deferred(now + policy.not_found[task.attempt] * (1.0 + jitter / 4.0), failure)
    if task.attempt + 1 >= policy.attempts:
        return Failed(failure)
    asked = failure.retry_after or 0.0
    if asked > policy.max_wait:
        return Failed(failure)
    return Deferred(now + max(asked, policy.backoff(task.attempt, jitter)), failure)


def _after_mismatch(
    task: Task, failure: Failure, *, now: float, jitter: float, policy: RetryPolicy
) -> Deferred | Failed:
    if task.mismatches + 1 >= policy.digest_tries:
        return Failed(failure, mismatch=True)
    until = now + policy.backoff(task.mismatches, jitter)
    return Deferred(until, failure, counts=False, mismatch=True)


def _after_throttle(
    task: Task, failure: Failure, *, now: float, jitter: float, policy: RetryPolicy
) -> Deferred | Failed | LaneClosed:
    if failure.retry_after is not None:
        wait = max(SHORTEST_PAUSE, failure.retry_after)
    elif failure.trouble is Trouble.QUOTA:
        wait = QUOTA_WAIT
    else:
        # The time already waited stands for the number of tries: 2, 2, 4, 8 ... seconds.
        wait = min(policy.longest_wait, max(policy.first_wait, task.waited))
    if task.waited + wait > policy.max_wait:
        if failure.trouble is not Trouble.THROTTLED:
            # It would be the same for every other task: they are kept for another day.
            return LaneClosed(failure, until=now + wait)
        return Failed(failure)
    # Up to half a second more, so that what waited together does not start together.
    return Deferred(now + wait + jitter / 2.0, failure, counts=False, pause=wait)
