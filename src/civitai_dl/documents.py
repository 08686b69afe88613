"""JSON documents of the archive, as people can read them.

It stands above `ports`: sources save them by way of a worker, and sidecars are such, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Merge:
    """A document that belongs to others as well: what they wrote in it stays.

    beside: the archive path of the file that it speaks of. into: pure; from what is there (None for
    nothing) and when the file beside it was last written (seconds since the epoch) to what belongs
    there; None where nothing may be put into it.
    """

    path: str
    beside: str
    into: Callable[[bytes | None, float], bytes | None]


def dump_json(document: object) -> bytes:
    """One document; lone surrogates, which UTF-8 cannot carry, stay escaped."""
    try:
        # A tenth of the time: json indents in Python, and a page of images has 200 documents.
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    except UnicodeEncodeError:
        return f"{json.dumps(document, indent=2)}\n".encode()
