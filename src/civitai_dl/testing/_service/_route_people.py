"""/creators, /users, /tags, /me, /enums."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import PRIVATE, error, json_answer
from civitai_dl.testing._service._params import bounded, integers
from civitai_dl.testing._service._shape_image import username_json
from civitai_dl.testing._service._words import (
    BASE_MODELS,
    FILE_KINDS,
    MODEL_TYPES,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request, Response
    from civitai_dl.testing._world import FakeCreator, Json

_USERS_BY_QUERY = 5


def list_creators(context: Context, request: Request) -> Response:
    """Answer GET /creators; the count is of Published models. Raises: BadParamError."""
    counts = Counter(
        model.creator.casefold()
        for model in context.index.models.values()
        if model.creator is not None and model.status == "Published"
    )
    text = (request.first("query") or "").casefold()
    found = [c for name, c in sorted(context.index.creators.items()) if text in name]
    return _numbered(context, request, [_creator(context, c, counts) for c in found])


def _creator(context: Context, creator: FakeCreator, counts: Mapping[str, int]) -> Json:
    data: Json = {"username": username_json(context.index, creator.username)}
    count = counts.get(creator.username.casefold(), 0)
    if count and not creator.counts_hidden:
        data["modelCount"] = count
    data["link"] = f"{context.api}/api/v1/models?username={creator.username}"
    if creator.avatar is not None:
        data["image"] = context.moved(creator.avatar)
    return data


def list_tags(context: Context, request: Request) -> Response:
    """Answer GET /tags. Raises: BadParamError."""
    text = (request.first("query") or "").casefold()
    names = sorted({tag for model in context.index.models.values() for tag in model.tags})
    items: list[Json] = [
        {"name": name, "link": f"{context.api}/api/v1/models?tag={name}"}
        for name in names
        if text in name.casefold()
    ]
    return _numbered(context, request, items)


def list_users(context: Context, request: Request) -> Response:
    """Answer GET /users by `ids` or by `query`. Raises: BadParamError."""
    ids = integers(request, "ids")
    creators = context.index.creators
    if ids is not None:
        found = [creator for creator in creators.values() if creator.id in ids]
    else:
        text = (request.first("query") or "").casefold()
        found = [c for name, c in sorted(creators.items()) if text in name][:_USERS_BY_QUERY]
    items = [{"id": c.id, "username": username_json(context.index, c.username)} for c in found]
    return json_answer({"items": items, "metadata": {}})


def show_me(context: Context, request: Request) -> Response:
    """Answer GET /me, the one place where a bad key is an error."""
    key = context.caller(request)
    if key is None:
        return error(401, "Unauthorized", cache=PRIVATE)
    data = {"id": 1, "username": "me", "tier": "free", "status": "active", "isMember": False}
    return json_answer(data | {"subscriptions": []}, cache=PRIVATE)


def show_enums(_context: Context, _request: Request) -> Response:
    """Answer GET /enums."""
    names = {"ModelType": MODEL_TYPES, "ModelFileType": FILE_KINDS, "BaseModel": BASE_MODELS}
    return json_answer({**{name: list(words) for name, words in names.items()}})


def _numbered(context: Context, request: Request, rows: Sequence[Json]) -> Response:
    """Return one page of a list that has page numbers instead of cursors."""
    limit = bounded(request, "limit", 20, 1, 200)
    page = bounded(request, "page", 1, 1, 1_000_000)
    pages = max(1, -(-len(rows) // limit))
    data: Json = {
        "totalItems": len(rows),
        "currentPage": page,
        "pageSize": limit,
        "totalPages": pages,
    }
    base = f"{context.own(request)}{request.path}?limit={limit}"
    if page < pages:
        data["nextPage"] = f"{base}&page={page + 1}"
    if page > 1:
        data["prevPage"] = f"{base}&page={page - 1}"
    return json_answer({"items": rows[(page - 1) * limit : page * limit], "metadata": data})
