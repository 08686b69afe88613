"""From command-line values, environment and file to Settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from civitai_dl.config import (
    Settings,
    collect,
    config_path,
    find_engine,
    find_token,
    find_ways,
    read_base_urls,
    read_dialects,
    read_file,
    read_levels,
    read_size,
    read_span,
)
from civitai_dl.domain.entities import ALL_LEVELS, Rating, Selection, Wanted, Ways
from civitai_dl.domain.messages import Language, pick_language
from civitai_dl.errors import ConfigError, UsageError
from civitai_dl.sources import parse_target

T = TypeVar("T")

Values = Mapping[str, object]

ASKING = ("token", "proxy", "ca_file", "base_url")
"""Options of commands that ask the service; no other command has any of them."""


class Layers:
    """Flags over environment over file; each value checked where it is read."""

    def __init__(self, flags: Values, environment: Mapping[str, str], file: Values) -> None:
        self._flags = flags
        self._environment = environment
        self._file = file

    def raw(self, name: str) -> object:
        """The value of the highest layer that has one; None without any."""
        flag = self._flags.get(name)
        if flag is not None and flag is not False and flag != ():
            return flag
        variable = self._environment.get(f"CIVITAI_{name.upper()}")
        if name == "base_url" and variable:
            return variable
        return self._file.get(name)

    def on(self, name: str) -> bool:
        """A switch. Raises: ConfigError."""
        value = self.raw(name)
        if value in (None, False, True):
            return bool(value)
        raise ConfigError(f"{name} must be true or false, not {value!r}")

    def text(self, name: str) -> str | None:
        """A text, also where the file has a number."""
        value = self.raw(name)
        return None if value is None else str(value)

    def number(self, name: str, default: float) -> float:
        """A number, not below 0. Raises: ConfigError."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            number = float(str(value))
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e12:
            raise ConfigError(f"{name} must be a number, 0 or more, not {value!r}")
        return number

    def whole(self, name: str) -> int | None:
        """A whole number, not below 0. Raises: ConfigError."""
        if self.raw(name) is None:
            return None
        number = self.number(name, 0)
        if number != int(number):
            raise ConfigError(f"{name} must be a whole number, not {self.raw(name)!r}")
        return int(number)


def load_settings(flags: Values, environment: Mapping[str, str]) -> Settings:
    """The settings of a run. Raises: ConfigError, which names what does not fit."""
    explicit = flags.get("config")
    file = read_file(config_path(explicit if isinstance(explicit, str) else None))
    layers = Layers(flags, environment, file)
    flag_token = flags.get("token")
    base_url, fallbacks = read_base_urls(layers.raw("base_url"))
    # A command that asks nobody does not mind what the environment says of proxies.
    asks = not flags.keys().isdisjoint(ASKING)
    return Settings(
        output=layers.text("output") or "./civitai",
        base_url=base_url,
        token=find_token(
            flag_token if isinstance(flag_token, str) else None, environment, file.get("token")
        ),
        selection=_selection(layers, flags),
        max_rate_model=layers.number("max_rate_model", 0.5),
        max_rate_image=layers.number("max_rate_image", 2.0),
        max_rate_resolve=layers.number("max_rate_resolve", 10.0),
        concurrency=_concurrency(layers.text("concurrency")),
        limit_rate=read_size(layers.text("limit_rate") or "0"),
        retries=_retries(layers),
        max_wait=read_span(layers.text("max_wait") or "5m"),
        resume=not layers.on("no_resume"),
        dry_run=flags.get("dry_run") is True,
        only_failed=flags.get("retry_failed") is True,
        language=_language(layers.text("lang"), environment),
        json_logs=layers.on("json_logs"),
        log_file=layers.text("log_file"),
        verbose=flags.get("verbose") is True,
        quiet=flags.get("quiet") is True,
        engine=find_engine(environment),
        sidecars=read_dialects(layers.raw("sidecars")),
        embed_metadata=layers.on("embed_metadata"),
        ways=find_ways(flags, file, environment, fallbacks=fallbacks) if asks else Ways(),
    )


def _selection(layers: Layers, flags: Values) -> Selection:
    only = layers.text("only")
    if only not in (None, "models", "images"):
        raise ConfigError(f"only must be models or images, not {only!r}")
    levels = read_levels(layers.text("browsing_level") or "all")
    nsfw = flags.get("nsfw") if flags.get("nsfw") is not None else layers.raw("nsfw")
    if nsfw is False:
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
