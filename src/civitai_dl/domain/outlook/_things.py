"""What a run would do, known before a byte moves.

Sizes are bytes, times seconds since the epoch (UTC), durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..entities import Role


class Prospect(str, Enum):
    """What a run would do about one thing.

    REUSE: equal bytes are stored, or will be by then, so nothing is transferred. FAILED: it failed
    before, and is not tried again as long as the service lists the same. UNLISTED: a page that was
    not read, so that nobody knows what is behind it.
    """

    FETCH = "fetch"
    REUSE = "reuse"
    STORED = "stored"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class Share:
    """Things alike: how many, and how large as far as sizes are known.

    role: why they are in the archive; PAGE for pages. kind: for files the service's word for the
    type ("Model", "VAE"), for pages what they list, for images empty. reason: a value of Reason or
    of Trouble, or a sentence, empty where there is none. unsized: how many of them have no known
    size and are in no sum. held: bytes that are on disk already, in partial files. first, last:
    when the first and the last of them will be free, where that is told.
    """

    role: Role
    kind: str
    prospect: Prospect
    reason: str = ""
    count: int = 0
    bytes: int = 0
    unsized: int = 0
    held: int = 0
    first: float | None = None
    last: float | None = None

    @property
    def is_file(self) -> bool:
        """Whether these are model files."""
        return self.role is Role.FILE

    @property
    def is_content(self) -> bool:
        """Whether these are files or images, and not pages that tell of some."""
        return self.role is not Role.PAGE


@dataclass(frozen=True, slots=True)
class Scope:
    """What is behind one target, or behind all of them: every thing counts once.

    models: pages of models that were read. versions: those of which something is wanted.
    """

    text: str
    origin: str = ""
    models: int = 0
    versions: int = 0
    shares: tuple[Share, ...] = ()

    def count(self, *prospects: Prospect, files: bool | None = None) -> int:
        """How many things have one of these prospects. files: only files, or only images."""
        return sum(share.count for share in self._of(prospects, files))

    def bytes(self, *prospects: Prospect, files: bool | None = None) -> int:
        """Their known bytes, without what is on disk in partial files."""
        return sum(share.bytes - share.held for share in self._of(prospects, files))

    def unsized(self, *prospects: Prospect, files: bool | None = None) -> int:
        """How many of them have no known size."""
        return sum(share.unsized for share in self._of(prospects, files))

    def things(self, *, files: bool) -> int:
        """How many files, or images, there are in all."""
        return sum(s.count for s in self.shares if s.is_content and s.is_file is files)

    @property
    def unread(self) -> int:
        """Pages that could not be listed."""
        return sum(share.count for share in self.shares if share.prospect is Prospect.UNLISTED)

    def _of(
        self,
        prospects: tuple[Prospect, ...],
        files: bool | None,  # noqa: FBT001  # as it is passed on
    ) -> list[Share]:
        found = [share for share in self.shares if share.prospect in prospects]
        if files is None:
            return found
        return [share for share in found if share.is_content and share.is_file is files]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One thing, and what a run would do about it.

    key: that of its task. target: position of the first target that wants it. kind: as in Share,
    for images the role. path: where it goes; of an image that is not stored without its extension,
    which its bytes tell. bytes, sha256: None where nobody knows. until: when it will be free.
    """

    key: str
    target: int
    role: Role
    kind: str
    prospect: Prospect
    label: str
    model_id: int | None = None
    version_id: int | None = None
    file_id: int | None = None
    image_id: int | None = None
    name: str = ""
    path: str = ""
    bytes: int | None = None
    sha256: str | None = None
    reason: str = ""
    detail: str = ""
    hint: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast transfers were when some were last measured; None while nobody knows.

    files: bytes per second. images: images per second. links: requests for links to files, per
    second, 0 without a limit. limit: bytes per second of all transfers that the user allows, 0
    for no limit.
    """

    files: float | None = None
    images: float | None = None
    links: float = 0.0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long transfers will take, in seconds; None where nobody can say.

    files, images: of these alone; they go on side by side. at_least: something is not counted,
    because its size or its pace is not known.
    """

    seconds: float | None = None
    files: float | None = None
    images: float | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the disk.

    needed: known bytes to transfer. images: a guess at what the images take, from those that are
    stored; None without any. free: None when nobody can tell. lacking: bytes too few, the guess
    counted in; 0 when all fits.
    """

    needed: int
    images: int | None
    free: int | None
    lacking: int = 0

    @property
    def left(self) -> int | None:
        """What will be free afterwards, as far as it is known; negative when it does not fit."""
        return None if self.free is None else self.free - self.needed - (self.images or 0)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run would do about everything that is wanted."""

    targets: tuple[Scope, ...]
    total: Scope
    unlisted: tuple[Foreseen, ...]
    space: Space
    pace: Pace
    time: Forecast
