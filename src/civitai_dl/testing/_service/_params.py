"""Query parameters, read as strictly and as oddly as the service reads them [server source]."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from civitai_dl.testing._service._words import BOOLEANS

if TYPE_CHECKING:
    from collections.abc import Collection

    from civitai_dl.testing._wire import Request

_INTEGER = re.compile(r"^-?\d+$")
_MAX_INT = 2_147_483_647


class BadParamError(Exception):
    """A parameter that the schema refuses: 400."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field, self.text = field, text


def integer(request: Request, name: str) -> int | None:
    """Return an integer parameter, None when absent. Raises: BadParamError."""
    text = request.first(name)
    if text is None:
        return None
    if not _INTEGER.match(text):
        raise BadParamError(name, "Expected number, received nan")
    return int(text)


def bounded(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return an integer within bounds, both included. Raises: BadParamError."""
    value = integer(request, name)
    if value is None:
        return default
    if value < least:
        raise BadParamError(name, f"Number must be greater than or equal to {least}")
    if value > most:
        raise BadParamError(name, f"Number must be less than or equal to {most}")
    return value


def boolean(request: Request, name: str, *, default: bool) -> bool:
    """Return a boolean word. Raises: BadParamError for any other word."""
    text = request.first(name)
    if text is None:
        return default
    if text not in BOOLEANS:
        raise BadParamError(name, "Invalid boolean")
    return BOOLEANS[text]


def word(request: Request, name: str, words: Collection[str], default: str) -> str:
    """Return one of the allowed words. Raises: BadParamError."""
    text = request.first(name)
    if text is None:
        return default
    if text not in words:
        raise BadParamError(name, f"Invalid enum value. Received '{text}'")
    return text


def words(request: Request, name: str, allowed: Collection[str] | None) -> list[str]:
    """Return the values of a repeated key; a comma does not separate. Raises: BadParamError."""
    found = [text for text in request.all(name) if text]
    for text in found:
        if allowed is not None and text not in allowed:
            raise BadParamError(name, f"Invalid enum value. Received '{text}'")
    return found


def integers(request: Request, name: str) -> list[int] | None:
    """Return a comma list of ids, None when absent. Raises: BadParamError."""
    text = request.first(name)
    if text is None:
        return None
    parts = [part for part in text.split(",") if part]
    if not all(_INTEGER.match(part) for part in parts):
        raise BadParamError(name, "Expected number, received nan")
    return [int(part) for part in parts]


def model_id(text: str) -> int:
    """Return a model id from a path. Raises: BadParamError outside 1..2147483647."""
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_INT:
        raise BadParamError("id", "Invalid id")
    return int(text)
