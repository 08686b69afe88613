"""Which engine is used, and a fetcher with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Ways

from ._bandwidth import Bandwidth
from ._engine import SILENCE, Engine
from ._http import HttpFetcher
from ._trust import find_trust

if TYPE_CHECKING:
    from civitai_dl.pacing import Pacer
    from civitai_dl.ports import Clock


class EngineName(str, Enum):
    """The engines there are."""

    CURL = "curl"
    AIOHTTP = "aiohttp"


def choose_engine(wanted: str | None, *, has_curl: bool, has_readers: bool) -> EngineName:
    """The engine that is used: the fast one wherever it can be, unless another is wanted.

    has_curl: pycurl is there. has_readers: the loop tells when a socket can be read, which the
    ordinary loop of Windows does not.
    """
    if wanted == EngineName.AIOHTTP.value or not (has_curl and has_readers):
        return EngineName.AIOHTTP
    return EngineName.CURL


def client_versions() -> dict[str, str]:
    """The versions of the clients, and of what encrypts for libcurl, where that is there."""
    from importlib import metadata

    found = {"aiohttp": metadata.version("aiohttp")}
    if find_spec("pycurl") is not None:
        import pycurl

        told = pycurl.version_info()
        found |= {"curl": told[1], "tls": told[5]}
    return found


@asynccontextmanager
async def open_fetcher(
    *,
    user_agent: str,
    guard: Callable[[str], bool],
    limit: float,
    clock: Clock,
    silence: float = SILENCE,
    pacer: Pacer | None = None,
    engine: str | None = None,
    ways: Ways | None = None,
) -> AsyncIterator[HttpFetcher]:
    """A fetcher with its own connections, cookies off, and bodies as they are on the wire.

    limit: bytes per second over all transfers, 0 for none. silence: seconds without a byte after
    which a connection is given up. engine: the name of the one that is wanted; None for the
    fastest. ways: see `open_engine`. For the other arguments see HttpFetcher.
    """
    bandwidth = Bandwidth(limit, clock)
    opening = open_engine(
        user_agent, silence=silence, limit=lambda: bandwidth.limit, name=engine, ways=ways
    )
    async with opening as opened:
        yield HttpFetcher(opened, guard=guard, bandwidth=bandwidth, clock=clock, pacer=pacer)


def open_engine(
    user_agent: str,
    *,
    silence: float = SILENCE,
    limit: Callable[[], float] = lambda: 0.0,
    name: str | None = None,
    ways: Ways | None = None,
) -> AbstractAsyncContextManager[Engine]:
    """An engine with its own connections. limit: see CurlEngine. name: see `open_fetcher`.

    ways: proxies and certificates; None for the straight way, and the system's. Raises:
    ConfigError for a proxy that this installation cannot use.
    """
    ways = ways or Ways()
    loop = type(asyncio.get_running_loop())
    chosen = choose_engine(
        name,
        has_curl=find_spec("pycurl") is not None,
        has_readers=loop.add_reader is not asyncio.AbstractEventLoop.add_reader,
    )
    trust = find_trust(os.environ, ways.ca)
    # Each is large, and one of them does.
    if chosen is EngineName.AIOHTTP:
        from ._aiohttp import open_aiohttp
        from ._proxied import check_support, has_socks

        check_support(ways, socks=has_socks())
        return open_aiohttp(user_agent=user_agent, trust=trust, silence=silence, ways=ways)
    from ._curl import open_curl

    return open_curl(user_agent=user_agent, trust=trust, silence=silence, limit=limit, ways=ways)
