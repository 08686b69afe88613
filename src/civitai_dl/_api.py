"""The library: what the command does, as functions. Synchronous, and with `_async` for loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Union

import anyio

from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.config import BASE_URL, Settings, check_base_url, usual_fallbacks
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorTarget,
    ModelId,
    ModelTarget,
    RunReport,
    SearchTarget,
    Secret,
    Selection,
    Target,
    Wanted,
    Ways,
)
from civitai_dl.errors import TargetError
from civitai_dl.sources import parse_target

from ._compose import archive

if TYPE_CHECKING:
    from civitai_dl.ports import Clock, Reporter

AnyPath = Union[str, "PathLike[str]"]


async def download_model_async(
    target: str | int,
    /,
    *,
    into: AnyPath,
    want: Selection | None = None,
    reporter: Reporter | None = None,
    token: str | None = None,
    base_url: str = BASE_URL,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> RunReport:
    """Archive a model (all of it, or one version) into a directory, and tell how it went.

    target: a model id, or any text that the command takes for a model, version, AIR or digest.
    settings: everything else, such as rates; `into`, `want`, `token`, `base_url` go before it.
    What fails is in the report and raises nothing. Safe to repeat: what is stored is not fetched
    again, what was interrupted goes on. Raises: TargetError, ConfigError, KeyRefused, Busy,
    StorageError, CatalogError.
    """
    found = ModelTarget(ModelId(target)) if isinstance(target, int) else parse_target(target)
    if isinstance(found, CreatorTarget):
        raise TargetError(f"this names a creator: {target}", hint="use download_creator")
    if isinstance(found, SearchTarget):
        raise TargetError(f"this names a list of models: {target}", hint="use the command")
    chosen = _settings(into, want, token, base_url, settings)
    return await _run(found, str(target), chosen, reporter, clock)


async def download_creator_async(
    username: str,
    /,
    *,
    into: AnyPath,
    want: Selection | None = None,
    reporter: Reporter | None = None,
    token: str | None = None,
    base_url: str = BASE_URL,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> RunReport:
    """Archive every model and every image of a creator into a directory, and tell how it went.

    username: the name, or the URL of the profile. The rest is as in `download_model_async`.
    """
    plain = "/" not in username and ":" not in username
    found = CreatorTarget(CreatorName(username)) if plain else parse_target(username)
    if not isinstance(found, CreatorTarget):
        raise TargetError(f"this names no creator: {username}", hint="use download_model")
    chosen = _settings(into, want, token, base_url, settings)
    return await _run(found, username, chosen, reporter, clock)


def download_model(
    target: str | int,
    /,
    *,
    into: AnyPath,
    want: Selection | None = None,
    reporter: Reporter | None = None,
    token: str | None = None,
    base_url: str = BASE_URL,
    settings: Settings | None = None,
) -> RunReport:
    """`download_model_async`, for code without an event loop."""

    async def work() -> RunReport:
        return await download_model_async(
            target,
            into=into,
            want=want,
            reporter=reporter,
            token=token,
            base_url=base_url,
            settings=settings,
        )

    return anyio.run(work)


def download_creator(
    username: str,
    /,
    *,
    into: AnyPath,
    want: Selection | None = None,
    reporter: Reporter | None = None,
    token: str | None = None,
    base_url: str = BASE_URL,
    settings: Settings | None = None,
) -> RunReport:
    """`download_creator_async`, for code without an event loop."""

    async def work() -> RunReport:
        return await download_creator_async(
            username,
            into=into,
            want=want,
            reporter=reporter,
            token=token,
            base_url=base_url,
            settings=settings,
        )

    return anyio.run(work)


def _settings(
    into: AnyPath,
    want: Selection | None,
    token: str | None,
    base_url: str,
    settings: Settings | None,
) -> Settings:
    chosen = replace(settings or Settings(), output=fspath(into))
    if want is not None:
        chosen = replace(chosen, selection=want)
    if token is not None:
        chosen = replace(chosen, token=Secret(token))
    if settings is None or base_url != BASE_URL:
        chosen = replace(chosen, base_url=check_base_url(base_url))
    if settings is None:
        chosen = replace(chosen, ways=Ways(fallbacks=usual_fallbacks(chosen.base_url)))
    return chosen


async def _run(
    target: Target,
    text: str,
    settings: Settings,
    reporter: Reporter | None,
    clock: Clock | None,
) -> RunReport:
    wanted: Sequence[Wanted] = [Wanted(target, text, "argument")]
    listener = reporter or NullReporter()
    return await archive(settings, wanted, reporter=listener, stop=anyio.Event(), clock=clock)
