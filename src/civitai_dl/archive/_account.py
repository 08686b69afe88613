"""What a run leaves in words: the closing account. Pure; writing it is the caller's."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Reason
from civitai_dl.domain.messages import (
    cell_width,
    format_bytes,
    format_moment,
    format_rate,
    pad,
    printable,
    wrap,
)

from ._again import failed_txt, quote_for_powershell, retry_ps1, retry_sh, unavailable_txt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from civitai_dl.domain.entities import Account, RunReport, Trace
    from civitai_dl.domain.messages import Messages

__all__ = ["closing_account", "failed_txt", "retry_ps1", "retry_sh", "unavailable_txt"]

SHOWN_WHOLE = 12
"""Up to so many input lines are all shown; of more, only those with something to say."""

SHOWN_AT_MOST = 40
"""Input lines with something to say that are shown; a screen is no place for a thousand."""

SHOWN_NOTICES = 20

LEAST_BESIDE = 24
"""Cells beside a number in which its explanation can be read; with fewer it goes below."""

KEYS = "https://civitai.com/user/account"
"""Where Civitai lets an account make API keys."""

Row = tuple[str, int, str]


def closing_account(
    report: RunReport,
    messages: Messages,
    *,
    output: str,
    width: int,
    windows: bool = False,
    retry: str | None = None,
) -> str:
    """The account of a run for the person who started it; several lines, no line end at the end.

    output: the archive as the person named it. width: cells per line; only commands, paths and
    links may be longer. windows: show commands for PowerShell. retry: the command that tries again
    what failed, when it is not the script beside failed.txt.
    """
    room = max(20, width)
    blocks = [
        _ending(report, messages, room),
        _per_line(report.accounts, messages, room),
        _totals(report, messages, room),
        _notices(report, messages, room),
        _next_steps(report, messages, output=output, windows=windows, retry=retry),
    ]
    return "\n\n".join(block for block in blocks if block)


def _ending(report: RunReport, messages: Messages, width: int) -> str:
    time = messages.duration(report.seconds)
    if report.key_refused:
        text = messages.say("Stopped after {time}: Civitai refused the API key.", time=time)
    elif report.storage_trouble:
        text = messages.say(
            "Stopped after {time} by the storage: {trouble}",
            time=time,
            trouble=printable(report.storage_trouble),
        )
    elif report.interrupted:
        text = messages.say(
            "Interrupted after {time}. What was fetched is safe, partial files too.", time=time
        )
    elif report.failures or report.left:
        text = messages.say("Finished in {time}, but not everything could be fetched.", time=time)
    else:
        text = messages.say("Finished in {time}. All that can be had is stored.", time=time)
    return wrap(text, width)


# --- one account per input line


def _per_line(accounts: tuple[Account, ...], messages: Messages, width: int) -> str:
    shown = [account for account in accounts if _has_something_to_say(account)]
    if len(accounts) <= SHOWN_WHOLE:
        shown = list(accounts)
    complete = len(accounts) - len(shown)
    lines = []
    for account in shown[:SHOWN_AT_MOST]:
        lines.append(_name(account, width))
        lines.append(wrap(_sentence(account, messages), width, indent="    "))
        if account.note:
            lines.append(wrap(printable(account.note), width, indent="    "))
    if len(shown) > SHOWN_AT_MOST:
        one, many = "{n} more line is not complete.", "{n} more lines are not complete."
        lines.append(wrap(messages.count(one, many, len(shown) - SHOWN_AT_MOST), width))
    if complete:
        one, many = "{n} more line is complete.", "{n} more lines are complete."
        lines.append(wrap(messages.count(one, many, complete), width))
    return "\n".join(lines)


def _name(account: Account, width: int) -> str:
    """Where the line stands, and its text; of a long path only the end, that it fits."""
    origin, text = printable(account.origin), printable(account.text)
    if cell_width(origin) + 2 + cell_width(text) > width:
        origin = re.split(r"[/\\]", origin)[-1]
    return f"{origin}  {text}" if origin else text


def _has_something_to_say(account: Account) -> bool:
    is_noted = bool(account.unavailable) or bool(account.note) or account.cancelled
    return is_noted or not account.settled


def _sentence(account: Account, messages: Messages) -> str:
    if account.cancelled:
        return messages.say("cancelled; ask for it again to have the rest")
    parts = [
        messages.count("{n} expected", "{n} expected", account.expected),
        messages.count("{n} stored and verified", "{n} stored and verified", account.stored),
    ]
    if account.unverified:
        text = "{n} of them without a digest to verify"
        parts.append(messages.count(text, text, account.unverified))
    for reason, number in _largest_first(account.unavailable):
        why = messages.because_of_reason(reason)
        parts.append(
            messages.count("{n} unavailable {why}", "{n} unavailable {why}", number, why=why)
        )
    for trouble, number in _largest_first(account.failed):
        why = messages.because_of_trouble(trouble)
        parts.append(messages.count("{n} failed {why}", "{n} failed {why}", number, why=why))
    if account.open:
        parts.append(messages.count("{n} not tried yet", "{n} not tried yet", account.open))
    if account.unread:
        parts.append(messages.say("not listed to the end"))
    return messages.join(parts)


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


# --- all of it together


def _totals(report: RunReport, messages: Messages, width: int) -> str:
    # Pages that failed have traces and no place in the totals of files and images.
    unavailable = _larger(_by_why(report.unavailable), report.total.unavailable)
    failed = _larger(_by_why(report.failures), report.total.failed)
    pace = report.bytes_received / report.seconds if report.seconds > 0 else 0.0
    fetched = messages.say(
        "fetched and verified in this run: {bytes}, {rate}",
        bytes=format_bytes(report.bytes_received),
        rate=format_rate(pace),
    )
    rows: list[Row] = [
        (messages.say("stored"), report.stored, fetched),
        (messages.say("reused"), report.reused, messages.say("same content, not transferred")),
        (messages.say("kept"), report.kept, messages.say("stored before this run")),
        (
            messages.say("unavailable"),
            sum(unavailable.values()),
            _breakdown({messages.reason(why): n for why, n in unavailable.items()}, messages),
        ),
        (
            messages.say("failed"),
            sum(failed.values()),
            _breakdown({messages.trouble(why): n for why, n in failed.items()}, messages),
        ),
        (messages.say("left"), report.left, messages.say("not tried, because the run stopped")),
    ]
    # A run is asked what it stored and what failed; the standing of an archive is not.
    always = {messages.say("stored"), messages.say("failed")} if report.seconds > 0 else set()
    told = [row for row in rows if row[1] or row[0] in always]
    if not told and not report.models:
        return ""
    title = messages.say("In total")
    if report.models:
        title = messages.say("In total ({what})", what=messages.models(report.models))
    return "\n".join([title, *_table(told, width)])


def _by_why(traces: Iterable[Trace]) -> dict[str, int]:
    return dict(Counter(trace.why for trace in traces))


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return one if sum(one.values()) > sum(other.values()) else other


def _breakdown(counts: Mapping[str, int], messages: Messages) -> str:
    return messages.join([f"{name} {number:,}" for name, number in _largest_first(counts)])


def _table(rows: list[Row], width: int) -> list[str]:
    names = max([cell_width(name) for name, _, _ in rows], default=0)
    numbers = max([len(f"{number:,}") for _, number, _ in rows], default=0)
    lines = []
    for name, number, detail in rows:
        head = f"  {pad(name, names)}  {number:>{numbers},}"
        beside = cell_width(head) + 2
        if not detail or not number:
            lines.append(head)
        elif width - beside < LEAST_BESIDE:
            lines += [head, wrap(detail, width, indent="    ")]
        else:
            lines.append(head + wrap(detail, width, indent=" " * beside)[beside - 2 :])
    return lines


def _notices(report: RunReport, messages: Messages, width: int) -> str:
    if not report.notices:
        return ""
    lines = [messages.say("Notices")]
    lines += [
        "  - " + wrap(printable(notice), width, indent="    ")[4:]
        for notice in report.notices[:SHOWN_NOTICES]
    ]
    more = len(report.notices) - SHOWN_NOTICES
    if more > 0:
        text = messages.count("{n} more notice: see the log", "{n} more notices: see the log", more)
        lines.append(f"    {text}")
    return "\n".join(lines)


# --- what to do next


def _next_steps(
    report: RunReport, messages: Messages, *, output: str, windows: bool, retry: str | None
) -> str:
    """One step a line: what it is good for, and a command or a path that is copied as it stands."""
    steps: list[tuple[str, str]] = []
    if report.key_refused:
        steps.append((messages.say("Make a new key, then run the same command again"), KEYS))
    elif report.storage_trouble:
        steps.append((messages.say("Make room, then run the same command again"), ""))
    elif report.interrupted or report.left:
        steps.append((messages.say("To go on, run the same command again"), ""))
    if report.failures:
        command = _retry_command(output, windows=windows) if retry is None else retry
        steps.append((messages.say("Try again what failed"), command))
        steps.append((messages.say("Why each of them failed"), _inside(output, "failed.txt")))
    if report.unavailable:
        path = _inside(output, "unavailable.txt")
        steps.append((messages.say("What cannot be had, and why"), path))
        until = _first_release(report.unavailable)
        if until is not None:
            free = messages.say("The first early access ends {moment}", moment=format_moment(until))
            steps.append((free, ""))
    status = f"civitai-dl status -o {_quote(output, windows=windows)}"
    steps.append((messages.say("How the archive stands"), status))
    steps.append((messages.say("The archive"), output))
    names = max(cell_width(name) for name, what in steps if what)
    lines = [f"  {pad(name, names)}  {what}" if what else f"  {name}" for name, what in steps]
    return "\n".join([messages.say("What to do next"), *lines])


def _first_release(traces: Iterable[Trace]) -> float | None:
    early = [t.until for t in traces if t.why == Reason.EARLY_ACCESS.value and t.until is not None]
    return min(early, default=None)


def _retry_command(output: str, *, windows: bool) -> str:
    if windows:
        return f"powershell -File {_quote(_inside(output, 'retry.ps1'), windows=True)}"
    return f"sh {_quote(_inside(output, 'retry.sh'), windows=False)}"


def _inside(output: str, name: str) -> str:
    """The path of a file in the archive, written the way the archive's own path is."""
    between = "\\" if "\\" in output and "/" not in output else "/"
    return output + name if output.endswith(("/", "\\")) else f"{output}{between}{name}"


def _quote(argument: str, *, windows: bool) -> str:
    return quote_for_powershell(argument) if windows else shlex.quote(argument)
