"""What `status` shows of the queue: for people in blocks, for programs as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Lane
from civitai_dl.domain.messages import (
    Messages,
    cell_width,
    cut,
    format_bytes,
    format_moment,
    pad,
    printable,
)

if TYPE_CHECKING:
    from civitai_dl._standing import Standing
    from civitai_dl.adapters.catalog import LearnedLane, TroubleGroup, UnderWay, WaitingGroup

GAP = "  "
SHOWN = 8
"""Lines of a block; `--json` has them all."""

Json = dict[str, object]


def at_work_line(standing: Standing, messages: Messages) -> str:
    """The line that says that a run is at work: since when, and by which process."""
    process = standing.work.get("process")
    if process is None:
        return messages.say("A run is at work here now")
    since = format_moment(standing.queue.began)
    return messages.say(
        "A run is at work here since {since} (process {process})", since=since, process=process
    )


def queue_blocks(standing: Standing, messages: Messages, *, output: str, width: int) -> list[str]:
    """The blocks that have something to say, each of several lines that fit."""
    queue = standing.queue
    blocks = [
        _lanes(standing, messages),
        _paused(standing, messages),
        _under_way(queue.under_way if standing.busy else (), messages),
        [_waiting(one, messages) for one in queue.waiting[:SHOWN]],
        _failures(queue.failures, messages, output),
        [_unavailable(one, messages) for one in queue.unavailable[:SHOWN]],
        [_rate(one, messages) for one in queue.rates[:SHOWN]],
    ]
    titles = [
        "",
        "",
        messages.say("At work"),
        messages.say("Waiting"),
        messages.say("Failed, by reason"),
        messages.say("Unavailable, by reason"),
        messages.say("Rates learned"),
    ]
    shown = []
    for title, lines in zip(titles, blocks, strict=True):
        if lines:
            said = [title] if title else []
            # A command is copied as it stands; everything else is cut where the screen ends.
            fitting = [line if _is_command(line) else cut(line, width - 1) for line in lines]
            shown.append("\n".join([*said, *fitting]))
    if standing.free is not None:
        free = messages.say("Free on the disk: {size}", size=format_bytes(standing.free))
        shown.append(free)
    return shown


def _is_command(line: str) -> bool:
    return line.lstrip().startswith("civitai-dl ")


def _lanes(standing: Standing, messages: Messages) -> list[str]:
    """One line a lane, in columns; only lanes in which anything ever was."""
    rows = [
        [
            messages.say("Lane"),
            messages.say("ready"),
            messages.say("waiting"),
            messages.say("at work"),
            messages.say("streams"),
            messages.say("done"),
            messages.say("failed"),
            messages.say("unavailable"),
        ]
    ]
    for lane, counts in standing.queue.lanes.items():
        settled = (counts.done, counts.failed, counts.unavailable)
        if not counts.open and not any(settled):
            continue
        streams = _work_of(standing, lane).get("streams")
        facts = (counts.ready, counts.waiting, counts.at_work)
        row = [messages.lane(lane), *(f"{fact:,}" for fact in facts)]
        row.append(f"{streams:,}" if isinstance(streams, int) else "")
        rows.append([*row, *(f"{fact:,}" for fact in settled)])
    if len(rows) == 1:
        return []
    if not any(row[4] for row in rows[1:]):
        rows = [[*row[:4], *row[5:]] for row in rows]
    widths = [max(cell_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        GAP.join(
            pad(cell, width, right=place > 0)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _work_of(standing: Standing, lane: Lane) -> Mapping[str, object]:
    lanes = standing.work.get("lanes")
    found = lanes.get(lane.value) if isinstance(lanes, dict) else None
    return found if isinstance(found, dict) else {}


def _held(standing: Standing) -> frozenset[Lane]:
    words = standing.work.get("paused")
    return frozenset(lane for lane in Lane if isinstance(words, list) and lane.value in words)


def _paused(standing: Standing, messages: Messages) -> list[str]:
    held = _held(standing)
    lanes = standing.work.get("lanes")
    known = frozenset(lanes) if isinstance(lanes, dict) else frozenset()
    is_all = {lane.value for lane in held} >= known
    return [messages.held(held, everything=is_all)] if held else []


def _under_way(tasks: Sequence[UnderWay], messages: Messages) -> list[str]:
    lines = [f"{GAP}{printable(one.label)}{_share(one)}" for one in tasks[:SHOWN]]
    more = len(tasks) - SHOWN
    return [*lines, GAP + messages.more_transfers(more)] if more > 0 else lines


def _share(one: UnderWay) -> str:
    if not one.held:
        return ""
    whole = "" if one.size is None else f" / {format_bytes(one.size)}"
    return f"{GAP}{format_bytes(one.held)}{whole}"


def _waiting(group: WaitingGroup, messages: Messages) -> str:
    kinds = {
        "early_access": messages.say("early access"),
        "quota": messages.say("download quota"),
        "outage": messages.say("outage"),
        "retry": messages.say("to be tried again"),
    }
    return GAP + messages.say(
        "{kind}: {n} {lane}, the first at {moment}",
        kind=kinds[group.kind],
        n=f"{group.count:,}",
        lane=messages.lane(group.lane),
        moment=format_moment(group.first),
    )


def _failures(groups: Sequence[TroubleGroup], messages: Messages, output: str) -> list[str]:
    lines = []
    for one in groups[:SHOWN]:
        lines.append(f"{GAP}{messages.trouble(one.reason)} {one.count:,}: {_example(one)}")
        lines.append(f"    {_command(one, output)}")
    return lines


def _unavailable(one: TroubleGroup, messages: Messages) -> str:
    return f"{GAP}{messages.reason(one.reason)} {one.count:,}: {_example(one)}"


def _example(one: TroubleGroup) -> str:
    return printable(": ".join(part for part in (one.label, one.detail) if part))


def _command(one: TroubleGroup, output: str) -> str:
    return f"civitai-dl retry --reason {one.reason} -o {shlex.quote(output)}"


def _rate(one: LearnedLane, messages: Messages) -> str:
    rate = messages.say("no limit met") if one.rate is None else f"{one.rate:.2f}/s"
    text = f"{GAP}{one.lane.name} ({one.lane.host}): {rate}"
    if one.paused_until > one.learned_at:
        until = format_moment(one.paused_until)
        text += f", {messages.say('paused until {moment}', moment=until)}"
    return text


# --- for programs


def queue_as_json(standing: Standing) -> Json:
    """The same, whole; the names are documented, and stay."""
    queue = standing.queue
    return {
        "run": _run_as_json(standing),
        "lanes": {
            lane.value: {
                "ready": counts.ready,
                "waiting": counts.waiting,
                "at_work": counts.at_work,
                "done": counts.done,
                "failed": counts.failed,
                "unavailable": counts.unavailable,
                **_steered(_work_of(standing, lane)),
            }
            for lane, counts in queue.lanes.items()
        },
        "paused": [lane.value for lane in Lane if lane in _held(standing)],
        "at_work": [
            {
                "key": one.key,
                "lane": one.lane.value,
                "label": one.label,
                "held": one.held,
                "size": one.size,
            }
            for one in (queue.under_way if standing.busy else ())
        ],
        "waiting": [
            {
                "kind": one.kind,
                "reason": one.reason,
                "lane": one.lane.value,
                "count": one.count,
                "first": _moment(one.first),
            }
            for one in queue.waiting
        ],
        "failures": [_group(one, retry=True) for one in queue.failures],
        "refusals": [_group(one, retry=False) for one in queue.unavailable],
        "rates": [
            {
                "lane": one.lane.name,
                "host": one.lane.host,
                "rate": one.rate,
                "paused_until": _moment(one.paused_until) if one.paused_until else None,
                "learned_at": _moment(one.learned_at),
            }
            for one in queue.rates
        ],
        "free_bytes": standing.free,
    }


def _run_as_json(standing: Standing) -> Json | None:
    if not standing.busy:
        return None
    return {
        "process": standing.work.get("process"),
        "since": _moment(standing.queue.began) if standing.work else None,
    }


def _steered(work: Mapping[str, object]) -> Json:
    """What only a run at work can tell of a lane."""
    resting = work.get("resting_until")
    return {
        "streams": work.get("streams"),
        "allowed": work.get("allowed"),
        "resting_until": _moment(resting) if isinstance(resting, (int, float)) else None,
        "stopped": work.get("stopped"),
    }


def _group(one: TroubleGroup, *, retry: bool) -> Json:
    found: Json = {
        "reason": one.reason,
        "count": one.count,
        "example": {
            "key": one.key,
            "label": one.label,
            "detail": one.detail,
            "hint": one.hint,
        },
    }
    return {**found, "retry": ["civitai-dl", "retry", "--reason", one.reason]} if retry else found


def _moment(moment: float) -> str | None:
    """Seconds since the epoch as ISO 8601 in UTC; None for what is no time."""
    try:
        told = datetime.fromtimestamp(moment, tz=timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None
    return told.isoformat(timespec="seconds").replace("+00:00", "Z")
