"""The engine for every platform, on aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import anyio
from yarl import URL

from civitai_dl.domain.decisions import choose_proxy
from civitai_dl.domain.entities import Proxy, SignedUrl, Ways
from civitai_dl.errors import CivitaiDLError, ConnectionLost, OutOfHandles, Stalled, TransferError

from ._engine import CONNECT_SECONDS, SILENCE, no_address, untrusted
from ._head import Head
from ._proxied import WANTS_LOGIN, is_in_the_clear, refused
from ._sessions import Sessions, http_proxy, judge_aiohttp
from ._trust import Trust, tls_context


class AiohttpReply:
    """See Reply."""

    def __init__(self, response: aiohttp.ClientResponse, host: str, engine: AiohttpEngine) -> None:
        self._response = response
        self._engine = engine
        self._failed: TransferError | None = None
        self.head = Head(response.status, response.headers.items(), host)

    async def read(self) -> bytes:
        """See Reply. Sizes are what the connection hands over, up to 256 KiB."""
        if self._failed is not None:
            raise self._failed
        try:
            return await self._chunk()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:  # 3.10
            kind = type(error)
        # Made out here, where nothing is chained: the library's errors may hold the link.
        self._failed = _broken(kind)
        if rest := _came_before(self._response.content):
            return rest
        raise self._failed

    async def _chunk(self) -> bytes:
        """The next bytes, empty at the end."""
        content = self._response.content
        if chunk := content.read_nowait(-1):
            return chunk
        # Not left to the library's time-out alone: after a chunk of nonsense its reader waits for
        # ever, or, when the connection is closed by then, calls it a bug (observed with 3.14).
        try:
            with anyio.move_on_after(self._engine.silence):
                return await content.readany()
        except RuntimeError:
            raise ConnectionLost("the connection was closed in the middle of a chunk") from None
        raise Stalled("nothing came for too long")

    def close(self) -> None:
        """See Reply."""
        self._engine.open.discard(self._response)
        self._response.close()


def _broken(kind: type[Exception]) -> TransferError:
    if issubclass(kind, aiohttp.ServerTimeoutError):
        return Stalled("nothing came for too long")
    return ConnectionLost(f"the connection broke ({kind.__name__})")


def _came_before(content: aiohttp.StreamReader) -> bytes:
    """The bytes that came before a connection broke and were not read yet.

    The library gives its readers the error instead of them; a server that breaks off soon and often
    would then be no source at all. Where a later version hides them better, they come again.
    """
    pieces: Sequence[bytes] = tuple(getattr(content, "_buffer", ()))
    return b"".join(pieces)[getattr(content, "_buffer_offset", 0) :]


class AiohttpEngine:
    """See Engine. silence: seconds without a byte after which a connection is given up."""

    def __init__(
        self, sessions: Sessions, *, silence: float = SILENCE, ways: Ways | None = None
    ) -> None:
        self._sessions = sessions
        self._ways = ways or Ways()
        self.silence = silence
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=silence
        )
        self.open: set[aiohttp.ClientResponse] = set()

    async def ask(
        self, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AiohttpReply:
        """See Engine."""
        host = urlsplit(url).hostname or ""
        proxy = choose_proxy(self._ways, url)
        through, login = http_proxy(proxy)
        try:
            # A head that comes drop by drop is never silent for long, and may not last for ever.
            with anyio.fail_after(CONNECT_SECONDS + 2 * self.silence):
                # `encoded`: quoting again would break the signature.
                session = await self._sessions.by(proxy)
                send = session.get if body is None else partial(session.post, data=body)
                response = await send(
                    URL(url, encoded=True),
                    headers=headers,
                    proxy=through,
                    proxy_headers=login,
                    allow_redirects=False,
                    timeout=self._timeout,
                )
        except self._sessions.failures as error:
            failed: BaseException = error
        else:
            if proxy is None or response.status != WANTS_LOGIN or not is_in_the_clear(proxy, url):
                self.open.add(response)
                return AiohttpReply(response, host, self)
            response.close()
            raise refused(proxy)
        # Made out here, where nothing is chained: the library's errors hold the link.
        raise _unanswered(failed, url, host, proxy)

    def drop(self) -> None:
        """See Engine."""
        for response in tuple(self.open):
            response.close()


def _unanswered(failed: BaseException, url: str, host: str, proxy: Proxy | None) -> CivitaiDLError:
    """What it means that no answer came, without what the library says: it may hold the link."""
    judged = None if proxy is None else judge_aiohttp(proxy, host, failed)
    if judged is not None:
        return judged
    if isinstance(failed, aiohttp.ServerTimeoutError):
        return Stalled("no answer in time")
    if isinstance(failed, aiohttp.InvalidURL):
        return no_address(SignedUrl(url))
    if isinstance(failed, aiohttp.ClientConnectorCertificateError):
        return untrusted(host)
    if OutOfHandles.explains(failed):
        return OutOfHandles("a connection could not be opened")
    return ConnectionLost(f"no answer from {host} ({type(failed).__name__})")


@asynccontextmanager
async def open_aiohttp(
    *, user_agent: str, trust: Trust, silence: float, ways: Ways
) -> AsyncIterator[AiohttpEngine]:
    """An engine with its own connections, cookies off, and bodies as they are on the wire."""
    async with AsyncExitStack() as stack:
        sessions = Sessions(stack, user_agent=user_agent, tls=tls_context(trust))
        yield AiohttpEngine(sessions, silence=silence, ways=ways)
