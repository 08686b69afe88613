"""From command-line values, environment and file to Settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from civitai_dl.config import (
    DEFAULTS,
    Layers,
    Settings,
    check_base_url,
    collect,
    find_engine,
    read_dialects,
    read_key,
    read_layers,
    read_levels,
    read_size,
    read_span,
    told_of,
)
from civitai_dl.domain.entities import ALL_LEVELS, Rating, Selection, Wanted
from civitai_dl.domain.messages import Language, pick_language
from civitai_dl.errors import ConfigError, UsageError
from civitai_dl.sources import parse_target

T = TypeVar("T")

Values = Mapping[str, object]


def load_settings(flags: Values, environment: Mapping[str, str]) -> Settings:
    """The settings of a run. Raises: ConfigError, which names what does not fit, and where."""
    # A value is judged by itself, whatever else the environment says.
    judge = partial(settings_of, environment={})
    layers = read_layers(flags, environment, judge)
    try:
        settings = settings_of(layers, environment)
    except ConfigError as error:
        raise told_of(error, layers, judge) from None
    return replace(
        settings,
        dry_run=flags.get("dry_run") is True,
        only_failed=flags.get("retry_failed") is True,
        verbose=flags.get("verbose") is True,
        quiet=flags.get("quiet") is True,
    )


def settings_of(layers: Layers, environment: Mapping[str, str]) -> Settings:
    """The settings that layers hold. Raises: ConfigError for the first that does not fit."""
    return Settings(
        output=layers.text("output") or str(DEFAULTS["output"]),
        base_url=check_base_url(layers.text("base_url") or str(DEFAULTS["base_url"])),
        token=read_key(layers.raw("token")),
        selection=_selection(layers),
        max_rate_model=layers.number("max_rate_model"),
        max_rate_image=layers.number("max_rate_image"),
        max_rate_resolve=layers.number("max_rate_resolve"),
        concurrency=_concurrency(layers.text("concurrency")),
        limit_rate=read_size(str(layers.raw("limit_rate"))),
        retries=_retries(layers),
        max_wait=read_span(str(layers.raw("max_wait"))),
        resume=not layers.on("no_resume"),
        language=_language(layers.text("lang"), environment),
        json_logs=layers.on("json_logs"),
        log_file=layers.text("log_file"),
        engine=find_engine(environment),
        sidecars=read_dialects(layers.raw("sidecars")),
        embed_metadata=layers.on("embed_metadata"),
    )


def _selection(layers: Layers) -> Selection:
    only = layers.text("only")
    if only not in (None, "models", "images"):
        raise ConfigError(f"only must be models or images, not {only!r}")
    levels = read_levels(str(layers.raw("browsing_level")))
    if layers.switch("nsfw") is False:
        levels &= Rating.PG.value
    if not levels & ALL_LEVELS:
        raise ConfigError("no browsing level is left: --no-nsfw leaves PG only")
    return Selection(
        files=only != "images",
        images=only != "models",
        gallery=not layers.on("no_gallery"),
        gallery_limit=layers.whole("gallery_limit"),
        levels=levels,
    )


def _retries(layers: Layers) -> int:
    retries = layers.whole("retries")
    return 5 if retries is None else max(1, retries)


def _language(text: str | None, environment: Mapping[str, str]) -> Language:
    try:
        return pick_language(text, environment)
    except ValueError:
        raise ConfigError(f"lang must be en or ja, not {text!r}") from None


def _concurrency(text: str | None) -> int | None:
    if text is None or text == "auto":
        return None
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise ConfigError(f"concurrency must be auto, or a number from 1 to 256, not {text!r}")
    return int(text)


def read_targets(texts: tuple[object, ...]) -> list[Wanted]:
    """What arguments name. Raises: UsageError that tells of each that names nothing."""
    wanted, bad = collect([], map(str, texts), parse=parse_target, stdin=bytes)
    if bad:
        raise UsageError("\n".join(f"{line.origin}: {line.why}" for line in bad))
    return wanted


def given_names(flags: Mapping[str, object]) -> frozenset[str]:
    """Names of Settings that the command line gives, so that no memory changes them."""
    given = {name for name, value in flags.items() if value not in (None, False, ())}
    return frozenset(given | ({"resume"} if "no_resume" in given else set()))
