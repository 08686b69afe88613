"""Values as people write them: 10M, 5m, 1,2,4."""

from __future__ import annotations

import re

from civitai_dl.domain.entities import ALL_LEVELS, USUAL_DIALECTS, Dialect, Rating
from civitai_dl.errors import ConfigError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?(?:/s)?", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_size(text: str) -> int:
    """Bytes: `500K`, `10M`, `1.5G` by powers of 1024. Raises: ConfigError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"this is no size: {text!r}", hint="for example 500K, 10M, 1.5G")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def read_span(text: str) -> float:
    """Seconds: `30`, `90s`, `5m`, `24h`, `2d`. Raises: ConfigError."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"this is no time span: {text!r}", hint="for example 90s, 5m, 24h")
    return float(match[1]) * _SECONDS[(match[2] or "s").lower()]


def read_levels(text: str) -> int:
    """Ratings as a bit mask: names (`PG,PG-13,R,X,XXX`), bits (`1,2,4`), or `all`.

    Raises: ConfigError.
    """
    levels = 0
    for word in re.split(r"[,\s]+", text.strip()):
        name = "PG13" if word.upper() == "PG-13" else word.upper()
        bits = int(word) if re.fullmatch("[0-9]{1,2}", word) else 0
        if name == "ALL":
            levels |= ALL_LEVELS
        elif name in Rating.__members__:
            levels |= Rating[name].value
        elif 0 < bits <= ALL_LEVELS:
            levels |= bits
        else:
            raise ConfigError(
                f"this is no browsing level: {word!r}", hint="PG, PG-13, R, X, XXX, or all"
            )
    return levels


def read_dialects(value: object) -> tuple[Dialect, ...]:
    """Forms of sidecars: names with commas, `all`, or `none` alone; a list of names in a file.

    None stands for the usual ones. In the order of Dialect, each once. Raises: ConfigError.
    """
    if value is None:
        return USUAL_DIALECTS
    names = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    words = [word.lower() for word in re.split(r"[,\s]+", names.strip()) if word]
    if words == ["none"]:
        return ()
    known = {dialect.value: {dialect} for dialect in Dialect} | {"all": set(Dialect)}
    chosen: set[Dialect] = set()
    for word in words:
        if word not in known:
            alone = " (none stands alone)" if word == "none" else ""
            raise ConfigError(
                f"this is no form of sidecars: {word!r}{alone}",
                hint=f"there are {', '.join(known)}, or none",
            )
        chosen |= known[word]
    if not chosen:
        raise ConfigError("sidecars names nothing", hint="give none to write no sidecars")
    return tuple(dialect for dialect in Dialect if dialect in chosen)
