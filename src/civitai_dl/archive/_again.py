"""The files beside the archive that say what is missing, and the scripts that try it again. Pure.

The texts are English whatever the language of the run, because scripts read them.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from civitai_dl.domain.messages import format_moment, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from civitai_dl.domain.entities import RunReport, Trace

RETRY_FLAG = "--retry-failed"

_BARE = re.compile(r"[A-Za-z0-9_+./:\\][A-Za-z0-9_+./:\\-]*")
"""What PowerShell takes literally without quotes; a leading dash is a parameter's."""

_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")
"""PowerShell ends a single-quoted string at any of these, typographic ones included."""


def failed_txt(report: RunReport, *, date: str) -> str:
    """The text of failed.txt: a comment with the date, then one tab-separated line per failure.

    Columns: key, label, why, detail, target, hint; no column holds a tab or a line end. Sorted by
    key, so that two runs can be compared line by line.
    """
    head = (
        f"# civitai-dl, {printable(date)}: what failed and will be tried again by retry.sh\n"
        "# key\tlabel\twhy\tdetail\ttarget\thint\n"
    )
    return head + _rows(
        (trace.key, trace.label, trace.why, trace.detail, trace.target, trace.hint)
        for trace in _in_order(report.failures)
    )


def unavailable_txt(report: RunReport, *, date: str) -> str:
    """The text of unavailable.txt, made as failed.txt is.

    Columns: key, label, why, detail, until (UTC, empty where unknown), target.
    """
    head = (
        f"# civitai-dl, {printable(date)}: what exists and cannot be had\n"
        "# key\tlabel\twhy\tdetail\tuntil\ttarget\n"
    )
    return head + _rows(
        (
            trace.key,
            trace.label,
            trace.why,
            trace.detail,
            "" if trace.until is None else f"until {format_moment(trace.until)}",
            trace.target,
        )
        for trace in _in_order(report.unavailable)
    )


def _in_order(traces: Iterable[Trace]) -> list[Trace]:
    return sorted(traces, key=lambda trace: (trace.key, trace.why, trace.detail))


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    # A line that begins with "#" would read as a comment: the first column is a key, never so.
    return "".join("\t".join(printable(column) for column in row) + "\n" for row in rows)


def retry_sh(command: Sequence[str], report: RunReport, *, directory: str | None = None) -> str:
    """A script for sh that runs the command again for what failed, and ends with its status.

    command: program and arguments of the run. directory: where it ran, so that relative paths
    keep their meaning. A --token in the command is left out: the key comes from the environment.
    """
    lines = ["#!/bin/sh", *_explanation(report)]
    if directory is not None:
        lines.append(f"cd -- {shlex.quote(directory)} || exit")
    lines.append(f"exec {' '.join(shlex.quote(part) for part in _again(command))}")
    return "\n".join(lines) + "\n"


def retry_ps1(command: Sequence[str], report: RunReport, *, directory: str | None = None) -> str:
    """The same for PowerShell 5.1 and later.

    Write it with a byte order mark (`utf-8-sig`): without one, 5.1 reads Japanese paths in the
    code page of the machine.
    """
    lines = _explanation(report)
    if directory is not None:
        place = quote_for_powershell(directory)
        lines.append(f"Set-Location -LiteralPath {place} -ErrorAction Stop")
    parts = [_without_trap(part) for part in _again(command)]
    lines.append(f"& {' '.join(_always_quoted(part) for part in parts)}")
    lines.append("exit $LASTEXITCODE")
    return "\n".join(lines) + "\n"


def quote_for_powershell(argument: str) -> str:
    """One argument as PowerShell reads it back."""
    return argument if _BARE.fullmatch(argument) else _always_quoted(argument)


def _always_quoted(argument: str) -> str:
    return "'" + _QUOTES.sub(r"\1\1", argument) + "'"


def _without_trap(argument: str) -> str:
    r"""A folder with a blank in its name, without backslashes at its end.

    PowerShell before 7.3 hands `D:\My Archive\` over as `"D:\My Archive\"`, where the last
    backslash quotes the quote; the name means the same without it.
    """
    return argument.rstrip("\\") if re.search(r"\s", argument) else argument


def _explanation(report: RunReport) -> list[str]:
    number = len(report.failures)
    return [
        f"# Tries again what failed: {number} {'line' if number == 1 else 'lines'} in failed.txt.",
        "# No key is written here: it is taken from the environment, as CIVITAI_API_KEY.",
    ]


def _again(command: Sequence[str]) -> list[str]:
    """The command without a key and with the flag, which must stand before a closing `--`."""
    kept: list[str] = []
    options, rest = list(command), []
    if "--" in options:
        at = options.index("--")
        options, rest = options[:at], options[at:]
    skip = False
    for part in options:
        if skip or part == "--token" or part.startswith("--token="):
            skip = part == "--token" and not skip
        else:
            kept.append(part)
    return [*kept, *([] if RETRY_FLAG in kept else [RETRY_FLAG]), *rest]
