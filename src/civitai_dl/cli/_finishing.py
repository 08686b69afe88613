"""A download that hands its report over in the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from civitai_dl._hooks import read_hook
from civitai_dl._news import News
from civitai_dl._told import Told
from civitai_dl.adapters.storage import local_path

from ._finish import hand_over
from ._session import run_and_say
from ._whats_new import in_a_line

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.domain.entities import Wanted
    from civitai_dl.domain.messages import Messages


async def go_and_tell(
    settings: Settings, wanted: list[Wanted], messages: Messages, hook: str
) -> int:
    """A run from its words to its exit status, and its report to the hook. Raises: UsageError."""
    finish, news, started = read_hook(hook), News(), time.time()
    report = await run_and_say(settings, wanted, messages, [news])
    told = Told(
        command="download",
        output=str(local_path(settings.output).absolute()),
        status=report.exit_code,
        started=started,
        seconds=report.seconds,
        targets=len(wanted),
        full=0,
        runs=[report],
        news=news,
        text=in_a_line(
            news, messages, targets=len(wanted), seconds=report.seconds, well=report.exit_code == 0
        ),
    )
    await hand_over(finish, told, settings, messages)
    return report.exit_code
