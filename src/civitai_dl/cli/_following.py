"""What `add`, `remove` and `list` do from their words to their exit statuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl._following import follow, read_followed, unfollow
from civitai_dl._memory import remember_selection
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.reporters import NullReporter
from civitai_dl.adapters.storage import local_path
from civitai_dl.domain.entities import Followed, Wanted
from civitai_dl.domain.messages import cell_width, format_moment, pad, printable
from civitai_dl.errors import UsageError

from ._exit import OK, SOME_FAILED
from ._frame import framed
from ._options import read_targets
from ._selection_flags import is_chosen
from ._session import read_wanted, say

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.domain.messages import Messages


def run_add(flags: Mapping[str, object]) -> int:
    """Put things down to be kept current; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        from_runs = flags.get("from_runs") is True
        named = any(flags.get(name) for name in ("targets", "users", "models", "input_file"))
        wanted = []
        if named or not from_runs:
            wanted = read_wanted(flags, messages, settings.selection)
        # Only what was asked for here belongs to a thing; the rest is the next sync's choice.
        selection = remember_selection(settings.selection) if is_chosen(flags) else None
        added = anyio.run(
            partial(
                follow,
                settings.output,
                wanted,
                selection,
                from_runs=from_runs,
                reporter=NullReporter(),
                clock=SystemClock(),
            )
        )
        if not settings.quiet:
            text = "added: {new}; there already: {known}"
            say(messages.say(text, new=added.new, known=added.known))
            say(messages.say("`civitai-dl sync` brings them up to date"))
        return OK

    return framed(flags, work)


def run_remove(flags: Mapping[str, object]) -> int:
    """Take things off; returns the exit status: 1 when one of them was not there."""

    def work(settings: Settings, messages: Messages) -> int:
        wanted = _targets(flags)
        missing = anyio.run(partial(unfollow, settings.output, wanted, NullReporter()))
        for thing in missing:
            text = messages.say("{target} is not kept current here", target=printable(thing.text))
            sys.stderr.write(f"{messages.warning(text)}\n")
        if not settings.quiet:
            text = "removed: {count}; what is stored of it stays"
            say(messages.say(text, count=len(wanted) - len(missing)))
        return SOME_FAILED if missing else OK

    return framed(flags, work)


def _targets(flags: Mapping[str, object]) -> list[Wanted]:
    targets = flags.get("targets")
    return read_targets(targets if isinstance(targets, tuple) else ())


def run_list(flags: Mapping[str, object]) -> int:
    """Tell what is kept current; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        found = anyio.run(read_followed, settings.output)
        if found is None:
            folder = local_path(settings.output)
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        say(_as_json(found) if flags.get("as_json") else _as_text(found, messages))
        return OK

    return framed(flags, work)


def _as_text(found: Sequence[Followed], messages: Messages) -> str:
    if not found:
        return messages.say("nothing is kept current here yet")
    rows = [(printable(one.text), _standing(one, messages)) for one in found]
    width = min(60, max(cell_width(text) for text, _ in rows))
    lines = [f"{pad(text, width)}  {standing}" for text, standing in rows]
    return "\n".join([*lines, messages.count("{n} target", "{n} targets", len(found))])


def _standing(one: Followed, messages: Messages) -> str:
    if one.synced_at is None:
        return messages.say("never synced")
    moment = format_moment(one.synced_at)
    if one.complete:
        return messages.say("synced {moment}, complete", moment=moment)
    return messages.say("synced {moment}, not complete", moment=moment)


def _as_json(found: Sequence[Followed]) -> str:
    return json.dumps(
        [
            {
                "target": one.text,
                "origin": one.origin,
                "roots": json.loads(one.identity),
                "added_at": _iso(one.added_at),
                "selection": None if one.selection is None else json.loads(one.selection),
                "synced_at": _iso(one.synced_at),
                "full_at": _iso(one.full_at),
                "complete": one.complete,
            }
            for one in found
        ],
        ensure_ascii=False,
        indent=2,
    )


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")
