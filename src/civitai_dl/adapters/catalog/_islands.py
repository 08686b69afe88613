"""Islands of a partial in the words of its row."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from civitai_dl.domain.entities import Island


def dump_islands(islands: Sequence[Island]) -> str | None:
    """As the row holds them."""
    if not islands:
        return None
    return msgspec.json.encode([(one.start, one.end, one.crc32) for one in islands]).decode()


def load_islands(text: object) -> tuple[Island, ...]:
    """From a row; what cannot be read is none: then these bytes are fetched again."""
    if not isinstance(text, str):
        return ()
    try:
        found = msgspec.json.decode(text, type=list[tuple[int, int, str]])
    except (msgspec.MsgspecError, UnicodeError):
        return ()
    return tuple(Island(*one) for one in found)
