"""Lies about which bytes these are: the true answer, told in another way.

Each function makes an alteration for `Fault.alter`. One that speaks of parts leaves an answer
alone that is none.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from civitai_dl.testing._service._ranges import Slice, ranged, with_range
from civitai_dl.testing._wire import Body, Handler, Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

Alteration = Callable[[Request, Handler], Response]
"""From a request and the true service to the answer."""

_PART = re.compile(r"^bytes (\d+)-(\d+)/(\d+)$")
_ASKED = re.compile(r"^bytes=(\d+)-$")
_BOUNDARY = "fake-part"
_KEPT = 512
"""Bytes that a rewritten body has in common with the true one: the room for a container's head."""


def mislabelled(*, start: int = 0, end: int = 0, total: int = 0) -> Alteration:
    """Send the right part and say that it lies elsewhere: bytes are added to Content-Range."""

    def alter(request: Request, ask: Handler) -> Response:
        true = ask(request)
        place = _place(true)
        if place is None:
            return true
        label = f"bytes {place[0] + start}-{place[1] + end}/{place[2] + total}"
        return replace(true, headers={**true.headers, "Content-Range": label})

    return alter


def displaced(by: int) -> Alteration:
    """Send bytes from `by` further on, truly labelled as such; negative: from further back."""

    def alter(request: Request, ask: Handler) -> Response:
        first = _first(request)
        return ask(request if first is None else _from(request, max(0, first + by)))

    return alter


def misplaced(by: int) -> Alteration:
    """Send bytes from `by` further on under the label of those that were asked for."""

    def alter(request: Request, ask: Handler) -> Response:
        true = ask(request)
        place = _place(true)
        if place is None:
            return true
        whole = _whole(ask(with_range(request, None)))
        turned = _Turned(whole, by)
        return replace(true, body=Slice(turned, place[0], place[1] + 1))

    return alter


def shortened(by: int) -> Alteration:
    """Send a part that ends `by` bytes earlier than it might, and say so; it has one byte left."""

    def alter(request: Request, ask: Handler) -> Response:
        true = ask(request)
        place = _place(true)
        if place is None:
            return true
        last = max(place[0], place[1] - by)
        headers = {**true.headers, "Content-Range": f"bytes {place[0]}-{last}/{place[2]}"}
        return replace(true, headers=headers, body=Slice(_body(true), 0, last + 1 - place[0]))

    return alter


def unasked_part() -> Alteration:
    """Send the whole as a part although no part was asked for."""

    def alter(request: Request, ask: Handler) -> Response:
        return ask(request if _first(request) is not None else _from(request, 0))

    return alter


def byteranges() -> Alteration:
    """Send a part as multipart/byteranges, as if several had been asked for."""

    def alter(request: Request, ask: Handler) -> Response:
        true = ask(request if _first(request) is not None else _from(request, 0))
        place = _place(true)
        if place is None:
            return true
        label = f"bytes {place[0]}-{place[1]}/{place[2]}"
        head = f"--{_BOUNDARY}\r\nContent-Range: {label}\r\n\r\n".encode()
        body = head + true.read(0, true.length) + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/byteranges; boundary={_BOUNDARY}"
        headers = _without(true.headers, "Content-Range") | {"Content-Type": kind}
        return replace(true, headers=headers, body=body)

    return alter


def gzipped() -> Alteration:
    """Send the answer's bytes in gzip, though nobody said that it might be."""

    def alter(request: Request, ask: Handler) -> Response:
        true = ask(request)
        packed = gzip.compress(true.read(0, true.length), 1, mtime=0)
        return replace(true, headers={**true.headers, "Content-Encoding": "gzip"}, body=packed)

    return alter


def rewritten(*, longer: int = 0, etag: str | None = '"rewritten"') -> Alteration:
    """Answer from another object: another body after the first 512 bytes, `longer` bytes longer.

    etag: what it is called; None: as the true one.
    """

    def alter(request: Request, ask: Handler) -> Response:
        whole = _whole(ask(with_range(request, None)))
        return swapped(_Rewritten(whole, longer), etag=etag)(request, ask)

    return alter


def swapped(body: Body, *, etag: str | None = None) -> Alteration:
    """Answer from this body; etag: what it is called, None: as the true one."""

    def alter(request: Request, ask: Handler) -> Response:
        true = ask(with_range(request, None))
        tag = true.headers.get("ETag", '""') if etag is None else etag
        return ranged(request, body, tag, _without(true.headers, "ETag"))

    return alter


def redirected(to: Callable[[Request], str], status: int = 302) -> Alteration:
    """Answer with a redirect; `to` makes the Location from the request, in raw text."""

    def alter(request: Request, ask: Handler) -> Response:
        del ask
        return Response(status, {"Location": to(request)})

    return alter


@dataclass(frozen=True)
class _Rewritten:
    """Another body in place of one: the same head, then every byte inverted, then zeros."""

    true: Body
    longer: int

    @property
    def size(self) -> int:
        return self.true.size + self.longer

    def read(self, start: int, stop: int) -> bytes:
        piece = self.true.read(start, min(stop, self.true.size)) if start < self.true.size else b""
        kept = max(0, _KEPT - start)
        other = piece[:kept] + bytes(byte ^ 0xFF for byte in piece[kept:])
        return other.ljust(min(stop, self.size) - start, b"\0")


@dataclass(frozen=True)
class _Turned:
    """A body as a ring, read from another place."""

    true: Body
    by: int

    @property
    def size(self) -> int:
        return self.true.size

    def read(self, start: int, stop: int) -> bytes:
        size = self.true.size
        first = (start + self.by) % size
        length = min(stop, size) - start
        piece = self.true.read(first, min(size, first + length))
        return piece + self.true.read(0, length - len(piece))


@dataclass(frozen=True)
class _Plain:
    """Bytes as a body."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


def _body(response: Response) -> Body:
    return _Plain(response.body) if isinstance(response.body, bytes) else response.body


def _whole(response: Response) -> Body:
    body = _body(response)
    return body.body if isinstance(body, Slice) else body


def _first(request: Request) -> int | None:
    """Return the first byte asked for, None when the whole is."""
    found = _ASKED.match(request.header("range") or "")
    return None if found is None else int(found[1])


def _from(request: Request, first: int) -> Request:
    return with_range(request, f"bytes={first}-")


def _place(response: Response) -> tuple[int, int, int] | None:
    found = _PART.match(response.headers.get("Content-Range", ""))
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}
