"""Which of its habits the simulated service shows."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Literal

from civitai_dl.testing._wire import Line

GOOD_KEY = "fake-key"
"""The API key that the fake knows unless it is told others."""

Origin = Literal["api", "storage", "cdn"]
Store = Literal["r2", "b2"]


@dataclass(frozen=True)
class FakeOptions:
    """Habits of the service; the defaults are what civitai.com is believed to do."""

    keys: frozenset[str] = frozenset({GOOD_KEY})
    """API keys that are somebody; any other key is silently anonymous [server source]."""
    any_key: bool = False
    """Any key at all is somebody; for demonstrations."""
    require_key_for_downloads: bool = False
    blocked_keys: frozenset[str] = frozenset()
    """Keys whose downloads are answered with 403 Forbidden."""
    quota: int | None = None
    """Successful redirects per key, or all anonymous ones together, in any 24 hours."""
    link_lifetime: float = 3600.0
    """Seconds until a signed URL expires."""
    stores: tuple[Store, ...] = ("r2", "b2")
    """Which storage a file's redirects lead to, in turn [observed]."""
    redirect_status: int = 307
    search_cap: int = 50_000
    """Hits of one image search after which nextCursor is just missing [observed]."""
    models_limit: int = 100
    """Largest `limit` of /models."""
    images_limit: int = 200
    """Largest `limit` of /images."""
    page_cap: int = 1000
    """Largest page * limit."""
    newest_loses: bool = True
    """Newest loses one item per page border and Oldest repeats one; newer builds do neither."""
    ranks_move: bool = False
    """While a list by a metric is read, the model behind each page rises to the top and the last
    one of the page falls: the list loses the one and repeats the other [observed]."""
    favorites: frozenset[int] = frozenset()
    """Models that the owner of any key has bookmarked."""
    ids_on_images: bool = False
    """Whether /images knows `ids`; older builds ignore it and list everything."""
    file_ids_in_urls: bool = False
    """Whether files[].downloadUrl carries `?fileId=`, as newer builds do."""
    wrong_image_for_id: bool = False
    """`/images?imageId=` answers with another image [observed]."""
    posts_endpoint: bool = False
    """Whether /posts/:id exists; it is newer than the build of August 2026."""
    region_blocked: bool = False
    """Answer every /api call with 451."""
    edge_rate: float | None = None
    """Requests per second that the edge lets through to the API before it answers 429."""
    edge_burst: int = 10
    """Requests that may come at once before edge_rate counts."""
    edge_retry_after: int | None = None
    """Seconds that such a 429 tells; None: it tells nothing."""
    image_overload: bool = False
    """Answer every /images call with 503 and Retry-After: 2."""
    cdn_ranges: bool = True
    """Whether the CDN honours Range; nobody knows."""
    line: Line | None = None
    """What all bodies of storage and CDN share; None: loopback itself."""
    bodies: str | None = None
    """Scheme, host and port of somebody else's server: signed links and addresses of images lead
    there instead of to the fake. See FakeCivitai.copies for what it must have; looked at when
    serving begins."""
    tls: ssl.SSLContext | None = None
    """What all three origins speak TLS with; None: plain HTTP. Looked at when serving begins."""
    name: str = "127.0.0.1"
    """The host in the addresses that the fake gives out. It listens on 127.0.0.1 in any case: any
    other name is for whoever can lead clients there, such as a proxy."""
    ports: tuple[int, int, int] = (0, 0, 0)
    """Ports of api, storage and cdn; 0 takes a free one."""
