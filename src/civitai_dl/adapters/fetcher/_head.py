"""The head of an answer, read with mistrust: nonsense counts as absent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from civitai_dl.domain.decisions import read_retry_after, read_whole
from civitai_dl.domain.entities import Answer

_RANGE = re.compile(r"^bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers as they came. host: of the address that was asked.

    lines: name and value of each header, in order; of a repeated one the first counts.
    """

    status: int
    lines: Iterable[tuple[str, str]]
    host: str
    _first: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for name, value in self.lines:
            self._first.setdefault(name.lower(), value)

    def get(self, name: str) -> str | None:
        """A header by its name in lower case; None when there is none."""
        return self._first.get(name)


def read_answer(head: Head) -> Answer:
    """The facts in the head of an answer; nonsense counts as absent."""
    start, end, total = _content_range(head.get("content-range") or "")
    encoding = (head.get("content-encoding") or "").strip().lower()
    kind = (head.get("content-type") or "").split(";", 1)[0].strip().lower()
    # Of a body in chunks the length is what the chunks say (RFC 9112, section 6.3).
    length = None if head.get("transfer-encoding") else head.get("content-length")
    later = head.get("retry-after")
    return Answer(
        status=head.status,
        length=read_whole(length or ""),
        content_type=kind,
        etag=head.get("etag"),
        start=start,
        end=end,
        total=total,
        encoded=encoding not in ("", "identity"),
        retry_after=None if later is None else read_retry_after(later, head.get("date")),
        host=head.host,
        multipart=kind == "multipart/byteranges",
    )


def _content_range(text: str) -> tuple[int | None, int | None, int | None]:
    match = _RANGE.match(text.strip())
    if match is None:
        return None, None, None
    start, end, total = match.groups()
    return (
        None if start is None else read_whole(start),
        None if end is None else read_whole(end),
        read_whole(total),
    )
