"""Every sentence that a person reads, in English and in Japanese.

The English sentence is the key of its translation (`_japanese.py`), as gettext has it. A sentence
without a translation is a bug, so asking for one raises KeyError in both languages.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import TYPE_CHECKING

from ._cells import cell_width, cut, cut_middle, pad, printable, wrap
from ._japanese import JAPANESE as DISPLAY
from ._japanese_browse import BROWSE
from ._japanese_cli import COMMANDS
from ._japanese_config import CONFIG
from ._japanese_link import LINKS
from ._japanese_named import NAMED
from ._japanese_plan import PLANS
from ._japanese_queue import QUEUE
from ._japanese_sync import SYNC
from ._japanese_why import WHY
from .entities import Lane, Reason, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Language",
    "Messages",
    "cell_width",
    "come_back",
    "cut",
    "cut_middle",
    "format_bytes",
    "format_clock",
    "format_duration",
    "format_moment",
    "format_rate",
    "pad",
    "pick_language",
    "printable",
    "wrap",
]

JAPANESE = {
    **DISPLAY,
    **BROWSE,
    **COMMANDS,
    **CONFIG,
    **LINKS,
    **NAMED,
    **PLANS,
    **QUEUE,
    **SYNC,
    **WHY,
}


class Language(str, Enum):
    """The languages in which civitai-dl speaks; the value is the one of `--lang`."""

    EN = "en"
    JA = "ja"


def pick_language(explicit: str | None, environment: Mapping[str, str]) -> Language:
    """The language asked for, else that of the locale (LC_ALL, LC_MESSAGES, LANG), else English.

    explicit: "en", "ja", or a locale name such as "ja_JP"; None or "" when none was given.
    Raises: ValueError when `explicit` names a language that civitai-dl does not speak.
    """
    if explicit:
        return Language(explicit.strip().lower()[:2])
    # The first that is set decides, even when it names no language of ours (POSIX).
    named = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((value for value in named if value), "")
    return Language.JA if locale.lower().startswith("ja") else Language.EN


def format_bytes(count: float) -> str:
    """A size in powers of 1000, as shops, file managers and Civitai do: "412 B", "3.1 GB"."""
    size, units = max(0.0, float(count)), ("B", "kB", "MB", "GB", "TB", "PB")
    for unit in units[:-1]:
        # 999.96 would be printed as 1000.0.
        if size < (999.5 if unit == "B" else 999.95):
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000.0
    return f"{size:,.1f} {units[-1]}"


def format_rate(bytes_per_second: float) -> str:
    """Bytes per second: "12.4 MB/s"."""
    return f"{format_bytes(bytes_per_second)}/s"


def format_clock(seconds: float) -> str:
    """A duration as digits, for columns: "0:07", "12:31", "1:05:00", "2d 03h"."""
    minutes, second = divmod(_whole(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days:,}d {hour:02}h"
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def format_duration(seconds: float, language: Language = Language.EN) -> str:
    """A duration in words, its two largest units: "12 s", "3 min 20 s", "1 h 5 min", "2 d 3 h"."""
    minutes, second = divmod(_whole(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    words = ("日", "時間", "分", "秒") if language is Language.JA else ("d", "h", "min", "s")
    parts = list(zip((days, hour, minute, second), words, strict=True))
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    said = [parts[0], *(part for part in parts[1:2] if part[0])]
    return " ".join(f"{number:,} {word}" for number, word in said)


def format_moment(moment: float) -> str:
    """Seconds since the epoch as a date and time in UTC: "2026-09-01 12:00 UTC"; never raises."""
    try:
        told = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=moment)
    except (OverflowError, ValueError):
        return "?"
    return told.strftime("%Y-%m-%d %H:%M UTC")


def come_back(until: float) -> str:
    """When to run again, as notices say it: "come back after 2026-09-01 12:00 UTC"."""
    return f"come back after {format_moment(until)}"


def _whole(seconds: float) -> int:
    """Whole seconds, rounded up so that a countdown ends at 1 and not at 0; never negative."""
    return math.ceil(min(max(0.0, seconds), 1e10) - 1e-6)


_LANES = {
    Lane.MODEL_PAGES: "model pages",
    Lane.IMAGE_PAGES: "image pages",
    Lane.FILES: "files",
    Lane.IMAGES: "images",
}

_SERVICES = {
    Lane.MODEL_PAGES: "Model API",
    Lane.IMAGE_PAGES: "Image API",
    Lane.FILES: "File server",
    Lane.IMAGES: "Image server",
}

_REASONS = {
    Reason.EARLY_ACCESS: ("early access", "because of early access"),
    Reason.DOWNLOADS_DISABLED: ("downloads disabled", "because the creator disabled downloads"),
    Reason.LOGIN_REQUIRED: ("login required", "because a login is required"),
    Reason.NO_PERMISSION: ("no permission", "because this account has no permission"),
    Reason.ARCHIVED: ("archived", "because the model is archived"),
    Reason.TAKEN_DOWN: ("taken down", "because of a takedown"),
    Reason.GONE: ("gone", "because Civitai no longer has it"),
    Reason.UNSAFE: ("unsafe", "because of safety"),
}

_TROUBLES = {
    Trouble.TRANSIENT: ("network or server error", "because of network or server errors"),
    Trouble.THROTTLED: ("rate limited", "because the service kept asking to slow down"),
    Trouble.QUOTA: ("download quota", "because the download quota is used up"),
    Trouble.BLOCKED: ("blocked", "because the service's edge blocked us"),
    Trouble.NOT_FOUND: ("not found", "because Civitai did not find it"),
    Trouble.REFUSED: ("refused", "because the service refused"),
    Trouble.CORRUPT: ("failed the check", "because the bytes failed their check"),
    Trouble.LINK: ("bad download link", "because the download link was not accepted"),
    Trouble.STORAGE: ("trouble with the disk", "because of trouble with the disk"),
    Trouble.HANDLES: ("too many open files", "because too many files were open"),
}


class Messages:
    """The sentences in one language; every method returns text without a line end."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, key: str, **facts: object) -> str:
        """The sentence `key` with its facts filled in. Raises: KeyError without a translation."""
        translated = JAPANESE[key]
        text = translated if self.language is Language.JA else key
        return text.format_map(facts)

    def count(self, one: str, many: str, number: int, **facts: object) -> str:
        """The sentence for a number of things, which it calls {n}; `many` is the key."""
        translated = JAPANESE[many]
        text = one if number == 1 else many
        if self.language is Language.JA:
            text = translated
        return text.format_map({**facts, "n": f"{number:,}"})

    def duration(self, seconds: float) -> str:
        """A duration in words: "3 min 20 s"."""
        return format_duration(seconds, self.language)

    def join(self, parts: list[str]) -> str:
        """Parts of one sentence, one after the other."""
        return ("、" if self.language is Language.JA else ", ").join(parts)

    # --- while it runs

    def headline(
        self, done: int, total: int, failed: int, *, retrying: bool = False, growing: bool = False
    ) -> str:
        """How far the run is, in models: `42/180 models, 3 failed (retrying...)`.

        growing: the listing goes on, so the total is a lower bound: `42/180+`.
        """
        share = self.share(done, total, growing=growing)
        return self._headline("{share} models, {failed} failed", share, failed, retrying=retrying)

    def headline_of_images(
        self, done: int, total: int, failed: int, *, retrying: bool = False, growing: bool = False
    ) -> str:
        """The same in images, for a run without a single model."""
        share = self.share(done, total, growing=growing)
        return self._headline("{share} images, {failed} failed", share, failed, retrying=retrying)

    def _headline(self, key: str, share: str, failed: int, *, retrying: bool) -> str:
        text = self.say(key, share=share, failed=f"{failed:,}")
        return f"{text} {self.say('(retrying...)')}" if retrying else text

    def share(self, done: int, total: int, *, growing: bool = False) -> str:
        """Done of all: "42/180"; "42/180+" while the total grows, "0/?" before one is known."""
        if growing and not total:
            return f"{done:,}/?"
        return f"{done:,}/{total:,}{'+' if growing else ''}"

    def lane(self, lane: Lane) -> str:
        """The name of a lane in a column: "files"."""
        return self.say(_LANES[lane])

    def service(self, lane: Lane) -> str:
        """Whom a lane talks to: "Image API"."""
        return self.say(_SERVICES[lane])

    def paused(self, lane: Lane, reason: str, seconds: float) -> str:
        """Why a lane rests, and for how long: "Image API asked us to slow down: 12 s".

        reason: the value of a Trouble, which is translated, or a text, which stands as it is.
        """
        facts = {"service": self.service(lane), "time": self.duration(seconds)}
        if reason == Trouble.THROTTLED.value:
            return self.say("{service} asked us to slow down: {time}", **facts)
        if reason == Trouble.QUOTA.value:
            return self.say("{service}: download quota used up, next try in {time}", **facts)
        if reason == Trouble.TRANSIENT.value:
            return self.say("{service} is not answering, next try in {time}", **facts)
        return self.say("{service} rests ({reason}): {time}", reason=self.trouble(reason), **facts)

    def stopped(self, lane: Lane, detail: str) -> str:
        """A lane that cannot go on in this run."""
        return self.say("{service} stopped for this run: {detail}", **self._of(lane, detail))

    def held(self, lanes: frozenset[Lane], *, everything: bool) -> str:
        """Lanes that a person holds up: "Paused: files (civitai-dl resume goes on)"."""
        if not lanes:
            return self.say("Going on: nothing is paused any more")
        if everything:
            return self.say("Paused (civitai-dl resume goes on)")
        names = self.join([self.lane(lane) for lane in Lane if lane in lanes])
        return self.say("Paused: {lanes} (civitai-dl resume goes on)", lanes=names)

    def cancelled(self, texts: Sequence[str], number: int) -> str:
        """Targets that a person has withdrawn, and how many things that were."""
        return self.count(
            "cancelled: {targets} ({n} thing)",
            "cancelled: {targets} ({n} things)",
            number,
            targets=", ".join(map(printable, texts)),
        )

    def _of(self, lane: Lane, detail: str) -> dict[str, str]:
        return {"service": self.service(lane), "detail": detail}

    def left(self, seconds: float, *, growing: bool = False) -> str:
        """The time still needed, for a column: "ETA 12:31"."""
        return self.say("ETA {time}", time=format_clock(seconds) + ("+" if growing else ""))

    def more_transfers(self, number: int) -> str:
        """Transfers for which there is no room on the screen."""
        return self.count("and {n} more transfer", "and {n} more transfers", number)

    def listing(self, pages: int) -> str:
        """The listing goes on; pages: read so far."""
        return self.count(
            "still listing: {n} page read, totals will grow",
            "still listing: {n} pages read, totals will grow",
            pages,
        )

    def known(self, number: int) -> str:
        """Found again, and known before."""
        return self.count("{n} already known", "{n} already known", number)

    def unavailable(self, number: int) -> str:
        """What cannot be had."""
        return self.count("{n} unavailable", "{n} unavailable", number)

    def failed(self, number: int) -> str:
        """What was given up in this run."""
        return self.count("{n} failed", "{n} failed", number)

    def retrying(self, number: int) -> str:
        """What waits to be tried again."""
        return self.count("{n} to be retried", "{n} to be retried", number)

    def models(self, number: int) -> str:
        """A number of models."""
        return self.count("{n} model", "{n} models", number)

    def files(self, number: int) -> str:
        """A number of files."""
        return self.count("{n} file", "{n} files", number)

    def images(self, number: int) -> str:
        """A number of images."""
        return self.count("{n} image", "{n} images", number)

    def started(self, targets: int, output: str) -> str:
        """The first line of a run."""
        return self.count(
            "{n} target, archive in {output}",
            "{n} targets, archive in {output}",
            targets,
            output=output,
        )

    def continued(self, left: int) -> str:
        """What an earlier run left."""
        return self.count(
            "Continuing an earlier run: {n} task left",
            "Continuing an earlier run: {n} tasks left",
            left,
        )

    def given_up(self, label: str, detail: str, hint: str = "") -> str:
        """One failure: to what, what happened, and what to do about it, where that is known."""
        text = self.say("failed: {label}: {detail}", label=label, detail=detail)
        return f"{text} ({hint})" if hint else text

    def more_failures(self) -> str:
        """Said once, when failures are no longer told one by one."""
        return self.say("Further failures are counted here and listed in failed.txt.")

    # --- why

    def reason(self, reason: str) -> str:
        """Why a thing cannot be had, in a column; a value that is no Reason stands as it is."""
        return self.say(_REASONS[Reason(reason)][0]) if _is(Reason, reason) else _plain(reason)

    def because_of_reason(self, reason: str) -> str:
        """The same, to follow "3 unavailable "."""
        if _is(Reason, reason):
            return self.say(_REASONS[Reason(reason)][1])
        return self.say("because: {why}", why=_plain(reason))

    def trouble(self, trouble: str) -> str:
        """Why a thing failed, in a column; a value that is no Trouble stands as it is."""
        return (
            self.say(_TROUBLES[Trouble(trouble)][0]) if _is(Trouble, trouble) else _plain(trouble)
        )

    def because_of_trouble(self, trouble: str) -> str:
        """The same, to follow "3 failed "."""
        if _is(Trouble, trouble):
            return self.say(_TROUBLES[Trouble(trouble)][1])
        return self.say("because: {why}", why=_plain(trouble))

    # --- errors

    def error(self, text: str, hint: str = "") -> str:
        """An error for the console; the hint, when there is one, in a second line."""
        said = self.say("error: {text}", text=text)
        return f"{said}\n{self.say('hint: {text}', text=hint)}" if hint else said

    def warning(self, text: str) -> str:
        """Something that does not stop the run."""
        return self.say("warning: {text}", text=text)


def _is(kind: type[Enum], value: str) -> bool:
    return any(value == member.value for member in kind)


def _plain(value: str) -> str:
    return printable(value.replace("_", " ") if " " not in value else value)
