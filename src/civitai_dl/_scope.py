"""What a run is about, read off its settings: lanes, roles, roots; and a count of what it did."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from civitai_dl.adapters.catalog import Root
from civitai_dl.config import Settings
from civitai_dl.domain.decisions import LeftOut, judge_target, look_at
from civitai_dl.domain.entities import (
    BytesReceived,
    Event,
    Lane,
    Look,
    Notice,
    Role,
    SearchTarget,
    Selection,
    Stored,
    TaskSettled,
    Wanted,
)
from civitai_dl.errors import UsageError
from civitai_dl.scheduler import LaneSettings
from civitai_dl.sources import all_sources

MODELS_PER_REQUEST = 100
STREAMS_PER_CORE = 4

LISTINGS_AT_ONCE = 8
"""Image listings that are asked for at the same time, each page by page. The rate is what counts;
without one, so many make up for a long way."""

IMAGES_AHEAD = 32
"""Images that are claimed together: a claim of its own costs each more than its bytes do."""


@dataclass(slots=True)
class Count:
    """What crossed the wire and what did not, counted as it happens; a Reporter."""

    stored: int = 0
    reused: int = 0
    received: int = 0
    degraded: int = 0
    notices: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """The notices of the run, with what was counted for them."""
        if not self.degraded:
            return self.notices
        text = f"videos of which the service gives only a still: {self.degraded}"
        return [*self.notices, text]

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, BytesReceived):
            self.received += event.count
        elif isinstance(event, Notice) and event.level in ("info", "warning"):
            self.notices.append(event.text)
        elif isinstance(event, TaskSettled) and isinstance(event.outcome, Stored):
            self.degraded += event.outcome.note.startswith("degraded")
            if event.outcome.how == "fetched":
                self.stored += 1
            else:
                self.reused += 1


def has_news(roots: Sequence[Root], count: Count) -> bool:
    """Whether the lists may say something new after a run.

    Who brings up to date, every quarter of an hour perhaps, has none written that say the same.
    """
    syncs = all(root.wanted.look is not Look.USUAL for root in roots)
    return not syncs or bool(count.stored or count.reused)


def lanes_of(settings: Settings) -> dict[Lane, LaneSettings]:
    """Which lanes a run has, and how wide they are.

    Without a number files and images begin with one each, and never have more than four for each
    core of the machine: that is the owner's wish. Listings begin with one, too.
    """
    grows = settings.concurrency is None
    most = settings.concurrency or STREAMS_PER_CORE * (os.cpu_count() or 1)
    lanes = {Lane.MODEL_PAGES: LaneSettings(workers=1, batch=MODELS_PER_REQUEST)}
    if settings.selection.galleries:
        listings = min(LISTINGS_AT_ONCE, most)
        lanes[Lane.IMAGE_PAGES] = LaneSettings(workers=listings, eases=1 if grows else listings)
    if not settings.dry_run:
        if settings.selection.files:
            lanes[Lane.FILES] = LaneSettings(workers=most, grows=grows)
        # Pages of models are written here as well, so the lane is there without images, too.
        lanes[Lane.IMAGES] = LaneSettings(workers=most, grows=grows, ahead=IMAGES_AHEAD)
    return lanes


def roles_of(selection: Selection) -> set[Role]:
    """What of the archive a selection speaks of."""
    roles = {Role.PAGE, Role.DRESS}
    if selection.files:
        roles.add(Role.FILE)
    if selection.images:
        roles |= {Role.PREVIEW, Role.DESCRIPTION}
    if selection.galleries:
        roles |= {Role.GALLERY, Role.USER_IMAGE}
    return roles


def roots_of(wanted: Sequence[Wanted], selection: Selection, *, key: bool = True) -> list[Root]:
    """The tasks that each thing asked for begins with. key: whether there is an API key.

    Raises: UsageError for a thing of which the selection leaves nothing, such as an image without
    the Image API: a run that asks for nothing must not end as if all were well; and for favourites
    without a key, which are its owner's. What is excluded by its name begins with no task; it is a
    mistake only where all is excluded.
    """
    roots = []
    for item in wanted:
        if isinstance(item.target, SearchTarget) and item.target.favorites and not key:
            raise UsageError(
                f"{item.origin}: {item.text} needs an API key: favourites are its owner's",
                hint="give --token or CIVITAI_API_KEY",
            )
        for source in all_sources():
            planned = source.roots(item.target, selection)
            if planned is not None:
                roots.append(Root(item, look_at(planned, item.look)))
                break
    for root in roots:
        lanes = {planned.task.lane for planned in root.planned}
        if isinstance(judge_target(root.wanted.target, selection), LeftOut):
            continue
        if not lanes or (lanes == {Lane.IMAGE_PAGES} and not selection.galleries):
            raise UsageError(
                f"{root.wanted.origin}: nothing is left of {root.wanted.text}",
                hint="the Image API lists it, which --no-gallery and --only models leave out",
            )
    if roots and not any(root.planned for root in roots):
        raise UsageError(
            "everything that is asked for is excluded",
            hint="the list of --exclude names all of it",
        )
    return roots
