"""What somebody asks about: a target, or a single file by its number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Union

from civitai_dl.domain.entities import LARGEST_ID, FileId, Target
from civitai_dl.sources import parse_target

_FILE = re.compile(r"file:(?:[0-9]{1,10}:)?(?P<file>[0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class FileTarget:
    """One file, as failed.txt and unavailable.txt name it: `file:5`, `file:VERSION:5`."""

    file_id: FileId


Subject = Union[Target, FileTarget]


def read_subject(text: str) -> Subject:
    """What a word of the command line asks about. Raises: TargetError."""
    match = _FILE.fullmatch(text.strip())
    if match is not None and 0 < int(match["file"]) <= LARGEST_ID:
        return FileTarget(FileId(int(match["file"])))
    return parse_target(text)
