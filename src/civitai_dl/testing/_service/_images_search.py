"""The search back end of /images: user feeds, posts, versions, the whole feed [observed]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_dl.testing._service._images_postgres import WrongCursorError
from civitai_dl.testing._service._images_query import ImagesQuery, image_test
from civitai_dl.testing._service._stamps import milliseconds
from civitai_dl.testing._world import FakeImage, is_returned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from civitai_dl.testing._service._context import Context

_CURSOR = re.compile(r"^(\d+)\|(\d+)$")


@dataclass(frozen=True)
class SearchPage:
    """The items of one page, and the cursor of the next; None also behind the cap."""

    items: Sequence[FakeImage]
    cursor: str | None


def search_page(context: Context, query: ImagesQuery) -> SearchPage:
    """Return one page. Raises: WrongCursorError.

    Hits that may not be shown still count, so pages are short or empty. Behind `search_cap`
    hits the next cursor is just missing.
    """
    hits = sorted(_hits(context, query), key=_key(query.sort))
    cap = context.options.search_cap
    start = _offset(query.cursor, query.page)
    stop = min(start + query.limit, cap, len(hits))
    items = [image for image in hits[start:stop] if is_returned(image)]
    if query.limit == 0 or stop >= min(cap, len(hits)):
        return SearchPage(items, None)
    created = hits[stop - 1].created_at
    return SearchPage(items, f"{stop}|{milliseconds(created) if created is not None else 0}")


def _hits(context: Context, query: ImagesQuery) -> list[FakeImage]:
    index, test = context.index, image_test(context, query)
    if query.version_id is not None:
        return [image for image in index.by_version.get(query.version_id, ()) if test(image)]
    return [image for image in index.images.values() if test(image)]


def _key(sort: str) -> Callable[[FakeImage], tuple[float, int]]:
    """Return the order; Random means Newest here."""
    if sort == "Oldest":
        return lambda image: (_when(image), image.id)
    if sort in ("Newest", "Random"):
        return lambda image: (-_when(image), -image.id)
    return lambda image: (-image.reactions, -image.id)


def _when(image: FakeImage) -> float:
    return 0.0 if image.created_at is None else image.created_at.timestamp()


def _offset(cursor: str | None, page: int | None) -> int:
    """Return where a page begins; `page` is read but not obeyed."""
    del page
    if cursor is None:
        return 0
    found = _CURSOR.match(cursor)
    if found is None:
        raise WrongCursorError(cursor)
    return int(found[1])
