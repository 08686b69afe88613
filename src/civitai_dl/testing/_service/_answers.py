"""Answers in the forms that the service uses, with their caching headers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from civitai_dl.testing._wire import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC = "public, s-maxage=300, stale-while-revalidate=150"
HASHES = "public, s-maxage=3600, stale-while-revalidate=1800"
PRIVATE = "private, no-cache, no-store, max-age=0, must-revalidate"
NO_STORE = "no-store"
UNAVAILABLE_HERE = "Access to this service is not available in your region…"

RAW_CONTROLS = {"\ue007": "\x07", "\ue009": "\t", "\ue00a": "\n", "\ue01f": "\x1f"}
"""Private-use characters of the world's texts that go out as raw control characters [observed]."""


def json_answer(
    data: object,
    status: int = 200,
    *,
    cache: str = PUBLIC,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return JSON; every answer of the API carries CORS `*` [server source]."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for stand_in, control in RAW_CONTROLS.items():
        text = text.replace(stand_in, control)
    fixed = {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": cache,
        "Access-Control-Allow-Origin": "*",
    }
    return Response(status, fixed | dict(headers or {}), text.encode("utf-8", "surrogatepass"))


def error(status: int, text: str, *, cache: str = PUBLIC) -> Response:
    """Return `{"error": text}`."""
    return json_answer({"error": text}, status, cache=cache)


def message(status: int, text: str, *, cache: str = PUBLIC) -> Response:
    """Return `{"message": text}`, the form of errors that come out of tRPC."""
    return json_answer({"message": text}, status, cache=cache)


def schema_error(field: str, text: str) -> Response:
    """Return 400 with the issues of the schema check that failed."""
    issue = {"code": "custom", "path": [field], "message": text}
    return json_answer({"error": {"issues": [issue], "name": "ZodError"}}, 400)


def overloaded(text: str) -> Response:
    """Return 503 with Retry-After: 2, as the service sheds load [server source]."""
    return json_answer({"error": text}, 503, cache=NO_STORE, headers={"Retry-After": "2"})


def too_many_pages() -> Response:
    """Return the 429 that no patience helps against."""
    return error(429, "You've requested too many pages, please use cursors instead")


def crashed(detail: str) -> Response:
    """Return the 500 of an unexpected error."""
    data = {"message": "An unexpected error occurred", "error": detail}
    return json_answer(data, 500, cache=NO_STORE)


def html(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an HTML page, as edge and site send them instead of JSON."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body>"
    fixed = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": NO_STORE}
    return Response(status, fixed | dict(headers or {}), f"{page}</html>".encode())


def xml_error(status: int, code: str, text: str) -> Response:
    """Return an error of an S3-like storage."""
    body = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    data = f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()
    return Response(status, {"Content-Type": "application/xml"}, data)
