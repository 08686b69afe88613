"""What a source module declares about itself, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import (
    Failed,
    Kind,
    Outcome,
    Planned,
    Reason,
    Selection,
    Target,
    Task,
    Unavailable,
)

if TYPE_CHECKING:
    from civitai_dl.errors import NotFound
    from civitai_dl.ports import Desk, Expander


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One thing a URL can mean. patterns: whole paths it claims; no two sources may overlap."""

    name: str
    example: str
    patterns: tuple[str, ...]
    kinds: frozenset[Kind]
    parse: Callable[[str], Target | None]
    roots: Callable[[Target, Selection], list[Planned] | None]
    expand: Expander


GONE = "the service no longer has it; what was saved is kept"


async def missing(task: Task, error: NotFound, desk: Desk) -> Outcome:
    """What the service does not know: gone when the archive holds of it, else a failure.

    An edge cache may repeat a 404 that is no longer true (observed: up to seven minutes), so it is
    asked again before it is believed.
    """
    verdict = desk.deferred(task, error)
    if isinstance(verdict, Failed) and await desk.catalog.holds(task.key):
        return Unavailable(Reason.GONE, GONE)
    return verdict
