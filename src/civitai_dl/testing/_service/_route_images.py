"""/images: two back ends behind one address, and /posts/:id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import (
    crashed,
    error,
    json_answer,
    message,
    overloaded,
    too_many_pages,
)
from civitai_dl.testing._service._images_postgres import WrongCursorError, postgres_page
from civitai_dl.testing._service._images_query import ImagesQuery, read_images_query
from civitai_dl.testing._service._images_search import search_page
from civitai_dl.testing._service._pages import metadata
from civitai_dl.testing._service._shape_image import image_item, meta_of
from civitai_dl.testing._service._stamps import iso
from civitai_dl.testing._world import FakeImage, Json, is_returned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request, Response

_POST_IMAGES = 100


def list_images(context: Context, request: Request) -> Response:
    """Answer GET /api/v1/images. Raises: BadParamError."""
    if context.options.image_overload:
        return overloaded("Server busy, please retry shortly.")
    query = read_images_query(context, request)
    if query.page is not None and query.page * query.limit > context.options.page_cap:
        return too_many_pages()
    try:
        if query.is_postgres:
            return _from_postgres(context, request, query)
        page = search_page(context, query)
    except WrongCursorError as wrong:
        return crashed(f"invalid input syntax for type integer: {wrong}")
    if query.page is not None and query.cursor is None:
        return _same_page_again(context, request, query, page.items)
    return _answer(context, request, query, page.items, page.cursor)


def _from_postgres(context: Context, request: Request, query: ImagesQuery) -> Response:
    if query.sort == "Random":
        return error(400, "Random sort requires a collectionId")
    if query.username is not None and context.index.user(query.username) is None:
        return message(404, "User not found")
    cut, cursor = postgres_page(context, query)
    return _answer(context, request, query, cut.items, cursor)


def _answer(
    context: Context,
    request: Request,
    query: ImagesQuery,
    images: Sequence[FakeImage],
    cursor: str | int | None,
) -> Response:
    items = [image_item(context, image, _meta(query, image)) for image in images]
    data = metadata(request, context.own(request), cursor, {})
    return json_answer({"items": items, "metadata": data})


def _same_page_again(
    context: Context, request: Request, query: ImagesQuery, images: Sequence[FakeImage]
) -> Response:
    """Return the first page, whatever page was asked for, and the address of one more."""
    number = (query.page or 1) + 1
    items = [image_item(context, image, _meta(query, image)) for image in images]
    target = f"{context.own(request)}{request.path}?limit={query.limit}&page={number}"
    data = {"currentPage": query.page, "pageSize": query.limit, "nextPage": target}
    return json_answer({"items": items, "metadata": data})


def _meta(query: ImagesQuery, image: FakeImage) -> Json | None:
    """Return meta in the form of the back end: absent, flat, or wrapped in `{id, meta}`."""
    if not query.with_meta:
        return None
    meta = meta_of(image)
    if query.is_postgres and not query.flat_meta:
        return {"id": image.id, "meta": meta}
    return meta


def show_post(context: Context, _request: Request, text: str) -> Response:
    """Answer GET /posts/:id where the build has it."""
    images = [
        image
        for image in context.index.images.values()
        if str(image.post_id) == text and is_returned(image)
    ]
    if not images:
        return error(404, "Post not found")
    first, level = images[0], 0
    for image in images:
        level |= image.level
    data = {
        "id": first.post_id,
        "title": None,
        "detail": None,
        "nsfwLevel": level,
        "publishedAt": iso(first.created_at) if first.created_at is not None else None,
        "modelVersionId": next(iter(first.version_ids), None),
        "user": {"username": first.username},
        "tags": [],
        "images": [image_item(context, image, None) for image in images[:_POST_IMAGES]],
    }
    return json_answer(data)
