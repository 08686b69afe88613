"""Whether these are the bytes that were meant."""

from __future__ import annotations

from dataclasses import dataclass

from ..entities import Digests, Measured, Media
from ._sniff import looks_like_text_page, media_ends_well, sniff_media, weights_look_right


@dataclass(frozen=True, slots=True)
class Proven:
    """A digest of the service matches; `by` names it."""

    by: str


@dataclass(frozen=True, slots=True)
class Plausible:
    """Length and structure are right, and there is no digest to prove more.

    extension: what the bytes are, for media; "" for files.
    """

    extension: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not the bytes. `page`: a page or error text came instead of them."""

    why: str
    page: bool = False


def is_proven(digests: Digests) -> bool:
    """Whether a digest tells in the end if the bytes are those that the service lists."""
    return bool(digests.sha256 or digests.crc32 or digests.autov2)


def verify_file(
    name: str, digests: Digests, size_hint: int | None, measured: Measured
) -> Proven | Plausible | Wrong:
    """The verdict on a model file, by the strongest digest the service offers."""
    if digests.sha256:
        return _compare("SHA256", digests.sha256, measured.sha256)
    page = looks_like_text_page(measured.head, None, name)
    if page is not None:
        return Wrong(page, page=True)
    if digests.crc32:
        return _compare("CRC32", digests.crc32, measured.crc32)
    if digests.autov2:
        return _compare("AutoV2", digests.autov2, measured.sha256[: len(digests.autov2)])
    if size_hint is not None and size_hint > 0 and measured.size != size_hint:
        return Wrong(f"{measured.size} bytes came, {size_hint} were listed")
    trouble = weights_look_right(name, measured.head, measured.size)
    return Plausible() if trouble is None else Wrong(trouble)


def _compare(digest: str, expected: str, found: str) -> Proven | Wrong:
    if expected.lower() == found.lower():
        return Proven(digest)
    return Wrong(f"{digest} is {found}, the service lists {expected}")


def verify_media(
    wanted: Media, measured: Measured, *, content_type: str, promised: int | None
) -> Plausible | Wrong:
    """The verdict on an image, video or sound; the service offers no digest of these.

    promised: bytes by Content-Length, None when the body came without: then the end of the
    structure decides.
    """
    if promised is not None and measured.size != promised:
        return Wrong(f"{measured.size} bytes came, {promised} were announced")
    found = sniff_media(measured.head)
    if found is None:
        page = looks_like_text_page(measured.head, content_type or None, "")
        if page is not None:
            return Wrong(page, page=True)
        return Wrong("the bytes are neither an image nor a video nor a sound")
    ends = media_ends_well(found, measured.head, measured.tail, measured.size)
    if ends is False and promised is None:
        return Wrong("the image ends before its end")
    if wanted is Media.VIDEO and found.kind != "video":
        return Wrong(f"a video is due, a still {found.extension} came")
    return Plausible(found.extension, found.kind)
