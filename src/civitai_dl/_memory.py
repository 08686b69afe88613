"""What an archive remembers of its runs, so that they can be repeated without their words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import msgspec

from civitai_dl.config import Settings, check_base_url, is_loopback, usual_fallbacks
from civitai_dl.domain.entities import Dialect, Selection
from civitai_dl.errors import ConfigError

_DEFAULT = Settings()


class _Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of Settings; never the key. The names are those of Settings."""

    base_url: str = _DEFAULT.base_url
    max_rate_model: float = _DEFAULT.max_rate_model
    max_rate_image: float = _DEFAULT.max_rate_image
    max_rate_resolve: float = _DEFAULT.max_rate_resolve
    concurrency: int | None = None
    limit_rate: int = 0
    retries: int = _DEFAULT.retries
    max_wait: float = _DEFAULT.max_wait
    resume: bool = True
    dry_run: bool = False
    sidecars: tuple[Dialect, ...] = _DEFAULT.sidecars
    embed_metadata: bool = False


def remember(settings: Settings) -> str:
    """The settings that a repetition needs, as JSON; the key is not among them."""
    names = _Remembered.__struct_fields__
    return msgspec.json.encode(
        _Remembered(**{name: getattr(settings, name) for name in names})
    ).decode()


_ALWAYS = frozenset({"files", "images", "gallery", "gallery_limit", "levels"})
_EVERYTHING: dict[str, object] = msgspec.to_builtins(Selection())


def remember_selection(selection: Selection) -> str:
    """A selection as JSON: the first five fields, and of the others those that choose something.

    So the text of a wish that is older than a field is the text of the same wish now, and a job
    that it began goes on.
    """
    fields: dict[str, object] = msgspec.to_builtins(selection)
    told = {
        name: value
        for name, value in fields.items()
        if name in _ALWAYS or value != _EVERYTHING[name]
    }
    return msgspec.json.encode(told).decode()


def recall(settings: Settings, text: str, *, given: Collection[str]) -> Settings:
    """Settings with what is remembered in place of what nobody gave this time.

    given: names of Settings that count as they are. A memory that cannot be read, as of older
    versions, changes nothing. Raises: ConfigError when the key would go to a service that only the
    archive names: archives are handed around.
    """
    try:
        found = msgspec.json.decode(text, type=_Remembered)
        check_base_url(found.base_url)
    except (msgspec.MsgspecError, ConfigError):
        return settings
    other = "base_url" not in given and found.base_url != settings.base_url
    if other and settings.stored_key is not None:
        settings = replace(settings, token=settings.stored_key(found.base_url))
    elif other and settings.token is not None and not is_loopback(found.base_url):
        raise ConfigError(
            f"the archive was made from {found.base_url}; the key is not sent there unasked",
            hint=f"give --base-url {found.base_url}, or --base-url {settings.base_url}",
        )
    names = set(_Remembered.__struct_fields__) - set(given) - {"dry_run"}
    if "base_url" in names and found.base_url != settings.base_url:
        # Those of the settings belong to another service, and an archive names none: the key would
        # go to them.
        ways = replace(settings.ways, fallbacks=usual_fallbacks(found.base_url))
        settings = replace(settings, ways=ways)
    return replace(settings, **{name: getattr(found, name) for name in names})


def was_dry(text: str) -> bool:
    """Whether a run was one that only lists: what it left, nobody wanted to be fetched yet."""
    try:
        return msgspec.json.decode(text, type=_Remembered).dry_run
    except msgspec.MsgspecError:
        return False


def recall_selection(text: str) -> Selection | None:
    """The selection of a run; None for one that cannot be read, as those of older versions."""
    try:
        return msgspec.json.decode(text, type=Selection)
    except msgspec.MsgspecError:
        return None


def service_of(text: str) -> str | None:
    """The service that a run asked; None for a memory that cannot be read."""
    try:
        return msgspec.json.decode(text, type=_Remembered).base_url
    except msgspec.MsgspecError:
        return None
