"""Look into captured JSON without trusting it: a wrong type counts as missing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from civitai_dl.testing._world import Json


def read(path: Path) -> list[Json]:
    """Return the objects of a capture: of a page its items, of a list its elements."""
    data: object = json.loads(path.read_text("utf-8"))
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        return rows(data, "items")
    return [one for one in (data if isinstance(data, list) else [data]) if isinstance(one, dict)]


def text(raw: Json, key: str, default: str = "") -> str:
    """Return a string."""
    value = raw.get(key)
    return value if isinstance(value, str) else default


def optional_text(raw: Json, key: str) -> str | None:
    """Return a string or None."""
    return text(raw, key) or None


def number(raw: Json, key: str, default: int = 0) -> int:
    """Return an integer."""
    value = raw.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def part(raw: Json, key: str) -> Json:
    """Return an object, empty when there is none."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def rows(raw: Json, key: str) -> list[Json]:
    """Return a list of objects, empty when there is none."""
    value = raw.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(raw: Json, key: str) -> list[str]:
    """Return a list of strings, empty when there is none."""
    value = raw.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def moment(raw: Json, key: str) -> datetime | None:
    """Return an aware time; captures write it with and without Z, with 0 to 3 decimals."""
    stamp = text(raw, key).removesuffix("Z")
    if not stamp:
        return None
    seconds, _, decimals = stamp.partition(".")
    return datetime.strptime(f"{seconds}.{decimals or 0}+0000", "%Y-%m-%dT%H:%M:%S.%f%z")
