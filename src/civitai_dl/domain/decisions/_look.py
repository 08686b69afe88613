"""How closely each thing of an archive is looked at when it is brought up to date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from math import floor

from ..entities import CreatorRef, GalleryRef, Look, LookupRef, ModelRef, Planned

MARGIN = 172_800.0
"""Seconds before the newest publication that an earlier listing saw, from which on a page is known
ground: what the service shows lags by minutes (observed), and two days cost nothing."""


LAST_PAGES = 30
"""The priority of models that travel together in a brief look: creators' pages come first, which
show many of them, and every request is full."""

HIDDEN_BATCH = "models hidden"
HIDDEN_LAST = 40
"""Of those that the list of all ratings left out: when all have been looked for there."""


def look_at(planned: Iterable[Planned], look: Look) -> tuple[Planned, ...]:
    """The same tasks, each to be looked at so closely; those that tell no look stay."""
    return tuple(_looked(found, look) for found in planned)


def _looked(found: Planned, look: Look) -> Planned:
    subject = found.task.subject
    if not isinstance(subject, (ModelRef, LookupRef, CreatorRef, GalleryRef)):
        return found
    task = replace(found.task, subject=replace(subject, look=look))
    if look in (Look.BRIEF, Look.HIDDEN) and task.batch is not None:
        task = replace(task, priority=LAST_PAGES)
    return replace(found, task=task)


def is_full_due(identity: str, full_at: float | None, *, now: float, every: float) -> bool:
    """Whether something has to be looked at in full again.

    Each thing has a moment of its own in the period `every` (seconds), so that an archive whose
    things were all added on one day does not check all of them on one day. Never checked, or a
    clock that ran ahead: it is due.
    """
    if full_at is None or full_at > now or every <= 0:
        return True
    spread = int.from_bytes(blake2b(identity.encode(), digest_size=6).digest(), "big") / 2**48
    return floor(now / every + spread) > floor(full_at / every + spread)


def list_again(ref: CreatorRef, before: CreatorRef, *, complete: bool) -> CreatorRef:
    """Where the list of a creator's models begins in a later run.

    A brief look at one that was read to its end asks for its newest page only; see reaches_ground.
    """
    if ref.look is not Look.BRIEF or not complete:
        return ref
    stage = "new" if ref.stage == "adult" else "new-safe"
    known = max(before.newest, before.ground)
    return replace(ref, stage=stage, newest=known, ground=known)


def reaches_ground(ref: CreatorRef, published: Iterable[float], *, whole: bool) -> bool:
    """Whether the newest page of a list, newest first, shows everything that is new in it.

    published: when the newest version of each model on it came out. whole: the page is all there
    is. Models are sorted by that moment, so what came out since the listing before stands above
    whatever is older. When the page does not reach so far, the next would lose a model at the
    border between them (observed), so the list is read from its other end instead.
    """
    return whole or (ref.ground > 0 and any(0 < at <= ref.ground - MARGIN for at in published))
