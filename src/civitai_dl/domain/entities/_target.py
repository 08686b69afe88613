"""What a user may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from ._ids import CreatorName, ImageId, ModelId, VersionId
from ._look import Look
from ._search import SearchTarget


class Part(str, Enum):
    """What of a creator a URL names: `/user/ann/models`, `/user/ann/images`, or all."""

    ALL = "all"
    MODELS = "models"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """A model, whole, or one version of it."""

    model_id: ModelId
    version_id: VersionId | None = None


@dataclass(frozen=True, slots=True)
class VersionTarget:
    """A version whose model is not known yet."""

    version_id: VersionId


@dataclass(frozen=True, slots=True)
class HashTarget:
    """A file named by a digest (SHA256, AutoV2 ...); stands for the version that has it.

    algorithm: `AutoV1` or `CRC32` for eight digits, which different files may share; else empty.
    """

    digest: str
    algorithm: str = ""


@dataclass(frozen=True, slots=True)
class CreatorTarget:
    """A creator: the models, the images, or both."""

    username: CreatorName
    part: Part = Part.ALL


@dataclass(frozen=True, slots=True)
class PostTarget:
    """The images of one post."""

    post_id: int


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """One image."""

    image_id: ImageId


Target = Union[
    ModelTarget,
    VersionTarget,
    HashTarget,
    CreatorTarget,
    SearchTarget,
    PostTarget,
    ImageTarget,
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing asked for, with the words it was asked in (`models.txt:3`, or the argument)."""

    target: Target
    text: str
    origin: str
    look: Look = Look.USUAL


@dataclass(frozen=True, slots=True)
class Followed:
    """One thing that is to be kept current; times are seconds since the epoch, None for never.

    identity: what tells two ways to name one thing from two things. text: the words it was named
    in. selection: JSON of what of it is wanted, None for what a run wants by default. synced_at:
    when it was last brought up to date; full_at: when it was last looked at in full. complete:
    whether all that could be had was stored then.
    """

    identity: str
    text: str
    origin: str
    added_at: float
    selection: str | None = None
    synced_at: float | None = None
    full_at: float | None = None
    complete: bool = False
