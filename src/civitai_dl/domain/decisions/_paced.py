"""Which lane a transfer belongs to, by its address."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..entities import PacedLane
from ._links import is_cdn


def paced_lane(url: str) -> PacedLane:
    """`cdn.image` for an image of the service's CDN, else `blob.HOST` for the storage it lies on.

    The text must be an address that may be opened (may_fetch).
    """
    host = urlsplit(url).netloc.lower()
    return PacedLane("cdn.image" if is_cdn(url) else f"blob.{host}", host)
