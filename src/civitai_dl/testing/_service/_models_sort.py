"""The orders of /models and their cursors: `value|value|id`, `timestamp|id` [server source]."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_dl.testing._service._models_query import ModelsQuery, last_published
from civitai_dl.testing._service._pages import Cut, cut_page
from civitai_dl.testing._service._shape_model import downloads, thumbs
from civitai_dl.testing._service._stamps import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._world import FakeModel

Key = tuple[str | int | None, ...]
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class BadCursorError(Exception):
    """A cursor of the wrong shape: 400."""


@dataclass(frozen=True)
class Order:
    """A sort: the key of a model, ending in its id, and whether the smallest comes first."""

    key: Callable[[FakeModel], Key]
    ascending: bool = False
    dated: bool = False


def _dated(model: FakeModel) -> Key:
    return (iso(last_published(model)), model.id)


def _rated(model: FakeModel) -> Key:
    return (thumbs(model), downloads(model), model.id)


def _downloaded(model: FakeModel) -> Key:
    return (downloads(model), thumbs(model), model.id)


ORDERS = {
    "Newest": Order(_dated, dated=True),
    "Oldest": Order(_dated, ascending=True, dated=True),
    "Highest Rated": Order(_rated),
    "Most Liked": Order(_rated),
    "Most Downloaded": Order(_downloaded),
    "Most Discussed": Order(lambda model: (model.id % 7, thumbs(model), model.id)),
    "Most Collected": Order(lambda model: (model.id % 11, thumbs(model), model.id)),
    "Most Images": Order(lambda model: (len(model.versions), thumbs(model), model.id)),
}


def sorted_page(
    context: Context, query: ModelsQuery, models: list[FakeModel]
) -> tuple[Cut[FakeModel], str | None]:
    """Return one page of models and the cursor of the next. Raises: BadCursorError."""
    order, older = _as_it_stands(context, ORDERS[query.sort]), context.options.newest_loses
    models = sorted(models, key=lambda m: _comparable(order.key(m)), reverse=not order.ascending)
    start = _start(order, models, query, loses=older)
    repeats = older and order.dated and order.ascending
    cut = cut_page(models, start, query.limit, repeats=repeats)
    if cut.cursor_at is None:
        return cut, None
    cursor = "|".join(_written(part) for part in order.key(models[cut.cursor_at]))
    if context.options.ranks_move and not order.dated:
        _move_ranks(context, order, models, cut.cursor_at)
    return cut, cursor


def _as_it_stands(context: Context, order: Order) -> Order:
    """Return an order by metric with the models that have moved where they are now."""
    if order.dated:
        return order

    def key(model: FakeModel) -> Key:
        first, *rest = order.key(model)
        return (context.ranks.get(model.id, first), *rest)

    return Order(key)


def _move_ranks(context: Context, order: Order, models: list[FakeModel], border: int) -> None:
    top, here = order.key(models[0])[0], order.key(models[border])[0]
    if isinstance(top, int) and isinstance(here, int):
        context.ranks[models[border].id] = top + 1
        context.ranks[models[border - 1].id] = here - 1


def _start(order: Order, models: list[FakeModel], query: ModelsQuery, *, loses: bool) -> int:
    if query.cursor is None:
        return 0
    key = _comparable(_parsed(order, query.cursor))
    keys = [_comparable(order.key(model)) for model in models]
    if order.ascending:
        return bisect_left(keys, key)
    keys.reverse()
    # Newest starts strictly behind the row that the cursor was made of, so that row is lost.
    behind = loses and order.dated
    return len(keys) - (bisect_left(keys, key) if behind else bisect_right(keys, key))


def _parsed(order: Order, cursor: str) -> Key:
    *values, last = cursor.split("|")
    expected = 1 if order.dated else 2
    if len(values) != expected or not last.isdecimal():
        raise BadCursorError(cursor)
    if order.dated:
        if not _STAMP.match(values[0]):
            raise BadCursorError(cursor)
        return (values[0], int(last))
    # A hidden count makes a cursor with a gap, which the service then refuses to read.
    if not all(value.isdecimal() for value in values):
        raise BadCursorError(cursor)
    return (*(int(value) for value in values), int(last))


def _written(part: str | int | None) -> str:
    return "" if part is None else str(part)


def _comparable(key: Key) -> tuple[str | int, ...]:
    """Return a key in which a hidden count comes after all others of a descending order."""
    return tuple(-1 if part is None else part for part in key)
