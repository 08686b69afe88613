"""URLs: which to ask for a file, which for the original of an image, and which never."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from ..entities import FileId, Image, ImageId, Media, VersionId

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CDN_HOST = r"(?:(?:[^/@]*\.)?civitai\.com|127\.0\.0\.1|localhost)(?::\d+)?"
_CDN = re.compile(
    rf"^(?P<head>https?://{_CDN_HOST}/(?:[^/]+/)?{_UUID})"
    r"(?:/(?P<params>[^/]*=[^/]*))?(?:/(?P<name>[^/]*))?$",
    re.IGNORECASE,
)

ORIGINAL = ("original=true",)
ORIGINAL_VIDEO = (
    "original=true",
    "original=true,quality=100",
    "transcode=true,original=true,quality=90",
)
"""Asking for `original=true` of some videos gives a still; the others are the ways around it, in
the order in which they were seen to work (observed)."""


def download_path(version_id: VersionId, file_id: FileId) -> str:
    """Where to ask for a file: by file id, because other parameters may pick another one."""
    return f"/api/download/models/{version_id}?fileId={file_id}"


def listed_download_path(url: str | None) -> str | None:
    """Path and query of the service's own download link; None when it is no such link.

    Its host is dropped: links have been seen with several, also `undefined`.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.path.startswith("/api/download/"):
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def image_variants(url: str, media: Media) -> tuple[str, ...]:
    """The URLs of the original, best first; an image outside the CDN has only its own.

    The segment after the UUID says what to make of the original; the file name and its extension
    are decoration (server source).
    """
    match = _cdn(url)
    if match is None:
        return (url,)
    name = match["name"] or "original"
    wishes = ORIGINAL_VIDEO if media is Media.VIDEO else ORIGINAL
    return tuple(f"{match['head']}/{wish}/{name}" for wish in wishes)


def is_cdn(url: str) -> bool:
    """Whether an address is one of the service's image CDN."""
    return _cdn(url) is not None


def _cdn(url: str) -> re.Match[str] | None:
    return _CDN.match(url.split("?", 1)[0].split("#", 1)[0])


def image_name(image: Image) -> str:
    """A short stable name for an image's file: its id, else the number in its URL, else its UUID.

    Images inside a model come without id in some answers; the id is then the file name in the URL
    (observed).
    """
    number = image.id or image_id_in(image.url)
    if number is not None:
        return str(number)
    if image.uuid is not None:
        return image.uuid
    # Not by urlsplit, which raises for some texts: a name is needed for every one.
    last = re.split(r"[?#]", image.url, maxsplit=1)[0].rsplit("/", 1)[-1]
    tail = re.sub(r"[^0-9A-Za-z]+", "-", last).strip("-")
    return f"{tail[:40] or 'image'}-{_short_digest(image.url)}"


def image_id_in(url: str) -> ImageId | None:
    """The image id that serves as file name in a CDN URL."""
    stem = url.split("?", 1)[0].rsplit("/", 1)[-1].split(".", 1)[0]
    return ImageId(int(stem)) if stem.isascii() and stem.isdigit() and len(stem) <= 10 else None


def image_source(image: Image) -> str:
    """The identity of an image's bytes: every URL of one original has one UUID."""
    return f"uuid:{image.uuid}" if image.uuid is not None else f"url:{image.url}"


def _short_digest(text: str) -> str:
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"[:10]


def may_fetch(url: str, *, local_service: bool) -> bool:
    """Whether a URL that others wrote (an image, a description) may be opened at all.

    Only https, and no address of the user's own network: a description must not be able to make
    this machine knock at its neighbours' doors. With a service on loopback, loopback is allowed.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or parts.scheme not in ("http", "https"):
        return False
    return _may_ask(host, is_https=parts.scheme == "https", local_service=local_service)


@lru_cache(maxsize=256)
def _may_ask(host: str, *, is_https: bool, local_service: bool) -> bool:
    """The verdict on a host; a million images come from a handful of them."""
    try:
        # As a resolver reads it: other scripts have dots and digits of their own.
        host = host.encode("idna").decode().lower().removesuffix(".")
    except ValueError:
        return False
    if _is_loopback(host):
        return local_service
    return is_https and not _is_private(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_LOCAL = frozenset({"local", "localhost", "internal", "intranet", "lan", "home", "corp", "arpa"})
"""Last labels of names that the public network does not have."""

_NAME = re.compile(r"[0-9a-z_-]+(?:\.[0-9a-z_-]+)+")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def _is_private(host: str) -> bool:
    try:
        return not _is_public_address(ip_address(host))
    except ValueError:
        # Not a plain address. Names without a dot live in the local network, and a last label that
        # is a number makes a resolver read an address (127.1, 127.0.0.0x1).
        last = host.rpartition(".")[2]
        known = last in _LOCAL or _NUMBER.fullmatch(last) is not None
        return known or _NAME.fullmatch(host) is None


def _is_public_address(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        # What a translator would turn into an address of the old kind, private ones included.
        if address in _TRANSLATED or address.sixtofour is not None or address.teredo is not None:
            return False
        if address.ipv4_mapped is not None:
            return _is_public_address(address.ipv4_mapped)
    return address.is_global and not address.is_multicast


_TRANSLATED = IPv6Network("64:ff9b::/96")
