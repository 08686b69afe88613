"""What is wrong with a stored file, how much of it, and which files are looked at."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Union

from civitai_dl.errors import ConfigError

from ..entities import Answer, Measured
from ._segments import SEGMENT, first_difference, segments_of


class Damage(str, Enum):
    """What is wrong; the value is the word of the reports."""

    MISSING = "missing"
    TRUNCATED = "truncated"
    LONGER = "longer"
    ROTTEN = "bit_rot"
    SWAPPED = "swapped"
    UNREADABLE = "unreadable"
    REPLACED = "replaced"
    OUT_OF_REACH = "out_of_reach"


class There(str, Enum):
    """What lies at a path. BROKEN: a file that the disk does not give. DENIED: nobody may look."""

    FILE = "file"
    NOTHING = "nothing"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "something else"
    BROKEN = "unreadable file"
    DENIED = "out of reach"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found at a path; sizes in bytes, `modified` in seconds since the epoch.

    identity: device and inode, by which hard links are known. names: how many names it has.
    measured: of a FILE that was read to its end. why: the system's words, for BROKEN and DENIED.
    """

    there: There
    size: int = 0
    modified: float = 0.0
    identity: tuple[int, int] | None = None
    names: int = 1
    measured: Measured | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored file as the catalog knows it.

    prefixes: see Measured. checked_at: when it was last known to be good, in seconds since the
    epoch.
    """

    row: int
    key: str
    path: str
    sha256: str
    size: int
    prefixes: tuple[str, ...] = ()
    checked_at: float | None = None
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """One stored file that is not what it should be.

    segment: the first that differs, counted from 0, where that can be told. other: of what stored
    file this is the content.
    """

    kept: Kept
    seen: Seen
    damage: Damage
    segment: int | None = None
    other: str = ""


_BY_WHAT_IS_THERE = {
    There.NOTHING: Damage.MISSING,
    There.FOLDER: Damage.REPLACED,
    There.LINK: Damage.REPLACED,
    There.OTHER: Damage.REPLACED,
    There.BROKEN: Damage.UNREADABLE,
    There.DENIED: Damage.OUT_OF_REACH,
}


def find_damage(kept: Kept, seen: Seen) -> Damage | None:
    """What is wrong with a file; None when it is as it was stored.

    That it is another stored file's content (SWAPPED), only the catalog can tell.
    """
    if seen.there is not There.FILE:
        return _BY_WHAT_IS_THERE[seen.there]
    if seen.size < kept.size:
        return Damage.TRUNCATED
    if seen.size > kept.size:
        return Damage.LONGER
    assert seen.measured is not None
    return None if seen.measured.sha256 == kept.sha256 else Damage.ROTTEN


def first_bad_segment(kept: Kept, measured: Measured | None, segment: int = SEGMENT) -> int | None:
    """The first segment, counted from 0, in which a file differs; None when nobody can tell."""
    if measured is None or not tells_segments(kept, segment):
        return None
    return first_difference((*kept.prefixes, kept.sha256), (*measured.prefixes, measured.sha256))


def tells_segments(kept: Kept, segment: int = SEGMENT) -> bool:
    """Whether the digests of all prefixes of a file are known, by segments of this size."""
    return len(kept.prefixes) == segments_of(kept.size, segment) - 1 > 0


def judge_segment(answer: Answer, start: int, end: int, size: int) -> bool:
    """Whether the body of an answer is exactly the bytes [start, end) of a file of `size`."""
    span = (answer.start, answer.end, answer.total)
    plain = answer.status == 206 and not answer.encoded and not answer.multipart
    return plain and span == (start, end - 1, size)


@dataclass(frozen=True, slots=True)
class Part:
    """The `number`-th (from 1) of `of` parts, which together are all."""

    number: int
    of: int

    def holds(self, row: int) -> bool:
        """Whether a row belongs to it: the same in every run, as rows keep their numbers."""
        return row % self.of == self.number - 1


@dataclass(frozen=True, slots=True)
class Share:
    """A share in (0, 1] of the files, those first that were not looked at for the longest time."""

    share: float

    def most(self, files: int) -> int:
        """How many of so many files it is; at least one, where there is one."""
        # A share such as 0.07 is a bit more than it says: 7 % of 100 files are 7.
        return min(files, math.ceil(files * self.share - 1e-9))


Subset = Union[Part, Share]

_PART = re.compile(r"(\d{1,9})\s*/\s*(\d{1,9})")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")


def read_subset(text: str) -> Subset:
    """A subset as people write it: `3/7`, or `5%`. Raises: ConfigError."""
    part, share = _PART.fullmatch(text.strip()), _SHARE.fullmatch(text.strip())
    if part is not None and 1 <= int(part[1]) <= int(part[2]):
        return Part(int(part[1]), int(part[2]))
    if share is not None and 0 < float(share[1]) <= 100:
        return Share(float(share[1]) / 100)
    raise ConfigError(f"this is no subset: {text!r}", hint="for example 1/7, or 5%")


def group_twins(seen: Sequence[Seen]) -> list[list[int]]:
    """Which of the things are one and the same: positions, by identity, in order."""
    groups: dict[object, list[int]] = {}
    for position, one in enumerate(seen):
        groups.setdefault(one.identity or position, []).append(position)
    return list(groups.values())
