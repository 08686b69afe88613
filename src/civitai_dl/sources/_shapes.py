"""From the service's JSON to entities: tolerant of what is missing, null, or of another type.

Any field may be absent or null, numbers may come as strings and names as numbers, and new keys
appear without notice (observed); what cannot be read is left out, and the raw answer is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from math import isfinite
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civitai_dl.domain.entities import (
    CreatorName,
    Digests,
    File,
    FileId,
    Image,
    ImageId,
    Media,
    Model,
    ModelId,
    Version,
    VersionId,
)
from civitai_dl.errors import UnexpectedShape

if TYPE_CHECKING:
    from civitai_dl.ports import Json

LARGEST = 2**63 - 1
"""What a database can hold; no number of the service comes near."""

_HEX = frozenset("0123456789abcdef")


def as_object(value: Json) -> dict[str, Json]:
    """The value as an object; anything else counts as empty."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Json) -> list[dict[str, Json]]:
    """The objects in a list; other elements, also null, are left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: Json) -> str | None:
    """The value as text; numbers are written out, the rest is None."""
    if isinstance(value, str):
        # Half of a surrogate pair can be written nowhere: not to a database, a file or a URL.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(value) if abs(value) < LARGEST else None


def as_number(value: Json) -> float | None:
    """The value as a finite number; texts that hold one are read."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def as_id(value: Json) -> int | None:
    """The value as a positive whole number."""
    if isinstance(value, str):
        # The length first: Python refuses to read numbers of thousands of digits.
        readable = value.isascii() and value.isdigit() and len(value.lstrip("0")) <= 19
        number: float | None = int(value.lstrip("0") or "0") if readable else None
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        number = as_number(value)
    return int(number) if number and 0 < number <= LARGEST and number == int(number) else None


def as_time(value: Json) -> datetime | None:
    """An ISO time, with or without zone (then UTC) and milliseconds."""
    if not isinstance(value, str) or not value:
        return None
    text = value.strip().replace("Z", "+00:00").replace("z", "+00:00")
    head, dot, tail = text.partition(".")
    if dot:
        # Before 3.11 only three or six digits of a second can be read.
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        text = f"{head}.{digits[:6].ljust(6, '0')}{tail[len(digits):]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def as_texts(value: Json) -> tuple[str, ...]:
    """The texts of a list; a single text counts as a list of one."""
    if isinstance(value, str):
        return (value,)
    found = (as_text(item) for item in value) if isinstance(value, list) else ()
    return tuple(text for text in found if text is not None)


def read_model(raw: dict[str, Json]) -> Model:
    """A model, as lists and /models/:id give it. Raises: UnexpectedShape without an id."""
    number = as_id(raw.get("id"))
    if number is None:
        raise UnexpectedShape("the service sent a model without an id")
    model_id = ModelId(number)
    versions = (read_version(item, model_id) for item in as_objects(raw.get("modelVersions")))
    return Model(
        id=model_id,
        name=as_text(raw.get("name")) or f"model {model_id}",
        kind=as_text(raw.get("type")) or "Other",
        creator=creator_of(raw.get("creator")),
        mode=as_text(raw.get("mode")),
        description=as_text(raw.get("description")),
        tags=read_tags(raw.get("tags")),
        versions=tuple(version for version in versions if version is not None),
        raw=dict(raw),
    )


def read_models(items: list[dict[str, Json]]) -> list[Model]:
    """The models of a list; an item without an id names nothing and is left out."""
    return [read_model(item) for item in items if as_id(item.get("id")) is not None]


def read_tags(value: Json) -> tuple[str, ...]:
    """Tags are texts, in some answers objects with a name."""
    if not isinstance(value, list):
        return ()
    names = (as_text(as_object(item).get("name")) or as_text(item) for item in value)
    return tuple(name for name in names if name)


def creator_of(value: Json) -> CreatorName | None:
    """The creator's name; absent for deleted users and the system's own models."""
    name = as_text(as_object(value).get("username"))
    return CreatorName(name) if name else None


def read_version(raw: dict[str, Json], model_id: ModelId) -> Version | None:
    """A version inside a model; None without an id."""
    number = as_id(raw.get("id"))
    if number is None:
        return None
    version_id = VersionId(number)
    files = (read_file(item, version_id) for item in as_objects(raw.get("files")))
    images = (read_image(item) for item in as_objects(raw.get("images")))
    return Version(
        id=version_id,
        model_id=model_id,
        name=as_text(raw.get("name")) or "",
        base_model=as_text(raw.get("baseModel")),
        published_at=as_time(raw.get("publishedAt")),
        early_access_until=_early_access(raw),
        sold=as_object(raw.get("paidAccess")).get("permanent") is True,
        usage=as_text(raw.get("usageControl")),
        description=as_text(raw.get("description")),
        trained_words=as_texts(raw.get("trainedWords")),
        files=_distinct(file for file in files if file is not None),
        previews=tuple(image for image in images if image is not None),
    )


def _early_access(raw: dict[str, Json]) -> datetime | None:
    # Three generations of the same fact (observed); the first that is there counts.
    paid = as_object(raw.get("paidAccess"))
    for value in (raw.get("earlyAccessDeadline"), raw.get("earlyAccessEndsAt"), paid.get("endsAt")):
        moment = as_time(value)
        if moment is not None:
            return moment
    return None


def _distinct(files: Iterable[File]) -> tuple[File, ...]:
    return tuple({file.id: file for file in files}.values())


SCANS = {"pickle": "pickleScanResult", "virus": "virusScanResult"}
"""The scans of a file: Pending, Success, Danger or Error (server source)."""


def read_file(raw: dict[str, Json], version_id: VersionId) -> File | None:
    """A file of a version; None without an id. Sizes: round(sizeKB * 1024) is exact (observed)."""
    number = as_id(raw.get("id"))
    if number is None:
        return None
    kilobytes = as_number(raw.get("sizeKB")) or 0.0
    metadata = as_object(raw.get("metadata"))
    return File(
        id=FileId(number),
        version_id=version_id,
        name=as_text(raw.get("name")) or f"file-{number}",
        kind=as_text(raw.get("type")) or "Model",
        digests=read_digests(raw.get("hashes")),
        size_hint=round(kilobytes * 1024) if 0 < kilobytes < LARGEST / 1024 else None,
        format=as_text(metadata.get("format")),
        is_primary=raw.get("primary") is True,
        listed_url=as_text(raw.get("downloadUrl")),
        precision=as_text(metadata.get("fp")),
        extent=as_text(metadata.get("size")),
        dangers=tuple(scan for scan, key in SCANS.items() if raw.get(key) == "Danger"),
    )


def read_digests(value: Json) -> Digests:
    """Digests in lower-case hex; one that is not hex of its length is left out."""
    hashes = {key.upper(): as_text(found) for key, found in as_object(value).items()}
    return Digests(
        sha256=_hex(hashes.get("SHA256"), 64),
        crc32=_hex(hashes.get("CRC32"), 8),
        autov2=_hex(hashes.get("AUTOV2"), 10),
    )


def _hex(text: str | None, length: int) -> str | None:
    if text is None:
        return None
    digits = text.strip().lower()
    return digits if len(digits) == length and set(digits) <= _HEX else None


_PLAIN = re.compile(r"https?://[0-9A-Za-z.-]+/")


def read_image(raw: dict[str, Json]) -> Image | None:
    """An image of a list, a model or a version; None without a usable URL."""
    url = as_text(raw.get("url"))
    if not url:
        return None
    if url.startswith("//"):
        url = f"https:{url}"
    if not url.startswith(("https://", "http://")) or not _is_address(url):
        return None
    number = as_id(raw.get("id"))
    username = as_text(raw.get("username"))
    return Image(
        url=url,
        id=None if number is None else ImageId(number),
        media=_media(as_text(raw.get("type")), url),
        creator=CreatorName(username) if username else None,
        level=read_level(raw),
        raw=dict(raw),
    )


def _is_address(url: str) -> bool:
    if _PLAIN.match(url):
        # As nearly all are; to take one apart takes ten times as long.
        return True
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


LEVELS = {"None": 1, "Soft": 2, "Mature": 4, "X": 24}
"""What the names of older answers stand for; X covers two ratings (server source)."""


def read_level(raw: dict[str, Json]) -> int:
    """An image's rating as a bit mask, 0 when it is not told.

    `browsingLevel` is the real one where it is there; `nsfwLevel` is a number inside models and a
    name in image lists, and before 2024 the name stood in `nsfw` (observed).
    """
    for name in ("browsingLevel", "nsfwLevel", "nsfw"):
        value = raw.get(name)
        if isinstance(value, str) and value in LEVELS:
            return LEVELS[value]
        number = as_id(value)
        if number is not None:
            return number
    return 0


def is_pg(raw: Mapping[str, object]) -> bool:
    """Whether every rating of a model, of its versions and so of their images is PG."""
    return str(raw.get("nsfwLevel")) == "1"


def _media(kind: str | None, url: str) -> Media:
    if kind in ("image", "video", "audio"):
        return Media(kind)
    # Answers before 2024 carry no type, and then the extension is a hint (observed).
    ending = url.split("?", 1)[0].rsplit(".", 1)[-1].lower()
    return Media.VIDEO if ending in ("mp4", "webm") else Media.IMAGE


def next_cursor(answer: dict[str, Json]) -> str | None:
    """The cursor of the next page, byte for byte; it comes as text or as number (observed)."""
    cursor = as_object(answer.get("metadata")).get("nextCursor")
    if isinstance(cursor, float) and cursor.is_integer():
        cursor = int(cursor)
    return as_text(cursor) or None


def read_page(answer: Json, what: str) -> tuple[list[dict[str, Json]], str | None]:
    """The items and the cursor of a list answer. Raises: UnexpectedShape."""
    page = as_object(answer)
    if not isinstance(page.get("items"), list):
        raise UnexpectedShape(f"the list of {what} came without items")
    return as_objects(page.get("items")), next_cursor(page)
