"""The storage origin: signed URLs that expire, on two kinds of stores."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import json_answer, xml_error
from civitai_dl.testing._service._ranges import ranged
from civitai_dl.testing._world import FakeFile, file_body

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._service._signing import Grant
    from civitai_dl.testing._wire import Request, Response

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_PART = 100 * 1024 * 1024


def answer_storage(context: Context, request: Request) -> Response:
    """Answer one request to a store [observed: statuses, Range, ETags that differ per store]."""
    if request.header("authorization") is not None:
        # The signature in the query and the header are two sorts of credentials.
        return xml_error(400, "InvalidRequest", "Only one auth mechanism allowed")
    grant = context.signer.read(request)
    if grant is None:
        return xml_error(403, "SignatureDoesNotMatch", "The signature does not match")
    if request.method != "GET":
        # A URL is signed for one method only.
        return xml_error(403, "SignatureDoesNotMatch", "The signature does not match")
    if grant.expires <= context.clock.now():
        return _expired(grant)
    place = context.index.files.get(grant.file_id)
    if place is None:
        return xml_error(404, "NoSuchKey", "The specified key does not exist.")
    file = place[2]
    headers = {"Content-Type": "application/octet-stream"}
    headers["Last-Modified"] = "Mon, 01 Jan 2024 00:00:00 GMT"
    disposition = request.first("response-content-disposition") or request.first(
        "b2ContentDisposition"
    )
    if disposition:
        headers["Content-Disposition"] = _CONTROLS.sub("_", disposition)
    return ranged(request, file_body(file), etag(grant, file), headers)


def _expired(grant: Grant) -> Response:
    if grant.store == "r2":
        return xml_error(403, "AccessDenied", "Request has expired")
    data = {"code": "expired_auth_token", "message": "Authorization token expired", "status": 401}
    return json_answer(data, 401, cache="no-cache")


def etag(grant: Grant, file: FakeFile) -> str:
    """Return a strong ETag: S3's multipart form on R2, a SHA1-like one on B2.

    It is made of what the bytes follow from, not of the bytes: those may be very many.
    """
    body = file_body(file)
    source = f"{body.content} {body.revision} {body.size}".encode() + body.head[:16]
    if grant.store == "r2":
        parts = -(-body.size // _PART)
        return f'"{hashlib.md5(source, usedforsecurity=False).hexdigest()}-{parts}"'
    return f'"{hashlib.sha1(source, usedforsecurity=False).hexdigest()}"'
