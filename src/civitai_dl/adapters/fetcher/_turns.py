"""Asking storage and CDN hosts in turn, and letting the pace hear how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import paced_lane, read_retry_after
from civitai_dl.domain.entities import Trouble
from civitai_dl.errors import ConnectionLost, Stalled, Throttled, Unavailable

from ._engine import Reply

if TYPE_CHECKING:
    from civitai_dl.pacing import Pacer

Send = Callable[[], Awaitable[Reply]]


async def ask_in_turn(pacer: Pacer | None, url: str, send: Send) -> tuple[Reply, float | None]:
    """Send when the host's lane allows it: the answer, and the seconds it makes the lane wait.

    pacer: None where nobody has to wait. Raises: ConnectionLost with status 429 or 0, without
    asking, while the lane is paused; what `send` raises.
    """
    if pacer is None:
        return await send(), None
    try:
        async with pacer.turn(paced_lane(url)) as turn:
            try:
                reply = await send()
            except (ConnectionLost, Stalled) as error:
                turn.heard(Trouble.TRANSIENT, status=error.status)
                raise
            status = reply.head.status
            asked = read_retry_after(reply.head.get("retry-after"), reply.head.get("date"))
            trouble = Trouble.TRANSIENT if status >= 500 else None
            if status in (429, 503):
                trouble = Trouble.THROTTLED
            return reply, turn.heard(trouble, status=status, asked=asked)
    except (Throttled, Unavailable) as rest:
        words, status = rest.message, rest.status
        raise ConnectionLost(words, status=status, retry_after=rest.retry_after) from None
