"""What a worker is given; everything it touches comes through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import anyio

from civitai_dl.documents import Merge
from civitai_dl.domain.decisions import RetryPolicy
from civitai_dl.domain.entities import Kind, Selection, SignedUrl, StoredFile
from civitai_dl.errors import SourceError

from ._barrier import Barrier

if TYPE_CHECKING:
    from civitai_dl.ports import (
        Catalog,
        Clock,
        Expander,
        Fetcher,
        JsonApi,
        LinkResolver,
        Owned,
        Reporter,
        SpareStreams,
        Storage,
    )


@dataclass(frozen=True, slots=True)
class Dressing:
    """What makes a model's folder complete.

    documents: to write (path, content). links: second names to give (existing, path). merges: what
    is to be put into documents of others.
    """

    documents: list[tuple[str, bytes]]
    links: list[tuple[str, str]]
    merges: list[Merge] = field(default_factory=list)


class Dresser(Protocol):
    """Makes the page and the sidecars of a model."""

    def __call__(
        self,
        model_json: bytes,
        stored: Mapping[str, StoredFile],
        *,
        sidecars: bool,
        gone: bytes | None = None,
    ) -> Dressing:
        """From the model's JSON and what is stored of it (task key -> file); pure.

        sidecars: the small files beside the weights; else the page. gone: the model's gone.json.
        """


@dataclass(slots=True)
class Flight:
    """A link that somebody is asking for. over: set once there is a link or an error, or neither.

    Neither: whoever asked was cancelled.
    """

    over: anyio.Event
    link: SignedUrl | None = None
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything a task may need.

    resume: continue partial files. local_service: the service is on loopback. check_key: whether
    the API key is valid, None when there is none. digests: what earlier tries of this process
    measured where a digest was wrong. signed: links of files that were tried and not finished:
    each one asked for counts against the account's quota. asking: links that are being asked for.
    spare: streams that no task needs, None where each task has one. missed: how often an image was
    not there. told: what the person was told already. barrier: gives finished bytes their names.
    maker: what makes pages, in words that change with the pages that it makes. owned: files of the
    user that need not be fetched, None without any.
    """

    api: JsonApi
    links: LinkResolver
    fetcher: Fetcher
    storage: Storage
    catalog: Catalog
    clock: Clock
    reporter: Reporter
    policy: RetryPolicy
    selection: Selection
    sources: Mapping[Kind, Expander]
    dresser: Dresser
    pictures: Callable[[str | None], list[str]]
    check_key: Callable[[], Awaitable[bool]] | None = None
    resume: bool = True
    local_service: bool = False
    spare: SpareStreams | None = None
    owned: Owned | None = None
    maker: str = ""
    digests: dict[str, list[str]] = field(default_factory=dict)
    signed: dict[str, SignedUrl] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    barrier: Barrier = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "barrier", Barrier(self.storage, self.catalog, self.clock))

    asking: dict[str, Flight] = field(default_factory=dict)
