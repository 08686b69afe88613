"""Where in a transfer a fault strikes, and how a fault about an answer is brought there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Union

from civitai_dl.testing import FakeCivitai, Fault

Mode = Literal["fresh", "resume"]
Origin = Literal["storage", "cdn", "api"]

BEFORE, AFTER = "pre-header", "after last"
POSITIONS = (BEFORE, "byte 0", "64 KiB", "middle", "last-1", AFTER)
MODES: tuple[Mode, ...] = ("fresh", "resume")
EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
XML: dict[str, str | None] = {"Content-Type": "application/xml"}


@dataclass(frozen=True)
class Place:
    """A point of a transfer: of the first answer to a fresh or a resumed request.

    position: one of POSITIONS, or a byte. size: bytes of that answer's body. whole: bytes of the
    file. fake: the service, for faults that must know its addresses.
    """

    position: str | int
    mode: Mode
    size: int
    whole: int
    fake: FakeCivitai

    @property
    def before(self) -> bool:
        """Whether it strikes before anything of the answer came."""
        return self.position == BEFORE

    @property
    def after(self) -> bool:
        """Whether it strikes when all bytes are there."""
        return self.position == AFTER

    @property
    def at(self) -> int:
        """The byte of the body before which it strikes."""
        if isinstance(self.position, int):
            return min(self.position, self.size)
        fixed = {BEFORE: 0, "byte 0": 0, "64 KiB": 65_536, "middle": self.size // 2}
        fixed |= {"last-1": self.size - 1, AFTER: self.size}
        return fixed[self.position]

    @property
    def at_once(self) -> bool:
        """Whether the first request of the run is the one that a fault about an answer meets.

        In a resumed transfer "after last" means that an earlier run had all the bytes.
        """
        return self.before or (self.after and self.mode == "resume")


Plant = Callable[[Place], list[Fault]]
Ends = Union[str, Callable[[Place], str]]


@dataclass(frozen=True)
class Kind:
    """One way to go wrong, and how a run must end that meets it.

    ids: of the fault list. ends: "exact", or the class of the end: "left", "failed:<trouble>",
    "unavailable:<reason>". silence: seconds without a byte that the client bears. resolves: how
    many links the transfer may cost, None when that is not the point.
    """

    name: str
    ids: str
    plant: Plant
    origin: Origin = "storage"
    ends: Ends = "exact"
    silence: float = 30.0
    resolves: int | None = None

    def end(self, place: Place) -> str:
        """The class of the end of a run that meets it here."""
        return self.ends if isinstance(self.ends, str) else self.ends(place)


def lead_in(place: Place, origin: Origin) -> list[Fault]:
    """What makes the client ask once more when it has come to the place."""
    if place.at_once:
        return []
    if place.after:
        # All bytes came, and nothing said so: no length, and no last chunk.
        return [Fault(origin=origin, omit_length=True, unterminated=True)]
    return [Fault(origin=origin, cut_after=place.at)]


def answer(
    name: str,
    ids: str,
    *faults: Fault,
    origin: Origin = "storage",
    ends: Ends = "exact",
    silence: float = 30.0,
    resolves: int | None = None,
) -> Kind:
    """Something wrong with an answer: it meets the request that follows a cut at the place."""

    def plant(place: Place) -> list[Fault]:
        return [*lead_in(place, origin), *(replace(fault, origin=origin) for fault in faults)]

    return Kind(name, ids, plant, origin, ends, silence, resolves)


def told(
    name: str,
    ids: str,
    make: Plant,
    *,
    origin: Origin = "storage",
    ends: Ends = "exact",
) -> Kind:
    """As answer, for faults that must know the place."""

    def plant(place: Place) -> list[Fault]:
        return [*lead_in(place, origin), *make(place)]

    return Kind(name, ids, plant, origin, ends)


def body(
    name: str,
    ids: str,
    within: Callable[[int], Fault],
    before: Fault,
    *,
    origin: Origin = "storage",
    ends: Ends = "exact",
    silence: float = 30.0,
) -> Kind:
    """Something wrong at a byte of a body; `before` is the same trouble before the first header."""

    def plant(place: Place) -> list[Fault]:
        fault = before if place.before else within(place.at)
        return [replace(fault, origin=origin)]

    return Kind(name, ids, plant, origin, ends, silence)


def link(name: str, ids: str, fault: Fault, *, ends: Ends = "exact") -> Kind:
    """Something wrong with the answer that should tell where the bytes lie.

    It meets the first link, or the one that is asked for after a cut at the place and a refusal
    of the first.
    """

    def plant(place: Place) -> list[Fault]:
        chosen = replace(fault, origin="api", path="^/api/download/")
        if place.at_once:
            return [chosen]
        # Where no new link is ever given, the old one must stay refused, or it would do.
        refused = Fault(origin="storage", status=403, headers=XML, body=EXPIRED, every=fault.every)
        return [*lead_in(place, "storage"), refused, replace(chosen, nth=2)]

    return Kind(name, ids, plant, "api", ends)
