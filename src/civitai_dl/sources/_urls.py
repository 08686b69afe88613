"""The addresses under which people know the service."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

SITES = frozenset({"civitai.com", "civitai.red", "civitai.green", "civitai.blue", "civitaired.com"})
"""Fronts of the same service; `api.` and `www.` stand before some of them in older links."""


def site_path(text: str) -> str | None:
    """The path of a URL of the service, percent-decoded; None when it is none.

    The scheme may be missing, as in a line copied from somewhere. Any loopback host counts, so
    that a service under test can be named as itself.
    """
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    bare = host.removeprefix("www.").removeprefix("api.")
    if bare not in SITES and host not in ("127.0.0.1", "localhost"):
        return None
    return unquote(parts.path)
