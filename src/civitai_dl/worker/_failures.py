"""From an error to a value: the one table of what each means for its task."""

from __future__ import annotations

from datetime import datetime, timezone

from civitai_dl.domain.entities import (
    Failure,
    FileRef,
    LaneClosed,
    Outcome,
    Reason,
    Trouble,
    Unavailable,
)
from civitai_dl.errors import (
    CivitaiDLError,
    LinkExpired,
    NeedsLogin,
    NotFound,
    NotPermitted,
    Rejected,
    SourceError,
    Throttled,
    TransferError,
)

BLOCKED_WAIT = 86_400.0


def as_failure(error: CivitaiDLError) -> Failure:
    """What an expected error of the service or of a transfer is about."""
    status = error.status if isinstance(error, (SourceError, TransferError)) else 0
    wait = error.retry_after if isinstance(error, (SourceError, TransferError)) else None
    return Failure(_trouble(error), error.message, status, wait, error.hint)


def _trouble(error: CivitaiDLError) -> Trouble:
    if isinstance(error, Throttled):
        if error.blocked:
            return Trouble.BLOCKED
        return Trouble.QUOTA if error.quota else Trouble.THROTTLED
    if isinstance(error, NotFound):
        return Trouble.REFUSED if error.gone else Trouble.NOT_FOUND
    if isinstance(error, (NeedsLogin, NotPermitted, Rejected)):
        return Trouble.REFUSED
    if isinstance(error, LinkExpired):
        return Trouble.LINK
    if isinstance(error, TransferError) and error.status in (429, 503):
        return Trouble.THROTTLED
    return Trouble.TRANSIENT


def refusal(ref: FileRef, error: SourceError, *, now: float) -> Outcome | None:
    """What a download route's refusal means; None when it is a failure like others.

    The bodies are those of the service's download handler (server source): 401 stands for two
    things, which only the message tells apart.
    """
    if isinstance(error, NeedsLogin):
        if error.disabled:
            return Unavailable(Reason.DOWNLOADS_DISABLED, _said(error))
        return Unavailable(Reason.LOGIN_REQUIRED, _said(error))
    if isinstance(error, NotPermitted):
        if error.deadline is not None or "early access" in error.reason.lower():
            return Unavailable(Reason.EARLY_ACCESS, _said(error), until=_moment(error.deadline))
        if error.reason.lower() == "forbidden":
            failure = Failure(
                Trouble.REFUSED,
                "the service blocks downloads from this address or account",
                status=error.status,
                hint="wait a day, or ask the service's support",
            )
            return LaneClosed(failure, until=now + BLOCKED_WAIT)
        return Unavailable(Reason.NO_PERMISSION, _said(error))
    if isinstance(error, NotFound):
        if error.gone:
            return Unavailable(Reason.ARCHIVED, _said(error))
        if ref.withdrawn:
            return Unavailable(Reason.TAKEN_DOWN, _said(error))
    return None


def _said(error: SourceError) -> str:
    return error.reason or error.message


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
