"""Bytes from storage and CDN hosts. It knows no key, so it can leak none."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import aiohttp
import anyio
from yarl import URL

from civitai_dl.domain.decisions import (
    TRICKLE_SECONDS,
    is_trickle,
    read_retry_after,
    read_whole,
)
from civitai_dl.domain.entities import Answer, SignedUrl
from civitai_dl.errors import BadAnswer, CivitaiDLError, ConnectionLost, OutOfHandles, Stalled

from ._bandwidth import Bandwidth
from ._turns import ask_in_turn

if TYPE_CHECKING:
    from civitai_dl.pacing import Pacer
    from civitai_dl.ports import Clock

SILENCE = 30.0
"""Seconds without a byte after which a connection is given up; the transfer itself may take hours.
"""

CONNECT_SECONDS = 15.0

UNTRUSTED = 526
"""The status under which a certificate that is not trusted counts: the edge's for the same."""

UNTRUSTED_WAIT = 86_400.0
"""Seconds: a certificate is not mended within a run."""

MOST_REOPENED = 3
"""How often one address is opened anew because others were much faster."""

PEERS = 32
"""Transfers whose speed is remembered, per host."""

LEAST_MEASURED = 1 << 20
"""Bytes of a whole body that say something about speed."""

MOST_HOPS = 10
REDIRECTS = (301, 302, 303, 307, 308)

_RANGE = re.compile(r"^bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)$", re.IGNORECASE)


class HttpBody:
    """See ports.Body."""

    def __init__(
        self, response: aiohttp.ClientResponse, fetcher: HttpFetcher, name: str, lane: str
    ) -> None:
        self._response = response
        self._lane = lane
        self._fetcher = fetcher
        self._name = name
        self.answer = read_answer(response)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See ports.Body. Sizes are what the connection hands over, up to 256 KiB."""
        watch = self._fetcher.watch(self._name, self.answer.host)
        try:
            while chunk := await self._chunk():
                await self._fetcher.bandwidth.take(self._lane, len(chunk))
                watch.came(len(chunk))
                yield chunk
            watch.ended()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:  # 3.10
            kind = type(error)
        else:
            return
        if rest := _came_before(self._response.content):
            await self._fetcher.bandwidth.take(self._lane, len(rest))
            yield rest
        # Made out here, where nothing is chained: the library's errors may hold the link.
        if issubclass(kind, aiohttp.ServerTimeoutError):
            raise Stalled("nothing came for too long")
        raise ConnectionLost(f"the connection broke ({kind.__name__})")

    async def _chunk(self) -> bytes:
        """The next bytes, empty at the end."""
        content = self._response.content
        if chunk := content.read_nowait(-1):
            return chunk
        # Not left to the library's time-out alone: after a chunk of nonsense its reader waits for
        # ever, or, when the connection is closed by then, calls it a bug (observed with 3.14).
        try:
            with anyio.move_on_after(self._fetcher.silence):
                return await content.readany()
        except RuntimeError:
            raise ConnectionLost("the connection was closed in the middle of a chunk") from None
        raise Stalled("nothing came for too long")

    async def text(self, limit: int) -> str:
        """See ports.Body."""
        try:
            body = await self._response.content.read(limit)
        except (
            aiohttp.ClientError,
            asyncio.TimeoutError,
            TimeoutError,
            OSError,
        ):  # 3.10
            return ""
        return body.decode("utf-8", "replace")


def _came_before(content: aiohttp.StreamReader) -> bytes:
    """The bytes that came before a connection broke and were not read yet.

    The library gives its readers the error instead of them; a server that breaks off soon and often
    would then be no source at all. Where a later version hides them better, they come again.
    """
    pieces: Sequence[bytes] = tuple(getattr(content, "_buffer", ()))
    return b"".join(pieces)[getattr(content, "_buffer_offset", 0) :]


class Watch:
    """How fast one transfer is, compared with others from its host.

    rates: bytes per second of those. Raises from `came`: Stalled, when it is worth opening anew.
    """

    def __init__(self, rates: deque[float], clock: Clock, may_reopen: Callable[[], bool]) -> None:
        self._rates, self._clock, self._may_reopen = rates, clock, may_reopen
        self._since, self._bytes = clock.now(), 0

    def came(self, size: int) -> None:
        """Take note of bytes."""
        self._bytes += size
        seconds = self._clock.now() - self._since
        if seconds < TRICKLE_SECONDS:
            return
        rate = self._bytes / seconds
        if is_trickle(rate, self._rates) and self._may_reopen():
            raise Stalled("it came much slower than others from its host")
        self._rates.append(rate)
        self._since, self._bytes = self._clock.now(), 0

    def ended(self) -> None:
        """Take note of the end, for the others."""
        seconds = self._clock.now() - self._since
        if self._bytes >= LEAST_MEASURED and seconds > 0:
            self._rates.append(self._bytes / seconds)


class HttpFetcher:
    """See ports.Fetcher; use `open_fetcher`.

    guard: which URLs may be opened at all. limit: bytes per second over all transfers, 0 for none.
    silence: seconds without a byte after which a connection is given up. pacer: gives the turns to
    ask, None where nobody has to wait for one.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        guard: Callable[[str], bool],
        limit: float,
        clock: Clock,
        silence: float = SILENCE,
        pacer: Pacer | None = None,
    ) -> None:
        self._session = session
        self._pacer = pacer
        self.silence = silence
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=silence
        )
        self._guard = guard
        self.bandwidth = Bandwidth(limit, clock)
        self._clock = clock
        self._rates: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=PEERS))
        self._reopened: Counter[str] = Counter()
        self._untrusted: set[str] = set()
        self._open: set[aiohttp.ClientResponse] = set()

    def watch(self, name: str, host: str) -> Watch:
        """Watch one transfer; name: its address without secrets."""

        def may_reopen() -> bool:
            self._reopened[name] += 1
            return self._reopened[name] <= MOST_REOPENED

        return Watch(self._rates[host], self._clock, may_reopen)

    def change_limit(self, limit: float) -> None:
        """See ports.Fetcher."""
        self.bandwidth.change(limit)

    @asynccontextmanager
    async def open(
        self,
        link: SignedUrl,
        *,
        offset: int = 0,
        end: int | None = None,
        if_range: str | None = None,
        lane: str = "",
    ) -> AsyncIterator[HttpBody]:
        """See ports.Fetcher."""
        headers = {}
        if offset > 0 or end is not None:
            headers["Range"] = f"bytes={offset}-{'' if end is None else end - 1}"
            if if_range is not None:
                headers["If-Range"] = if_range
        response, wait = await self._follow(link.reveal(), headers)
        self._open.add(response)
        body = HttpBody(response, self, str(link), lane)
        if wait is not None:
            # The lane's pause, and what the host asked for, if it did.
            body.answer = replace(body.answer, retry_after=wait)
        try:
            yield body
        finally:
            self._open.discard(response)
            # A half-read connection must not go back to the pool.
            response.close()

    def drop(self) -> None:
        """Let go of every connection that carries a body: after a suspend none of them lives.

        Their readers hear that the connection broke, and go on with a new one.
        """
        for response in tuple(self._open):
            response.close()

    async def _follow(
        self, url: str, headers: Mapping[str, str]
    ) -> tuple[aiohttp.ClientResponse, float | None]:
        """The answer at the end of the redirects, and the seconds to wait when it is "later"."""
        status = 0
        for _ in range(MOST_HOPS):
            if not self._guard(url):
                raise BadAnswer(f"this address is not opened: {SignedUrl(url)}")
            response, wait = await self._ask(url, headers)
            if response.status not in REDIRECTS:
                return response, wait
            response.close()
            status = response.status
            url, same_host = _onward(url, response)
            if not same_host:
                # A tag means something only at the host that gave it.
                headers = {name: text for name, text in headers.items() if name != "If-Range"}
        raise BadAnswer(f"redirected more than {MOST_HOPS} times", status=status)

    async def _ask(
        self, url: str, headers: Mapping[str, str]
    ) -> tuple[aiohttp.ClientResponse, float | None]:
        return await ask_in_turn(self._pacer, url, lambda: self._send(url, headers))

    async def _send(self, url: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        host = urlsplit(url).hostname or ""
        if host in self._untrusted:
            raise _untrusted(host)
        try:
            # A head that comes drop by drop is never silent for long, and may not last for ever.
            with anyio.fail_after(CONNECT_SECONDS + 2 * self.silence):
                # `encoded`: quoting again would break the signature.
                return await self._session.get(
                    URL(url, encoded=True),
                    headers=headers,
                    allow_redirects=False,
                    timeout=self._timeout,
                )
        except (  # before 3.11 the two time-outs are two things
            aiohttp.ClientError,
            asyncio.TimeoutError,  # as above
            TimeoutError,
            OSError,
            ValueError,
        ) as error:
            failed: BaseException = error
        # Made out here, where nothing is chained: the library's errors hold the link.
        if isinstance(failed, aiohttp.ClientConnectorCertificateError):
            self._untrusted.add(host)
        raise _unanswered(failed, url, host)


def _unanswered(failed: BaseException, url: str, host: str) -> CivitaiDLError:
    """What it means that no answer came, without what the library says: it may hold the link."""
    if isinstance(failed, aiohttp.ServerTimeoutError):
        return Stalled("no answer in time")
    if isinstance(failed, aiohttp.InvalidURL):
        return BadAnswer(f"this is no address: {SignedUrl(url)}")
    if isinstance(failed, aiohttp.ClientConnectorCertificateError):
        return _untrusted(host)
    if OutOfHandles.explains(failed):
        return OutOfHandles("a connection could not be opened")
    return ConnectionLost(f"no answer from {host} ({type(failed).__name__})")


def _onward(url: str, response: aiohttp.ClientResponse) -> tuple[str, bool]:
    """Where a redirect leads, and whether that is the same host. Raises: BadAnswer."""
    try:
        location = urljoin(url, response.headers.get("Location", ""))
        here, there = urlsplit(url), urlsplit(location)
        same_host = here.hostname == there.hostname
    except ValueError:
        location = ""
    if not location:
        raise BadAnswer("redirected to something that is no address", status=response.status)
    if there.username is not None:
        # The library would send it along, as credentials beside the signature.
        raise BadAnswer("redirected to an address with a user in it", status=response.status)
    if here.scheme == "https" and there.scheme != "https":
        words = f"redirected to an insecure address: {SignedUrl(location)}"
        raise BadAnswer(words, status=response.status)
    return location, same_host


def _untrusted(host: str) -> ConnectionLost:
    return ConnectionLost(
        f"the certificate of {host} is not trusted",
        status=UNTRUSTED,
        retry_after=UNTRUSTED_WAIT,
        hint="somebody may be listening on the way; look at this network's proxy and the clock",
    )


def read_answer(response: aiohttp.ClientResponse) -> Answer:
    """The facts in the head of an answer; nonsense counts as absent."""
    headers = response.headers
    start, end, total = _content_range(headers.get("Content-Range", ""))
    length = headers.get("Content-Length", "")
    encoding = headers.get("Content-Encoding", "").strip().lower()
    kind = headers.get("Content-Type", "").split(";", 1)[0].strip().lower()
    return Answer(
        status=response.status,
        length=read_whole(length),
        content_type=kind,
        etag=headers.get("ETag"),
        start=start,
        end=end,
        total=total,
        encoded=encoding not in ("", "identity"),
        retry_after=read_retry_after(headers.get("Retry-After"), headers.get("Date")),
        host=response.url.host or "",
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


@asynccontextmanager
async def open_fetcher(
    *,
    user_agent: str,
    guard: Callable[[str], bool],
    limit: float,
    clock: Clock,
    silence: float = SILENCE,
    pacer: Pacer | None = None,
) -> AsyncIterator[HttpFetcher]:
    """A fetcher with its own connections, cookies off, and bodies as they are on the wire.

    For the arguments see HttpFetcher.
    """
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity", "Accept": "*/*"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        requote_redirect_url=False,
    ) as session:
        yield HttpFetcher(
            session, guard=guard, limit=limit, clock=clock, silence=silence, pacer=pacer
        )
