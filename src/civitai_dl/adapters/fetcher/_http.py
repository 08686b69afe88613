"""Bytes from storage and CDN hosts. It knows no key, so it can leak none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from civitai_dl.domain.decisions import Pace, read_retry_after, read_whole
from civitai_dl.domain.entities import Answer, SignedUrl
from civitai_dl.errors import BadAnswer, ConnectionLost, OutOfHandles, Stalled

if TYPE_CHECKING:
    from civitai_dl.ports import Clock

SILENCE = 30.0
"""Seconds without a byte after which a connection is given up; the transfer itself may take hours.
"""

CONNECT_SECONDS = 15.0

MOST_HOPS = 10
REDIRECTS = (301, 302, 303, 307, 308)

_RANGE = re.compile(r"^bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)$", re.IGNORECASE)


class HttpBody:
    """See ports.Body."""

    def __init__(self, response: aiohttp.ClientResponse, fetcher: HttpFetcher) -> None:
        self._response = response
        self._fetcher = fetcher
        self.answer = read_answer(response)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See ports.Body. Sizes are what the connection hands over, up to 256 KiB."""
        content = self._response.content
        try:
            while True:
                chunk = await content.readany()
                if not chunk:
                    return
                await self._fetcher.count(len(chunk))
                yield chunk
        except aiohttp.ServerTimeoutError as error:
            raise Stalled("nothing came for too long") from error
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:  # 3.10
            rest = _came_before(content)
            if rest:
                yield rest
            raise ConnectionLost(f"the connection broke ({type(error).__name__})") from error

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


class HttpFetcher:
    """See ports.Fetcher; use `open_fetcher`.

    guard: which URLs may be opened at all. limit: bytes per second over all transfers, 0 for none.
    silence: seconds without a byte after which a connection is given up.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        guard: Callable[[str], bool],
        limit: float,
        clock: Clock,
        silence: float = SILENCE,
    ) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=silence
        )
        self._guard = guard
        self._bytes = Pace(limit)
        self._clock = clock
        self._open: set[aiohttp.ClientResponse] = set()

    async def count(self, size: int) -> None:
        """Wait for as long as these bytes should have taken under the limit."""
        if self._bytes.rate > 0:
            self._bytes, wait = self._bytes.reserve(self._clock.now(), size)
            await self._clock.sleep(wait)

    @asynccontextmanager
    async def open(
        self,
        link: SignedUrl,
        *,
        offset: int = 0,
        end: int | None = None,
        if_range: str | None = None,
    ) -> AsyncIterator[HttpBody]:
        """See ports.Fetcher."""
        headers = {}
        if offset > 0 or end is not None:
            headers["Range"] = f"bytes={offset}-{'' if end is None else end - 1}"
            if if_range is not None:
                headers["If-Range"] = if_range
        response = await self._follow(link.reveal(), headers)
        self._open.add(response)
        try:
            yield HttpBody(response, self)
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

    async def _follow(self, url: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        for _ in range(MOST_HOPS):
            if not self._guard(url):
                raise BadAnswer(f"this address is not opened: {SignedUrl(url)}")
            response = await self._ask(url, headers)
            if response.status not in REDIRECTS:
                return response
            response.close()
            try:
                location = urljoin(url, response.headers.get("Location", ""))
                secure = urlsplit(location).scheme == "https"
            except ValueError as error:
                raise BadAnswer("redirected to something that is no address") from error
            if urlsplit(url).scheme == "https" and not secure:
                raise BadAnswer(f"redirected to an insecure address: {SignedUrl(location)}")
            url = location
        raise BadAnswer(f"redirected more than {MOST_HOPS} times")

    async def _ask(self, url: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        try:
            # `encoded`: quoting again would break the signature.
            return await self._session.get(
                URL(url, encoded=True),
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            )
        except aiohttp.ServerTimeoutError as error:
            raise Stalled("no answer in time") from error
        except aiohttp.InvalidURL as error:
            raise BadAnswer(f"this is no address: {SignedUrl(url)}") from error
        except (  # before 3.11 the two time-outs are two things
            aiohttp.ClientError,
            asyncio.TimeoutError,  # as above
            TimeoutError,
            OSError,
            ValueError,
        ) as error:
            if OutOfHandles.explains(error):
                raise OutOfHandles("a connection could not be opened") from error
            words = f"no answer from {urlsplit(url).hostname} ({type(error).__name__})"
            raise ConnectionLost(words) from error


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
        yield HttpFetcher(session, guard=guard, limit=limit, clock=clock, silence=silence)
