"""What goes over the wire: a request, a response, and how the response may be spoiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from civitai_dl.testing._wire._line import Line

Headers = Mapping[str, str]


class Body(Protocol):
    """Bytes that are made when they are asked for, so that a large file costs no memory."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of [start, stop); safe to repeat."""


@dataclass(frozen=True)
class Misbehaviour:
    """What the server does wrong, on purpose, while it sends one response.

    Offsets count the bytes of the body that is sent (a Range answer starts at 0); durations are
    seconds, rates bytes per second.
    """

    cut_after: int | None = None
    """Close the connection after this many body bytes, whatever was announced."""
    reset_after: int | None = None
    """As cut_after, but with a TCP reset."""
    reset: bool = False
    """Reset the connection instead of answering."""
    close: bool = False
    """Close the connection instead of answering."""
    delay: float = 0.0
    """Wait before the status line."""
    bytes_per_second: float | None = None
    slow_after: int = 0
    """Body bytes that come at once before bytes_per_second holds."""
    stall_after: int | None = None
    """Fall silent after this many body bytes, for `stall` seconds, then go on."""
    stall: float = 3600.0
    corrupt_at: int | None = None
    """Invert the body byte at this offset; the length stays true."""
    omit_length: bool = False
    """Send the body chunked, without Content-Length."""
    unframed: bool = False
    """Send neither Content-Length nor chunks: only the end of the connection ends the body."""
    claimed_length: int | None = None
    """Announce this Content-Length instead of the true one."""
    framing: tuple[str, ...] | None = None
    """Header lines instead of the one that tells how long the body is; `omit_length` alone decides
    whether it is sent in chunks."""
    bad_chunk_after: int | None = None
    """With omit_length: where the size of the next chunk is due, after so many body bytes, write
    what is no number, and close."""
    unterminated: bool = False
    """With omit_length: close the connection where the last chunk is due."""
    excess: bytes = b""
    """More body behind the true end: inside the chunks where there are any, else unannounced."""
    preface: bytes = b""
    """Bytes before the status line, such as a stray 1xx answer."""
    status_line: str | None = None
    """Instead of the true one."""
    extra_lines: tuple[str, ...] = ()
    """More header lines, as they are, with or without a colon."""
    cut_head: int | None = None
    """Close the connection after this many bytes of the head."""
    head_bytes_per_second: float | None = None
    """How slowly status line and headers come."""

    @property
    def unanswered(self) -> bool:
        """Whether the client never gets the whole head of an answer."""
        return self.reset or self.close or self.cut_head is not None

    @property
    def spoils_connection(self) -> bool:
        """Whether no other request can follow on this connection."""
        return (
            self.unframed
            or self.unterminated
            or self.framing is not None
            or self.bad_chunk_after is not None
            or bool(self.excess)
            or self.status_line is not None
        )


@dataclass(frozen=True)
class Request:
    """One parsed request. `path` is percent-decoded; `target` is what stood on the wire."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    path: str = field(init=False)
    raw_query: str = field(init=False)
    query: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        path, _, raw_query = self.target.partition("?")
        object.__setattr__(self, "path", unquote(path))
        object.__setattr__(self, "raw_query", raw_query)
        pairs = tuple(parse_qsl(raw_query, keep_blank_values=True))
        object.__setattr__(self, "query", pairs)

    def first(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None when it does not occur."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return every value of a repeated query parameter."""
        return [value for key, value in self.query if key == name]

    def has(self, name: str) -> bool:
        """Tell whether the parameter occurs at all, with or without a value."""
        return any(key == name for key, _ in self.query)

    def header(self, name: str) -> str | None:
        """Return a header by its lower-case name."""
        return self.headers.get(name)


@dataclass(frozen=True)
class Response:
    """One answer; `wire` says how its sending goes wrong, if it does.

    line: what its body shares with those of others.
    """

    status: int = 200
    headers: Headers = field(default_factory=dict)
    body: bytes | Body = b""
    wire: Misbehaviour = field(default_factory=Misbehaviour)
    line: Line | None = None

    @property
    def length(self) -> int:
        """Length of the whole body in bytes."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    def read(self, start: int, stop: int) -> bytes:
        """Return the body bytes of [start, stop)."""
        return (
            self.body[start:stop] if isinstance(self.body, bytes) else self.body.read(start, stop)
        )


Handler = Callable[[Request], Response]
