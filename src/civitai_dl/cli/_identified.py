"""What `identify` found and what became of it, as people and as programs read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl._identified import Fate, Identified
from civitai_dl.domain.messages import format_bytes, printable

if TYPE_CHECKING:
    from civitai_dl._identified import IdentifyReport
    from civitai_dl.domain.messages import Messages

SHOWN = 40
"""Files of a kind that the account tells one by one; --json and the lists have all."""

ROWS = {
    Fate.ADOPTED: "adopted, nothing transferred",
    Fate.KNOWN: "known to the service",
    Fate.ALREADY: "in the archive already",
    Fate.NOT_SHOWN: "known, but the service does not show them now",
    Fate.UNKNOWN: "unknown to the service",
    Fate.UNTOLD: "not asked about to the end",
    Fate.FAILED: "failed",
}
"""In the order of telling."""

WHY = {Fate.UNKNOWN: "unknown", Fate.NOT_SHOWN: "not_shown"}


def account_of(report: IdentifyReport, messages: Messages, *, output: str, dry: bool) -> str:
    """The closing account: figures, what could not be had, and where the rest is listed."""
    facts = {
        "files": f"{len(report.files):,}",
        "size": format_bytes(sum(file.size for file in report.files)),
        "hashed": f"{report.hashed:,}",
        "asked": f"{report.asked:,}",
        "time": messages.duration(report.seconds),
    }
    text = "{files} files ({size}), {hashed} of them read now, requests: {asked}, {time}"
    lines = [messages.say(text, **facts)]
    for fate, name in ROWS.items():
        files = report.of(fate)
        if files:
            size = format_bytes(sum(file.size for file in files))
            lines.append(f"  {len(files):>8,}  {messages.say(name)} ({size})")
            told = dry or fate in (Fate.FAILED, Fate.NOT_SHOWN)
            lines += [f"            {_line(file)}" for file in files[:SHOWN] if told]
            if told and len(files) > SHOWN:
                more = len(files) - SHOWN
                lines.append(f"            {messages.say('... and {n} more: see --json', n=more)}")
    for path, why in report.troubles[:SHOWN]:
        facts = {"path": printable(path), "why": printable(why)}
        lines.append(messages.say("not read: {path}: {why}", **facts))
    if report.why:
        lines.append(messages.say("no answer: {why}", why=printable(report.why)))
    if report.run is not None:
        lines += [
            messages.say("failed: {label}: {detail}", label=one.label, detail=one.detail)
            for one in report.run.failures[:SHOWN]
        ]
    if dry:
        lines.append(messages.say("nothing was taken in (--dry-run)"))
    elif report.of(Fate.UNKNOWN, Fate.NOT_SHOWN):
        lines.append(messages.say("listed in {path}", path=f"{output}/unidentified.txt"))
    if report.exit_code:
        lines.append(messages.say("to go on, run the same command again"))
    return "\n".join(lines)


def _line(file: Identified) -> str:
    return "  ".join([printable(file.shown), *(_place(place) for place in file.places)])


def _place(place: tuple[int, int]) -> str:
    return f"model:{place[0]} version:{place[1]}"


def json_of(report: IdentifyReport) -> str:
    """The same as one JSON object."""
    run = report.run
    return json.dumps(
        {
            "complete": not report.interrupted,
            "hashed": report.hashed,
            "asked": report.asked,
            "seconds": round(report.seconds, 3),
            **{fate.value: len(report.of(fate)) for fate in ROWS},
            "bytes_adopted": sum(file.size for file in report.of(Fate.ADOPTED)),
            "bytes_received": 0 if run is None else run.bytes_received,
            "exit_status": report.exit_code,
            "unread": [{"path": path, "why": why} for path, why in report.troubles],
            "files": [
                {
                    "path": file.shown,
                    "size": file.size,
                    "sha256": file.sha256,
                    "fate": file.fate.value,
                    "versions": [
                        {"model_id": model, "version_id": version} for model, version in file.places
                    ],
                }
                for file in report.files
            ],
        },
        # Names on a disk need not be text.
        ensure_ascii=True,
        indent=2,
    )


def unidentified_txt(files: Iterable[Identified]) -> str:
    """The text of unidentified.txt: a comment, then one tab-separated line per file."""
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"# civitai-dl, {date}: files that could not be taken into the archive",
        "# path\tsize\tsha256\twhy\tversions",
    ]
    lines += [
        "\t".join(
            [
                printable(file.shown),
                str(file.size),
                file.sha256,
                WHY[file.fate],
                " ".join(f"{model}@{version}" for model, version in file.places),
            ]
        )
        for file in files
    ]
    return "\n".join([*lines, ""])
