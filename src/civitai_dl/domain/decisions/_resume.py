"""Where to begin, and whether the answer may be written: decided before the first byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from ..entities import Answer, Held, Trouble
from ._breaker import OUTAGE


@dataclass(frozen=True, slots=True)
class FreshStart:
    """Ask for the whole."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Ask for the bytes from `offset` on; if_range: a strong validator, where one may be used."""

    offset: int
    if_range: str | None


def decide_resume(
    held: Held | None, *, host: str, allowed: bool, size_hint: int | None = None
) -> FreshStart | Resume:
    """How to ask for a file of which `held` is on disk; `host` is where the link points now.

    An ETag means something only at the host that gave it: the same bytes have other ETags in the
    service's other stores (observed).
    """
    if not allowed:
        return FreshStart("resuming is switched off")
    if held is None or held.size <= 0:
        return FreshStart("nothing is held")
    total = held.total if held.total is not None else size_hint
    if total is not None and held.size > total:
        return FreshStart("more is held than the file has")
    return Resume(held.size, held.etag if held.host == host and is_strong(held.etag) else None)


def is_strong(etag: str | None) -> bool:
    """Whether an ETag may stand in If-Range: weak ones may not (RFC 9110, 13.1.5)."""
    return etag is not None and etag.startswith('"') and len(etag) > 2


@dataclass(frozen=True, slots=True)
class Take:
    """Write the body at `offset`, without its first `skip` bytes."""

    offset: int
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything is held already: verify it."""


@dataclass(frozen=True, slots=True)
class StartOver:
    """Drop what is held and ask for the whole."""

    why: str


@dataclass(frozen=True, slots=True)
class TurnAway:
    """Write nothing of this answer. gated: the link is refused, so a new one may help."""

    trouble: Trouble
    why: str
    gated: bool = False


Verdict = Union[Take, Complete, StartOver, TurnAway]

LINK_REFUSED = frozenset({400, 401, 403, 404, 410})
"""What storage hosts answer when a signed link has expired or is spoilt (observed: 403 and 401,
R2 also 400); a new link is asked for once."""


def judge_answer(asked: FreshStart | Resume, held: Held | None, answer: Answer) -> Verdict:
    """Whether, and where, the body of an answer may be written."""
    offset = asked.offset if isinstance(asked, Resume) else 0
    if answer.status == 200:
        # To a Range request this says "ignored": the whole comes, so what is held is dropped.
        if answer.encoded:
            return TurnAway(Trouble.TRANSIENT, "the server sent the file compressed")
        return Take(0)
    if answer.status == 206:
        return _judge_part(offset, held, answer)
    if answer.status == 416 and offset > 0:
        if answer.total is not None and answer.total == offset:
            return Complete()
        return StartOver("the server has no bytes where ours end")
    if answer.status in LINK_REFUSED:
        why = f"the storage host refused the link (HTTP {answer.status})"
        return TurnAway(Trouble.LINK, why, gated=True)
    if answer.status in (429, 503):
        return TurnAway(Trouble.THROTTLED, f"{answer.host} asks to slow down ({answer.status})")
    if answer.status in OUTAGE or answer.status >= 500 or answer.status == 408:
        return TurnAway(Trouble.TRANSIENT, f"{answer.host} is in trouble (HTTP {answer.status})")
    return TurnAway(Trouble.TRANSIENT, f"unexpected HTTP {answer.status} from {answer.host}")


def _judge_part(offset: int, held: Held | None, answer: Answer) -> Verdict:
    if offset == 0:
        return TurnAway(Trouble.TRANSIENT, "a part came where the whole was asked for")
    if answer.encoded or answer.multipart:
        return StartOver("the part came encoded")
    if answer.start is None or answer.end is None or answer.total is None:
        return StartOver("the part does not say where it lies")
    if not answer.start <= offset <= answer.end < answer.total:
        return StartOver("the part does not contain the byte asked for")
    known = held.total if held is not None else None
    if known is not None and answer.total != known:
        return StartOver("the size of the file has changed")
    if _is_other_object(held, answer):
        return StartOver("the file behind the link has changed")
    return Take(offset, skip=offset - answer.start)


def _is_other_object(held: Held | None, answer: Answer) -> bool:
    if held is None or held.host != answer.host:
        return False
    # Tags of different hosts say nothing, since the service keeps equal bytes in several stores
    # (observed). At one host, two tags that differ are two objects, weak ones as well; and a part
    # must carry the tag that the whole would have (RFC 9110, 15.3.7).
    if held.etag is None:
        return False
    if answer.etag is None:
        return True
    return held.etag.removeprefix("W/") != answer.etag.removeprefix("W/")


def promised_size(answer: Answer, *, offset: int) -> int | None:
    """The size of the whole file by this answer, in bytes; None when it does not say.

    offset: where the body begins in the file.
    """
    if answer.status == 206:
        return answer.total
    return None if answer.length is None else offset + answer.length
