"""What trouble with the disk means for a task: who waits, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import decide_retry
from civitai_dl.domain.entities import Deferred, Failed, Failure, Outcome, Task, Trouble
from civitai_dl.errors import (
    NotEnoughRoom,
    OutOfHandles,
    StorageBroken,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnfit,
)

if TYPE_CHECKING:
    from civitai_dl.domain.decisions import RetryPolicy

LOOK_AGAIN = 10.0
"""Seconds between two looks whether there is room for one large file."""

HANDLES_WAIT = 1.0

FULL_WAIT = 1.0


def judge_storage(
    task: Task, error: StorageError, *, now: float, jitter: float, policy: RetryPolicy
) -> Outcome:
    """The verdict on trouble with the disk.

    No room at all, or no permission, is everybody's trouble: the run is halted until the disk is
    fit again, and a full disk costs nobody an attempt. One file that is larger than what is free
    waits alone, as long as one thing may. An I/O error makes the bytes of this one suspect; it is
    tried again. A file that the file system cannot hold is given up. Raises: the error itself when
    it is none of these.
    """
    failure = Failure(Trouble.STORAGE, error.message, hint=error.hint)
    if isinstance(error, NotEnoughRoom):
        if task.waited + LOOK_AGAIN > policy.max_wait:
            return Failed(failure)
        return Deferred(now + LOOK_AGAIN, failure, counts=False)
    if isinstance(error, StorageFull):
        # Should the disk prove fit all the same, it is not asked again and again without a break.
        until = now + FULL_WAIT * (1.0 + jitter)
        return Deferred(until, failure, counts=False, halt=True)
    if isinstance(error, OutOfHandles):
        scarce = Failure(Trouble.HANDLES, error.message, hint=error.hint)
        return Deferred(now + HANDLES_WAIT * (1.0 + jitter), scarce, counts=False)
    if isinstance(error, StorageUnfit):
        return Failed(failure)
    if isinstance(error, (StorageDenied, StorageBroken)):
        outcome = decide_retry(task, failure, now=now, jitter=jitter, policy=policy)
        if isinstance(outcome, Deferred):
            return Deferred(outcome.until, failure, halt=True)
        return outcome
    raise error
