"""What every route is handed: the world, the options, the addresses, the clock, the memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.testing._service._clock import FakeClock
from civitai_dl.testing._service._signing import Signer
from civitai_dl.testing._world import REAL_CDN

if TYPE_CHECKING:
    from civitai_dl.testing._service._limiter import Bucket
    from civitai_dl.testing._service._options import FakeOptions
    from civitai_dl.testing._wire import Request
    from civitai_dl.testing._world import Index, World

REAL_API = ("https://civitai.com/api/", "https://api.civitai.com/api/")
ACCOUNT = "xG1nkqKTMzGDvpLrqFT7WA"
"""The account segment of every image URL [observed]."""


@dataclass
class Context:
    """One service: what it knows and what it remembers between requests."""

    world: World
    options: FakeOptions
    clock: FakeClock = field(default_factory=FakeClock)
    signer: Signer = field(default_factory=Signer)
    api: str = ""
    storage: str = ""
    cdn: str = ""
    redirects: dict[str | None, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When which key was redirected to storage, for the quota."""
    bucket: Bucket | None = None
    """What is left of the edge's limit; None until it is asked for."""
    ranks: dict[int, int] = field(default_factory=dict)
    """Metrics of models that have moved since."""
    resolves: Counter[int] = field(default_factory=Counter)
    """Download requests per file that came as far as looking the file up."""

    @property
    def index(self) -> Index:
        """The world as it is now."""
        return self.world.index

    @property
    def now(self) -> datetime:
        """The present of the fake, which tests may move."""
        return datetime.fromtimestamp(self.clock.now(), timezone.utc)

    def caller(self, request: Request) -> str | None:
        """Return the known key of a caller, or None for anonymous ones.

        Authorization wins; `?token=` is read only without it; wrong keys are silently
        anonymous [server source].
        """
        header = request.header("authorization")
        if header is None:
            key = request.first("token")
        else:
            scheme, _, key = header.partition(" ")
            key = key.strip() if scheme.lower() == "bearer" else None
        known = bool(key) if self.options.any_key else key in self.options.keys
        return key if known else None

    def own(self, request: Request) -> str:
        """Return the API's address as the caller wrote it: lists build URLs from Host."""
        scheme, _, host = self.api.partition("://")
        return f"{scheme}://{request.header('host') or host}"

    def image_url(self, uuid: str, params: str, name: str) -> str:
        """Return the CDN address of an image; the name is decoration."""
        return f"{self.cdn}/{ACCOUNT}/{uuid}/{params}/{name}"

    def moved(self, url: str) -> str:
        """Return a real Civitai address pointed at the fake; others stay as they are."""
        if url.startswith(REAL_CDN):
            return self.cdn + url.removeprefix(REAL_CDN)
        for prefix in REAL_API:
            if url.startswith(prefix):
                return f"{self.api}/api/{url.removeprefix(prefix)}"
        return url

    def text(self, html: str) -> str:
        """Return a text with the CDN addresses inside it pointed at the fake."""
        return html.replace(REAL_CDN, self.cdn)
