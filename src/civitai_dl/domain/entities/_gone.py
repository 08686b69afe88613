"""What the service no longer shows of a model, and the archive keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._ids import ModelId, VersionId


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A version, or a file of one, that its model's answer no longer shows.

    id: of the version or the file. version_id: of the version itself, or of the file's.
    unlisted_since: when it was first missed. gone_since: when the service was first known to have
    it no more; None while it is merely not shown. raw: the JSON of it, as it was shown last.
    """

    id: int
    version_id: VersionId
    unlisted_since: datetime
    gone_since: datetime | None = None
    raw: dict[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Tombstones:
    """All that is known to be missing of a model at the service: the content of its gone.json.

    gone_since: when the service was first known to have the whole model no more; None while it has.
    """

    model_id: ModelId
    gone_since: datetime | None = None
    versions: tuple[Tombstone, ...] = ()
    files: tuple[Tombstone, ...] = ()

    def __bool__(self) -> bool:
        return self.gone_since is not None or bool(self.versions or self.files)
