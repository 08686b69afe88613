"""The api origin: which route answers which request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import (
    UNAVAILABLE_HERE,
    error,
    html,
    json_answer,
    schema_error,
)
from civitai_dl.testing._service._downloads import answer_download
from civitai_dl.testing._service._limiter import Bucket
from civitai_dl.testing._service._params import BadParamError
from civitai_dl.testing._service._route_images import list_images, show_post
from civitai_dl.testing._service._route_models import list_models, show_model
from civitai_dl.testing._service._route_people import (
    list_creators,
    list_tags,
    list_users,
    show_enums,
    show_me,
)
from civitai_dl.testing._service._route_versions import (
    find_by_hashes,
    find_ids_by_hashes,
    show_by_hash,
    show_mini,
    show_version,
)
from civitai_dl.testing._wire import Response

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request

_V1 = "/api/v1/"
_DOWNLOAD = "/api/download/models/"
_LISTS = {
    "models": list_models,
    "images": list_images,
    "creators": list_creators,
    "tags": list_tags,
    "users": list_users,
    "me": show_me,
    "enums": show_enums,
}
_BY_ID = {
    "models": show_model,
    "model-versions/mini": show_mini,
    "model-versions/by-hash": show_by_hash,
    "model-versions": show_version,
}
_POSTED = {
    "model-versions/by-hash": find_by_hashes,
    "model-versions/by-hash/ids": find_ids_by_hashes,
}


def answer_api(context: Context, request: Request) -> Response:
    """Answer one request to the API or to the download route."""
    refused = _at_the_edge(context, request)
    if refused is not None:
        return refused
    if request.path.startswith(_DOWNLOAD):
        return answer_download(context, request, request.path.removeprefix(_DOWNLOAD).strip("/"))
    if request.method == "OPTIONS":
        return json_answer({})
    if not request.path.startswith(_V1):
        return html(404, "Page not found")
    try:
        return _routed(context, request, request.path.removeprefix(_V1).strip("/"))
    except BadParamError as bad:
        return schema_error(bad.field, bad.text)


def _at_the_edge(context: Context, request: Request) -> Response | None:
    """Return what region block, bot filter and limit answer before the site is asked."""
    if context.options.region_blocked and request.path.startswith("/api"):
        data = {"error": UNAVAILABLE_HERE, "code": "REGION_BLOCKED"}
        return json_answer(data, 451)
    if "python-urllib" in (request.header("user-agent") or "").lower():
        return html(403, "Just a moment...", {"cf-mitigated": "challenge"})
    return None if _within_the_limit(context) else _limited(context.options.edge_retry_after)


def _within_the_limit(context: Context) -> bool:
    options = context.options
    if options.edge_rate is None:
        return True
    if context.bucket is None or context.bucket.rate != options.edge_rate:
        context.bucket = Bucket(options.edge_rate, options.edge_burst)
    return context.bucket.take(context.clock.now())


def _limited(retry_after: int | None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(429, {"Content-Type": "text/plain", **headers}, b"error code: 1015")


def _routed(context: Context, request: Request, path: str) -> Response:
    posted = _POSTED.get(path)
    if request.method == "POST" and posted is not None:
        return posted(context, request)
    if request.method != "GET":
        return error(405, "Method not allowed")
    if path in _LISTS:
        return _LISTS[path](context, request)
    group, _, last = path.rpartition("/")
    if group in _BY_ID:
        return _BY_ID[group](context, request, last)
    if group == "posts" and context.options.posts_endpoint:
        return show_post(context, request, last)
    return html(404, "Page not found")
