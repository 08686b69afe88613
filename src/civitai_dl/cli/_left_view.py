"""What `retry` would try, for people and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import anyio

from civitai_dl._unfinished import read_left
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import Settings
from civitai_dl.domain.entities import Lane, Reason, Wanted
from civitai_dl.domain.messages import Messages, cut, printable
from civitai_dl.errors import UsageError

from ._exit import OK
from ._session import say

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Left

SHOWN = 20


def show_left(
    settings: Settings, wanted: Sequence[Wanted], messages: Messages, *, as_json: bool
) -> int:
    """Tell what would be tried again; the exit status. Raises: UsageError, CatalogError."""
    found = anyio.run(partial(read_left, settings, wanted))
    if found is None:
        folder = local_path(settings.output)
        raise UsageError(messages.say("there is no archive here: {path}", path=folder))
    say(_as_json(*found) if as_json else _as_text(*found, messages))
    return OK


def _as_json(named: Sequence[Left], untried: Mapping[str, int]) -> str:
    facts = {
        "count": len(named) + sum(untried.values()),
        "reasons": dict(Counter(one.why for one in named).most_common()),
        "untried": dict(untried),
        "things": [asdict(one) for one in named],
    }
    return json.dumps(facts, ensure_ascii=False, indent=2)


def _as_text(named: Sequence[Left], untried: Mapping[str, int], messages: Messages) -> str:
    width = get_terminal_size((100, 24)).columns
    count = len(named) + sum(untried.values())
    one, many = "{n} thing would be tried again", "{n} things would be tried again"
    lines = [messages.count(one, many, count)]
    for reason, number in Counter(thing.why for thing in named).most_common():
        lines.append(f"  {_word(reason, messages)} {number:,}")
    for lane, number in untried.items():
        text = "{lane}, not tried yet: {n}"
        lines.append("  " + messages.count(text, text, number, lane=messages.lane(Lane(lane))))
    lines += [
        cut(printable(f"    {thing.label}: {thing.detail}"), width - 1) for thing in named[:SHOWN]
    ]
    more = len(named) - SHOWN
    if more > 0:
        one, many = "and {n} more; --json lists all", "and {n} more; --json lists all"
        lines.append(f"    {messages.count(one, many, more)}")
    return "\n".join(lines)


def _word(reason: str, messages: Messages) -> str:
    is_refusal = any(reason == member.value for member in Reason)
    return messages.reason(reason) if is_refusal else messages.trouble(reason)
