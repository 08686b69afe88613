"""Read one HTTP/1.1 request from a stream."""

from __future__ import annotations

import asyncio

from civitai_dl.testing._wire._messages import Request

MAX_LINE = 64 * 1024
MAX_BODY = 16 * 1024 * 1024


class BadRequestError(Exception):
    """What arrived is no HTTP/1.1 request."""


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Return the next request, or None when the peer has closed the connection.

    Raises: BadRequestError.
    """
    line = await _line(reader)
    while line == "":  # a stray CRLF after the previous body
        line = await _line(reader)
    if line is None:
        return None
    method, target, version, *rest = (*line.split(" "), "", "", "")
    if any(rest) or not version.startswith("HTTP/1."):
        raise BadRequestError(line[:80])
    headers = await _headers(reader)
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(method, target, headers, await _body(reader, headers))


async def _line(reader: asyncio.StreamReader) -> str | None:
    """Return one line without its end, or None at the end of the stream."""
    try:
        raw = await reader.readline()
    except ValueError as error:  # longer than the stream's limit
        raise BadRequestError("line too long") from error
    if not raw.endswith(b"\n"):
        return None
    return raw.rstrip(b"\r\n").decode("latin-1")


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := await _line(reader):
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError(line[:80])
        headers[name.strip().lower()] = value.strip()
    return headers


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    try:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await _chunks(reader)
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY:
            raise BadRequestError("body too long")
        return await reader.readexactly(length)
    except (ValueError, asyncio.IncompleteReadError) as error:
        raise BadRequestError("bad body") from error


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if len(body) > MAX_BODY:
            raise BadRequestError("body too long")
    while (await reader.readline()).strip():  # trailers
        pass
    return body
