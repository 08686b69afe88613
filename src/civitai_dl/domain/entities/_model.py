"""A model, its versions and their files, as the service describes them.

Sizes are bytes, times aware UTC. Anything the service may leave out is None or empty; the raw
answer is kept by whoever decoded it and written to the archive untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._gallery import Image
from ._ids import CreatorName, FileId, ModelId, VersionId


@dataclass(frozen=True, slots=True)
class Digests:
    """What the service says a file's digests are, in lower-case hex; any may be missing."""

    sha256: str | None = None
    crc32: str | None = None
    autov2: str | None = None

    @property
    def offered(self) -> bool:
        """Whether any of the digests lets us prove the bytes."""
        return bool(self.sha256 or self.crc32 or self.autov2)


@dataclass(frozen=True, slots=True)
class File:
    """One public file of a version; `id` is its identity, names repeat within a version.

    size_hint: bytes, from the rounded sizeKB: good enough to reserve space, never a proof.
    listed_url: the service's own download URL, whose host is not to be trusted; the fallback
    where asking by file id answers 404 (files of linked versions). precision, extent: what the
    service calls `fp` and `size` (full, pruned). dangers: the scans that found it dangerous, such
    as `pickle` and `virus`.
    """

    id: FileId
    version_id: VersionId
    name: str
    kind: str = "Model"
    digests: Digests = Digests()
    size_hint: int | None = None
    format: str | None = None
    is_primary: bool = False
    listed_url: str | None = None
    precision: str | None = None
    extent: str | None = None
    dangers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model, with its public files and the creator's preview images."""

    id: VersionId
    model_id: ModelId
    name: str
    base_model: str | None = None
    published_at: datetime | None = None
    early_access_until: datetime | None = None
    description: str | None = None
    trained_words: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    previews: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model as one answer of the service tells it.

    mode: "Archived" (files are gone for good), "TakenDown" (images are gone) or None.
    """

    id: ModelId
    name: str
    kind: str = "Other"
    creator: CreatorName | None = None
    mode: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    raw: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
