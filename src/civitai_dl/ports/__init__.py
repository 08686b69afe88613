"""The seams of the house: every Protocol, with units, errors and what may be repeated.

Adapters implement them, `worker`, `sources` and `scheduler` are written against them, and only
`_compose` knows which class stands behind which.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, Union, runtime_checkable

from ..domain.entities import (
    Account,
    Change,
    Dressed,
    Event,
    Held,
    Kind,
    Lane,
    Lease,
    Model,
    ModelId,
    ModelRef,
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
from ._bytes import Body, Chunk, Fetcher, SpareStreams
from ._storage import Ahead, Owned, Partial, Storage, Traits

__all__ = [
    "Added",
    "Ahead",
    "Body",
    "Catalog",
    "Chunk",
    "Clock",
    "Desk",
    "Expander",
    "Fetcher",
    "Json",
    "JsonApi",
    "Ledger",
    "LinkResolver",
    "Owned",
    "Parameters",
    "Partial",
    "Queue",
    "Reporter",
    "SpareStreams",
    "Storage",
    "Traits",
    "Wakeful",
]

Json = Union[dict[str, "Json"], list["Json"], str, int, float, bool, None]
Parameters = Sequence[tuple[str, str]]


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

    async def post(self, path: str, body: Json) -> Json:
        """Ask with a JSON body, as questions about many things are asked; otherwise as `get`."""


class LinkResolver(Protocol):
    """Asks the service where the bytes of a file lie."""

    async def resolve(self, path: str) -> SignedUrl:
        """Ask for a signed link; `path` is an API path with its query. Raises: SourceError.

        Each success counts against the account's download quota: keep the link while it is valid.
        """


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

    async def models_under(self, parent: str, *, missed: bool = False) -> list[ModelRef]:
        """The models that were found under this page; missed: those that this run did not find."""

    async def count_children(self, parent: str, kind: Kind) -> int:
        """How many tasks of a kind were found under a page, in all runs."""

    async def placed(self, model_ids: Collection[ModelId]) -> dict[ModelId, Placed]:
        """Where the things of these models have their place."""

    async def stored_as(self, key: str) -> StoredFile | None:
        """What a task has stored."""

    async def find_source(self, source: str) -> list[StoredFile]:
        """Files whose bytes come from the same source."""

    async def find_sha256(self, sha256: str) -> list[StoredFile]:
        """Files of equal digest."""

    async def stored_under(self, model_id: ModelId) -> dict[str, StoredFile]:
        """What is stored of a model: task key -> file."""

    async def dressed(
        self, model_ids: Collection[ModelId]
    ) -> dict[ModelId, tuple[Dressed, dict[str, StoredFile]]]:
        """What was noted of these models when they were dressed, and what is stored of them now.

        Without those of which nothing is noted, or nothing that can be read.
        """

    async def note_dressed(self, model_id: ModelId, dressed: Dressed) -> None:
        """Note what was written of a model. It must be durable before."""

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

    @property
    def only(self) -> Collection[str] | None:
        """The digests of the files that are wanted, None for all files."""

    def pictures(self, html: str | None) -> list[str]:
        """The URLs of the images in a description that may be fetched."""

    async def written(self, models: Sequence[Model]) -> set[ModelId]:
        """The models of which everything that would be written lies on the disk, to the byte."""

    async def save_json(self, *documents: tuple[str, object]) -> None:
        """Write JSON documents (path, content) of the archive. Raises: StorageError."""

    async def save(self, *documents: tuple[str, bytes]) -> None:
        """Write documents (path, content) as they are. Raises: StorageError."""

    async def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The documents of the archive that are there, by path. Raises: StorageError."""

    async def remove(self, paths: Sequence[str]) -> None:
        """Remove documents of the archive. Raises: StorageError. Safe to repeat."""

    async def redress(self, model_id: ModelId) -> None:
        """Write the page of a model again from what lies there. Raises: StorageError."""

    def tell(self, change: Change) -> None:
        """Say that the service shows a model otherwise than before, once that is written down."""

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
