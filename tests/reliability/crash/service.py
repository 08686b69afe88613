"""The fake service without its sockets: the same answers, as fast as a function call."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import msgspec

from civitai_dl.adapters.fetcher._head import Head, read_answer
from civitai_dl.adapters.fetcher._http import REDIRECTS
from civitai_dl.domain.entities import Answer, SignedUrl
from civitai_dl.errors import NotFound
from civitai_dl.ports import Json, Parameters
from civitai_dl.testing import FakeCivitai
from civitai_dl.testing._service._api import answer_api
from civitai_dl.testing._service._cdn import answer_cdn
from civitai_dl.testing._service._storage import answer_storage
from civitai_dl.testing._wire import Request, Response

ROUTES = {"api": answer_api, "storage": answer_storage, "cdn": answer_cdn}

CHUNK = 10 * 1024
"""Bytes that come at a time: no multiple of a checkpoint, and not of a page."""


@dataclass(slots=True)
class PlainBody:
    """See ports.Body."""

    answer: Answer
    response: Response
    service: Service

    async def chunks(self) -> AsyncIterator[bytes]:
        """See ports.Body."""
        for start in range(0, self.response.length, CHUNK):
            chunk = self.response.read(start, start + CHUNK)
            self.service.received += len(chunk)
            yield chunk

    async def text(self, limit: int) -> str:
        """See ports.Body."""
        return self.response.read(0, limit).decode("utf-8", "replace")


@dataclass(slots=True)
class Service:
    """JsonApi, LinkResolver and Fetcher over the world of a fake that was served before.

    requests: by origin. received: bytes of bodies.
    """

    fake: FakeCivitai
    requests: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def _ask(self, url: str, headers: dict[str, str]) -> Response:
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        fake = self.fake
        bases = {fake.base_url: "api", fake.storage_url: "storage", fake.cdn_url: "cdn"}
        origin = bases[base]
        self.requests[origin] += 1
        request = Request("GET", url[len(base) :], headers)
        with fake.world.lock:
            return ROUTES[origin](fake._context, request)

    def drop(self) -> None:
        """See Engine: there is no connection to be closed."""

    async def check_key(self) -> bool:
        """The key is good."""
        return True

    async def get(self, path: str, parameters: Parameters = ()) -> Json:
        """See ports.JsonApi."""
        query = f"?{urlencode(list(parameters))}" if parameters else ""
        response = self._ask(f"{self.fake.base_url}{path}{query}", _key())
        if response.status != 200:
            raise NotFound(f"{path}: {response.status}", status=response.status)
        found: Json = msgspec.json.decode(response.read(0, response.length))
        return found

    async def resolve(self, path: str) -> SignedUrl:
        """See ports.LinkResolver."""
        response = self._ask(f"{self.fake.base_url}{path}", _key())
        if response.status not in REDIRECTS:
            raise NotFound(f"{path}: {response.status}", status=response.status)
        return SignedUrl(response.headers["Location"])

    @asynccontextmanager
    async def open(
        self,
        link: SignedUrl,
        *,
        offset: int = 0,
        end: int | None = None,
        if_range: str | None = None,
        lane: str = "",
    ) -> AsyncIterator[PlainBody]:
        """See ports.Fetcher."""
        del lane
        headers = {}
        if offset or end is not None:
            last = "" if end is None else str(end - 1)
            headers["range"] = f"bytes={offset}-{last}"
            if if_range is not None:
                headers["if-range"] = if_range
        url = link.reveal()
        response = self._ask(url, headers)
        while response.status in REDIRECTS:
            url = response.headers["Location"]
            response = self._ask(url, headers)
        lines = [("Content-Length", str(response.length)), *response.headers.items()]
        head = Head(response.status, lines, urlsplit(url).hostname or "")
        yield PlainBody(read_answer(head), response, self)

    def change_limit(self, limit: float) -> None:
        """See ports.Fetcher; nothing takes time here."""


def _key() -> dict[str, str]:
    return {"authorization": "Bearer fake-key"}
