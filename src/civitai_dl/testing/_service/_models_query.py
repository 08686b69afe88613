"""The query of /models and the models that it means [server source]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from civitai_dl.testing._service._params import (
    BadParamError,
    boolean,
    bounded,
    integer,
    integers,
    word,
    words,
)
from civitai_dl.testing._service._words import (
    ALL_TIME,
    COMMERCIAL,
    MODEL_SORTS,
    MODEL_TYPES,
    PERIODS,
)
from civitai_dl.testing._world import (
    SAFE,
    FakeModel,
    FakeVersion,
    hidden_with_nsfw,
    is_shown,
    model_level,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request

ALL_LEVELS = 31
_NEVER_TRUE = ("supportsGeneration", "fromPlatform", "followed", "needsReview")
"""Truthy strings: `=false` counts as true, and no model of the fake is such."""
_NOT_COERCED = (
    "collectionId",
    "collectionTagId",
    "browsingLevel",
    "disablePoi",
    "disableMinor",
    "isFeatured",
    "pending",
    "allowNoCredit",
    "allowDerivatives",
    "allowDifferentLicense",
)
_AVAILABILITIES = ("Public", "Unsearchable", "Private", "EarlyAccess")
_CHECKPOINTS = ("Trained", "Merge")


@dataclass(frozen=True)
class ModelsQuery:
    """A valid query of /models."""

    limit: int
    page: int | None
    cursor: str | None
    text: str | None
    ids: list[int] | None
    version_ids: list[int] | None
    username: str | None
    tag: str | None
    types: list[str]
    base_models: list[str]
    sort: str
    days: int | None
    nsfw: bool
    archived: bool
    early_access: bool
    availability: str | None
    favorites: bool
    impossible: bool
    primary_only: bool

    @property
    def levels(self) -> int:
        """The ratings that are let through, for models and for their images."""
        return ALL_LEVELS if self.nsfw else SAFE

    @property
    def names_someone(self) -> bool:
        """With ids or a username, versions that are not public are let through."""
        return self.ids is not None or self.username is not None


def read_models_query(context: Context, request: Request) -> ModelsQuery:
    """Read and check a query. Raises: BadParamError."""
    for name in _NOT_COERCED:
        if request.has(name):
            raise BadParamError(name, "Expected number or boolean, received string")
    word(request, "checkpointType", _CHECKPOINTS, "Trained")
    words(request, "allowCommercialUse", COMMERCIAL)
    page = integer(request, "page")
    if page is not None and page < 1:
        raise BadParamError("page", "Number must be greater than or equal to 1")
    if page is not None and request.has("query"):
        raise BadParamError("page", "Cannot use page param with query search. Use cursor-based")
    return ModelsQuery(
        limit=bounded(request, "limit", 100, 0, context.options.models_limit),
        page=page,
        cursor=request.first("cursor"),
        text=request.first("query") or None,
        ids=integers(request, "ids"),
        version_ids=integers(request, "modelVersionIds"),
        username=request.first("username") or request.first("user"),
        tag=request.first("tag") or request.first("tagname"),
        types=words(request, "types", MODEL_TYPES),
        base_models=words(request, "baseModels", None),
        sort=word(request, "sort", MODEL_SORTS, "Highest Rated"),
        days=PERIODS[word(request, "period", PERIODS, ALL_TIME)],
        nsfw=boolean(request, "nsfw", default=False),
        archived=bool(request.first("archived")),
        early_access=bool(request.first("earlyAccess")),
        availability=word(request, "availability", _AVAILABILITIES, "") or None,
        favorites=boolean(request, "favorites", default=False),
        impossible=any(request.first(name) for name in _NEVER_TRUE),
        primary_only=boolean(request, "primaryFileOnly", default=False),
    )


def matching_models(context: Context, query: ModelsQuery) -> list[FakeModel]:
    """Return the models of a query in no order."""
    if query.impossible:
        return []
    tests = _tests(context, query)
    return [m for m in context.index.models.values() if all(test(m) for test in tests)]


def listed_versions(query: ModelsQuery, model: FakeModel, now: datetime) -> list[FakeVersion]:
    """Return the versions that a list shows of a model; without any the model drops out."""
    return [
        version
        for version in model.versions
        if is_shown(version, now)
        and not (version.private and not query.names_someone)
        and (version.availability == "Public" or query.names_someone)
        and (query.version_ids is None or version.id in query.version_ids)
    ]


def last_published(model: FakeModel) -> datetime:
    """Return the date by which lists sort a model: that of its last version."""
    dates = [version.published_at for version in model.versions if version.published_at]
    return max(dates) if dates else datetime.fromtimestamp(0).astimezone()


def _tests(context: Context, query: ModelsQuery) -> list[Callable[[FakeModel], bool]]:
    """Return what must hold for a model to be listed."""
    tests: list[Callable[[FakeModel], bool]] = [
        lambda m: m.status == "Published" and not m.poi,
        lambda m: bool(model_level(m) & query.levels),
    ]
    if query.nsfw:
        tests.append(lambda m: not hidden_with_nsfw(m))
    if not query.archived:
        tests.append(lambda m: m.mode != "Archived")
    if query.favorites:
        tests.append(lambda m: m.id in context.options.favorites)
    if query.days is not None:
        since = context.now - timedelta(days=query.days)
        tests.append(lambda m: last_published(m) >= since)
    return tests + _named(query) + _described(context, query)


def _named(query: ModelsQuery) -> list[Callable[[FakeModel], bool]]:
    """Return the tests on ids and names."""
    tests: list[Callable[[FakeModel], bool]] = []
    if query.ids is not None:
        ids = frozenset(query.ids)
        tests.append(lambda m: m.id in ids)
    if query.version_ids is not None:
        wanted = frozenset(query.version_ids)
        tests.append(lambda m: any(version.id in wanted for version in m.versions))
    if query.username is not None:
        name = query.username.casefold()
        tests.append(lambda m: m.creator is not None and m.creator.casefold() == name)
    return tests


def _described(context: Context, query: ModelsQuery) -> list[Callable[[FakeModel], bool]]:
    """Return the tests on what a model is."""
    tests: list[Callable[[FakeModel], bool]] = []
    if query.types:
        tests.append(lambda m: m.kind in query.types)
    if query.base_models:
        tests.append(lambda m: any(v.base_model in query.base_models for v in m.versions))
    if query.availability is not None:
        tests.append(lambda m: m.availability == query.availability)
    if query.early_access:
        tests.append(lambda m: any(v.early_access_until is not None for v in m.versions))
    if query.tag is not None and _knows_tag(context, query.tag):
        tests.append(lambda m: query.tag in m.tags)
    return tests


def _knows_tag(context: Context, tag: str) -> bool:
    """An unknown tag drops the filter instead of finding nothing [server source]."""
    return any(tag in model.tags for model in context.index.models.values())
