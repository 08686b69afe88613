"""One origin: a loopback port, its connections, and the handler that answers them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from civitai_dl.testing._wire._messages import Handler, Request, Response
from civitai_dl.testing._wire._read import MAX_LINE, BadRequestError, read_request
from civitai_dl.testing._wire._send import Sending, send


@dataclass(frozen=True)
class Exchange:
    """One request with what was answered and how many body bytes of it were sent."""

    request: Request
    response: Response
    bytes_sent: int
    in_flight: int
    """Requests under way on this origin when this one arrived, itself included.

    One whose client has hung up is none of them, also while its answer is still being sent.
    """
    begun: float
    """When it arrived, in seconds of the monotonic clock."""


Observer = Callable[[Exchange], None]


class Server:
    """Answer HTTP/1.1 on one loopback port until stopped; start and stop belong to one loop."""

    def __init__(self, handler: Handler, observer: Observer) -> None:
        self._handler = handler
        self._observer = observer
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamReader] = {}
        self._stopping = False
        self._under_way: dict[Sending, asyncio.StreamReader] = {}
        self.port = 0
        self.bugs: list[Exception] = []
        """What the handler raised; its owner must look here after stop()."""

    @property
    def connections(self) -> int:
        """How many connections are open on both sides."""
        return sum(not _has_hung_up(reader) for reader in tuple(self._connections.values()))

    async def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one. Raises: OSError."""
        self._listener = await asyncio.start_server(
            self._connected, "127.0.0.1", port, limit=MAX_LINE, backlog=512, ssl=tls
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection, and wait until they are gone. Safe to repeat."""
        if self._listener is None:
            return
        self._stopping = True
        self._listener.close()
        # A connection that was accepted just now begins, sees that it is over, and ends.
        await asyncio.sleep(0)
        while self._connections:
            connections = tuple(self._connections)
            for connection in connections:
                connection.cancel()
            await asyncio.wait(connections)
        await self._listener.wait_closed()
        self._listener, self._stopping = None, False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = reader
        try:
            if not self._stopping:
                await self._converse(reader, writer)
        # A cancelled connection ends quietly: streams would log the cancellation as an error.
        except (OSError, BadRequestError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            del self._connections[task]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader, writer)
            if request is None or not await self._answer(request, reader, writer):
                return

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; tell whether the connection may carry another."""
        begun = time.monotonic()
        # Who hangs up is noticed by the next write only; its reader knows at once.
        in_flight = 1 + sum(not _has_hung_up(other) for other in self._under_way.values())
        response = self._handled(request)

        def booked(bytes_sent: int) -> None:
            del self._under_way[sending]
            self._observer(Exchange(request, response, bytes_sent, in_flight, begun))

        sending = Sending(booked)
        self._under_way[sending] = reader
        try:
            await send(request, response, writer, sending)
        finally:
            sending.book()
        return sending.reusable

    def _handled(self, request: Request) -> Response:
        """Ask the handler; a bug in it is answered with its traceback and kept for stop()."""
        try:
            return self._handler(request)
        except Exception as bug:  # noqa: BLE001 - raised again by the owner of `bugs`
            self.bugs.append(bug)
            return Response(500, {"Content-Type": "text/plain"}, traceback.format_exc().encode())


def _has_hung_up(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None
