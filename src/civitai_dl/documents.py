"""JSON documents of the archive, as people can read them.

It stands above `ports`: sources save them by way of a worker, and sidecars are such, too.
"""

from __future__ import annotations

import json

import msgspec


def dump_json(document: object) -> bytes:
    """One document; lone surrogates, which UTF-8 cannot carry, stay escaped."""
    try:
        # A tenth of the time: json indents in Python, and a page of images has 200 documents.
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    except UnicodeEncodeError:
        return f"{json.dumps(document, indent=2)}\n".encode()
