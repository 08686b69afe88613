"""Identifiers of the service, and AIR, the resource name made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

ModelId = NewType("ModelId", int)
VersionId = NewType("VersionId", int)
FileId = NewType("FileId", int)
ImageId = NewType("ImageId", int)
CreatorName = NewType("CreatorName", str)

LARGEST_ID = 2_147_483_647
"""The service's ids are 32-bit integers: /models/:id answers 400 beyond (server source)."""

_AIR = re.compile(
    r"^(?:urn:)?air:(?P<ecosystem>[^:]+):(?P<kind>[^:]+):civitai:(?P<model>[0-9]{1,10})"
    r"(?:@(?P<version>[0-9]{1,10}))?(?:[:.?].*)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Air:
    """An AIR that names a Civitai model, and a version of it where one is given."""

    ecosystem: str
    kind: str
    model_id: ModelId
    version_id: VersionId | None = None

    @classmethod
    def parse(cls, text: str) -> Air | None:
        """Read `urn:air:<ecosystem>:<type>:civitai:<model>@<version>`; None for anything else.

        Also None for an id that the service cannot have.
        """
        match = _AIR.match(text.strip())
        if match is None:
            return None
        version = match["version"]
        if not all(0 < int(number) <= LARGEST_ID for number in (match["model"], version or "1")):
            return None
        return cls(
            ecosystem=match["ecosystem"].lower(),
            kind=match["kind"].lower(),
            model_id=ModelId(int(match["model"])),
            version_id=None if version is None else VersionId(int(version)),
        )

    def __str__(self) -> str:
        tail = "" if self.version_id is None else f"@{self.version_id}"
        return f"urn:air:{self.ecosystem}:{self.kind}:civitai:{self.model_id}{tail}"
