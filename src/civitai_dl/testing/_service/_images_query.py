"""The query of /images [server source]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from civitai_dl.testing._service._params import (
    BadParamError,
    boolean,
    bounded,
    integer,
    integers,
    word,
)
from civitai_dl.testing._service._words import ALL_TIME, BASE_MODELS, BOOLEANS, IMAGE_SORTS, PERIODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request
    from civitai_dl.testing._world import FakeImage

_NAME = re.compile(r"^[A-Za-z0-9_]*$")
_NSFW = {"None": 1, "Soft": 3, "Mature": 7, "X": 31, "Blocked": 32}
_ONLY_MATURE = 60
"""What `nsfw=true` means here: R, X, XXX and Blocked, and nothing milder."""
_MEDIA = ("image", "video", "audio")
_IDS_AT_ONCE = 100


@dataclass(frozen=True)
class ImagesQuery:
    """A valid query of /images."""

    limit: int
    page: int | None
    cursor: str | None
    username: str | None
    user_id: int | None
    post_id: int | None
    model_id: int | None
    version_id: int | None
    image_ids: frozenset[int] | None
    sort: str
    days: int | None
    levels: int
    media: str | None
    base_models: frozenset[str]
    with_meta: bool
    flat_meta: bool

    @property
    def is_postgres(self) -> bool:
        """Tell which of the two back ends answers."""
        by_model = self.model_id is not None and self.version_id is None
        return self.image_ids is not None or by_model


def read_images_query(context: Context, request: Request) -> ImagesQuery:
    """Read and check a query. Raises: BadParamError."""
    username = request.first("username")
    if username is not None and not _NAME.match(username):
        raise BadParamError("username", "Invalid username")
    base_models = frozenset(filter(None, (request.first("baseModels") or "").split(",")))
    unknown = base_models.difference(BASE_MODELS)
    if unknown:
        raise BadParamError("baseModels", f"Invalid enum value. Received '{min(unknown)}'")
    return ImagesQuery(
        limit=bounded(request, "limit", 100, 0, context.options.images_limit),
        page=integer(request, "page"),
        cursor=request.first("cursor"),
        username=username or None,
        user_id=integer(request, "userId"),
        post_id=integer(request, "postId"),
        model_id=integer(request, "modelId"),
        version_id=integer(request, "modelVersionId"),
        image_ids=_image_ids(context, request),
        sort=word(request, "sort", IMAGE_SORTS, "Most Reactions"),
        days=PERIODS[word(request, "period", PERIODS, ALL_TIME)],
        levels=_levels(request),
        media=word(request, "type", _MEDIA, "") or None,
        base_models=base_models,
        with_meta=boolean(request, "withMeta", default=False),
        flat_meta=boolean(request, "flatMeta", default=False),
    )


def image_test(context: Context, query: ImagesQuery) -> Callable[[FakeImage], bool]:
    """Return what must hold for an image to be a hit, the model and version apart."""
    tests: list[Callable[[FakeImage], bool]] = [lambda i: bool(i.level & query.levels)]
    if query.username is not None:
        name = query.username.casefold()
        tests.append(lambda i: i.username is not None and i.username.casefold() == name)
    if query.user_id is not None:
        tests.append(lambda i: _user_id(context, i) == query.user_id)
    if query.post_id is not None:
        tests.append(lambda i: i.post_id == query.post_id)
    if query.media is not None:
        tests.append(lambda i: i.media == query.media)
    if query.base_models:
        tests.append(lambda i: i.base_model in query.base_models)
    if query.days is not None:
        since = context.now - timedelta(days=query.days)
        tests.append(lambda i: i.created_at is not None and i.created_at >= since)
    return lambda image: all(test(image) for test in tests)


def _user_id(context: Context, image: FakeImage) -> int | None:
    creator = context.index.user(image.username)
    return None if creator is None else creator.id


def _image_ids(context: Context, request: Request) -> frozenset[int] | None:
    """Return the ids that are asked for; an older build does not see `ids` at all."""
    one = integer(request, "imageId")
    if one is not None:
        return frozenset({one})
    if not context.options.ids_on_images or not request.first("ids"):
        return None
    ids = integers(request, "ids") or []
    if len(ids) > _IDS_AT_ONCE:
        raise BadParamError("ids", "Array must contain at most 100 element(s)")
    return frozenset(ids)


def _levels(request: Request) -> int:
    """Return the ratings as bits: browsingLevel beats nsfw, the default is PG alone."""
    bits = integer(request, "browsingLevel")
    if bits is not None:
        return bits
    text = request.first("nsfw")
    if text is None:
        return 1
    if text in _NSFW:
        return _NSFW[text]
    if text in BOOLEANS:
        return _ONLY_MATURE if BOOLEANS[text] else 1
    raise BadParamError("nsfw", f"Invalid value. Received '{text}'")
