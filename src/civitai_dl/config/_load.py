"""Where each setting comes from: flags, then environment, then file, then default."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from civitai_dl.domain.entities import Secret
from civitai_dl.errors import ConfigError

from ._settings import BASE_URL, ENGINES

TOKEN_NAMES = ("CIVITAI_API_KEY", "CIVITAI_API_TOKEN", "CIVITAI_TOKEN")
"""Other programs of the field use one or the other of these."""

FILE_KEYS = frozenset(
    {
        "output",
        "token",
        "only",
        "no_gallery",
        "gallery_limit",
        "max_rate_model",
        "max_rate_image",
        "max_rate_resolve",
        "concurrency",
        "limit_rate",
        "retries",
        "max_wait",
        "no_resume",
        "nsfw",
        "browsing_level",
        "json_logs",
        "log_file",
        "lang",
        "base_url",
        "sidecars",
        "embed_metadata",
        "proxy",
        "proxy_http",
        "proxy_https",
        "no_proxy",
        "ca_file",
    }
)


def find_token(flag: str | None, environment: Mapping[str, str], file: object) -> Secret | None:
    """The API key by the order of precedence; None without any. Raises: ConfigError."""
    candidates = [flag, *(environment.get(name) for name in TOKEN_NAMES)]
    candidates.append(file if isinstance(file, str) else None)
    for candidate in candidates:
        text = (candidate or "").strip()
        if not text:
            continue
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigError(
                "the API key holds characters that no key has",
                hint="copy it again from the account settings of the site",
            )
        return Secret(text)
    return None


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


def config_path(explicit: str | None) -> Path | None:
    """The configuration file: the one named, else the platform's when it is there.

    Raises: ConfigError when the one named is not there.
    """
    if explicit is not None:
        path = Path(explicit).expanduser()
        if not path.is_file():
            raise ConfigError(f"there is no configuration file {path}")
        return path
    from platformdirs import user_config_path

    path = user_config_path("civitai-dl") / "config.toml"
    return path if path.is_file() else None


def read_file(path: Path | None) -> dict[str, object]:
    """The settings of a TOML file, by the names of the flags. Raises: ConfigError."""
    if path is None:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    values = {name.replace("-", "_"): value for name, value in values.items()}
    unknown = sorted(set(values) - FILE_KEYS)
    if unknown:
        raise ConfigError(
            f"{path} has settings that do not exist: {', '.join(unknown)}",
            hint=f"there are {', '.join(sorted(FILE_KEYS))}",
        )
    return values
