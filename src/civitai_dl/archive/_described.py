"""What the page of a model is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """One line in the list of files. size: bytes; state: a few words for the reader."""

    name: str
    size: int | None
    sha256: str | None
    state: str


@dataclass(frozen=True, slots=True)
class DescribedVersion:
    """One version as the page shows it. description: the HTML fragment of the service.

    gone: a few words, where the service no longer shows it.
    """

    id: int
    name: str
    base_model: str | None = None
    published_at: datetime | None = None
    trained_words: tuple[str, ...] = ()
    description: str | None = None
    files: tuple[DescribedFile, ...] = ()
    gone: str = ""


@dataclass(frozen=True, slots=True)
class DescriptionPage:
    """All that the page of one model is made of.

    source_url: of the model at the service; relative links and images resolve against it.
    description: the HTML fragment of the service.
    local_images: where an image or video was saved, by its absolute URL as `description_images`
    names it; paths are relative to the page, with forward slashes.
    gone: a few words, where the service no longer has the model.
    """

    model_id: int
    name: str
    kind: str
    creator: str | None
    source_url: str
    tags: tuple[str, ...] = ()
    description: str | None = None
    versions: tuple[DescribedVersion, ...] = ()
    local_images: Mapping[str, str] = field(default_factory=dict)
    gone: str = ""
