"""aiohttp's sessions: one for the straight way and for HTTP proxies, one for each SOCKS proxy."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from civitai_dl.errors import CivitaiDLError

from ._engine import untrusted
from ._proxied import WANTS_LOGIN, refused, trouble

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Proxy

DNS_SECONDS = 300

FAILURES = (  # before 3.11 the two time-outs are two things
    aiohttp.ClientError,
    asyncio.TimeoutError,  # as above
    TimeoutError,
    OSError,
    ValueError,
)

_SOCKS_LOGIN = (
    "authentication failure",
    "No acceptable authentication",
    "Unexpected SOCKS authentication",
)
"""Of a login that is refused, or lacking, the library has words and no number."""


class Sessions:
    """Gives the session for a way; each has connections of its own.

    tls: what is believed, None for what Python believes. stack: closes them in the end.
    """

    def __init__(
        self, stack: AsyncExitStack, *, user_agent: str, tls: ssl.SSLContext | None
    ) -> None:
        self._stack, self._user_agent, self._tls = stack, user_agent, tls
        self._found: dict[Proxy | None, aiohttp.ClientSession] = {}
        self.failures: tuple[type[Exception], ...] = FAILURES
        """What means that no answer came."""

    async def by(self, proxy: Proxy | None) -> aiohttp.ClientSession:
        """The session for this proxy, or for none."""
        socks = proxy if proxy is not None and proxy.is_socks else None
        if socks not in self._found:
            self._found[socks] = await self._stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=self._connector(socks),
                    headers={
                        "User-Agent": self._user_agent,
                        "Accept-Encoding": "identity",
                        "Accept": "*/*",
                    },
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                    requote_redirect_url=False,
                )
            )
        return self._found[socks]

    def _connector(self, socks: Proxy | None) -> aiohttp.TCPConnector:
        tls: ssl.SSLContext | bool = True if self._tls is None else self._tls
        if socks is None:
            return aiohttp.TCPConnector(limit=0, ttl_dns_cache=DNS_SECONDS, ssl=tls)
        # Only those who have such a proxy need it.
        from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyType

        self.failures = (*FAILURES, ProxyConnectionError, ProxyError, EOFError)
        return ProxyConnector(
            host=socks.host,
            port=socks.port,
            proxy_type=ProxyType.SOCKS5,
            username=None if socks.user is None else socks.user.reveal(),
            password=None if socks.user is None else socks.password.reveal(),
            rdns=socks.kind == "socks5h",
            limit=0,
            ssl=tls,
        )


def http_proxy(proxy: Proxy | None) -> tuple[URL | None, dict[str, str] | None]:
    """An HTTP proxy, and what it alone is told, as aiohttp takes it; SOCKS is the connector's."""
    if proxy is None or proxy.is_socks:
        return None, None
    if proxy.user is None:
        return URL(proxy.address), None
    login = f"{proxy.user.reveal()}:{proxy.password.reveal()}".encode()
    # By this name the library takes it for the proxy, and gives it to nobody else.
    return URL(proxy.address), {"Authorization": f"Basic {b64encode(login).decode()}"}


def judge_aiohttp(proxy: Proxy, host: str, failed: BaseException) -> CivitaiDLError | None:
    """What aiohttp's failure means behind a proxy; None when it is not about the proxy."""
    if isinstance(failed, aiohttp.ClientHttpProxyError):
        if failed.status == WANTS_LOGIN:
            return refused(proxy)
        return trouble(proxy, f"does not let us through to {host} (HTTP {failed.status})")
    if isinstance(failed, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)):
        return untrusted(host)
    if isinstance(failed, (aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError)):
        return trouble(proxy, "cannot be reached")
    if isinstance(failed, (aiohttp.ClientConnectorError, ssl.SSLError)):
        return trouble(proxy, f"gave us something else than {host}: is it a proxy of this kind?")
    if proxy.is_socks:
        return _judge_socks(proxy, host, failed)
    if isinstance(failed, aiohttp.ClientResponseError):
        return trouble(proxy, "speaks another language")
    if isinstance(failed, aiohttp.ServerDisconnectedError):
        return trouble(proxy, f"hung up, or {host} behind it")
    return None


def _judge_socks(proxy: Proxy, host: str, failed: BaseException) -> CivitaiDLError | None:
    from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

    if isinstance(failed, ProxyTimeoutError):
        return trouble(proxy, f"did not bring us to {host} in time")
    if isinstance(failed, ProxyConnectionError):
        return trouble(proxy, "cannot be reached")
    if isinstance(failed, EOFError):
        return trouble(proxy, "hung up")
    if isinstance(failed, ProxyError):
        if any(words in str(failed) for words in _SOCKS_LOGIN):
            return refused(proxy)
        return trouble(proxy, f"does not bring us to {host} (SOCKS {failed.error_code or '-'})")
    return None
