"""Bytes from storage and CDN hosts. It knows no key, so it can leak none.

What every engine has in common: which addresses are opened, how redirects are followed, what an
answer is read for, how fast bytes may come and how slowly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from civitai_dl.domain.entities import SignedUrl
from civitai_dl.errors import BadAnswer, ConnectionLost, TransferError

from ._bandwidth import Bandwidth
from ._engine import UNTRUSTED, Engine, Reply, no_address, untrusted
from ._head import Head, read_answer
from ._turns import ask_in_turn
from ._watch import Watches

if TYPE_CHECKING:
    from civitai_dl.pacing import Pacer
    from civitai_dl.ports import Chunk, Clock

MOST_HOPS = 10
REDIRECTS = (301, 302, 303, 307, 308)


class HttpBody:
    """See ports.Body."""

    def __init__(self, reply: Reply, fetcher: HttpFetcher, link: SignedUrl, lane: str) -> None:
        self._reply = reply
        self._lane = lane
        self._fetcher = fetcher
        self._link = link
        self.answer = read_answer(reply.head)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """See ports.Body."""
        watch = self._fetcher.watches.over(self._link, self.answer.host)
        while chunk := await self._reply.read():
            for piece in self._fetcher.bandwidth.pieces(chunk):
                await self._fetcher.bandwidth.take(self._lane, len(piece))
                watch.came(len(piece))
                yield piece
        watch.ended()

    async def text(self, limit: int) -> str:
        """See ports.Body."""
        body = b""
        try:
            while len(body) < limit and (chunk := await self._reply.read()):
                body += chunk[: limit - len(body)]
        except TransferError:
            return ""
        return body.decode("utf-8", "replace")


class HttpFetcher:
    """See ports.Fetcher; use `open_fetcher`.

    guard: which URLs may be opened at all. bandwidth: what all transfers share.
    pacer: gives the turns to ask, None where nobody has to wait for one.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        guard: Callable[[str], bool],
        bandwidth: Bandwidth,
        clock: Clock,
        pacer: Pacer | None = None,
    ) -> None:
        self._engine = engine
        self._pacer = pacer
        self._guard = guard
        self.bandwidth = bandwidth
        self._untrusted: set[str] = set()
        self.watches = Watches(clock)

    def change_limit(self, limit: float) -> None:
        """See ports.Fetcher."""
        self.bandwidth.change(limit)

    def open(
        self,
        link: SignedUrl,
        *,
        offset: int = 0,
        end: int | None = None,
        if_range: str | None = None,
        lane: str = "",
    ) -> Opening:
        """See ports.Fetcher."""
        headers = {}
        if offset > 0 or end is not None:
            headers["Range"] = f"bytes={offset}-{'' if end is None else end - 1}"
            if if_range is not None:
                headers["If-Range"] = if_range
        return Opening(self, link, headers, lane)

    def drop(self) -> None:
        """Let go of every connection: after a suspend none of them lives.

        Their readers hear that the connection broke, and go on with a new one.
        """
        self._engine.drop()

    async def follow(self, url: str, headers: Mapping[str, str]) -> tuple[Reply, float | None]:
        """The answer at the end of the redirects, and the seconds to wait when it is "later"."""
        status = 0
        for _ in range(MOST_HOPS):
            if not self._guard(url):
                raise BadAnswer(f"this address is not opened: {SignedUrl(url)}")
            reply, wait = await self._ask(url, headers)
            if reply.head.status not in REDIRECTS:
                return reply, wait
            reply.close()
            status = reply.head.status
            url, same_host = _onward(url, reply.head)
            if not same_host:
                # A tag means something only at the host that gave it.
                headers = {name: text for name, text in headers.items() if name != "If-Range"}
        raise BadAnswer(f"redirected more than {MOST_HOPS} times", status=status)

    async def _ask(self, url: str, headers: Mapping[str, str]) -> tuple[Reply, float | None]:
        """One request in its turn: all of them begin here, and are judged here."""
        return await ask_in_turn(self._pacer, url, lambda: self._send(url, headers))

    async def _send(self, url: str, headers: Mapping[str, str]) -> Reply:
        """To the head of the answer."""
        host = _host_of(url)
        if host in self._untrusted:
            raise untrusted(host)
        try:
            return await self._engine.ask(url, headers)
        except ConnectionLost as error:
            if error.status == UNTRUSTED:
                self._untrusted.add(host)
            raise


class Opening(AbstractAsyncContextManager[HttpBody]):
    """An answer that is let go of at the end; not by a generator, of which each costs a good deal.

    Raises: as ports.Fetcher.
    """

    def __init__(
        self, fetcher: HttpFetcher, link: SignedUrl, headers: Mapping[str, str], lane: str
    ) -> None:
        self._fetcher, self._link, self._headers, self._lane = fetcher, link, headers, lane

    async def __aenter__(self) -> HttpBody:
        """Ask, to the head of the answer."""
        self._reply, wait = await self._fetcher.follow(self._link.reveal(), self._headers)
        body = HttpBody(self._reply, self._fetcher, self._link, self._lane)
        if wait is not None:
            # The lane's pause, and what the host asked for, if it did.
            body.answer = replace(body.answer, retry_after=wait)
        return body

    async def __aexit__(self, *_error: object) -> None:
        """A half-read connection must not go back to the pool."""
        self._reply.close()


def _host_of(url: str) -> str:
    """The host of an address that may be asked. Raises: BadAnswer."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        host, user = parts.hostname or "", parts.username
    except ValueError:
        host, user = "", None
    if not host or user is not None:
        # A user would be sent along, as credentials beside the signature.
        raise no_address(SignedUrl(url))
    return host


def _onward(url: str, head: Head) -> tuple[str, bool]:
    """Where a redirect leads, and whether that is the same host. Raises: BadAnswer."""
    try:
        location = urljoin(url, head.get("location") or "")
        here, there = urlsplit(url), urlsplit(location)
        same_host = here.hostname == there.hostname
    except ValueError:
        location = ""
    if not location:
        raise BadAnswer("redirected to something that is no address", status=head.status)
    if there.username is not None:
        raise BadAnswer("redirected to an address with a user in it", status=head.status)
    if here.scheme == "https" and there.scheme != "https":
        words = f"redirected to an insecure address: {SignedUrl(location)}"
        raise BadAnswer(words, status=head.status)
    return location, same_host
