"""The archive as its owner looks at it: covers, filters, pictures, and how things stand.

Times are seconds since the epoch (UTC), sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from ..entities import CreatorName, ImageId, Media, ModelId

T = TypeVar("T")


class Standing(str, Enum):
    """How a model stands in the archive."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    GONE = "gone"


class ModelOrder(str, Enum):
    """What comes first among models."""

    ADDED = "added"
    PUBLISHED = "published"
    NAME = "name"
    DOWNLOADS = "downloads"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Tally:
    """What of a model is how far; counts of files and images. bytes: of what is stored.

    listings_open: lists of it that were not read to their end. files: stored model files.
    images: stored images. gone: the service does not know the model any more.
    """

    stored: int = 0
    open: int = 0
    failed: int = 0
    unavailable: int = 0
    listings_open: int = 0
    files: int = 0
    images: int = 0
    bytes: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A stored image. row: of the state. place: "preview", "gallery" or "user".

    stamp: changes when the row does. sha256: of the bytes.
    """

    row: int
    place: str
    model_id: ModelId | None
    image_id: ImageId | None
    url: str
    path: str
    size: int
    sha256: str
    stamp: float


@dataclass(frozen=True, slots=True)
class ModelHolding:
    """How much of a model there is. stamp: changes when any of its rows does. added: since when."""

    id: ModelId
    tally: Tally
    stamp: str
    added: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, video or sound that is stored. row: its number in the library.

    mark: changes with its bytes. path: in the archive. version: the folder of the version whose
    preview it is. image_id: None for previews, of which the service tells none. level: bit mask of
    ratings, 0 when it is not told. mature: to be shown only when asked for.
    """

    row: int
    mark: str
    path: str
    media: Media
    model_id: ModelId | None = None
    model_name: str = ""
    version: str = ""
    image_id: ImageId | None = None
    creator: CreatorName | None = None
    level: int = 0
    mature: bool = False
    width: int = 0
    height: int = 0
    created: float | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """A model in a grid. base_models, tags, words: each once, in the service's order.

    rating: the strictest of its ratings, as a bit; 0 when none is told.
    """

    id: ModelId
    name: str
    kind: str
    creator: CreatorName | None
    base_models: tuple[str, ...]
    tags: tuple[str, ...]
    words: tuple[str, ...]
    standing: Standing
    mature: bool
    versions: int
    files: int
    images: int
    bytes: int
    published: float | None
    cover: Picture | None
    gone_versions: int = 0
    rating: int = 0


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """Which models are asked for; what is empty does not choose. rating: a single bit.

    after: the mark at the end of the page before; empty for the first one.
    """

    text: str = ""
    kind: str = ""
    base_model: str = ""
    creator: str = ""
    tag: str = ""
    rating: int = 0
    standing: Standing | None = None
    order: ModelOrder = ModelOrder.ADDED
    after: str = ""
    limit: int = 60


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """Which pictures are asked for, newest first; what is empty does not choose.

    place: "preview", "gallery" or "user". twins: also those whose bytes are shown already, as they
    stand in another place of the archive.
    """

    text: str = ""
    model_id: ModelId | None = None
    version: str = ""
    creator: str = ""
    media: Media | None = None
    rating: int = 0
    place: str = ""
    twins: bool = False
    after: str = ""
    limit: int = 60


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page of a list. total: of all pages, None where counting was given up at `most`.

    following: the mark to go on after, empty at the end.
    """

    shown: tuple[T, ...]
    total: int | None
    following: str = ""
    most: int = 0


@dataclass(frozen=True, slots=True)
class CreatorCard:
    """A creator: models and images of theirs that are stored."""

    name: CreatorName
    models: int
    images: int
    cover: Picture | None = None


@dataclass(frozen=True, slots=True)
class Facets:
    """What there is to choose from, each with the number of models."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    base_models: Mapping[str, int] = field(default_factory=dict)
    standings: Mapping[Standing, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much the library holds, and how far it has been read. reading: it is at it now.

    seen, all: rows of the state looked at in this reading, and how many there are.
    """

    models: int = 0
    images: int = 0
    files: int = 0
    bytes: int = 0
    creators: int = 0
    reading: bool = False
    seen: int = 0
    all: int = 0


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the service tells of an image, as far as it can be searched and sorted by."""

    creator: CreatorName | None = None
    level: int = 0
    width: int = 0
    height: int = 0
    created: float | None = None
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an image was made with. version_id: at the service, where it is told."""

    name: str
    kind: str = ""
    version_id: int | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """How an image was made, as its author tells. parameters: names and values, in order."""

    prompt: str = ""
    negative: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    resources: tuple[Resource, ...] = ()
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the service tells of a model, as far as it can be searched and sorted by.

    previews: facts of the images of its versions, by the UUID or URL of their originals, in the
    order in which they are shown.
    """

    id: ModelId
    name: str
    kind: str
    creator: CreatorName | None = None
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    level: int = 0
    nsfw: bool = False
    versions: int = 0
    gone_versions: int = 0
    downloads: int = 0
    published: float | None = None
    previews: Mapping[str, PictureFacts] = field(default_factory=dict)
