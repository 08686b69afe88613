"""What `limit` reads, does and says."""

from __future__ import annotations

import os
import sys
from functools import partial

import anyio

from civitai_dl._wishing import ask_run
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import read_size
from civitai_dl.domain.messages import Messages, format_bytes, pick_language
from civitai_dl.errors import CivitaiDLError

from ._exit import OK, tell


def run_limit(rate: str, output: str, lang: str | None) -> int:
    """Ask for another limit; returns the exit status."""
    messages = Messages(pick_language(lang, os.environ))
    try:
        limit = 0 if rate.lower() == "none" else read_size(rate)
        wish = {"do": "limit", "bytes": limit}
        hint = "give --limit-rate to the command that starts one"
        has_answered = anyio.run(partial(ask_run, local_path(output), wish, hint=hint)) is not None
    except CivitaiDLError as error:
        return tell(error, messages)
    size = format_bytes(limit)
    said = messages.say("keeping to {size}/s now", size=size) if limit else None
    said = said or messages.say("no limit on bytes now")
    if not has_answered:
        said = messages.say("the run has not answered yet: it will heed this as soon as it can")
    sys.stdout.write(f"{said}\n")
    return OK
