"""Where each setting comes from: flags, then environment, then profile and file, then default."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from civitai_dl.domain.entities import Secret
from civitai_dl.errors import ConfigError

from ._file import BASE, Judge, config_path, mistakes_in, pick_profile, read_config
from ._layers import Layer, Layers, Values, of_environment, of_flags
from ._settings import BASE_URL, ENGINES
from ._table import TOKEN_NAMES

CONFIG_VARIABLE = "CIVITAI_DL_CONFIG"
"""The environment's name for the configuration file."""

PROFILE_VARIABLE = "CIVITAI_DL_PROFILE"
"""The environment's name for the profile."""


def read_layers(flags: Values, environment: Mapping[str, str], judge: Judge) -> Layers:
    """Everything that was given, with the profile that counts between environment and file.

    Raises: ConfigError, which names every mistake in the file.
    """
    file = read_config(config_path(named_file(flags, environment)))
    if wrong := mistakes_in(file, judge):
        lines = "\n".join(map(str, wrong))
        raise ConfigError(lines, hint="see `civitai-dl config edit`, and docs/reference")
    asked = flags.get("profile") or environment.get(PROFILE_VARIABLE, "").strip() or None
    profile = pick_profile(file, None if asked is None else str(asked))
    tables = [BASE] if profile is None else [profile, BASE]
    return Layers(
        [of_flags(flags), of_environment(environment), *(file.layer(table) for table in tables)]
    )


def named_file(flags: Values, environment: Mapping[str, str]) -> str | None:
    """The configuration file that was named, by a flag or in the environment."""
    named = flags.get("config") or environment.get(CONFIG_VARIABLE, "").strip()
    return str(named) if named else None


def told_of(error: ConfigError, layers: Layers, judge: Judge) -> ConfigError:
    """The same error with the flags or variables that it is about, where one alone explains it."""
    found = []
    for layer in layers.layers[:2]:
        for name, value in layer.values.items():
            try:
                judge(Layers([Layer(layer.kind, {name: value}, variables=layer.variables)]))
            except ConfigError as alone:
                found.append((layer.origin(name).place, alone))
    if not found:
        return error
    lines = [f"{place}: {alone.message}" for place, alone in found]
    return ConfigError("\n".join(lines), hint=found[0][1].hint)


def read_key(value: object) -> Secret | None:
    """An API key as it was given; None for none. Raises: ConfigError, which does not repeat it."""
    if value is None:
        return None
    if not isinstance(value, Secret):
        raise ConfigError("the API key must be a text")
    text = value.reveal().strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(
            "the API key holds characters that no key has",
            hint="copy it again from the account settings of the site",
        )
    return Secret(text) if text else None


def find_engine(environment: Mapping[str, str]) -> str | None:
    """The client for bodies that the environment names; None without any. Raises: ConfigError."""
    name = environment.get("CIVITAI_DL_ENGINE", "").strip().lower()
    if name and name not in ENGINES:
        known = " or ".join(ENGINES)
        raise ConfigError(f"CIVITAI_DL_ENGINE must be {known}, not {name!r}")
    return name or None


def different_tokens(environment: Mapping[str, str]) -> list[str]:
    """The names of the environment's keys when they do not agree; else empty."""
    found = {name: environment[name] for name in TOKEN_NAMES if environment.get(name)}
    return list(found) if len(set(found.values())) > 1 else []


def check_base_url(url: str) -> str:
    """A base URL without its last slash; plain http only for loopback. Raises: ConfigError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ConfigError(f"this is no base URL: {url!r}", hint=f"for example {BASE_URL}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"this is no base URL: {url!r}", hint=f"for example {BASE_URL}")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            f"the key would travel in the clear to {host}",
            hint="use https; plain http is for this machine only",
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(url: str) -> bool:
    """Whether a URL points to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
