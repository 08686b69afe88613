"""What a page of the archive may do: show what comes from its own origin, and nothing else."""

from __future__ import annotations

from civitai_dl.domain.decisions import media_of
from civitai_dl.domain.entities import Media

POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing inline runs or styles, so that what slips through a sanitiser is only text."""

MEDIA_POLICY = "default-src 'none'; sandbox"
"""For what strangers have made: also opened by itself it runs nothing."""

COMMON = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
    "jxl": "image/jxl",
    "bmp": "image/bmp",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "ogv": "video/ogg",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
}


def content_type(path: str) -> str | None:
    """What a stored file is served as; None for all that a browser might run, SVG among it."""
    return _TYPES.get(path.rsplit(".", 1)[-1].lower())


def may_be_drawn(path: str) -> bool:
    """Whether a small picture can be made of a file."""
    return media_of(path) is Media.IMAGE and content_type(path) is not None


def is_own_host(host: str, port: int) -> bool:
    """Whether a request was meant for us.

    A stranger's page may have its name resolve to this machine and read all that is here; its name
    then stands in the Host header.
    """
    name, _, number = host.rpartition(":")
    if not name or not number.isdigit():
        name, number = host, "80"
    return name.lower() in ("localhost", "127.0.0.1", "[::1]") and number == str(port)
