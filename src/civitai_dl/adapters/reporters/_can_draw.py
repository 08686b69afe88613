"""Whether there is somebody who sees a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


def can_draw(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a live display can be drawn: a terminal, and not a dumb one."""
    if environment.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    return not stream.closed and stream.isatty()
