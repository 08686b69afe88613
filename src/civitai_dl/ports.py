"""The seams of the house: every Protocol, with units, errors and what may be repeated.

Adapters implement them, `worker`, `sources` and `scheduler` are written against them, and only
`_compose` knows which class stands behind which.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Union, runtime_checkable

from .domain.decisions import Seen
from .domain.entities import (
    Account,
    Answer,
    Event,
    Held,
    Kind,
    Lane,
    Lease,
    Measured,
    ModelId,
    Outcome,
    Placed,
    Planned,
    Selection,
    SignedUrl,
    Stored,
    StoredFile,
    Task,
    Trace,
)
from .errors import StorageError

Json = Union[dict[str, "Json"], list["Json"], str, int, float, bool, None]
Parameters = Sequence[tuple[str, str]]
Chunk = Union[bytes, memoryview]
"""Bytes on their way; who wants to keep them makes a copy."""


class Clock(Protocol):
    """The only door to time and chance."""

    def now(self) -> float:
        """Seconds since the epoch; never runs backwards within a process."""

    def jitter(self) -> float:
        """A number in [0, 1)."""

    async def sleep(self, seconds: float) -> None:
        """Wait; returns at once for zero and less."""


@runtime_checkable
class Wakeful(Protocol):
    """A clock that notices when the machine has slept."""

    on_gap: Callable[[float], None] | None
    """Told of the seconds of each long sleep."""

    async def watch(self) -> None:
        """Look for it, for ever."""


class Reporter(Protocol):
    """A listener to what happens."""

    def emit(self, event: Event) -> None:
        """Take note. Must neither block nor raise."""


class JsonApi(Protocol):
    """The documented API, paced per endpoint family, with the key sent to its host only."""

    async def get(self, path: str, parameters: Parameters = ()) -> Json:
        """Ask once, after the pace allows it. Raises: SourceError. Safe to repeat."""


class LinkResolver(Protocol):
    """Asks the service where the bytes of a file lie."""

    async def resolve(self, path: str) -> SignedUrl:
        """Ask for a signed link; `path` is an API path with its query. Raises: SourceError.

        Each success counts against the account's download quota: keep the link while it is valid.
        """


class Body(Protocol):
    """An answer whose bytes can be read once."""

    @property
    def answer(self) -> Answer:
        """The head of the answer."""

    def chunks(self) -> AsyncIterator[Chunk]:
        """The bytes as they come, a chunk valid until the next. Raises: ConnectionLost, Stalled."""

    async def text(self, limit: int) -> str:
        """Up to `limit` bytes of an error page, decoded leniently. Never raises for its bytes."""


class Fetcher(Protocol):
    """Opens links to storage and CDN; never sends the key."""

    def open(
        self,
        link: SignedUrl,
        *,
        offset: int = 0,
        end: int | None = None,
        if_range: str | None = None,
        lane: str = "",
    ) -> AbstractAsyncContextManager[Body]:
        """Ask for the bytes from `offset` on, up to `end` (exclusive; None: all there are).

        lane: for whom; each gets an equal part of the limit. Any status is a Body.
        Raises: ConnectionLost, Stalled. Safe to repeat.
        """

    def change_limit(self, limit: float) -> None:
        """Keep to so many bytes per second from now on, 0 for none."""


class Partial(Protocol):
    """The bytes of one task on their way; its name is unique to this attempt."""

    @property
    def held(self) -> int:
        """Bytes that an earlier attempt left; how many of them are durable, the catalog knows."""

    async def reserve(self, size: int) -> None:
        """Set room aside for `size` bytes in all.

        Raises: NotEnoughRoom, before anything is written; StorageError. Safe to repeat.
        """

    async def begin(self, offset: int, *, crc: bool = False) -> None:
        """Keep the first `offset` bytes (digesting them) and drop the rest.

        crc: measure the CRC32 as well. Raises: StorageError. Safe to repeat.
        """

    async def write(self, chunk: Chunk) -> None:
        """Append and digest; keeps no chunk. Raises: StorageFull, StorageDenied, StorageError."""

    @property
    def size(self) -> int:
        """Bytes held, durable or not."""

    async def sync(self) -> int:
        """Make what was written durable; returns how many bytes that is. Raises: StorageError."""

    async def finish(self) -> Measured:
        """Say what it is. Nothing may be written afterwards. Raises: StorageError."""

    async def publish(self, path: str) -> None:
        """Make it durable and give it its name in the archive, replacing nothing.

        Raises: FileExistsError when something else is there; StorageError. Durable on return.
        """

    async def quarantine(self, name: str, evidence: Mapping[str, object]) -> str:
        """Move it to `corrupted/` with the evidence beside it; returns the archive path."""

    async def discard(self) -> None:
        """Forget the bytes. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a storage can do; differences are data."""

    name: str
    resumable: bool
    links: bool


class Storage(Protocol):
    """The archive's files. Paths are relative, with forward slashes, made of portable names."""

    @property
    def traits(self) -> Traits:
        """What it can do."""

    async def sizes(self, paths: Sequence[str]) -> list[int | None]:
        """The size of each path, None where there is no regular file."""

    async def measure(self, path: str) -> Measured | None:
        """Read and digest a file; None when there is none. Costs a full read."""

    async def inspect(
        self, paths: Sequence[str], *, read: bool, hear: Callable[[int], None] | None = None
    ) -> list[Seen]:
        """Say what lies at each path, where one file's trouble is an answer and raises nothing.

        read: digest files as well; cancellation is heeded between slices of 1 MiB. hear: told from
        another thread how many bytes more were read.
        """

    async def names_of(self, folder: str, identity: tuple[int, int]) -> list[str]:
        """The paths right in a folder that are names of one file. Raises: StorageError."""

    async def read_part(self, path: str, offset: int, size: int) -> bytes:
        """Up to `size` bytes of a file from `offset` on, in memory.

        Raises: FileNotFoundError, StorageError.
        """

    async def link(self, existing: str, path: str) -> None:
        """Give a file a second name: hard link, else copy; durable.

        Raises: FileExistsError; FileNotFoundError when `existing` is gone; StorageError.
        """

    async def save(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """Write small documents (path, content) whole, replacing older ones; durable.

        A document that is there already is not written again. Safe to repeat.
        """

    async def save_stream(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Write a large document whole, replacing an older one; memory stays flat."""

    async def remove(self, paths: Sequence[str]) -> None:
        """Remove documents; those that are not there are no error."""

    async def read(self, path: str) -> bytes | None:
        """A small document, None when there is none."""

    def partial(self, key: str) -> AbstractAsyncContextManager[Partial]:
        """The partial of a task: what an earlier attempt left is taken over.

        Leaving the context keeps the bytes, unless they were published or discarded.
        """

    async def sync_all(self, partials: Sequence[Partial]) -> list[StorageError | None]:
        """Make the bytes of finished partials durable.

        One end for each, in order: None for done.
        """

    async def publish_all(
        self, named: Sequence[tuple[Partial, str]]
    ) -> list[FileExistsError | StorageError | None]:
        """Give durable partials their names, replacing nothing; durable on return.

        One end for each, in order: None for done. Raises: StorageError, for all of them.
        """

    async def quarantine(self, path: str, evidence: dict[str, object]) -> str:
        """Move a published file to `corrupted/` with the evidence; returns its new archive path.

        Raises: FileNotFoundError, StorageError.
        """

    async def sweep(self, keys: Collection[str]) -> int:
        """Remove partials that are a day old and belong to none of these tasks; returns how many.

        Raises: StorageError.
        """

    async def prove(self) -> None:
        """Show that the archive can be written; holds room in reserve. Raises: StorageError."""

    def free(self) -> int | None:
        """Bytes free for this user, None when the storage cannot tell."""


@dataclass(frozen=True, slots=True)
class Added:
    """What adding found: `new` were not known, or were due again; `known` were neither."""

    new: tuple[Planned, ...]
    known: int


class Queue(Protocol):
    """The durable list of work. Every method is one transaction and may be cancelled safely."""

    async def add(self, planned: Sequence[Planned], parent: str | None = None) -> Added:
        """Take tasks in; idempotent by key."""

    async def claim(self, lane: Lane, *, most: int, ahead: int = 1) -> tuple[Lease, ...]:
        """Claim the next task that is due; with a batch, up to `most` of the same batch.

        Of tasks without a batch up to `ahead`, each to be performed by itself.
        """

    async def settle(self, leases: Sequence[tuple[Lease, Outcome]]) -> Added:
        """Record how claimed tasks ended; children of pages are added in the same transaction."""

    async def release(self, leases: Sequence[Lease]) -> None:
        """Give claims back untouched."""

    async def next_due(self, lane: Lane) -> float | None:
        """When the next unclaimed task of the lane is due; None when there is none."""


class Catalog(Protocol):
    """What is stored and where; read by work, by status and by the pages of the archive."""

    async def linked(
        self, parent: str, keys: Collection[str], *, this_run: bool = False
    ) -> set[str]:
        """Which of the tasks were found under this page before, in any run or only in this one."""

    async def count_children(self, parent: str, kind: Kind) -> int:
        """How many tasks of a kind were found under a page, in all runs."""

    async def placed(self, model_id: ModelId) -> Placed:
        """Where the things of a model have their place."""

    async def stored_as(self, key: str) -> StoredFile | None:
        """What a task has stored."""

    async def find_source(self, source: str) -> list[StoredFile]:
        """Files whose bytes come from the same source."""

    async def find_sha256(self, sha256: str) -> list[StoredFile]:
        """Files of equal digest."""

    async def stored_under(self, model_id: ModelId) -> dict[str, StoredFile]:
        """What is stored of a model: task key -> file."""

    async def holds(self, key: str) -> bool:
        """Whether anything found under this page is stored."""

    async def staged(self, key: str) -> Stored | None:
        """What an earlier attempt was about to publish."""

    async def stage(self, about: Sequence[tuple[str, Stored]]) -> None:
        """Note what tasks (by key) are about to publish, durably, before it gets its name."""

    async def held(self, key: str) -> Held | None:
        """The last committed checkpoint of a partial."""

    async def hold(self, key: str, held: Held | None) -> None:
        """Commit a checkpoint; None forgets it. The bytes must be durable before."""


class Desk(Protocol):
    """What a source may use while it reads one page."""

    @property
    def api(self) -> JsonApi:
        """The API."""

    @property
    def catalog(self) -> Catalog:
        """What is known."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def selection(self) -> Selection:
        """What is wanted."""

    def pictures(self, html: str | None) -> list[str]:
        """The URLs of the images in a description that may be fetched."""

    async def save_json(self, *documents: tuple[str, object]) -> None:
        """Write JSON documents (path, content) of the archive. Raises: StorageError."""

    def deferred(self, task: Task, error: Exception) -> Outcome:
        """The verdict on an expected error of this task; raises what is not expected."""


Expander = Callable[[Sequence[Task], Desk], Awaitable[list[Outcome]]]
"""Reads the pages behind tasks of some kinds: one outcome each, in order.

More than one task comes only where they share a batch. Raises: SourceError, StorageError, for all
of them together.
"""


class Ledger(Protocol):
    """What the end of a run, and `status`, are told from."""

    async def accounts(self) -> tuple[Account, ...]:
        """One account per thing asked for, in the order of asking."""

    async def total(self) -> Account:
        """All of them together, each file and image once."""

    async def failures(self) -> tuple[Trace, ...]:
        """What failed in this run."""

    async def unavailable(self) -> tuple[Trace, ...]:
        """What this run wanted and cannot be had."""

    async def open_counts(self) -> dict[Lane, int]:
        """Tasks of this run that are not settled, per lane."""

    async def models(self) -> int:
        """How many models this run wanted."""

    def rows(self, kinds: Collection[Kind]) -> AsyncIterator[tuple[Task, str]]:
        """Every known task of the kinds with its state's value, in batches, by id."""
