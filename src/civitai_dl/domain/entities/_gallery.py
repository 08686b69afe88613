"""Images as the service lists them, and the questions that list them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from ._ids import CreatorName, ImageId, ModelId, VersionId

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Media(str, Enum):
    """What the service calls an item; its bytes may turn out to be something else."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Rating(int, Enum):
    """Browsing levels are a bit mask: a single bit is one rating (server source)."""

    PG = 1
    PG13 = 2
    R = 4
    X = 8
    XXX = 16


ALL_LEVELS = 31
"""Every rating; Blocked (32) is never listed publicly."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image, video or sound.

    id: None where the answer carries none (images inside a model). A BlurHash is no digest, so
    there is nothing to verify the bytes against.
    """

    url: str
    id: ImageId | None = None
    media: Media = Media.IMAGE
    creator: CreatorName | None = None
    level: int = 0
    raw: dict[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def uuid(self) -> str | None:
        """The CDN's own key of the original, the one name that all its URLs share."""
        return uuid_in(self.url)


def uuid_in(url: str) -> str | None:
    """The last UUID in the path of a CDN URL, lower case; None for an external image."""
    found = _UUID.findall(url.split("?", 1)[0])
    return found[-1].lower() if found else None


@dataclass(frozen=True, slots=True)
class GalleryQuery:
    """Whose images are asked for: exactly one of the fields is set."""

    model_id: ModelId | None = None
    version_id: VersionId | None = None
    username: CreatorName | None = None
    post_id: int | None = None
    image_id: ImageId | None = None

    @property
    def text(self) -> str:
        """A short stable name, used in keys and on the screen: `model:5`, `user:ann`."""
        if self.model_id is not None:
            return f"model:{self.model_id}"
        if self.version_id is not None:
            return f"version:{self.version_id}"
        if self.username is not None:
            return f"user:{self.username.lower()}"
        if self.post_id is not None:
            return f"post:{self.post_id}"
        return f"image:{self.image_id}"

    @property
    def asks_database(self) -> bool:
        """Whether the service answers from its database and not from its search feed.

        The two differ in cursors, caps and losses: imageId, and modelId without modelVersionId,
        go to the database (server source).
        """
        return self.model_id is not None or self.image_id is not None


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a gallery small enough to be listed whole: ratings (bit mask) and media."""

    levels: int = ALL_LEVELS
    media: Media | None = None

    @property
    def text(self) -> str:
        """A short stable name: `31`, `4-video`."""
        return str(self.levels) if self.media is None else f"{self.levels}-{self.media.value}"
