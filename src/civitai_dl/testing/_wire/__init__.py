"""A small HTTP/1.1 server over raw asyncio streams, which can misbehave on the wire."""

from civitai_dl.testing._wire._line import Line
from civitai_dl.testing._wire._messages import (
    Body,
    Handler,
    Headers,
    Misbehaviour,
    Request,
    Response,
)
from civitai_dl.testing._wire._server import Exchange, Observer, Server

__all__ = [
    "Body",
    "Exchange",
    "Handler",
    "Headers",
    "Line",
    "Misbehaviour",
    "Observer",
    "Request",
    "Response",
    "Server",
]
