"""Range requests: 206, 416, If-Range, as a correct storage answers them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from civitai_dl.testing._wire import Body, Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


@dataclass(frozen=True)
class Slice:
    """A part of a body."""

    body: Body
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.stop - self.start

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes relative to the slice."""
        return self.body.read(self.start + start, min(self.start + stop, self.stop))


def with_range(request: Request, value: str | None) -> Request:
    """Return the request with another Range header, or with none."""
    headers = {name: text for name, text in request.headers.items() if name != "range"}
    if value is not None:
        headers["range"] = value
    return replace(request, headers=headers)


def ranged(request: Request, body: Body, etag: str, headers: Mapping[str, str]) -> Response:
    """Answer with the whole body or the one range that is asked for."""
    fixed = {**headers, "ETag": etag, "Accept-Ranges": "bytes"}
    match = request.header("if-match")
    if match is not None and match not in (etag, "*"):
        return Response(412, fixed)
    wanted = request.header("range")
    condition = request.header("if-range")
    if wanted is None or (condition is not None and condition != etag):
        return Response(200, fixed, body)
    found = _ONE_RANGE.match(wanted.strip())
    if found is None or found.groups() == ("", ""):
        return Response(200, fixed, body)  # several ranges, or none that can be read
    span = _span(found[1], found[2], body.size)
    if span is None:
        return Response(416, fixed | {"Content-Range": f"bytes */{body.size}"})
    start, stop = span
    fixed["Content-Range"] = f"bytes {start}-{stop - 1}/{body.size}"
    return Response(206, fixed, Slice(body, start, stop))


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return [start, stop), or None when nothing of the body is in it."""
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return (start, stop) if start < stop else None
