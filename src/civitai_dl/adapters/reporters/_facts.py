"""Which events are worth logging, and what is logged of them. No URL keeps its query."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import (
    BytesReceived,
    Changed,
    Deferred,
    Failed,
    Lane,
    LaneClosed,
    LanePaused,
    LanesHeld,
    Notice,
    PageExpanded,
    RunFinished,
    RunStarted,
    Stored,
    TargetsCancelled,
    TaskSettled,
    TransferStarted,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from civitai_dl.domain.entities import Change, Event, Failure, Outcome, Planned, Task

Fact = str | int | float | bool | None
Facts = dict[str, Fact]

_QUERY = re.compile(r"(/[^\s?]*)\?[^\s\"'<>]+")
"""A path and its query, with or without a host before it: signed links carry their key there."""

MOST_STARTS = 512


class FactTeller:
    """Turns events into flat records with the same few names: event, task, lane, label, ...

    seconds: how long the transfer took, from its start in this run; absent where there was none.
    """

    def __init__(self) -> None:
        self._starts: dict[str, float] = {}

    def tell(self, event: Event, now: float) -> list[Facts]:
        """The records of one event, mostly none or one. bytes and seconds are plain numbers."""
        if isinstance(event, BytesReceived):
            return []
        if isinstance(event, TransferStarted):
            self._starts.setdefault(event.task.key, now)
            if len(self._starts) > MOST_STARTS:
                del self._starts[next(iter(self._starts))]
            return []
        return [_clean(facts) for facts in self._records(event, now)]

    def _records(self, event: Event, now: float) -> Iterable[Facts]:
        if isinstance(event, TaskSettled):
            started = self._starts.pop(event.task.key, None)
            yield from _settled(
                event.task, event.outcome, None if started is None else now - started
            )
        elif isinstance(event, PageExpanded):
            planned = list(_flat(event.new))
            new = len(planned)
            yield {"event": "page", **_about(event.task), "new": new, "known": event.known}
            for found in planned:
                if isinstance(found.verdict, Unavailable):
                    yield from _settled(found.task, found.verdict, None)
        elif isinstance(event, LanePaused):
            lane = event.lane.value
            yield {"event": "paused", "lane": lane, "seconds": event.seconds, "why": event.reason}
        elif isinstance(event, (LanesHeld, TargetsCancelled)):
            yield _steered(event)
        elif isinstance(event, Notice):
            yield {"event": "notice", "level": event.level, "text": event.text}
        elif isinstance(event, Changed):
            yield _changed(event.change)
        elif isinstance(event, RunStarted):
            yield {
                "event": "run_started",
                "output": event.output,
                "targets": event.targets,
                "continued": event.continued,
                "open": sum(event.open.values()),
            }
        else:
            assert isinstance(event, RunFinished)
            yield _finished(event)


def timestamp(moment: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    told = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=moment)
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _about(task: Task) -> Facts:
    return {"task": task.key, "lane": task.lane.value, "label": task.label}


def _settled(task: Task, outcome: Outcome, seconds: float | None) -> Iterable[Facts]:
    about = _about(task)
    took: Facts = {} if seconds is None else {"seconds": round(seconds, 3)}
    if isinstance(outcome, Stored):
        yield {
            "event": "stored",
            **about,
            "path": outcome.path,
            "bytes": outcome.size,
            **took,
            "sha256": outcome.sha256,
            "how": outcome.how,
            "verified": outcome.verified,
            **({"note": outcome.note} if outcome.note else {}),
        }
    elif isinstance(outcome, Unavailable):
        until: Facts = {} if outcome.until is None else {"until": timestamp(outcome.until)}
        why = outcome.reason.value
        yield {"event": "unavailable", **about, "why": why, "detail": outcome.detail, **until}
    elif isinstance(outcome, Failed):
        kept: Facts = {} if outcome.evidence is None else {"evidence": outcome.evidence}
        yield {"event": "failed", **about, **_why(outcome.failure), **kept, **took}
    elif isinstance(outcome, Deferred):
        until = {"until": timestamp(outcome.until), "attempt": task.attempt + outcome.counts}
        yield {"event": "deferred", **about, **_why(outcome.failure), **until, **took}
    elif isinstance(outcome, LaneClosed):
        until = {"until": timestamp(outcome.until)}
        yield {"event": "stopped", **about, **_why(outcome.failure), **until}


def _steered(event: LanesHeld | TargetsCancelled) -> Facts:
    if isinstance(event, LanesHeld):
        lanes = ",".join(lane.value for lane in Lane if lane in event.lanes)
        return {"event": "held", "lanes": lanes, "all": event.all}
    things, text = sum(event.things.values()), ", ".join(event.texts)
    return {"event": "cancelled", "label": text, "things": things, "ended": len(event.ended)}


def _changed(change: Change) -> Facts:
    return {
        "event": "changed",
        "change": change.kind.value,
        "model_id": change.model_id,
        "model": change.model,
        "creator": change.creator,
        "id": change.number,
        "what": change.what,
        "kept": change.kept,
    }


def _why(failure: Failure) -> Facts:
    facts: Facts = {"why": failure.trouble.value, "detail": failure.detail}
    if failure.status:
        facts["status"] = failure.status
    if failure.hint:
        facts["hint"] = failure.hint
    return facts


def _finished(event: RunFinished) -> Facts:
    report = event.report
    return {
        "event": "run_finished",
        "exit_code": report.exit_code,
        "models": report.models,
        "stored": report.stored,
        "reused": report.reused,
        "kept": report.kept,
        "unavailable": len(report.unavailable),
        "failed": len(report.failures),
        "left": report.left,
        "bytes": report.bytes_received,
        "seconds": round(report.seconds, 3),
        "interrupted": report.interrupted,
        "storage_trouble": report.storage_trouble,
        "key_refused": report.key_refused,
    }


def _flat(tree: Iterable[Planned]) -> Iterable[Planned]:
    for planned in tree:
        yield planned
        yield from _flat(planned.children)


def _clean(facts: Facts) -> Facts:
    return {name: _text(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}


def _text(text: str) -> str:
    """Without queries, and without lone surrogates, which are no UTF-8."""
    if text.isascii() and "?" not in text:
        return text
    return _QUERY.sub(r"\1", text.encode("utf-8", "replace").decode("utf-8"))
