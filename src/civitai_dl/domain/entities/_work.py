"""Units of work, where they stand, and how they may end.

Times are seconds since the epoch (UTC), durations seconds, sizes bytes. Subjects are made of plain
data, so that a task is a database row and a message alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Union

from ._gallery import GalleryQuery, Media, Slice
from ._ids import FileId, ImageId, ModelId, VersionId
from ._look import Look
from ._model import Digests
from ._search import CreatorRef, LookupRef, SearchRef
from ._transfer import Held, StoredFile


class Lane(str, Enum):
    """Four queues that never wait for each other."""

    MODEL_PAGES = "model_pages"
    IMAGE_PAGES = "image_pages"
    FILES = "files"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class PacedLane:
    """Requests that share a rate.

    name: `api.model`, `api.image`, `api.resolve`, `cdn.image` or `blob.HOST`. host: who is asked,
    with its port where it is given.
    """

    name: str
    host: str


class Kind(str, Enum):
    """What a task does; each kind has one subject type and one lane."""

    MODEL = "model"
    LOOKUP = "lookup"
    CREATOR = "creator"
    SEARCH = "search"
    GALLERY = "gallery"
    FILE = "file"
    IMAGE = "image"
    DRESS = "dress"


class Role(str, Enum):
    """Why a thing is in the archive; what a selection switches on and off."""

    PAGE = "page"
    FILE = "file"
    PREVIEW = "preview"
    DESCRIPTION = "description"
    GALLERY = "gallery"
    USER_IMAGE = "user_image"
    DRESS = "dress"


class State(str, Enum):
    """Where a task stands; `decisions.next_state` is the only way from one to another."""

    WAITING = "waiting"
    READY = "ready"
    CLAIMED = "claimed"
    STORED = "stored"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model to be expanded; version_id restricts it to one version.

    single: ask for it alone, because the list answers did not show it.
    """

    model_id: ModelId
    version_id: VersionId | None = None
    single: bool = False
    look: Look = Look.USUAL


@dataclass(frozen=True, slots=True)
class GalleryRef:
    """A stretch of an image listing, and where its images go.

    folder: archive path without trailing slash; None for posts and single images, which go to
    their author. stage: "walk", "probe" (is the other end known?), "meet" (walk towards it).
    seen: items listed so far. known_ground: an earlier walk was complete, so stop where it began.
    empties: how often an empty answer was not believed. met: the two ends have touched.
    without: which authors are left out, as one word; empty for none.
    """

    query: GalleryQuery
    folder: str | None
    part: Slice = Slice()
    sort: str = "Newest"
    stage: str = "walk"
    cursor: str | None = None
    seen: int = 0
    pages: int = 0
    limit: int | None = None
    known_ground: bool = False
    empties: int = 0
    met: bool = False
    without: str = ""
    look: Look = Look.USUAL


@dataclass(frozen=True, slots=True)
class FileRef:
    """A model file and its place. listed_path: path and query of the service's own link.

    withdrawn: the service has taken the model down, so a 404 is no surprise. kind: the service's
    word for its type ("Model", "VAE"). foretold: its page says that it will be refused. free_at:
    when its early access ends, as its page tells it.
    """

    model_id: ModelId
    version_id: VersionId
    file_id: FileId
    name: str
    destination: str
    digests: Digests = Digests()
    size_hint: int | None = None
    listed_path: str | None = None
    withdrawn: bool = False
    kind: str = "Model"
    foretold: Unavailable | None = None
    free_at: float | None = None


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image and its place; the extension is added when the bytes have shown what it is."""

    url: str
    stem: str
    media: Media = Media.IMAGE
    image_id: ImageId | None = None


@dataclass(frozen=True, slots=True)
class DressRef:
    """A model whose page, or whose sidecars, are to be written from what is on disk."""

    model_id: ModelId
    sidecars: bool = False


Subject = Union[ModelRef, LookupRef, CreatorRef, SearchRef, GalleryRef, FileRef, ImageRef, DressRef]

SUBJECTS: dict[Kind, type[Subject]] = {
    Kind.MODEL: ModelRef,
    Kind.LOOKUP: LookupRef,
    Kind.CREATOR: CreatorRef,
    Kind.SEARCH: SearchRef,
    Kind.GALLERY: GalleryRef,
    Kind.FILE: FileRef,
    Kind.IMAGE: ImageRef,
    Kind.DRESS: DressRef,
}


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work.

    key: identity, for ever. source: identity of the bytes (`sha256:...`, `uuid:...`): two tasks of
    one source are never fetched at the same time. batch: tasks of equal batch may be performed by
    one request. attempt: how often it was tried for errors about itself. waited: seconds it has
    waited for the service. mismatches: how often its digest was wrong. label: its name for people.
    group, waits_for: a task that waits is released when no task of that group, or of one below it
    (`a/b` is below `a`), is open. begun: what was known when it was claimed, None: nobody looked.
    """

    key: str
    kind: Kind
    lane: Lane
    role: Role
    subject: Subject
    label: str
    source: str | None = None
    batch: str | None = None
    model_id: ModelId | None = None
    priority: int = 0
    group: str | None = None
    waits_for: str | None = None
    attempt: int = 0
    waited: float = 0.0
    mismatches: int = 0
    begun: Begun | None = field(default=None, compare=False)


class Trouble(str, Enum):
    """What a failure is about, which decides who waits and what is tried again."""

    TRANSIENT = "transient"
    THROTTLED = "throttled"
    QUOTA = "quota"
    BLOCKED = "blocked"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    CORRUPT = "corrupt"
    LINK = "link"
    STORAGE = "storage"
    HANDLES = "handles"


class Reason(str, Enum):
    """Why something known to exist cannot be had."""

    EARLY_ACCESS = "early_access"
    DOWNLOADS_DISABLED = "downloads_disabled"
    LOGIN_REQUIRED = "login_required"
    NO_PERMISSION = "no_permission"
    ARCHIVED = "archived"
    TAKEN_DOWN = "taken_down"
    GONE = "gone"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one task. detail: one sentence for people, free of secrets."""

    trouble: Trouble
    detail: str
    status: int = 0
    retry_after: float | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes are verified, durable and at `path`.

    how: "fetched", "linked", "adopted", or "owned": taken from a file outside the archive.

    prefixes: see Measured; empty where nobody measured them.
    """

    path: str
    sha256: str
    size: int
    how: str = "fetched"
    verified: bool = True
    note: str = ""
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """What earlier tries have left of a task's bytes, and where equal ones are stored.

    staged: what one was about to publish. held: its last checkpoint. twins: files of one source.
    """

    staged: Stored | None = None
    held: Held | None = None
    twins: tuple[StoredFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A task found by a page, with what is known of it already and what it contains."""

    task: Task
    verdict: Skipped | Unavailable | Expanded | None = None
    children: tuple[Planned, ...] = ()


@dataclass(frozen=True, slots=True)
class Expanded:
    """A page was read. onward: the rest of the listing, None at its end.

    wait: seconds before the rest may be asked for. notices: sentences the person should see (a
    count that differs, a list cut off). left_out: keys of what the page tells of and the selection
    does not want; what is known of them stays, and no account counts it below this page.
    """

    children: tuple[Planned, ...] = ()
    onward: Subject | None = None
    wait: float = 0.0
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing had to be done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Later. counts: whether it used up an attempt.

    pause: seconds for which the whole lane should rest; afterwards one task tries alone.
    mismatch: the bytes were wrong, which is counted apart. progress: durable bytes came, so that
    earlier attempts count no more. halt: it is the disk's trouble, so that the whole run must wait
    until the disk is fit again.
    """

    until: float
    failure: Failure
    counts: bool = True
    pause: float | None = None
    mismatch: bool = False
    progress: bool = False
    halt: bool = False


@dataclass(frozen=True, slots=True)
class Unavailable:
    """It exists and cannot be had. until: when it will be free, where that is known."""

    reason: Reason
    detail: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Given up in this run; the next run tries again. evidence: where the bad bytes lie."""

    failure: Failure
    evidence: str | None = None
    mismatch: bool = False


@dataclass(frozen=True, slots=True)
class LaneClosed:
    """The lane cannot go on in this run; its tasks stay ready. until: when to come back."""

    failure: Failure
    until: float


Outcome = Union[Stored, Expanded, Skipped, Deferred, Unavailable, Failed, LaneClosed]


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed task; `token` proves to the queue whose claim it is."""

    task: Task
    token: int


@dataclass(frozen=True, slots=True)
class Account:
    """How things stand for one input line, or for all of them; counts of files and images.

    unverified: model files among the stored ones for which the service lists no digest.
    unread: lists that are not read to their end, so that more may be expected. cancelled: it was
    withdrawn, and nothing is counted for it.
    """

    text: str
    origin: str = ""
    expected: int = 0
    stored: int = 0
    bytes: int = 0
    unavailable: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    open: int = 0
    note: str = ""
    unverified: int = 0
    unread: int = 0
    cancelled: bool = False

    @property
    def settled(self) -> bool:
        """Whether everything that can be had is stored."""
        return not self.failed and not self.open and not self.unread
