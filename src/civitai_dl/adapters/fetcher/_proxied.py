"""What goes wrong at a proxy, told as the proxy's trouble and not as that of the host behind it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import is_this_machine
from civitai_dl.errors import CivitaiDLError, ConfigError, ProxyRefused, ProxyTrouble

from ._engine import untrusted

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Proxy, Ways

WANTS_LOGIN = 407

SOCKS_LOGIN = frozenset({12, 33})
"""libcurl's words for a SOCKS proxy that wants a login, and for one that refuses it."""

UNKNOWN_PROXY, NO_CONNECTION, TIMED_OUT, NO_TLS, UNTRUSTED, BAD_PROXY = 5, 7, 28, 35, 60, 97
"""Codes of libcurl."""


def refused(proxy: Proxy) -> ProxyRefused:
    """The error for a proxy that wants another user or password."""
    said = "wants a user and password" if proxy.user is None else "refuses user and password"
    return ProxyRefused(
        f"the proxy {proxy} ({proxy.origin}) {said}",
        hint="write it as http://user:password@host:port, with %40 for an @ inside; "
        "--proxy none goes without",
    )


def trouble(proxy: Proxy, why: str) -> ProxyTrouble:
    """The error for a proxy that does not do what it is there for. why: follows its name."""
    return ProxyTrouble(
        f"the proxy {proxy} ({proxy.origin}) {why}",
        hint="look at the proxy, and at --proxy, the settings and HTTPS_PROXY; "
        "--proxy none goes without",
    )


def judge_curl(
    proxy: Proxy, host: str, *, code: int, tunnel: int, socks: int
) -> CivitaiDLError | None:
    """What libcurl's failure means behind a proxy; None when it is not about the proxy.

    code: libcurl's. tunnel: the status of the answer to CONNECT, 0 without. socks: its words about
    a SOCKS proxy, 0 for none.
    """
    if tunnel == WANTS_LOGIN or socks in SOCKS_LOGIN:
        return refused(proxy)
    if tunnel >= 300:
        return trouble(proxy, f"does not let us through to {host} (HTTP {tunnel})")
    if code == UNKNOWN_PROXY:
        return trouble(proxy, "has a name that nobody knows")
    if code == BAD_PROXY:
        return trouble(proxy, f"does not bring us to {host} (SOCKS, libcurl {socks})")
    if tunnel == 0 and code == NO_CONNECTION:
        return trouble(proxy, "cannot be reached")
    if tunnel == 0 and code == TIMED_OUT:
        return trouble(proxy, f"did not bring us to {host} in time")
    if tunnel == 0 and code == UNTRUSTED and proxy.kind == "https":
        return untrusted(proxy.host)
    if code == NO_TLS:
        return trouble(proxy, f"gave us something else than {host}: is it a proxy of this kind?")
    if tunnel == 0 and code != UNTRUSTED and not proxy.is_socks:
        return trouble(proxy, "hung up, or speaks another language")
    return None


def check_support(ways: Ways, *, socks: bool) -> None:
    """That the engine on aiohttp can use these proxies. Raises: ConfigError.

    socks: whether what it needs for SOCKS is there.
    """
    proxy = next((one for one in (ways.https, ways.http) if one is not None and one.is_socks), None)
    if proxy is not None and not socks:
        raise ConfigError(
            f"this installation cannot use the proxy {proxy} ({proxy.origin})",
            hint="install what it needs: pip install 'civitai-downloader-cli[socks]'",
        )


def has_socks() -> bool:
    """Whether the library for SOCKS is installed; libcurl needs none."""
    return find_spec("aiohttp_socks") is not None


def is_in_the_clear(proxy: Proxy, url: str) -> bool:
    """Whether the proxy itself answers in place of the host: without TLS nothing is tunnelled."""
    return url.startswith("http:") and not proxy.is_socks and is_this_machine(proxy.host)
