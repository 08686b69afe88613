"""`--on-finish`: whoever wants to know is handed the report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from civitai_dl._hooks import Hook, fire
from civitai_dl._told import Told, describe
from civitai_dl.domain.messages import printable

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.domain.messages import Messages


async def hand_over(
    hook: Hook, told: Told, settings: Settings, messages: Messages, *, place: str = ""
) -> None:
    """Hand a report to a hook; what goes wrong is told, and changes no exit status.

    place: archive path of the report that is kept, "" where none is.
    """
    environment = {
        "CIVITAI_DL_COMMAND": told.command,
        "CIVITAI_DL_STATUS": str(told.status),
        "CIVITAI_DL_OUTPUT": told.output,
        "CIVITAI_DL_NEWS": str(sum(told.news.counts().values())),
        "CIVITAI_DL_TEXT": told.text,
        "CIVITAI_DL_REPORT": place and os.path.join(told.output, place),  # noqa: PTH118  # a text
    }
    trouble = await fire(
        hook, describe(told), told=environment, environment=os.environ, token=settings.token
    )
    if trouble:
        text = messages.say("--on-finish: {trouble}", trouble=printable(trouble))
        sys.stderr.write(f"{messages.warning(text)}\n")
