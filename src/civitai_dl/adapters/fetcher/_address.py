"""An address in the one spelling that every reader of addresses reads alike."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from civitai_dl.domain.entities import SignedUrl

from ._engine import no_address

_NAME = re.compile(r"[0-9a-z_.-]+")
_IPV6 = re.compile(r"[0-9a-f:.]+")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def plain_address(url: str) -> str:
    """The address in ASCII, with scheme, host, port, path and query only.

    The guard reads an address by one library and the connection is made by another. The host is
    what the first has read, and has nothing in it that the second might decode once more. The rest
    is sent as it stands; only what a request line cannot hold is quoted. Raises: BadAnswer.
    """
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode().lower()
        path, query = _quoted(parts.path or "/"), _quoted(parts.query)
    except ValueError:
        raise no_address(SignedUrl(url)) from None
    if parts.scheme not in ("http", "https") or parts.username is not None:
        raise no_address(SignedUrl(url))
    if ":" in host and _IPV6.fullmatch(host):
        host = f"[{host}]"
    elif not _NAME.fullmatch(host):
        raise no_address(SignedUrl(url))
    mark = "?" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{path}{mark}{query}"


def _quoted(text: str) -> str:
    return quote(text, safe=_PRINTABLE)
