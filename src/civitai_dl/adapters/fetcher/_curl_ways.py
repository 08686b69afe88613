"""Proxies and certificates as options of libcurl."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pycurl

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Proxy, Ways

    from ._trust import Trust

SUPPRESS_CONNECT_HEADERS, SOCKS5_AUTH = 265, 267
"""Options of libcurl that pycurl has no names for."""

PROXY_WANTS_LOGIN = 407

Options = Mapping[int, "str | bytes | None"]

ALWAYS: Mapping[int, int | str] = {
    # No proxy, not even one that libcurl itself would find in the environment.
    pycurl.PROXY: "",
    pycurl.NOPROXY: "*",
    # Of a tunnel only what comes through it counts, and what is for the host stays inside.
    SUPPRESS_CONNECT_HEADERS: 1,
    pycurl.HEADEROPT: pycurl.HEADER_SEPARATE,
    SOCKS5_AUTH: pycurl.HTTPAUTH_BASIC,
}

_DIRECT: Options = {pycurl.PROXY: "", pycurl.NOPROXY: "*"}
_NOBODY: Options = {pycurl.PROXYUSERNAME: None, pycurl.PROXYPASSWORD: None}


def by_way(ways: Ways, proxy: Proxy | None) -> Options:
    """The options that send one request through this proxy, or through none; handles are shared."""
    if proxy is None:
        return {} if ways.http is None and ways.https is None else _DIRECT
    # Whom it is not for, we have decided ourselves.
    found: Options = {pycurl.PROXY: proxy.address, pycurl.NOPROXY: ""}
    if proxy.user is None:
        return {**found, **_NOBODY}
    return {
        **found,
        pycurl.PROXYUSERNAME: proxy.user.reveal().encode(),
        pycurl.PROXYPASSWORD: proxy.password.reveal().encode(),
    }


def believe(easy: pycurl.Curl, trust: Trust, blob: bytes | None) -> None:
    """Set whose certificates count, for hosts and for proxies. blob: that of the trust."""
    if blob is not None:
        # In memory: what is written to a disk for libcurl to read would lie there after a crash.
        easy.setopt(pycurl.CAINFO_BLOB, blob)
        easy.setopt(pycurl.PROXY_CAINFO_BLOB, blob)
    elif trust.file is not None:
        easy.setopt(pycurl.CAINFO, trust.file)
        easy.setopt(pycurl.PROXY_CAINFO, trust.file)
    else:
        easy.unsetopt(pycurl.CAINFO)
    if trust.folder is not None:
        easy.setopt(pycurl.CAPATH, trust.folder)
        easy.setopt(pycurl.PROXY_CAPATH, trust.folder)
        return
    # Beside a folder libcurl would read the file anew for each connection.
    easy.unsetopt(pycurl.CAPATH)
    if trust.file is None and sys.platform in ("win32", "darwin"):
        easy.setopt(pycurl.SSL_OPTIONS, pycurl.SSLOPT_NATIVE_CA)
        easy.setopt(pycurl.PROXY_SSL_OPTIONS, pycurl.SSLOPT_NATIVE_CA)
