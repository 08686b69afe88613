"""FakeCivitai: three loopback origins in front of one world."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civitai_dl.testing._service._account import Account, Seen
from civitai_dl.testing._service._api import answer_api
from civitai_dl.testing._service._cdn import answer_cdn
from civitai_dl.testing._service._context import Context
from civitai_dl.testing._service._copies import copies
from civitai_dl.testing._service._faults import Faults
from civitai_dl.testing._service._options import FakeOptions, Origin
from civitai_dl.testing._service._storage import answer_storage
from civitai_dl.testing._wire import Exchange, Request, Response, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from typing_extensions import Self

    from civitai_dl.testing._world import BytesBody, CodedBody, World

_ROUTES: dict[Origin, Callable[[Context, Request], Response]] = {
    "api": answer_api,
    "storage": answer_storage,
    "cdn": answer_cdn,
}


class FakeCivitai:
    """A Civitai to test against: `async with fake:` or `with fake.in_thread():` serves it.

    It may be served again later; account, faults and memory of quotas stay. A bug in the fake
    itself is answered with status 500 and raised again when serving ends.
    """

    def __init__(self, world: World, *, options: FakeOptions | None = None) -> None:
        self.world = world
        self.account = Account()
        self.faults = Faults()
        self._context = Context(world, options or FakeOptions())
        self._servers: dict[Origin, Server] = {}
        self._stack = contextlib.AsyncExitStack()

    @property
    def options(self) -> FakeOptions:
        """The habits that are shown now."""
        return self._context.options

    @options.setter
    def options(self, options: FakeOptions) -> None:
        """Change habits while serving; ports and lifetimes of URLs given out stay."""
        self._context.options = options

    @property
    def base_url(self) -> str:
        """Address of the api origin, without a slash at its end."""
        return self._context.api

    @property
    def storage_url(self) -> str:
        """Address of the storage origin, or of who stands in for it."""
        return self._context.storage

    @property
    def cdn_url(self) -> str:
        """Address of the CDN origin, or of who stands in for it."""
        return self._context.cdn

    def connections(self, origin: Origin | None = None) -> int:
        """How many connections to an origin, or to all of them, are open on both sides."""
        chosen = [origin] if origin is not None else list(self._servers)
        return sum(self._servers[one].connections for one in chosen)

    def copies(self) -> Iterator[tuple[str, BytesBody | CodedBody]]:
        """Return what a server that stands in for storage and CDN must have: path and bytes.

        Every public file at each of its stores, and every original image under its listed name.
        """
        return copies(self._context)

    def advance(self, seconds: float) -> None:
        """Move the fake's clock: signed URLs expire, quotas and early access roll on."""
        self._context.clock.advance(seconds)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._serving())
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[FakeCivitai]:
        """Serve from a thread and loop of its own, for programs that block."""
        ready = threading.Event()
        ends: list[Callable[[], object]] = []
        failures: list[BaseException] = []

        async def serve() -> None:
            loop, over = asyncio.get_running_loop(), asyncio.Event()
            async with self._serving():
                ends.append(lambda: loop.call_soon_threadsafe(over.set))
                ready.set()
                await over.wait()

        def run() -> None:
            try:
                asyncio.run(serve())
            except BaseException as failure:  # noqa: BLE001 - raised in the caller's thread
                failures.append(failure)
            finally:
                ready.set()

        thread = threading.Thread(target=run, name="FakeCivitai", daemon=True)
        thread.start()
        ready.wait()
        try:
            if ends:
                yield self
        finally:
            for end in ends:
                end()
            thread.join()
        for failure in failures:
            raise failure

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for origin, port in zip(_ROUTES, self.options.ports, strict=True):
                server = self._server(origin)
                stack.push_async_callback(server.stop)
                await server.start(port, self.options.tls)
                scheme = "http" if self.options.tls is None else "https"
                own = f"{scheme}://{self.options.name}:{server.port}"
                bodies = None if origin == "api" else self.options.bodies
                setattr(self._context, origin, bodies or own)
                self._servers[origin] = server
            yield
        for server in self._servers.values():
            for bug in server.bugs:
                raise bug

    def _server(self, origin: Origin) -> Server:
        route = _ROUTES[origin]

        def truly(request: Request) -> Response:
            with self.world.lock:
                return route(self._context, request)

        def handler(request: Request) -> Response:
            answer = self.faults.answer(origin, request, truly)
            if self.options.line is None or origin == "api":
                return answer
            return replace(answer, line=self.options.line)

        return Server(handler, lambda exchange: self._observed(origin, exchange))

    def _observed(self, origin: Origin, exchange: Exchange) -> None:
        request, response = exchange.request, exchange.response
        unanswered = response.wire.unanswered
        path = request.path
        if origin == "api":
            path = urlsplit(response.headers.get("Location", "")).path
        seen = Seen(
            origin=origin,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            status=0 if unanswered else response.status,
            bytes_sent=exchange.bytes_sent,
            at=exchange.begun,
            file_id=self._context.signer.file_id(path),
        )
        self.account.enter(seen, exchange.in_flight)
