"""Where to begin, and whether the answer may be written: decided before the first byte."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Ask for the bytes from `first` on, of which those from `offset` on are new.

    if_range: a strong validator, where one may be used. overlap: bytes before `offset` that are
    asked for once more, to be compared with what is held. proven: a digest of the service will tell
    in the end whether the pieces belong together. total: the size of the file, where it is known.
    """

    offset: int
    if_range: str | None
    overlap: int = 0
    proven: bool = True
    total: int | None = None

    @property
    def first(self) -> int:
        """The first byte to ask for."""
        return self.offset - self.overlap


def decide_resume(
    held: Held | None,
    *,
    host: str,
    allowed: bool,
    size_hint: int | None = None,
    proven: bool = True,
    comparable: int = 0,
) -> FreshStart | Resume:
    """How to ask for a file of which `held` is on disk; `host` is where the link points now.

    An ETag means something only at the host that gave it: the same bytes have other ETags in the
    service's other stores (observed). proven: the service lists a digest of the file. comparable:
    the last bytes held of which a copy is at hand, to be compared where nothing else tells whether
    the rest belongs to them.
    """
    if not allowed:
        return FreshStart("resuming is switched off")
    if held is None or held.size <= 0:
        return FreshStart("nothing is held")
    total = held.total if held.total is not None else size_hint
    if total is not None and held.size > total:
        return FreshStart("more is held than the file has")
    tag = held.etag if held.host == host and is_strong(held.etag) else None
    if tag is not None or proven:
        return Resume(held.size, tag, proven=proven, total=total)
    if comparable <= 0:
        return FreshStart("nothing would tell whether the rest belongs to what is held")
    return Resume(held.size, None, min(comparable, held.size), proven=False, total=total)


def is_strong(etag: str | None) -> bool:
    """Whether an ETag may stand in If-Range: weak ones may not (RFC 9110, 13.1.5)."""
    return etag is not None and etag.startswith('"') and len(etag) > 2


@dataclass(frozen=True, slots=True)
class Take:
    """Write the body at `offset`, without its first `skip` bytes.

    compare: the last so many of the skipped bytes must be those that are held.
    """

    offset: int
    skip: int = 0
    compare: int = 0


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
    if answer.status == 200:
        if answer.encoded:
            return TurnAway(Trouble.TRANSIENT, "the server sent the file compressed")
        if answer.length == 0:
            # No file of the service is empty; what is held is worth more than this.
            return TurnAway(Trouble.TRANSIENT, "an empty answer came instead of the file")
        # To a Range request this says "ignored": the whole comes, so what is held is dropped.
        return Take(0)
    if answer.status == 206:
        return _judge_part(asked, held, answer)
    if answer.status == 416 and isinstance(asked, Resume):
        total = asked.total if answer.total is None else answer.total
        if total == asked.offset and not asked.overlap:
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


def _judge_part(asked: FreshStart | Resume, held: Held | None, answer: Answer) -> Verdict:
    if isinstance(asked, FreshStart):
        return TurnAway(Trouble.TRANSIENT, "a part came where the whole was asked for")
    if answer.encoded or answer.multipart:
        return StartOver("the part came encoded")
    if answer.start is None or answer.end is None or answer.total is None:
        return StartOver("the part does not say where it lies")
    if not answer.start <= asked.first <= answer.end < answer.total:
        return StartOver("the part does not contain the byte asked for")
    known = held.total if held is not None else None
    if known is not None and answer.total != known:
        return StartOver("the size of the file has changed")
    if is_other_object(held, answer):
        return StartOver("the file behind the link has changed")
    if not (asked.proven or asked.overlap or is_same_object(held, answer)):
        return StartOver("nothing tells whether the part belongs to what is held")
    return Take(asked.offset, skip=asked.offset - answer.start, compare=asked.overlap)


def is_same_object(held: Held | None, answer: Answer) -> bool:
    """Whether the far side vouches for it, with a strong tag of the host the bytes came from."""
    if held is None or held.host != answer.host:
        return False
    return is_strong(held.etag) and held.etag == answer.etag


def is_other_object(held: Held | None, answer: Answer) -> bool:
    """Whether the far side says that it has another file by now."""
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


TRICKLE_SECONDS = 60.0
"""How long a transfer is watched before it is called slow."""

TRICKLE_SHARE = 0.1
FEWEST_PEERS = 3


def is_trickle(rate: float, others: Sequence[float]) -> bool:
    """Whether a transfer is so much slower than others from its host that a new one may be faster.

    rate, others: bytes per second. A link that is slow for all is no reason to ask anew.
    """
    if len(others) < FEWEST_PEERS:
        return False
    return rate < TRICKLE_SHARE * sorted(others)[len(others) // 2]
