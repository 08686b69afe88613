"""The image CDN: `/<account>/<uuid>/<params>/<name>`, with its habits [observed]."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from civitai_dl.testing._service._answers import html
from civitai_dl.testing._service._context import ACCOUNT, Context
from civitai_dl.testing._service._ranges import ranged
from civitai_dl.testing._wire import Misbehaviour, Request, Response
from civitai_dl.testing._world import (
    MEDIA_TYPES,
    BytesBody,
    FakeImage,
    cover_bytes,
    image_bytes,
    small_bytes,
)

_CACHE = "/file/civitai-media-cache"
_CACHED = re.compile(rf"^{_CACHE}/([^/]+)/(original|default|\d+x)$")
_WIDTHS = (96, 320, 450, 512, 800, 1200, 1600, 2200)
_FOREVER = "public, max-age=31536000, immutable"


def answer_cdn(context: Context, request: Request) -> Response:
    """Answer one request to the CDN or to the media cache it redirects to."""
    if request.method not in ("GET", "HEAD"):
        return html(405, "Method Not Allowed")
    if cached := _CACHED.match(request.path):
        return _media(context, request, cached[1], _params_of(cached[2]), may_redirect=False)
    account, _, path = request.path.strip("/").partition("/")
    uuid, _, rest = path.partition("/")
    if account != ACCOUNT or not uuid:
        return _missing()
    # The params segment may be absent; the last segment is decoration.
    params = _parsed(rest.partition("/")[0])
    return _media(context, request, uuid, params, may_redirect=True)


def _media(
    context: Context, request: Request, uuid: str, params: dict[str, str], *, may_redirect: bool
) -> Response:
    image = context.index.media.get(uuid)
    if image is None or image.removed:
        return _missing()
    if image.html:
        return html(200, "Just a moment...")
    if image.redirects and may_redirect:
        last = "original" if "original" in params else f"{params.get('width', '450')}x"
        return Response(302, {"Location": f"{context.cdn}{_CACHE}/{uuid}/{last}"})
    data, kind = _chosen(image, params)
    body = BytesBody(data)
    tag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    headers = {"Content-Type": image.content_type or kind, "Cache-Control": _FOREVER}
    if not context.options.cdn_ranges:
        return Response(200, headers, body)
    answer = ranged(request, body, tag, headers)
    if image.chunked:
        return replace(answer, wire=Misbehaviour(omit_length=True))
    return answer


def _chosen(image: FakeImage, params: dict[str, str]) -> tuple[bytes, str]:
    """Return the bytes that the params ask for and their media type."""
    if "original" in params or (image.media == "video" and "quality" in params):
        if image.still_first and "quality" not in params:
            return cover_bytes(image), "image/webp"
        return image_bytes(image), MEDIA_TYPES[image.format]
    if image.media == "audio":
        return image_bytes(image), MEDIA_TYPES[image.format]
    asked = int(params["width"]) if params.get("width", "").isdecimal() else _WIDTHS[2]
    width = next((step for step in _WIDTHS if step >= asked), _WIDTHS[-1])
    return small_bytes(image, width // 8), "image/jpeg"


def _parsed(segment: str) -> dict[str, str]:
    """Return the params; a word without `=` stands for true, a plain file name for nothing."""
    if "=" not in segment:
        return {}
    pairs = (part.partition("=") for part in segment.split(","))
    return {name: value for name, _, value in pairs if value != "false"}


def _params_of(name: str) -> dict[str, str]:
    if name == "original":
        # What the cache holds as the original is the video itself, not its cover.
        return {"original": "true", "quality": "100"}
    return {} if name == "default" else {"width": name.removesuffix("x")}


def _missing() -> Response:
    return Response(404, {"Content-Type": "text/plain; charset=utf-8"}, b"Not Found")
