"""One whole answer from whoever asks addresses: an engine of the fetcher, or a test's service."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio

from civitai_dl.errors import Stalled, TransferError

if TYPE_CHECKING:
    from civitai_dl.ports import Chunk

LONGEST = 90.0
"""Seconds of a question and its answer."""

SILENCE = 60.0
"""Seconds without a byte; heavy queries take twenty to thirty (observed)."""

LARGEST_ANSWER = 64 << 20

GZIP = 16 + zlib.MAX_WBITS
"""What zlib wants to hear to expect a gzip's head."""


class Head(Protocol):
    """Status and headers as they came; of a repeated one the first counts."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def lines(self) -> Iterable[tuple[str, str]]:
        """Name and value of each header, in order."""


class Answering(Protocol):
    """An answer whose head has come."""

    @property
    def head(self) -> Head:
        """Its head."""

    async def read(self) -> Chunk:
        """The next bytes, valid until the next call; empty at the end. Raises: TransferError."""

    def close(self) -> None:
        """Let go of it. Safe to repeat."""


class Asker(Protocol):
    """Asks one address, follows nothing, decodes nothing, and keeps no cookie."""

    async def ask(
        self, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answering:
        """Send one GET, or with a body one POST, and wait for the head of the answer.

        Raises: TransferError, OutOfHandles, ProxyRefused.
        """


class NoAnswerError(Exception):
    """Nothing came, or not all of it; says why, without the address. hint: what to do about it."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. headers: by their names in lower case. body: decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_too_large(self) -> bool:
        """Whether there is more than anybody should read."""
        return len(self.body) > LARGEST_ANSWER


async def ask_whole(
    asker: Asker, url: str, headers: Mapping[str, str], sent: bytes | None = None
) -> Reply:
    """Ask, and read the answer to its end. Raises: NoAnswerError, OutOfHandles, ProxyRefused."""
    hint = ""
    try:
        with anyio.fail_after(LONGEST):
            # Pages of JSON are a tenth of their length then.
            wanted = {**headers, "Accept-Encoding": "gzip"}
            if sent is None:
                answering = await asker.ask(url, wanted)
            else:
                answering = await asker.ask(url, wanted, sent)
            try:
                body = await _whole(answering)
            finally:
                answering.close()
    except (Stalled, TimeoutError):
        why = "no answer in time"
    except TransferError as error:
        why, hint = error.message, error.hint
    else:
        found: dict[str, str] = {}
        for name, value in answering.head.lines:
            found.setdefault(name.lower(), value)
        return Reply(answering.head.status, found, _decoded(body, found))
    # Raised out here, where nothing is chained: a library's errors may hold the key.
    raise NoAnswerError(why, hint)


async def _whole(answering: Answering) -> bytes:
    body = bytearray()
    while len(body) <= LARGEST_ANSWER and (chunk := await answering.read()):
        body += chunk
    return bytes(body)


def _decoded(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body as it was before it was packed, or a little more than anybody should read."""
    if headers.get("content-encoding", "").strip().lower() not in ("gzip", "x-gzip"):
        return body
    packed = zlib.decompressobj(GZIP)
    try:
        plain = packed.decompress(body, LARGEST_ANSWER + 1)
    except zlib.error:
        raise NoAnswerError("the answer is packed wrongly") from None
    if not packed.eof and len(plain) <= LARGEST_ANSWER:
        raise NoAnswerError("the answer was cut off")
    return plain
