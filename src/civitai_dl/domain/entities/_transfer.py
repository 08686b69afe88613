"""Facts about bytes: what the far side said, what is held, what was measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_BEFORE_QUERY = re.compile(r"[^?#]*")
_USERINFO = re.compile(r"(?<=//)[^/]*@")


class Secret:
    """A text that must not be seen, such as the API key; it prints as stars."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one header it goes into."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"


class SignedUrl:
    """A URL whose query is a key to the bytes; it prints without that query.

    Nor does it print a fragment, or a user and password before the host.

    expires_at: seconds since the epoch, None when the link does not say.
    """

    __slots__ = ("_url", "expires_at")

    def __init__(self, url: str, *, expires_at: float | None = None) -> None:
        self._url = url
        self.expires_at = expires_at

    def reveal(self) -> str:
        """The whole URL, for the one who opens it."""
        return self._url

    def __repr__(self) -> str:
        return f"SignedUrl({self})"

    def __str__(self) -> str:
        address, mark = _BEFORE_QUERY.match(self._url), ""
        assert address is not None
        if address.end() < len(self._url):
            mark = f"{self._url[address.end()]}***"
        return f"{_USERINFO.sub('***@', address.group())}{mark}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an HTTP answer to a request for bytes; sizes in bytes.

    length: Content-Length, None when absent or nonsense. encoded: a Content-Encoding other than
    identity is in force. total, start, end: from Content-Range (end is the last byte's index).
    """

    status: int
    length: int | None = None
    content_type: str = ""
    etag: str | None = None
    start: int | None = None
    end: int | None = None
    total: int | None = None
    encoded: bool = False
    retry_after: float | None = None
    host: str = ""
    multipart: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Island:
    """Bytes [start, end) of a file that came before those in front of them.

    crc32: of these bytes, eight lower-case hex digits.
    """

    start: int
    end: int
    crc32: str


@dataclass(frozen=True, slots=True)
class Held:
    """The part of a file that is on disk and known to be durable: [0, size), and islands beyond.

    etag and host: of the answer the bytes came from. total: the size it promised. islands: in
    order, without overlap.
    """

    size: int
    etag: str | None = None
    host: str = ""
    total: int | None = None
    islands: tuple[Island, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What the bytes turned out to be.

    crc32: eight lower-case hex digits, "" when it was not measured. head, tail: the first and last
    bytes, enough to tell what they are. prefixes: the SHA256 of each proper prefix that is a whole
    number of segments long, in hex.
    """

    size: int
    sha256: str
    crc32: str = ""
    head: bytes = b""
    tail: bytes = b""
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A path of the archive whose bytes were verified when it was written."""

    path: str
    sha256: str
    size: int
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Dressed:
    """What was written of a model when it was complete.

    made_of: a digest of all that it was made of. documents: archive path and SHA-256 of each, the
    model's JSON included. links: archive paths of the second names that were given.
    """

    made_of: str
    documents: tuple[tuple[str, str], ...]
    links: tuple[str, ...] = ()


class Taking(str, Enum):
    """How a file of the user comes into the archive: by link where that can be, by link, by copy.

    The value is that of `--mode`.
    """

    AUTO = "auto"
    LINK = "link"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A file of the user outside the archive, as it was when its digest was measured.

    path: absolute, without symbolic links. mtime: nanoseconds since the epoch. prefixes: see
    Measured. taking: how it may be taken.
    """

    path: str
    size: int
    mtime: int
    inode: int
    sha256: str
    prefixes: tuple[str, ...] = ()
    taking: Taking = Taking.AUTO


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the things of one model already have their place.

    folders: version id -> folder name. files: file id -> archive path.
    """

    folders: dict[int, str]
    files: dict[int, str]
