"""Tags by name: whether the service knows one, before it is asked for its models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import (
    Expanded,
    Failed,
    Failure,
    Outcome,
    Rating,
    Reason,
    SearchRef,
    Task,
    Trouble,
    Unavailable,
)

from ._shapes import as_number, as_object, as_text, read_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from civitai_dl.ports import Desk, Json

NAMES_AT_ONCE = 200
"""Tags on one page (server source)."""

MOST_PAGES = 25
"""Pages of tags that are looked through: a tag that five thousand others contain is not found."""


async def look_up(task: Task, ref: SearchRef, desk: Desk) -> Outcome:
    """Whether the service knows the tag, so that the list that follows is its own.

    In the list an unknown tag drops out of the question, and all models come (server source).
    """
    page = int(ref.cursor or 1)
    wanted = ref.target.tag
    # The only list that has no cursor.
    asked = (("query", wanted), ("limit", str(NAMES_AT_ONCE)), ("page", str(page)))
    answer = as_object(await desk.api.get("/api/v1/tags", asked))
    items, _ = read_page(answer, "tags")
    names = [name for item in items if (name := as_text(item.get("name")))]
    for name in sorted(names, key=lambda found: found != wanted):
        if name.lower() == wanted.lower():
            stage = "safe" if desk.selection.levels == Rating.PG else "adult"
            target = replace(ref.target, tag=name)
            return Expanded(onward=SearchRef(target, stage))
    if names and page < MOST_PAGES and _goes_on(answer, page):
        return Expanded(onward=replace(ref, cursor=str(page + 1)))
    if await desk.catalog.holds(task.key):
        detail = "the service no longer knows this tag; what was saved is kept"
        return Unavailable(Reason.GONE, detail)
    near = f"it knows {', '.join(names[:5])}" if names else "look at the tags of a model's page"
    return Failed(
        Failure(Trouble.REFUSED, f"the service knows no tag {wanted!r}", status=404, hint=near)
    )


def _goes_on(answer: Mapping[str, Json], page: int) -> bool:
    numbers = as_object(answer.get("metadata"))
    return "nextPage" in numbers or page < (as_number(numbers.get("totalPages")) or 0)
