"""What `why`, and --why at the end of a download, read and say."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio

from civitai_dl.adapters.storage import local_path
from civitai_dl.errors import TargetError, UsageError
from civitai_dl.explaining import explain, read_subject

from ._exit import OK
from ._explained import as_json, as_text
from ._frame import framed

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.domain.entities import Selection
    from civitai_dl.domain.messages import Messages
    from civitai_dl.explaining import Subject

NOT_CHOICES = frozenset({"targets", "output", "as_json", "lang", "config", "profile"})

Asked = Sequence[tuple[str, "Subject"]]


def run_why(flags: Mapping[str, object]) -> int:
    """Explain what is asked about; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        targets = flags.get("targets")
        asked = read_asked_about(targets if isinstance(targets, tuple) else ())
        wish = settings.selection if _chooses(flags) else None
        text = explained(settings, asked, messages, wish=wish, json=flags.get("as_json") is True)
        if text is None:
            folder = local_path(settings.output)
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        _print(text)
        return OK

    return framed(flags, work)


def tell_why(settings: Settings, asked: Asked, messages: Messages) -> None:
    """At the end of a run: how things stand under what it wanted."""
    wish = settings.selection
    text = explained(settings, asked, messages, wish=wish, json=False) or ""
    if settings.json_logs:
        # Standard output is for programs then.
        sys.stderr.write(f"{text}\n")
    else:
        _print(f"\n{text}")


def explained(
    settings: Settings, asked: Asked, messages: Messages, *, wish: Selection | None, json: bool
) -> str | None:
    """What is told of things, as text or as JSON; None without an archive."""
    folder = local_path(settings.output)
    found = anyio.run(partial(explain, folder, asked, wish=wish, now=time.time()))
    if found is None:
        return None
    if json:
        return as_json(found, output=settings.output)
    return as_text(found, messages, output=settings.output)


def read_asked_about(texts: Collection[object]) -> Asked:
    """What is asked about, in words and as it is read. Raises: UsageError that tells of each."""
    asked = []
    bad = []
    for text in map(str, texts):
        try:
            asked.append((text, read_subject(text)))
        except TargetError as error:
            bad.append(f"{text}: {error.message}")
    if bad:
        raise UsageError("\n".join(bad))
    return asked


def _chooses(flags: Mapping[str, object]) -> bool:
    """Whether any choice was given on the command line; one of them stands for all."""
    chosen = {name: value for name, value in flags.items() if name not in NOT_CHOICES}
    return any(value not in (None, (), False) for value in chosen.values()) or any(
        chosen.get(name) is False for name in ("nsfw", "include_training_data")
    )


def _print(text: str) -> None:
    from ._session import say

    say(text)
