"""What `pause` and `resume` do and say."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._wishing import ask_run
from civitai_dl.adapters.storage import local_path
from civitai_dl.domain.entities import Lane
from civitai_dl.errors import UsageError

from ._exit import OK
from ._frame import framed

if TYPE_CHECKING:
    from civitai_dl.adapters.storage import Facts
    from civitai_dl.config import Settings
    from civitai_dl.domain.messages import Messages


def hold_up(do: str, flags: Mapping[str, object]) -> int:
    """Pause or resume (`do`) lanes of the run at work, all without any; the exit status."""
    lanes = flags.get("lanes")
    wish = {"do": do, "lanes": list(lanes) if isinstance(lanes, tuple) else []}
    hint = "a pause is about the run at work, and the next one is not paused"

    def work(settings: Settings, messages: Messages) -> int:
        ask = partial(ask_run, local_path(settings.output), wish, hint=messages.say(hint))
        answer = anyio.run(ask)
        understood(answer, messages)
        told = json.dumps(_as_json(answer), indent=2)
        sys.stdout.write(f"{told if flags.get('as_json') else _as_text(do, answer, messages)}\n")
        return OK

    return framed(flags, work)


def understood(answer: Facts | None, messages: Messages) -> None:
    """Raise UsageError when the run at work is of a version that does not know what is asked."""
    if answer is not None and not answer.get("ok"):
        raise UsageError(
            messages.say("the run at work does not know how to do that"),
            hint=messages.say("it was started by another version of civitai-dl"),
        )


def _as_json(answer: Facts | None) -> Facts:
    if answer is None:
        return {"answered": False}
    names = ("lanes", "paused", "changed", "ended")
    return {"answered": True, **{name: answer.get(name) for name in names}}


def _as_text(do: str, answer: Facts | None, messages: Messages) -> str:
    if answer is None:
        return messages.say("the run has not answered yet: it will heed this as soon as it can")
    paused, lanes = _lanes(answer.get("paused")), _lanes(answer.get("lanes"))
    if do == "resume" and not answer.get("changed"):
        return messages.say("nothing was paused")
    said = messages.held(paused, everything=paused >= lanes)
    ended = answer.get("ended")
    if isinstance(ended, int) and ended:
        one, many = "{n} transfer ended at a checkpoint", "{n} transfers ended at a checkpoint"
        said = f"{said}\n{messages.count(one, many, ended)}"
    return said


def _lanes(words: object) -> frozenset[Lane]:
    named = words if isinstance(words, list) else []
    return frozenset(lane for lane in Lane if lane.value in named)
