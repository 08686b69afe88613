"""From an answer that is not the one hoped for to an error that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from civitai_dl.domain.decisions import read_retry_after
from civitai_dl.errors import (
    NeedsLogin,
    NotFound,
    NotPermitted,
    Rejected,
    SourceError,
    Throttled,
    Unavailable,
)

LONGEST_REASON = 200
CHALLENGE_WAIT = 900.0

_PAGES = "too many pages"
_QUOTA = "unusual amount of downloading"
_TAG = re.compile(r"<[^>]*>")
_QUERY = re.compile(r"(\w:?//[^\s\"'<>?#]*[?#])[^\s\"'<>]*")
_CREDENTIALS = re.compile(r"(?<=//)[^\s/\"'<>@]*@")
_FIELD = re.compile(
    r"\b((?:X-Amz-[\w-]+|Authorization|token|signature|sig)=)[^\s\"'<>&]+", re.IGNORECASE
)


def source_error(status: int, headers: Mapping[str, str], body: bytes, what: str) -> SourceError:
    """The error for an answer of the API; `what` names the request without its secrets.

    The bodies come in four shapes, and from the edge as HTML (server source); all are read
    leniently. Header names are lower case.
    """
    fields, reason = read_reason(body)
    said = f": {reason}" if reason else ""
    if status == 401:
        disabled = "disabled downloads" in reason
        hint = "" if disabled else "give an API key: `civitai-dl login`, --token or CIVITAI_API_KEY"
        return NeedsLogin(
            f"{what}{said}", disabled=disabled, hint=hint, status=status, reason=reason
        )
    if status == 403:
        return _forbidden(headers, fields, what, reason)
    if status in (404, 410):
        return NotFound(
            f"{what} (HTTP {status}){said}", gone=status == 410, status=status, reason=reason
        )
    if status in (429, 503):
        return _throttled(status, headers, what, reason)
    if status == 451:
        hint = "the service blocks this region; see --base-url and proxies"
        return Rejected(f"{what}{said}", hint=hint, status=status, reason=reason)
    if status in (408, 425, 499) or status >= 500 or status == 0:
        return Unavailable(f"{what} (HTTP {status}){said}", status=status, reason=reason)
    if status == 200:
        return Unavailable(
            f"{what}: a web page came instead of data{said}", status=status, reason=reason
        )
    return Rejected(f"{what} (HTTP {status}){said}", status=status, reason=reason)


def _forbidden(
    headers: Mapping[str, str],
    fields: Mapping[str, object],
    what: str,
    reason: str,
) -> SourceError:
    status = 403
    challenged = "just a moment" in reason.lower() or "cf-mitigated" in headers
    if challenged or not fields:
        # The service itself answers in JSON; anything else comes from the edge before it, and is
        # about us and not about what was asked for (observed).
        wish = "wants to see a browser (challenge)" if challenged else "refuses us"
        hint = "open the site in a browser from this address, then run it again later"
        return Throttled(
            f"{what}: the edge before the service {wish}",
            blocked=True,
            hint=hint,
            status=status,
            reason=reason,
            retry_after=CHALLENGE_WAIT,
        )
    deadline = fields.get("deadline")
    said = f": {reason}" if reason else ""
    return NotPermitted(
        f"{what}{said}",
        deadline=deadline if isinstance(deadline, str) else None,
        status=status,
        reason=reason,
    )


def _throttled(status: int, headers: Mapping[str, str], what: str, reason: str) -> SourceError:
    if _PAGES in reason:
        # No patience helps: the service answers so to page * limit > 1000 (server source).
        return Rejected(f"{what}: {reason}", status=status, reason=reason)
    said = f": {reason}" if reason else ""
    return Throttled(
        f"{what} (HTTP {status}){said}",
        quota=_QUOTA in reason,
        status=status,
        reason=reason,
        retry_after=read_retry_after(headers.get("retry-after"), headers.get("date")),
    )


def read_reason(body: bytes) -> tuple[dict[str, object], str]:
    """The fields of an error body, and its own words, cut to a line of 200 characters."""
    text = body[:65_536].decode("utf-8", "replace")
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return {}, _line(_TAG.sub(" ", text))
    fields = value if isinstance(value, dict) else {}
    words = [_words(fields.get(name)) for name in ("message", "error")]
    found = next((word for word in words if word), "") if fields else _words(value)
    return fields, _line(found)


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)) and value:
        return json.dumps(value, ensure_ascii=False)
    return ""


def _line(text: str) -> str:
    # Half a character, which JSON can escape, would stop the database and the log.
    joined = _without_links(" ".join(text.encode("utf-8", "replace").decode().split()))
    return joined if len(joined) <= LONGEST_REASON else joined[: LONGEST_REASON - 1] + "…"


def _without_links(text: str) -> str:
    """The text without the queries and passwords of addresses in it: some are signatures."""
    return _FIELD.sub(r"\1***", _CREDENTIALS.sub("***@", _QUERY.sub(r"\1***", text)))
