"""What `doctor` finds and does, as people and programs read it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import anyio

from civitai_dl._finding import OK, PROBLEM, WARNING, Finding
from civitai_dl._rebuild import Progress, rebuild
from civitai_dl.adapters.storage import local_path
from civitai_dl.config import BASE_URL
from civitai_dl.domain.messages import (
    Messages,
    cell_width,
    format_bytes,
    pad,
    pick_language,
    wrap,
)
from civitai_dl.errors import CivitaiDLError

from ._examine import examine
from ._exit import INTERRUPTED, tell
from ._exit import OK as FINE
from ._found import sentence
from ._frame import framed, have_streams

if TYPE_CHECKING:
    from civitai_dl.config import Settings

LEVELS = {OK: "ok", WARNING: "attention", PROBLEM: "problem"}

PAUSE = 3.0
"""Seconds between two lines about a rebuild."""


def show_diagnosis(flags: Mapping[str, object]) -> int:
    """Print what is wrong with an archive and the way to the service; returns the exit status."""
    have_streams()
    messages = Messages(pick_language(_text(flags.get("lang")), os.environ))
    try:
        seen = examine(flags, os.environ, messages)
    except CivitaiDLError as error:
        return tell(error, messages)
    except KeyboardInterrupt:
        return INTERRUPTED
    as_json = flags.get("as_json") is True
    say = _as_json if as_json else _as_text
    sys.stdout.write(f"{say(seen.findings, seen.messages)}\n")
    return seen.status


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _as_text(findings: list[Finding], messages: Messages) -> str:
    words = {level: messages.say(word) for level, word in LEVELS.items()}
    room = max(cell_width(word) for word in words.values()) + 2
    width = max(40, get_terminal_size((100, 24)).columns - room)
    lines = []
    for one in findings:
        text = sentence(one, messages)
        if one.todo:
            text = f"{text}\n-> {messages.say(one.todo)}"
        first, *others = wrap(text, width).split("\n")
        lines.append(pad(words[one.level], room) + first)
        lines += [" " * room + line for line in others]
    bad = sum(one.level == PROBLEM for one in findings)
    lines.append("")
    if bad:
        lines.append(messages.count("{n} problem was found", "{n} problems were found", bad))
    else:
        lines.append(messages.say("nothing has to be mended"))
    return "\n".join(lines)


def _as_json(findings: list[Finding], messages: Messages) -> str:
    found = [
        {
            "level": one.level,
            "topic": one.topic,
            "text": sentence(one, messages),
            "todo": messages.say(one.todo) if one.todo else "",
            "facts": dict(one.facts),
        }
        for one in findings
    ]
    sound = all(one.level != PROBLEM for one in findings)
    return json.dumps({"sound": sound, "findings": found}, ensure_ascii=False, indent=2)


@dataclass(slots=True)
class _Voice:
    """Says how far a rebuild is, every few seconds."""

    messages: Messages
    last: float

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last >= PAUSE:
            self.last = now
            sys.stderr.write(f"{_so_far(progress, self.messages)}\n")


def _so_far(progress: Progress, messages: Messages) -> str:
    return messages.say(
        "{tasks} tasks from the old state; {files} files read ({size}), {found} taken in",
        tasks=f"{progress.tasks:,}",
        files=f"{progress.files:,}",
        size=format_bytes(progress.bytes),
        found=f"{progress.found:,}",
    )


def show_rebuild(flags: Mapping[str, object]) -> int:
    """Make a new state for an archive, and print what came of it; returns the exit status."""

    def work(settings: Settings, messages: Messages) -> int:
        voice = _Voice(messages, time.monotonic())
        done = anyio.run(rebuild, local_path(settings.output), BASE_URL, voice)
        as_json = flags.get("as_json") is True
        text = json.dumps(asdict(done), indent=2) if as_json else _as_account(done, messages)
        sys.stdout.write(f"{text}\n")
        return FINE

    return framed(flags, work, with_key=False)


def _as_account(done: Progress, messages: Messages) -> str:
    lines = [_so_far(done, messages)]
    if done.tasks:
        text = "{kept} files of the old state are there, with their size"
        lines.append(messages.say(text, kept=f"{done.kept:,}"))
    if done.wrong:
        text = "{wrong} files are not what is listed for them; they were left alone"
        lines.append(messages.say(text, wrong=f"{done.wrong:,}"))
    if done.aside:
        text = "the old state database is kept in {aside}"
        lines.append(messages.say(text, aside=done.aside))
    lines.append(messages.say("run the same download again: it fetches only what is not there"))
    return "\n".join(lines)
