"""The addresses under which people know the service."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

SITES = frozenset({"civitai.com", "civitai.red", "civitai.green", "civitai.blue", "civitaired.com"})
"""Fronts of the same service; `api.` and `www.` stand before some of them in older links."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOOPBACK = re.compile(r"127(?:\.\d{1,3}){3}")


def site_path(text: str) -> str | None:
    """The path of a URL of the service, percent-decoded; None when it is none.

    The scheme may be missing, as in a line copied from somewhere. Any loopback host counts, so
    that a service under test can be named as itself.
    """
    url = text if _SCHEME.match(text) else f"https://{text}"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    bare = host.removeprefix("www.").removeprefix("api.")
    if bare not in SITES and host not in ("localhost", "::1") and not _LOOPBACK.fullmatch(host):
        return None
    return unquote(parts.path)
