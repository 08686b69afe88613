"""Cut a sorted list into pages the way the service does, with what it loses and repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from civitai_dl.testing._wire import Request
    from civitai_dl.testing._world import Json

T = TypeVar("T")


@dataclass(frozen=True)
class Cut(Generic[T]):
    """One page, and the place in the list that its cursor names; None: no cursor."""

    items: Sequence[T]
    cursor_at: int | None


def cut_page(
    rows: Sequence[T], start: int, limit: int, *, loses: bool = False, repeats: bool = False
) -> Cut[T]:
    """Return the page of `limit` rows from `start`.

    The service fetches one row more than the limit and makes the cursor of it. Where the next
    page then starts strictly behind that row, the row is lost (`loses`): the caller must begin
    the next page one behind `cursor_at`. With `repeats` the cursor names the last row shown.
    """
    items = rows[start : start + limit]
    if limit == 0 or start + limit >= len(rows):
        return Cut(items, None)
    # A page of one that repeated its row would never end; the service does not do that either.
    if repeats and not loses and limit > 1:
        return Cut(items, start + limit - 1)
    return Cut(items, start + limit)


def metadata(
    request: Request, base: str, cursor: str | int | None, page: Mapping[str, object]
) -> Json:
    """Return `nextCursor` and `nextPage`, which echoes every parameter, and page numbers if any."""
    data: Json = dict(page)
    if cursor is not None:
        pairs = [(k, v) for k, v in request.query if k not in ("cursor", "page")]
        query = urlencode([*pairs, ("cursor", str(cursor))], quote_via=quote)
        data["nextCursor"] = cursor
        data["nextPage"] = f"{base}{request.path}?{query}"
    return data
