"""Through which proxy a request goes: by the scheme of its address, its host and its port."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ..entities import Proxy, Ways

PORTS = {"http": 80, "https": 443}


def choose_proxy(ways: Ways, url: str) -> Proxy | None:
    """The proxy for an address; None to go directly.

    This machine itself is never reached by a proxy that all programs share, nor by one that stands
    elsewhere: what is 127.0.0.1 there is another machine, and the key would go to it in the clear.
    """
    if ways.http is None and ways.https is None:
        return None
    parts = urlsplit(url)
    proxy = ways.https if parts.scheme == "https" else ways.http
    if proxy is None:
        return None
    host = (parts.hostname or "").lower().removesuffix(".")
    if is_this_machine(host):
        if proxy.by_environment or not is_this_machine(proxy.host):
            return None
    elif passes_by(ways.no_proxy, host, parts.port or PORTS.get(parts.scheme, 0)):
        return None
    return proxy


def is_this_machine(host: str) -> bool:
    """Whether a host is a name or an address of the machine that we run on."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


@lru_cache(maxsize=256)
def passes_by(no_proxy: tuple[str, ...], host: str, port: int) -> bool:
    """Whether a host is reached directly, by the rules that curl and its like have in common.

    `*` is every host; a name is itself and all names below it, with or without a dot (or `*.`)
    before it; an address, or a network such as 10.0.0.0/8, is for hosts that are addresses; with a
    port an entry is for that port only. host: in lower case, without a final dot.
    """
    return any(_fits(entry.strip().lower(), host, port) for entry in no_proxy)


def _fits(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, wanted = _split(entry)
    if wanted not in (None, port):
        return False
    here = _address(host)
    if here is not None:
        return _holds(name, here)
    name = name.removeprefix("*").removeprefix(".").removesuffix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, int | None]:
    """Name or network, and the port; None without one. IPv6 has colons of its own."""
    if entry.startswith("["):
        name, _, tail = entry[1:].partition("]")
        port = tail.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:
        name, port = entry, ""
    return name, int(port) if port.isascii() and port.isdigit() else None


def _holds(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
