"""What `doctor` finds and does, as people and programs read it."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from shutil import get_terminal_size

import anyio

from civitai_dl._doctor import OK, PROBLEM, WARNING, Finding, diagnose
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
from civitai_dl.errors import CivitaiDLError, UsageError

from ._exit import INTERRUPTED, STORAGE, tell
from ._exit import OK as FINE

LEVELS = {OK: "ok", WARNING: "attention", PROBLEM: "problem"}

BYTES = frozenset({"size", "log", "free"})
"""The facts that are sizes."""

PAUSE = 3.0
"""Seconds between two lines about a rebuild."""


def show_diagnosis(output: str, lang: str | None, *, as_json: bool) -> int:
    """Print what is wrong with an archive; returns the exit status."""
    messages = Messages(pick_language(lang, os.environ))
    try:
        folder = local_path(output)
        findings = diagnose(folder)
        if findings is None:
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
    except CivitaiDLError as error:
        return tell(error, messages)
    text = _as_json(findings, messages) if as_json else _as_text(findings, messages)
    sys.stdout.write(f"{text}\n")
    return STORAGE if any(one.level == PROBLEM for one in findings) else FINE


def _as_text(findings: list[Finding], messages: Messages) -> str:
    words = {level: messages.say(word) for level, word in LEVELS.items()}
    room = max(cell_width(word) for word in words.values()) + 2
    width = max(40, get_terminal_size((100, 24)).columns - room)
    lines = []
    for one in findings:
        text = _sentence(one, messages)
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


def _sentence(one: Finding, messages: Messages) -> str:
    return messages.say(one.text, **{name: _said(name, one.facts[name]) for name in one.facts})


def _said(name: str, value: object) -> str:
    if isinstance(value, int):
        return format_bytes(value) if name in BYTES else f"{value:,}"
    return str(value)


def _as_json(findings: list[Finding], messages: Messages) -> str:
    found = [
        {
            "level": one.level,
            "topic": one.topic,
            "text": _sentence(one, messages),
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


def show_rebuild(output: str, lang: str | None, *, as_json: bool) -> int:
    """Make a new state for an archive, and print what came of it; returns the exit status."""
    messages = Messages(pick_language(lang, os.environ))
    voice = _Voice(messages, time.monotonic())
    try:
        done = anyio.run(rebuild, local_path(output), BASE_URL, voice)
    except CivitaiDLError as error:
        return tell(error, messages)
    except KeyboardInterrupt:
        return INTERRUPTED
    text = json.dumps(asdict(done), indent=2) if as_json else _as_account(done, messages)
    sys.stdout.write(f"{text}\n")
    return FINE


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
