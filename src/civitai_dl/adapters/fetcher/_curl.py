"""The fast engine, on libcurl. Its connections speak HTTP/1.1: for bulk the measured best."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pycurl

from civitai_dl.domain.decisions import choose_proxy
from civitai_dl.domain.entities import Proxy, Ways
from civitai_dl.errors import (
    CivitaiDLError,
    ConnectionLost,
    OutOfHandles,
    Stalled,
    TransferError,
)
from civitai_dl.ports import Chunk

from ._address import plain_address
from ._channel import DROPPED, Channel
from ._curl_ways import ALWAYS, PROXY_WANTS_LOGIN, believe, by_way
from ._engine import CONNECT_SECONDS, untrusted
from ._head import Head
from ._multi import Multi
from ._trust import Trust

SIZES = (64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20)
"""Bytes of a buffer. A small body gets the least that takes all of it, a large one the largest that
the number of transfers allows."""

MOST_OF = ((2 << 20, 2), (1 << 20, 8), (512 << 10, 16), (256 << 10, 32), (128 << 10, 64))
"""Bytes of a buffer, and how many transfers at once may have such large ones."""

LARGE = 64 << 20
"""Bytes of a body of which the largest buffers are a small part: what lies in one is lost with the
process."""

RECEIVE = 256 << 10
"""Bytes that libcurl asks the system for at once."""

LEAST_BUFFER = 16 << 10
"""What libcurl hands over at once."""

MOST_WHOLE = 16 << 20
"""Bytes of buffers that hold small bodies whole, whatever the number of transfers: a body in one
piece is written, digested and told of once."""

MOST_KEPT = 20 << 20
"""Bytes of buffers, those in use among them, up to which one that is given back is kept: a new one
costs more than a round through it. All that transfers may have in use is somewhat less."""

PLAIN = {"Accept": "*/*", "Accept-Encoding": "identity"}
"""Sent with every request that does not say otherwise."""

WITH_BODY = (200, 206)
"""Answers whose announced length is that of a body which follows."""

NO_TRUST = frozenset({pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE})
NO_HANDLE = frozenset({errno.EMFILE, errno.ENFILE})


def buffer_size(
    transfers: int, limit: float, length: int | None, *, whole: bool = False, lent: int = 0
) -> int:
    """Bytes of one of the two buffers of a transfer.

    transfers: how many there are. limit: bytes per second for all, 0 for none: what a buffer holds
    comes at once, so it holds no more than a tenth of a second's worth. length: bytes of the body,
    None when nobody has said. whole: it is all of the body, not the rest of a large one. lent:
    bytes of the buffers that all of them have.
    """
    most = next((size for size, count in MOST_OF if transfers <= count), SIZES[0])
    if length is None or length < LARGE:
        most = min(most, SIZES[-1])
    if limit > 0:
        return max(LEAST_BUFFER, min(most, int(limit / 10)))
    if length is None:
        return most
    fits = next((size for size in SIZES if size >= length), None)
    if fits is None:
        return most
    return fits if whole and fits + lent <= MOST_WHOLE else min(most, fits)


class Buffers:
    """Fixed buffers, used again and again by all transfers. limit: gives that of `buffer_size`.

    kept: bytes of those that wait to be used again.
    """

    def __init__(self, limit: Callable[[], float]) -> None:
        self._limit = limit
        self._free: defaultdict[int, list[memoryview]] = defaultdict(list)
        self._lent = self.kept = 0
        self.transfers = 0

    def take(self, length: int | None, *, whole: bool) -> memoryview:
        """A buffer for a body, or the rest of one, of this length."""
        limit, lent = self._limit(), self._lent
        size = buffer_size(self.transfers, limit, length, whole=whole, lent=lent)
        self._lent += size
        free = self._free[size]
        if free:
            self.kept -= size
            return free.pop()
        if self.kept + self._lent > MOST_KEPT:
            # Of sizes that were wanted while there were more transfers, or fewer.
            self._free.clear()
            self.kept = 0
        return memoryview(bytearray(size))

    def give(self, buffer: memoryview) -> None:
        """Take one back; more than are likely to be used again are let go."""
        self._lent -= len(buffer)
        if self.kept + self._lent + len(buffer) <= MOST_KEPT:
            self.kept += len(buffer)
            self._free[len(buffer)].append(buffer)


class CurlReply:
    """See Reply."""

    def __init__(self, head: Head, channel: Channel, engine: CurlEngine) -> None:
        self.head = head
        self._channel = channel
        self._engine = engine
        self._closed = False

    async def read(self) -> Chunk:
        """See Reply."""
        channel = self._channel
        channel.take_back()
        while not channel.is_ripe:
            if channel.has_bytes:
                channel.ripen()
            is_awake = await channel.wait(self._engine.silence)
            if channel.has_bytes:
                break
            if not is_awake:
                raise Stalled("nothing came for too long")
        if channel.has_bytes:
            return channel.lend()
        if channel.code == pycurl.E_OK:
            if channel.lacks and self.head.status in WITH_BODY:
                # Of a length that is too long for a number of its own libcurl makes none at all.
                raise ConnectionLost("the body ended early")
            return b""
        raise _broken(channel.code)

    def close(self) -> None:
        """See Reply."""
        if not self._closed:
            self._closed = True
            self._engine.release(self._channel)


def _broken(code: int | None) -> TransferError:
    if code == DROPPED:
        return ConnectionLost("the connection was let go after a suspend")
    return ConnectionLost(f"the connection broke (libcurl {code})")


class CurlEngine:
    """See Engine. silence: seconds without a byte after which a connection is given up.

    limit: gives the bytes per second for all transfers, 0 for none; only the size of buffers hangs
    on it.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        trust: Trust,
        silence: float,
        limit: Callable[[], float],
        ways: Ways,
    ) -> None:
        self.silence = silence
        self._ways = ways
        self._blob = trust.blob()
        self._user_agent = user_agent
        self._trust = trust
        self._buffers = Buffers(limit)
        self._multi = Multi()
        self._free: list[Channel] = []
        self._open: set[Channel] = set()

    async def ask(
        self, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CurlReply:
        """See Engine."""
        address = plain_address(url)
        host = urlsplit(url).hostname or ""
        proxy = choose_proxy(self._ways, address)
        channel = self._channel()
        try:
            lines = [f"{name}: {text}" for name, text in {**PLAIN, **headers}.items()]
            channel.begin(self._multi, address, lines, body, by_way(self._ways, proxy))
            failed = await self._head(channel, host, proxy)
            found = None if failed is not None else channel.parse_head()
        except BaseException:  # whatever ends it, the connection is nobody's then
            self.release(channel)
            raise
        if found is None:
            self.release(channel)
            raise failed or ConnectionLost(f"the answer of {host} is malformed")
        if proxy is not None and found[0] == PROXY_WANTS_LOGIN:
            from ._proxied import is_in_the_clear, refused

            if is_in_the_clear(proxy, address):
                self.release(channel)
                raise refused(proxy)
        return CurlReply(Head(*found, host), channel, self)

    async def _head(
        self, channel: Channel, host: str, proxy: Proxy | None
    ) -> CivitaiDLError | None:
        """Wait until the head has come; what came instead."""
        # A head that comes drop by drop is never silent for long, and may not last for ever.
        loop = asyncio.get_running_loop()
        end = loop.time() + CONNECT_SECONDS + 2 * self.silence
        while not channel.has_head and channel.code is None:
            before = channel.head_size
            if await channel.wait(min(self.silence, end - loop.time())):
                continue
            silent = channel.has_connected and channel.head_size == before
            if silent or loop.time() >= end:
                return Stalled("no answer in time")
        return None if channel.has_head else _unanswered(channel, host, proxy)

    def drop(self) -> None:
        """See Engine."""
        for channel in self._open:
            channel.drop()
        # Idle connections did not survive either, and do not look it.
        self._multi.close()
        self._multi = Multi()

    def release(self, channel: Channel) -> None:
        """A reply is done with its channel."""
        channel.close()
        self._open.discard(channel)
        self._free.append(channel)
        self._buffers.transfers = len(self._open)

    def close(self) -> None:
        """Close every connection."""
        for channel in (*self._open, *self._free):
            channel.end()
        self._multi.close()

    def _channel(self) -> Channel:
        channel = self._free.pop() if self._free else self._new_channel()
        self._open.add(channel)
        self._buffers.transfers = len(self._open)
        return channel

    def _new_channel(self) -> Channel:
        easy = pycurl.Curl()
        web = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
        options = {
            pycurl.NOSIGNAL: 1,
            pycurl.PROTOCOLS: web,
            pycurl.FOLLOWLOCATION: 0,
            # The query is a signature: nothing of the address may be put in order.
            pycurl.PATH_AS_IS: 1,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.HTTP09_ALLOWED: 0,
            **ALWAYS,
            pycurl.NETRC: pycurl.NETRC_IGNORED,
            pycurl.USERAGENT: self._user_agent,
            pycurl.CONNECTTIMEOUT_MS: int(CONNECT_SECONDS * 1000),
            pycurl.DNS_CACHE_TIMEOUT: 300,
            pycurl.BUFFERSIZE: RECEIVE,
            pycurl.SSL_VERIFYPEER: 1,
            pycurl.SSL_VERIFYHOST: 2,
        }
        for option, value in options.items():
            easy.setopt(option, value)
        believe(easy, self._trust, self._blob)
        return Channel(easy, take=self._buffers.take, give=self._buffers.give)


def _unanswered(channel: Channel, host: str, proxy: Proxy | None) -> CivitaiDLError:
    """What it means that no answer came."""
    code = channel.code
    if proxy is not None and code is not None and channel.system_error not in NO_HANDLE:
        from ._proxied import judge_curl

        tunnel, socks = channel.number(pycurl.HTTP_CONNECTCODE), channel.number(pycurl.PROXY_ERROR)
        judged = judge_curl(proxy, host, code=code, tunnel=tunnel, socks=socks)
        if judged is not None:
            return judged
    if code in NO_TRUST:
        return untrusted(host)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return Stalled("no answer in time")
    if channel.system_error in NO_HANDLE or (code != pycurl.E_OK and _no_handle_is_left()):
        return OutOfHandles("a connection could not be opened")
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return ConnectionLost(f"no address is known for {host}")
    if code == pycurl.E_COULDNT_CONNECT and channel.system_error:
        return ConnectionLost(f"no connection to {host} ({os.strerror(channel.system_error)})")
    return ConnectionLost(f"no answer from {host} (libcurl {code})")


def _no_handle_is_left() -> bool:
    """Whether this is why: of a socket that could not be made, libcurl does not say it."""
    try:
        socket.socket().close()
    except OSError as error:
        return OutOfHandles.explains(error)
    return False


@asynccontextmanager
async def open_curl(
    *,
    user_agent: str,
    trust: Trust,
    silence: float,
    limit: Callable[[], float],
    ways: Ways,
) -> AsyncIterator[CurlEngine]:
    """An engine with its own connections, cookies off, and bodies as they are on the wire."""
    engine = CurlEngine(user_agent=user_agent, trust=trust, silence=silence, limit=limit, ways=ways)
    try:
        yield engine
    finally:
        engine.close()
