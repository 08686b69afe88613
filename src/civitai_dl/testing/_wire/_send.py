"""Send one response, as well or as badly as its Misbehaviour says."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from civitai_dl.testing._wire._line import SLICE as LINE_SLICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from civitai_dl.testing._wire._messages import Misbehaviour, Request, Response

SLICE = 256 * 1024
_LINGER = "hh" if sys.platform == "win32" else "ii"
"""The layout of the system's struct linger: on or off, seconds."""
BODILESS = frozenset({204, 304})


@dataclass(eq=False)
class Sending:
    """How far one response has come; it is complete only when `ended` says so.

    It is booked just before its last bytes leave: a client that has them finds it in the book.
    """

    booked: Callable[[int], None]
    """Called once, with the number of body bytes."""
    bytes_sent: int = 0
    reusable: bool = False
    """Whether the connection may carry another request afterwards."""
    ended: bool = False
    _is_booked: bool = False

    def book(self) -> None:
        """Have it booked, if it is not yet."""
        if not self._is_booked:
            self._is_booked = True
            self.booked(self.bytes_sent)


async def send(
    request: Request, response: Response, writer: asyncio.StreamWriter, sending: Sending
) -> None:
    """Send `response`; `sending` tells how many body bytes went out even when this raises.

    Raises: ConnectionError when the peer is gone.
    """
    wire = response.wire
    if wire.delay:
        await asyncio.sleep(wire.delay)
    if wire.unanswered:
        sending.book()
    if wire.reset:
        reset(writer)
    elif wire.cut_head is not None:
        await _slowly(_head(request, response)[: wire.cut_head], wire, writer)
    elif not wire.close:
        has_body = request.method != "HEAD" and response.status not in BODILESS
        if not has_body or _last(response) == 0:
            sending.book()
        await _slowly(_head(request, response), wire, writer)
        if has_body:
            await _body(response, writer, sending)
        else:
            await writer.drain()
            sending.ended = True
        closes = request.headers.get("connection", "").lower() == "close"
        sending.reusable = sending.ended and not closes and not wire.spoils_connection


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop the connection with a TCP RST: with zero linger, close() does not say goodbye."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
    writer.transport.abort()


async def _slowly(head: bytes, wire: Misbehaviour, writer: asyncio.StreamWriter) -> None:
    """Send a head, in small pieces where it is to be slow."""
    rate = wire.head_bytes_per_second
    size = max(1, int(rate / 50)) if rate else len(head)
    for at in range(0, len(head), size):
        if rate:
            await asyncio.sleep(size / rate)
        writer.write(head[at : at + size])
        await writer.drain()


def _head(request: Request, response: Response) -> bytes:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:  # 499 and the Cloudflare 52x have no registered phrase
        phrase = "Unknown"
    wire = response.wire
    first = f"HTTP/1.1 {response.status} {phrase}"
    lines = [first if wire.status_line is None else wire.status_line]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if response.status not in BODILESS and "Content-Length" not in response.headers:
        lines += _framing(response)
    if wire.unframed or request.headers.get("connection", "").lower() == "close":
        lines.append("Connection: close")
    lines += wire.extra_lines
    # A header may carry a mangled UTF-8 file name, as some storage hosts send it.
    return wire.preface + ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def _framing(response: Response) -> tuple[str, ...]:
    """Return the lines that say where the body ends."""
    wire = response.wire
    if wire.framing is not None:
        return wire.framing
    if wire.omit_length:
        return ("Transfer-Encoding: chunked",)
    if wire.unframed:
        return ()
    claimed = response.length if wire.claimed_length is None else wire.claimed_length
    return (f"Content-Length: {claimed}",)


async def _body(response: Response, writer: asyncio.StreamWriter, sending: Sending) -> None:
    wire, length = response.wire, response.length
    places = (wire.cut_after, wire.reset_after, wire.stall_after, wire.bad_chunk_after)
    marks = sorted(mark for mark in (*places, wire.slow_after) if mark is not None)
    while not await _breaks_off(wire, sending.bytes_sent, writer):
        at = sending.bytes_sent
        if at >= length:
            await _end(response, writer)
            sending.ended = wire.claimed_length in (None, length)
            return
        rate = wire.bytes_per_second if at >= wire.slow_after else None
        most = SLICE if response.line is None else LINE_SLICE
        slice_size = max(1, min(most, int(rate / 20))) if rate else most
        stop = min([length, at + slice_size, *(mark for mark in marks if mark > at)])
        if rate:
            await asyncio.sleep((stop - at) / rate)
        if response.line is not None:
            await response.line.take(stop - at)
        sending.bytes_sent = stop
        if stop == _last(response):
            sending.book()
        writer.write(_framed(_piece(response, at, stop), chunked=wire.omit_length))
        await writer.drain()


async def _breaks_off(wire: Misbehaviour, at: int, writer: asyncio.StreamWriter) -> bool:
    """Do what is due after so many body bytes; True when nothing may follow."""
    if at == wire.stall_after:
        await writer.drain()
        await asyncio.sleep(wire.stall)
    if at == wire.bad_chunk_after:
        writer.write(b"no number\r\n")
    if at not in (wire.reset_after, wire.cut_after, wire.bad_chunk_after):
        return False
    await writer.drain()
    if at == wire.reset_after:
        reset(writer)
    return True


async def _end(response: Response, writer: asyncio.StreamWriter) -> None:
    wire = response.wire
    if wire.excess:
        writer.write(_framed(wire.excess, chunked=wire.omit_length))
    if wire.omit_length and not wire.unterminated:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _last(response: Response) -> int:
    """Return the number of true body bytes after which no more of them are sent."""
    wire = response.wire
    marks = (response.length, wire.cut_after, wire.reset_after, wire.bad_chunk_after)
    return min(mark for mark in marks if mark is not None)


def _piece(response: Response, start: int, stop: int) -> bytes:
    piece = response.read(start, stop)
    corrupt = response.wire.corrupt_at
    if corrupt is None or not start <= corrupt < stop:
        return piece
    spoiled = bytearray(piece)
    spoiled[corrupt - start] ^= 0xFF
    return bytes(spoiled)


def _framed(piece: bytes, *, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
