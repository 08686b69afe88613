"""The ways to the service and to storage: proxies, authorities, and whom to ask in doubt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ._transfer import Secret

_NOTHING = Secret("")


_BEFORE_HOST = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)


class ProxyText(Secret):
    """A proxy as somebody has written it; it prints without what stands before the host."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(str(self))

    def __str__(self) -> str:
        return _BEFORE_HOST.sub(lambda found: f"{found[1] or ''}***@", self.reveal())


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that connections go through; it prints without user and password.

    kind: http, https, socks5 (names are looked up here) or socks5h (the proxy looks them up).
    host: in lower case, an IPv6 address without brackets. password: empty where only a user is
    given. origin: where it is named, as people know it. by_environment: by one of the variables
    that all programs read, and not for this one.
    """

    kind: str
    host: str
    port: int
    user: Secret | None = None
    password: Secret = _NOTHING
    origin: str = field(default="", compare=False)
    by_environment: bool = field(default=False, compare=False)

    @property
    def address(self) -> str:
        """Kind, host and port as a URL, without what is secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS."""
        return self.kind.startswith("socks")

    def __str__(self) -> str:
        if self.user is None:
            return self.address
        return self.address.replace("://", "://***@", 1)


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificates that are believed beside the system's. path: where they lie. pem: their text."""

    path: str
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ways:
    """How this machine reaches others.

    http, https: the proxy for addresses of that scheme; None to go directly. no_proxy: hosts that
    are reached directly all the same, as NO_PROXY writes them. ca: authorities of one's own.
    fallbacks: base URLs of the same service that are asked before a surprising "there is none" is
    believed.
    """

    http: Proxy | None = None
    https: Proxy | None = None
    no_proxy: tuple[str, ...] = ()
    ca: Authorities | None = None
    fallbacks: tuple[str, ...] = ()
