"""What has changed at the service since the archive was there last."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ._ids import CreatorName, ModelId


class ChangeKind(str, Enum):
    """What became of a thing."""

    NEW_MODEL = "new_model"
    NEW_VERSION = "new_version"
    NEW_FILE = "new_file"
    FILE_REPLACED = "file_replaced"
    RENAMED = "renamed"
    TEXT = "text"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    GONE_MODEL = "gone_model"
    GONE_VERSION = "gone_version"
    GONE_FILE = "gone_file"
    BACK_MODEL = "back_model"
    BACK_VERSION = "back_version"
    BACK_FILE = "back_file"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a model, as it was seen.

    model, creator: as the service names them now. number, what: of a version or a file its id and
    name; of a new name the one before; of a text which ones; of what is withdrawn the service's
    word for it. kept: the archive path of the page as it was before.
    """

    kind: ChangeKind
    model_id: ModelId
    model: str
    creator: CreatorName | None = None
    number: int | None = None
    what: str = ""
    kept: str = ""
