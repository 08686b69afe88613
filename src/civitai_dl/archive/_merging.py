"""Putting what we know into JSON documents that others write, too, and losing nothing of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable

Fields = dict[str, object]

_NOTHING: tuple[object, ...] = (None, "", [], {})


def merged(
    existing: bytes | None, change: Callable[[Fields], Fields], *, indent: int
) -> bytes | None:
    """The document with our part in it; None where what is there is no object in JSON.

    existing: what is there, None for nothing. change: from the fields that are there to those that
    should be; it keeps what it does not know. Where it changes nothing the bytes stay as they are.
    Merging the result again gives the same bytes.
    """
    found: Fields | None = {} if existing is None else _read(existing)
    if found is None:
        return None
    changed = change(dict(found))
    if existing is not None and changed == found:
        return existing
    return _written(changed, indent)


def _read(data: bytes) -> Fields | None:
    try:
        # With or without a BOM: editors on Windows leave one.
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _written(fields: Fields, indent: int) -> bytes:
    try:
        return f"{json.dumps(fields, indent=indent, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:
        # Half a character, which UTF-8 cannot carry, stays escaped.
        return f"{json.dumps(fields, indent=indent)}\n".encode()


def fill(fields: Fields, name: str, value: object) -> None:
    """Set a field that is absent or empty; None is nothing to set. 0 and false are no emptiness."""
    if value is not None and is_empty(fields.get(name)):
        fields[name] = value


def is_empty(value: object) -> bool:
    """Whether somebody has put nothing there: null, "", [] or {}; never 0 or false."""
    return value in _NOTHING


def as_fields(value: object) -> Fields:
    """The value as an object; anything else counts as empty."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[Fields]:
    """The objects of a list; anything else counts as empty, and is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
