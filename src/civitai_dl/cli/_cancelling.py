"""What `cancel` does and says."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._cancelling import cancel_targets
from civitai_dl._standing import read_standing
from civitai_dl.adapters.storage import local_path
from civitai_dl.domain.messages import printable
from civitai_dl.errors import UsageError

from ._again import write_leftovers
from ._exit import OK, SOME_FAILED
from ._frame import framed
from ._options import read_targets
from ._steering import understood

if TYPE_CHECKING:
    from civitai_dl.adapters.storage import Facts
    from civitai_dl.config import Settings
    from civitai_dl.domain.messages import Messages


def cancel(flags: Mapping[str, object]) -> int:
    """Withdraw targets; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        texts = flags.get("targets")
        wanted = read_targets(texts if isinstance(texts, tuple) else ())
        answer = anyio.run(partial(cancel_targets, settings.output, wanted))
        understood(answer, messages)
        _refuse_unasked(answer, messages)
        if answer is not None and answer.get("alone"):
            # A run at work does so itself in the end.
            _write_lists(settings)
        told = json.dumps(_as_json(answer), indent=2, ensure_ascii=False)
        sys.stdout.write(f"{told if flags.get('as_json') else _as_text(answer, messages)}\n")
        # Nothing has been withdrawn yet, and nobody should believe that it has.
        return SOME_FAILED if answer is None else OK

    return framed(flags, work)


def _targets(answer: Facts | None) -> list[Facts]:
    named = None if answer is None else answer.get("targets")
    return [one for one in named if isinstance(one, dict)] if isinstance(named, list) else []


def _refuse_unasked(answer: Facts | None, messages: Messages) -> None:
    """Raise UsageError when one was never asked for by itself: then nothing has been changed."""
    unasked = [str(one.get("text")) for one in _targets(answer) if not one.get("asked")]
    if unasked:
        named = ", ".join(map(printable, unasked))
        raise UsageError(
            messages.say("not asked for by itself in this archive: {targets}", targets=named),
            hint=messages.say(
                "nothing was cancelled; `civitai-dl status` lists what was asked for"
            ),
        )


def _write_lists(settings: Settings) -> None:
    """What is no longer wanted is no longer listed as failed."""
    folder = local_path(settings.output)
    standing = anyio.run(read_standing, folder)
    if standing is not None and (folder / "failed.txt").exists():
        command = ["civitai-dl", "retry", "-o", str(folder.absolute())]
        write_leftovers(settings, [], standing.report, command)


def _as_json(answer: Facts | None) -> Facts:
    if answer is None:
        return {"answered": False}
    names = ("ended", "partials", "targets")
    return {"answered": True, **{name: answer.get(name) for name in names}}


def _as_text(answer: Facts | None, messages: Messages) -> str:
    if answer is None:
        return messages.say("the run has not answered yet: it will heed this as soon as it can")
    return "\n".join(_line(one, messages) for one in _targets(answer))


def _line(target: Facts, messages: Messages) -> str:
    text, dropped, kept = printable(str(target.get("text"))), target["dropped"], target["kept"]
    assert isinstance(dropped, int)
    assert isinstance(kept, int)
    parts = [messages.say("nothing was left to do")]
    if dropped:
        parts = [messages.count("{n} thing dropped", "{n} things dropped", dropped)]
    if kept:
        text_kept = "{n} kept, for others want it"
        parts.append(messages.count(text_kept, text_kept, kept))
    return f"{text}: {messages.join(parts)}"
