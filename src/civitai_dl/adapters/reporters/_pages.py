"""Is the listing still going, so that totals are lower bounds? Counters of pages, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Failed, Kind, Lane, Unavailable

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Outcome, RunStarted, Task

PAGE_LANES = (Lane.MODEL_PAGES, Lane.IMAGE_PAGES)


_KINDS = {
    Lane.MODEL_PAGES: (Kind.MODEL, Kind.LOOKUP, Kind.CREATOR),
    Lane.IMAGE_PAGES: (Kind.GALLERY,),
}
"""The kinds of pages that a lane reads."""


class PageBook:
    """Counts pages that are still to be read, and those that never will be."""

    def __init__(self) -> None:
        self._open = dict.fromkeys(Kind, 0)
        self._inherited = dict.fromkeys(PAGE_LANES, 0)
        self._unseen_roots = 0
        self.read = 0
        self.failed = 0
        self.unavailable = 0

    def begin(self, event: RunStarted) -> None:
        """A run begins with the open pages it tells of.

        Where it tells of none, each target has a first page that was not announced.
        """
        for lane in PAGE_LANES:
            self._inherited[lane] += event.open.get(lane, 0)
        if not any(self._inherited.values()):
            self._unseen_roots = event.targets

    def meet(self, task: Task) -> None:
        """A page is to be read."""
        self._open[task.kind] += 1

    def leave(self, kind: Kind) -> None:
        """A page need not be read any more: a list told all of it by the way."""
        self._open[kind] = max(0, self._open[kind] - 1)

    def close(self, task: Task, outcome: Outcome) -> None:
        """A page is settled for good."""
        if self._open[task.kind]:
            self._open[task.kind] -= 1
        elif self._inherited[task.lane]:
            self._inherited[task.lane] -= 1
        else:
            self._unseen_roots = max(0, self._unseen_roots - 1)
        self.note(outcome)

    def drop(self, lane: Lane, number: int) -> None:
        """So many pages of a lane are wanted no more."""
        for kind in _KINDS[lane]:
            gone = min(number, self._open[kind])
            self._open[kind] -= gone
            number -= gone
        gone = min(number, self._inherited[lane])
        self._inherited[lane] -= gone
        self._unseen_roots = max(0, self._unseen_roots - (number - gone))

    def note(self, outcome: Outcome) -> None:
        """Count how a page ended, where it did not end well."""
        self.failed += isinstance(outcome, Failed)
        self.unavailable += isinstance(outcome, Unavailable)

    def growing(self, what: Lane) -> bool:
        """Whether more models (MODEL_PAGES), files or images may be found."""
        models = self._unseen_roots + self._inherited[Lane.MODEL_PAGES]
        models += self._open[Kind.CREATOR] + self._open[Kind.LOOKUP]
        models += self._open[Kind.SEARCH]
        if what is Lane.MODEL_PAGES:
            return models > 0
        files = models + self._open[Kind.MODEL]
        if what is Lane.FILES:
            return files > 0
        return files + self._open[Kind.GALLERY] + self._inherited[Lane.IMAGE_PAGES] > 0
