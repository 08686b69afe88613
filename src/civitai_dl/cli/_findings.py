"""What `verify` found and what became of it, as people and as programs read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import Damage, Finding, There
from civitai_dl.domain.messages import format_bytes, format_rate, printable
from civitai_dl.worker import End, Treated, found_facts

if TYPE_CHECKING:
    from civitai_dl._verify import VerifyReport
    from civitai_dl.domain.messages import Messages

SHOWN = 100
"""Findings that the account tells one by one; each was told when it was found, and --json has all.
"""

PLACES = {
    There.FOLDER: "a folder lies in its place",
    There.LINK: "a symbolic link lies in its place",
    There.OTHER: "something that is no file lies in its place",
}

ENDS = {
    End.LEFT: "left as it is",
    End.RECOVERED: "it was whole when it was read again",
    End.MENDED: "made whole without a transfer, from bytes that were in the archive",
    End.FETCHED: "fetched again and verified",
    End.LOST: "not made whole yet: {why}",
}


def one_line(finding: Finding, messages: Messages, *, heal: bool) -> str:
    """A finding as it is told at once: which file, what is wrong, what happens next."""
    if finding.damage is Damage.OUT_OF_REACH:
        following = messages.say("nothing is changed: put that right, and verify again")
    elif not heal:
        following = messages.say("nothing is changed (--no-heal)")
    elif finding.damage is Damage.MISSING:
        following = messages.say("it will be fetched again when all is read")
    else:
        following = messages.say("it will be set aside and made whole when all is read")
    return f"{finding.kept.path}: {what_is_wrong(finding, messages)}; {following}"


def what_is_wrong(finding: Finding, messages: Messages) -> str:
    """What is wrong with a file, with what was expected and what was found."""
    kept, seen, damage = finding.kept, finding.seen, finding.damage
    sizes = {"found": f"{seen.size:,}", "size": f"{kept.size:,}"}
    if damage is Damage.MISSING:
        return messages.say("missing ({size} bytes, SHA256 {sha256})", **sizes, sha256=kept.sha256)
    if damage is Damage.TRUNCATED:
        return messages.say("cut off: {found} of {size} bytes", **sizes)
    if damage is Damage.LONGER:
        return messages.say("too long: {found} bytes, {size} were stored", **sizes)
    if damage is Damage.SWAPPED:
        return messages.say("it has the content of {other}", other=finding.other)
    if damage is Damage.REPLACED:
        return messages.say(PLACES[seen.there])
    if damage is Damage.OUT_OF_REACH:
        return messages.say("it cannot be looked at: {why}", why=printable(seen.why))
    if damage is Damage.UNREADABLE:
        return messages.say("the disk does not give it: {why}", why=printable(seen.why))
    digest = "" if seen.measured is None else seen.measured.sha256
    text = messages.say(
        "changed: SHA256 is {found}, {expected} was stored", found=digest, expected=kept.sha256
    )
    if finding.segment is None:
        return text
    facts = {"number": finding.segment + 1, "of": len(kept.prefixes) + 1}
    return f"{text} ({messages.say('first in segment {number} of {of}', **facts)})"


def what_became(one: Treated, messages: Messages) -> str:
    """How a finding ended."""
    if one.end is End.HEALED:
        fetched = len(one.segments or ())
        of = len(one.finding.kept.prefixes) + 1
        text = messages.say(
            "made whole: {fetched} of {of} segments fetched", fetched=fetched, of=of
        )
    elif one.end is End.LEFT and one.finding.damage is Damage.OUT_OF_REACH:
        text = messages.say("nothing is changed: put that right, and verify again")
    else:
        text = messages.say(ENDS[one.end], why=printable(one.detail) or "?")
    if one.where:
        aside = messages.say("the damaged bytes are in {where}", where=one.where)
        return f"{text}; {aside}"
    return text


def account_of(report: VerifyReport, messages: Messages) -> str:
    """The closing account: each finding with its end, and the figures."""
    lines = []
    for one in report.treated[:SHOWN]:
        lines += [
            f"{one.finding.kept.path}",
            f"    {what_is_wrong(one.finding, messages)}",
            f"    {what_became(one, messages)}",
        ]
    if len(report.treated) > SHOWN:
        lines.append(messages.say("... and {n} more: see --json", n=len(report.treated) - SHOWN))
    at = report.progress
    facts = {
        "files": f"{at.done:,}",
        "size": format_bytes(at.passed),
        "time": messages.duration(report.seconds),
        "rate": format_rate(at.read / max(0.001, report.seconds)),
    }
    lines.append(messages.say("{files} files, {size} checked in {time} ({rate})", **facts))
    if report.interrupted:
        rest = {"n": f"{at.files - at.done:,}", "size": format_bytes(at.bytes - at.passed)}
        lines.append(messages.say("stopped: {n} files, {size} were not read", **rest))
    if not report.treated:
        lines.append(messages.say("nothing is wrong with them"))
        return "\n".join(lines)
    well = sum(one.is_well for one in report.treated)
    counts = {"damaged": len(report.treated), "well": well, "left": len(report.treated) - well}
    lines.append(messages.say("{damaged} damaged: {well} whole again, {left} not", **counts))
    if report.run is not None and counts["left"]:
        lines.append(messages.say("to try those again: civitai-dl retry"))
    return "\n".join(lines)


def json_of(report: VerifyReport) -> str:
    """The same for programs; sizes in bytes, times in seconds or as ISO 8601."""
    at = report.progress
    return json.dumps(
        {
            "complete": not report.interrupted,
            "files": at.files,
            "checked": at.done,
            "bytes": at.bytes,
            "bytes_read": at.read,
            "seconds": round(report.seconds, 3),
            "good": at.done - at.damaged,
            "damaged": at.damaged,
            "healed": sum(one.is_well for one in report.treated),
            "exit_status": report.exit_code,
            "findings": [_json_of(one) for one in report.treated],
        },
        ensure_ascii=False,
        indent=2,
    )


def _json_of(one: Treated) -> dict[str, object]:
    kept = one.finding.kept
    return {
        "path": kept.path,
        "key": kept.key,
        "damage": one.finding.damage.value,
        "expected": {"sha256": kept.sha256, "size": kept.size},
        "found": found_facts(one.finding.seen),
        "segment": one.finding.segment,
        "segments": len(kept.prefixes) + 1,
        "content_of": one.finding.other or None,
        "end": one.end.value,
        "fetched_segments": one.segments,
        "set_aside": one.where or None,
        "detail": one.detail or None,
    }
