"""The older back end of /images: by image id, and by model without version [server source]."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from civitai_dl.testing._service._images_query import ImagesQuery, image_test
from civitai_dl.testing._service._pages import Cut, cut_page
from civitai_dl.testing._world import FakeImage, is_returned, is_shown

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context


class WrongCursorError(Exception):
    """A cursor of the other back end: the database refuses it, 500."""


def postgres_page(context: Context, query: ImagesQuery) -> tuple[Cut[FakeImage], int | None]:
    """Return one page and the id that its cursor is. Raises: WrongCursorError.

    Every sort but Oldest is by id, newest first. The join with versions may repeat an image that
    is linked to two of them.
    """
    oldest, older = query.sort == "Oldest", context.options.newest_loses
    rows = [image for image in _rows(context, query) if is_returned(image)]
    rows.sort(key=lambda image: image.id, reverse=not oldest)
    start = _start(query, rows, loses=older)
    cut = cut_page(rows, start, query.limit, repeats=older and oldest)
    if cut.cursor_at is None:
        return cut, None
    cursor = rows[cut.cursor_at].id
    if oldest and cursor == rows[start].id:
        # A page full of one image would come again for ever.
        cursor = next((image.id for image in rows[start:] if image.id > cursor), 0)
    return cut, cursor or None


def _rows(context: Context, query: ImagesQuery) -> list[FakeImage]:
    index, test = context.index, image_test(context, query)
    if query.image_ids is not None:
        found = [i for number in query.image_ids if (i := index.images.get(number)) is not None]
        if context.options.wrong_image_for_id and found:
            found = [i for i in index.images.values() if i is not found[0] and is_returned(i)][:1]
        return [image for image in found if test(image)]
    model = index.models.get(query.model_id or 0)
    if model is None:
        return []
    versions = [v for v in model.versions if is_shown(v, context.now)]
    return [i for v in versions for i in index.by_version.get(v.id, ()) if test(i)]


def _start(query: ImagesQuery, rows: list[FakeImage], *, loses: bool) -> int:
    if query.cursor is None:
        return 0
    if not query.cursor.isdecimal():
        raise WrongCursorError(query.cursor)
    wanted = int(query.cursor)
    if query.sort == "Oldest":
        return bisect_left([image.id for image in rows], wanted)
    ids = [-image.id for image in rows]
    # Strictly behind the row that the cursor was made of, so that this row is lost.
    return bisect_right(ids, -wanted) if loses else bisect_left(ids, -wanted)
