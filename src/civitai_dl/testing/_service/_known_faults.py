"""Faults that the real service is known for, ready to be planted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import UNAVAILABLE_HERE
from civitai_dl.testing._service._faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_BUSY: dict[str, str | None] = {"Retry-After": "2", "Cache-Control": "no-store"}
_QUOTA = (
    "We've noticed an unusual amount of downloading from your account. "
    "Contact support@civitai.com or come back later."
)
_EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"

KNOWN_FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "maintenance with 503": Fault(
            origin="api", path="^/api/", status=503, body=_PAGE.format("Civitai is down")
        ),
        "maintenance with 200": Fault(
            origin="api", path="^/api/", status=200, body=_PAGE.format("Civitai is down")
        ),
        "challenge": Fault(
            origin="api",
            path="^/api/",
            status=403,
            body=_PAGE.format("Just a moment..."),
            headers={"cf-mitigated": "challenge"},
        ),
        "edge limit": Fault(origin="api", path="^/api/", status=429, body="error code: 1015"),
        "edge timeout": Fault(
            origin="api", path="^/api/", status=524, body=_PAGE.format("A timeout occurred")
        ),
        "region blocked": Fault(
            origin="api",
            path="^/api/",
            status=451,
            body={"error": UNAVAILABLE_HERE, "code": "REGION_BLOCKED"},
        ),
        "images overloaded": Fault(
            origin="api",
            path="^/api/v1/images",
            status=503,
            headers=_BUSY,
            body={"error": "Server busy, please retry shortly."},
        ),
        "image search overloaded": Fault(
            origin="api",
            path="^/api/v1/images",
            status=503,
            headers=_BUSY,
            body={"error": "Image search is temporarily overloaded — please retry."},
        ),
        "images statement timeout": Fault(
            # Swallowed by the server: it looks exactly like the end of the list.
            origin="api",
            path="^/api/v1/images.*modelId=",
            status=200,
            body={"items": [], "metadata": {}},
        ),
        "model search overloaded": Fault(
            origin="api",
            path="^/api/v1/models.*query=",
            status=503,
            headers=_BUSY,
            body={"error": "Model search is temporarily overloaded — please retry."},
        ),
        "client closed request": Fault(origin="api", path="^/api/v1/", status=499, body=b""),
        "download quota": Fault(
            origin="api", path="^/api/download/", status=429, body={"error": _QUOTA}
        ),
        "download forbidden": Fault(
            origin="api", path="^/api/download/", status=403, body={"error": "Forbidden"}
        ),
        "download lookup failed": Fault(
            origin="api",
            path="^/api/download/",
            status=404,
            headers={"Cache-Control": "private, no-store"},
            body={"error": "File not found"},
        ),
        "download crashed": Fault(
            origin="api",
            path="^/api/download/",
            status=500,
            body={"error": "Error getting file"},
        ),
        "login page": Fault(
            origin="api", path="^/api/download/", status=200, body=_PAGE.format("Login")
        ),
        "storage link expired": Fault(
            origin="storage",
            status=403,
            headers={"Content-Type": "application/xml"},
            body=_EXPIRED,
        ),
        "storage ignores Range": Fault(origin="storage", ignore_range=True),
        "storage sends a page": Fault(
            origin="storage", status=200, body=_PAGE.format("Sign in to this network")
        ),
        "storage changes its ETag": Fault(origin="storage", headers={"ETag": '"another"'}),
        "storage encodes": Fault(origin="storage", headers={"Content-Encoding": "gzip"}),
    }
)
"""By name; plant one with `fake.faults.add(KNOWN_FAULTS["challenge"].at(nth=3))`."""
