"""What `limit` reads, does and says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._wishing import ask_run
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import read_size
from civitai_dl.domain.messages import format_bytes

from ._exit import OK
from ._frame import framed

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.domain.messages import Messages


def run_limit(flags: Mapping[str, object]) -> int:
    """Ask for another limit; returns the exit status."""
    rate = str(flags["rate"])

    def work(settings: Settings, messages: Messages) -> int:
        limit = 0 if rate.lower() == "none" else read_size(rate)
        wish = {"do": "limit", "bytes": limit}
        hint = "give --limit-rate to the command that starts one"
        ask = partial(ask_run, local_path(settings.output), wish, hint=hint)
        has_answered = anyio.run(ask) is not None
        size = format_bytes(limit)
        said = messages.say("keeping to {size}/s now", size=size) if limit else None
        said = said or messages.say("no limit on bytes now")
        if not has_answered:
            said = messages.say("the run has not answered yet: it will heed this as soon as it can")
        sys.stdout.write(f"{said}\n")
        return OK

    return framed(flags, work)
