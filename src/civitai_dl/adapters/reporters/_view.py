"""What a display may show at one moment: plain facts, frozen; sizes in bytes, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Lane


@dataclass(frozen=True, slots=True)
class ModelsView:
    """Models. done: page read and no file open. growing: more may still be listed.

    retrying: models with something that is tried again; failed: with something given up.
    """

    done: int = 0
    total: int = 0
    failed: int = 0
    retrying: int = 0
    growing: bool = False


@dataclass(frozen=True, slots=True)
class LaneView:
    """Files, or images. done + failed + unavailable + open = expected.

    bytes: what crossed the wire in this run. eta: None where it cannot be told.
    """

    lane: Lane
    expected: int = 0
    done: int = 0
    failed: int = 0
    unavailable: int = 0
    open: int = 0
    retrying: int = 0
    bytes: int = 0
    rate: float = 0.0
    eta: float | None = None
    growing: bool = False


@dataclass(frozen=True, slots=True)
class ListingView:
    """How far the listing is. pages: read in this run. known: found that was known before."""

    pages: int = 0
    known: int = 0
    going: bool = False


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer under way. have: bytes there, also those of an earlier attempt."""

    name: str
    lane: Lane
    have: int
    size: int | None
    rate: float
    age: float


@dataclass(frozen=True, slots=True)
class PauseView:
    """A lane that rests. left: seconds, None when it has stopped for this run."""

    lane: Lane
    reason: str
    left: float | None


@dataclass(frozen=True, slots=True)
class HeldView:
    """Lanes that a person holds up. all: every lane of the run."""

    lanes: frozenset[Lane] = frozenset()
    all: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """All of it. failed, retrying, unavailable: files, images and pages together."""

    models: ModelsView
    files: LaneView
    images: LaneView
    listing: ListingView
    failed: int = 0
    retrying: int = 0
    unavailable: int = 0
    bytes: int = 0
    rate: float = 0.0
    elapsed: float = 0.0
    transfers: tuple[TransferView, ...] = ()
    pauses: tuple[PauseView, ...] = ()
    alert: str = ""
    finished: bool = False
    held: HeldView = HeldView()
