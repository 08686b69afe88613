"""Whose trouble an outcome tells of."""

from __future__ import annotations

from civitai_dl.domain.entities import Deferred, Failed, Failure, Outcome, Trouble


def is_theirs(outcome: Outcome) -> bool:
    """Whether the far side, or the way to it, did not bear what was asked."""
    if not isinstance(outcome, (Deferred, Failed)):
        return False
    return outcome.failure.trouble in (Trouble.TRANSIENT, Trouble.THROTTLED)


def is_ours(failure: Failure) -> bool:
    """Whether a failure is this machine's."""
    return failure.trouble in (Trouble.STORAGE, Trouble.HANDLES)
