"""/models and /models/:id."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import (
    PRIVATE,
    PUBLIC,
    error,
    json_answer,
    message,
    schema_error,
    too_many_pages,
)
from civitai_dl.testing._service._models_query import (
    ModelsQuery,
    listed_versions,
    matching_models,
    read_models_query,
)
from civitai_dl.testing._service._models_sort import BadCursorError, sorted_page
from civitai_dl.testing._service._pages import metadata
from civitai_dl.testing._service._params import BadParamError, model_id
from civitai_dl.testing._service._shape_model import model_by_id, model_item
from civitai_dl.testing._world import FakeModel, FakeVersion, is_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request, Response


def list_models(context: Context, request: Request) -> Response:
    """Answer GET /api/v1/models. Raises: BadParamError."""
    if context.caller(request) is None and (request.has("favorites") or request.has("hidden")):
        return error(401, "Unauthorized", cache=PRIVATE)
    query = read_models_query(context, request)
    if query.page is not None and query.page * query.limit > context.options.page_cap:
        return too_many_pages()
    name = request.first("username")
    if name is not None and context.index.user(name) is None:
        return message(404, "User not found")
    if query.text is not None:
        return _searched(context, request, query, query.text)
    try:
        cut, cursor = sorted_page(context, query, matching_models(context, query))
    except BadCursorError as bad:
        return message(400, f"Invalid cursor: {bad}")
    return _page(context, request, query, cut.items, cursor)


def _searched(context: Context, request: Request, query: ModelsQuery, text: str) -> Response:
    """Answer a text search: types filter inside, all else cuts the page afterwards."""
    if query.cursor is not None and not query.cursor.isdecimal():
        return message(400, f"Invalid cursor: {query.cursor}")
    models = context.index.models.values()
    hits = [
        model
        for model in sorted(models, key=lambda m: m.id)
        if text.casefold() in model.name.casefold()
        and (not query.types or model.kind in query.types)
    ]
    start = int(query.cursor or 0)
    kept = {model.id for model in matching_models(context, query)}
    items = [model for model in hits[start : start + query.limit] if model.id in kept]
    more = query.limit > 0 and start + query.limit < len(hits)
    return _page(context, request, query, items, start + query.limit if more else None)


def _page(
    context: Context,
    request: Request,
    query: ModelsQuery,
    models: Sequence[FakeModel],
    cursor: str | int | None,
) -> Response:
    base = context.own(request)
    items = []
    for model in models:
        versions = listed_versions(query, model, context.now)
        if not versions:  # dropped after the page was cut: short pages with a cursor
            continue
        if query.primary_only:
            versions = [_primary_only(version) for version in versions]
        items.append(model_item(context, base, model, versions, query.levels))
    numbers = {}
    if query.page is not None and query.cursor is None:
        numbers = {"currentPage": query.page, "pageSize": query.limit}
    cache = PUBLIC if context.caller(request) is None else PRIVATE
    data = {"items": items, "metadata": metadata(request, base, cursor, numbers)}
    return json_answer(data, cache=cache)


def _primary_only(version: FakeVersion) -> FakeVersion:
    return replace(version, files=[file for file in version.files if file.primary])


def show_model(context: Context, _request: Request, text: str) -> Response:
    """Answer GET /api/v1/models/:id; every rating, archived and minor-flagged ones too."""
    try:
        number = model_id(text)
    except BadParamError as bad:
        if text == "0":
            return error(404, "No model with id 0")
        return schema_error(bad.field, bad.text)
    model = context.index.models.get(number)
    if model is None or model.status != "Published" or model.poi:
        return error(404, f"No model with id {number}")
    versions = [version for version in model.versions if is_shown(version, context.now)]
    return json_answer(model_by_id(context, model, versions))
