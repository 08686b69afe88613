"""How a thing stands and why, as people and as programs read it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import Stand, in_words
from civitai_dl.domain.entities import Reason
from civitai_dl.domain.messages import format_bytes, format_moment, printable

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Counted
    from civitai_dl.domain.messages import Messages
    from civitai_dl.explaining import Answer, Explanation

ROLES = {
    "file": "model files",
    "preview": "previews",
    "description": "images in descriptions",
    "gallery": "gallery images",
    "user_image": "images of creators",
}
STATES = {
    "stored": "{n} stored",
    "skipped": "{n} stored",
    "waiting": "{n} to do",
    "ready": "{n} to do",
    "claimed": "{n} to do",
    "failed": "{n} failed ({why})",
    "unavailable": "{n} cannot be had ({why})",
}


def as_text(found: Sequence[Explanation], messages: Messages, *, output: str) -> str:
    """One block for each thing that was asked about."""
    return "\n\n".join("\n".join(_block(one, messages, output)) for one in found)


def _block(found: Explanation, messages: Messages, output: str) -> Iterator[str]:
    for answer in found.answers:
        yield from _lines(answer, messages, output, 0)
    if found.given:
        yield messages.say("(under the choices given here)")
    elif found.asked_at is not None:
        moment = format_moment(found.asked_at)
        yield messages.say("(under the choices of the run of {moment})", moment=moment)


def _lines(
    answer: Answer, messages: Messages, output: str, depth: int, above: Answer | None = None
) -> Iterator[str]:
    """One thing and what it consists of. above: what it is a part of.

    What is left out together with all around it is told once, of the largest.
    """
    if above is not None and answer.verdict is not None and answer.verdict == above.verdict:
        inside = [one for one in answer.below if one.stand is not Stand.LEFT_OUT]
        if answer.stand is Stand.LEFT_OUT and not inside:
            return
        answer = replace(answer, verdict=None, stand=None if inside else answer.stand)
        answer = replace(answer, below=tuple(replace(one, verdict=None) for one in inside))
    label = printable(_named(answer, messages))
    told = _told(answer, messages)
    if answer.counts:
        told = messages.join([part for part in (told, _counts(answer.counts, messages)) if part])
    yield f"{'  ' * depth}{label}: {told}" if told else f"{'  ' * depth}{label}"
    following = _advice(answer, output)
    if following:
        text = messages.say("to change that: {command}", command=following)
        yield f"{'  ' * (depth + 2)}{text}"
    for below in answer.below:
        yield from _lines(below, messages, output, depth + 1, answer)


def _named(answer: Answer, messages: Messages) -> str:
    if answer.thing == "previews":
        return messages.say("previews and images of descriptions")
    return messages.say("gallery") if answer.label == "gallery" else answer.label


def _told(answer: Answer, messages: Messages) -> str:
    """How it stands, in one sentence."""
    stand = answer.stand
    if stand is None:
        return ""
    if stand is Stand.STORED:
        facts = {"path": answer.path or "?", "size": format_bytes(answer.size or 0)}
        text = messages.say("stored: {path} ({size})", **facts)
        if answer.verdict is None:
            return text
        why = _verdict(answer, messages)
        return f"{text}; {messages.say('it would not be fetched now, because {why}', why=why)}"
    if stand is Stand.LEFT_OUT:
        if answer.verdict is None:
            return messages.say("not fetched, because the choices of that run leave it out")
        why = _verdict(answer, messages)
        return messages.say("not fetched, because {why}", why=why)
    if stand is Stand.UNAVAILABLE:
        return _unavailable(answer, messages)
    if stand is Stand.FAILED:
        why = messages.trouble(answer.why) if answer.why else "?"
        return messages.say("failed: {why}: {detail}", why=why, detail=printable(answer.detail))
    if stand is Stand.WAITING:
        moment = format_moment(answer.until or 0.0)
        if not answer.detail:
            return messages.say("waiting until {moment}", moment=moment)
        facts = {"moment": moment, "detail": printable(answer.detail)}
        return messages.say("waiting until {moment}: {detail}", **facts)
    return messages.say(_PLAIN[stand])


_PLAIN = {
    Stand.UNDER_WAY: "being fetched, or it was when the run ended",
    Stand.TO_DO: "wanted, and not fetched yet",
    Stand.UNPLANNED: "wanted under these choices, and no run has asked for it yet",
    Stand.UNKNOWN: "the archive knows nothing of it",
}


def _unavailable(answer: Answer, messages: Messages) -> str:
    reason = messages.reason(answer.why) if answer.why else "?"
    detail = printable(answer.detail)
    if answer.verdict is not None:
        detail = _verdict(answer, messages)
    elif answer.until is not None:
        until = messages.say("until {moment}", moment=format_moment(answer.until))
        detail = f"{until}; {detail}" if detail else until
    return messages.say("cannot be had: {why}: {detail}", why=reason, detail=detail)


def _verdict(answer: Answer, messages: Messages) -> str:
    assert answer.verdict is not None
    facts = {name: printable(value) for name, value in answer.verdict.facts}
    return messages.say(answer.verdict.reason, **facts)


def _counts(counts: Sequence[Counted], messages: Messages) -> str:
    """`previews: 4 stored, 1 failed (gone); gallery images: 20 stored`."""
    told: dict[str, dict[tuple[str, str], int]] = {}
    for one in counts:
        states = told.setdefault(one.role, {})
        key = (STATES[one.status], one.why if one.status in ("failed", "unavailable") else "")
        states[key] = states.get(key, 0) + one.count
    parts = []
    for role, states in told.items():
        said = [
            messages.say(text, n=f"{count:,}", why=_why(text, why, messages))
            for (text, why), count in states.items()
        ]
        parts.append(f"{messages.say(ROLES.get(role, 'model files'))} {messages.join(said)}")
    return "; ".join(parts)


def _why(text: str, why: str, messages: Messages) -> str:
    if not why:
        return ""
    return messages.reason(why) if text == STATES["unavailable"] else messages.trouble(why)


def _advice(answer: Answer, output: str) -> str:
    """The command that may change how it stands; empty where none does."""
    if not answer.target:
        return ""
    tail = f"{shlex.quote(answer.target)} -o {shlex.quote(output)}"
    if answer.stand is Stand.FAILED:
        return f"civitai-dl retry {tail}"
    if answer.stand is Stand.UNAVAILABLE and answer.why == Reason.UNSAFE.value:
        return f"civitai-dl {tail} --allow-unsafe"
    if answer.stand in (Stand.UNPLANNED, Stand.UNKNOWN, Stand.TO_DO):
        return f"civitai-dl {tail}"
    return ""


# --- for programs


def as_json(found: Sequence[Explanation], *, output: str) -> str:
    """The same for programs: sentences in English, times in ISO 8601 (UTC), sizes in bytes."""
    document = [
        {
            "text": one.text,
            "choices": "given" if one.given else "remembered",
            "run_started": _iso(one.asked_at),
            "answers": [_json_of(answer, output) for answer in one.answers],
        }
        for one in found
    ]
    return json.dumps(document, ensure_ascii=False, indent=2)


def _json_of(answer: Answer, output: str) -> dict[str, object]:
    return {
        "thing": answer.thing,
        "label": answer.label,
        "stand": None if answer.stand is None else answer.stand.value,
        "because": None if answer.verdict is None else in_words(answer.verdict),
        "why": answer.why or None,
        "detail": answer.detail or None,
        "hint": answer.hint or None,
        "until": _iso(answer.until),
        "path": answer.path,
        "size": answer.size,
        "key": answer.key,
        "command": _advice(answer, output) or None,
        "counts": [
            {"role": one.role, "status": one.status, "why": one.why or None, "count": one.count}
            for one in answer.counts
        ],
        "parts": [_json_of(below, output) for below in answer.below],
    }


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).isoformat()
