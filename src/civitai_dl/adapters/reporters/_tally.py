"""From events to counters: everything that a display shows, and nothing that grows with images.

Memory is one record per model, one per transfer under way, and a bounded set of the tasks that
wait to be tried again. A million images are a million additions.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import (
    BytesReceived,
    Deferred,
    Event,
    Expanded,
    Failed,
    FileRef,
    Kind,
    Lane,
    LaneClosed,
    LanePaused,
    LanesHeld,
    ModelRef,
    Notice,
    PageExpanded,
    Planned,
    RunFinished,
    RunStarted,
    Skipped,
    Stored,
    TargetsCancelled,
    Task,
    TaskSettled,
    TransferStarted,
    Trouble,
    Unavailable,
)

from ._lane import RATE_SPAN, LaneCount
from ._models import ModelBook
from ._pages import PAGE_LANES, PageBook
from ._view import ListingView, ModelsView, PauseView, TransferView, View
from ._window import HeldTime, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from civitai_dl.domain.entities import ModelId, Outcome

MOST_DEFERRED = 10_000
"""Tasks waiting for another try that are told apart; beyond it the count is a lower bound."""

MOST_TRANSFERS = 512
"""Transfers remembered; an engine has far fewer at once, so more were lost on the way."""

ALERT_SECONDS = 120.0
"""How long an alert stays; what is still true (a full disk) is said again before."""

_THINGS = (Kind.FILE, Kind.IMAGE)


class _Transfer:
    __slots__ = ("have", "lane", "name", "since", "size", "wire")

    def __init__(self, task: Task, now: float) -> None:
        subject = task.subject
        name = subject.name if isinstance(subject, FileRef) else ""
        # Behind the name of a thing its label tells what it belongs to: too much for a line.
        self.name = name or task.label.partition(" (")[0]
        self.lane = task.lane
        self.have = 0
        self.size: int | None = None
        self.since = now
        self.wire = Window(RATE_SPAN)


class Tally:
    """Listens to one run. Not thread-safe: the caller serialises `hear` and `view`."""

    def __init__(self) -> None:
        self._lanes = {lane: LaneCount(lane) for lane in (Lane.FILES, Lane.IMAGES)}
        self._models = ModelBook()
        self._transfers: dict[str, _Transfer] = {}
        self._deferred: set[str] = set()
        self._just_read: list[ModelId] = []
        self._pages = PageBook()
        self._known = 0
        self._pauses: dict[Lane, tuple[float, str]] = {}
        self._stops: dict[Lane, str] = {}
        self._held = HeldTime()
        self._alert = ("", 0.0)
        self._started: float | None = None
        self._finished = False

    def hear(self, event: Event, now: float) -> None:
        """Count an event; constant time, but for a page, which costs its children."""
        if self._started is None:
            self._started = now
        if isinstance(event, PageExpanded):
            self._pages.read += 1
            self._known += event.known
            self._plan(event.new)
        if self._just_read and not isinstance(event, TaskSettled):
            self._close_read_pages()
        if isinstance(event, BytesReceived):
            self._receive(event, now)
        elif isinstance(event, TaskSettled):
            self._settle(event.task, event.outcome, now)
        elif isinstance(event, TransferStarted):
            self._start(event, now)
        else:
            self._hear_of_run(event, now)

    def _hear_of_run(self, event: Event, now: float) -> None:
        if isinstance(event, LanePaused):
            self._pauses[event.lane] = (now + event.seconds, event.reason)
        elif isinstance(event, LanesHeld):
            self._hold(event, now)
        elif isinstance(event, TargetsCancelled):
            self._cancel(event)
        elif isinstance(event, Notice) and event.level == "alert":
            self._alert = (event.text, now + ALERT_SECONDS)
        elif isinstance(event, Notice) and event.level == "halt":
            self._alert = (event.text, inf)
        elif isinstance(event, Notice) and event.level == "over":
            self._alert = ("", 0.0)
        elif isinstance(event, RunStarted):
            self._pages.begin(event)
            for lane, count in self._lanes.items():
                count.inherit(event.open.get(lane, 0))
        elif isinstance(event, RunFinished):
            self._finished = True
            self._transfers.clear()
            self._pauses.clear()
            self._held = HeldTime()

    # --- what a person does

    def _hold(self, event: LanesHeld, now: float) -> None:
        """What is held up is not at work; it will say when it goes on."""
        self._held.hear(event, now)
        for key in [key for key, one in self._transfers.items() if one.lane in event.lanes]:
            del self._transfers[key]

    def _cancel(self, event: TargetsCancelled) -> None:
        for key in event.ended:
            self._transfers.pop(key, None)
        for model_id in event.models:
            self._models.drop(model_id)
        for lane, number in event.things.items():
            if lane in self._lanes:
                self._lanes[lane].drop(number)
            else:
                self._pages.drop(lane, number)

    # --- what is to be done

    def _plan(self, tree: Iterable[Planned]) -> None:
        left = list(tree)
        while left:
            planned = left.pop()
            left.extend(planned.children)
            if planned.task.kind in _THINGS:
                self._plan_thing(planned)
            elif planned.task.lane in PAGE_LANES:
                self._plan_page(planned)
            elif planned.verdict is None:
                self._lanes[planned.task.lane].chores += 1

    def _plan_thing(self, planned: Planned) -> None:
        task, verdict = planned.task, planned.verdict
        lane = self._lanes[task.lane]
        lane.meet(_size_hint(task))
        if task.kind is Kind.FILE and task.model_id is not None:
            self._models.meet_file(task.model_id)
        if verdict is not None:
            self._close_thing(task, verdict, now=None)

    def _plan_page(self, planned: Planned) -> None:
        task, verdict = planned.task, planned.verdict
        model_id = _model_of(task)
        if verdict is None:
            self._pages.meet(task)
            if model_id is not None:
                self._models.meet_page(model_id)
            return
        self._pages.note(verdict)
        if model_id is not None and self._models.settle_page(model_id):
            self._pages.leave(task.kind)

    # --- bytes

    def _start(self, event: TransferStarted, now: float) -> None:
        task = event.task
        transfer = self._transfers.get(task.key)
        if transfer is None:
            transfer = self._transfers[task.key] = _Transfer(task, now)
            if len(self._transfers) > MOST_TRANSFERS:
                del self._transfers[next(iter(self._transfers))]
        # One that goes on after a break keeps its place on the screen.
        transfer.have, transfer.size = event.offset, event.size
        if task.kind is Kind.FILE and task.model_id is not None:
            self._models.touch_file(task.model_id)

    def _receive(self, event: BytesReceived, now: float) -> None:
        lane = self._lanes.get(event.task.lane)
        if lane is not None:
            lane.bytes += event.count
            lane.wire.add(self._held.time(event.task.lane, now), event.count)
        transfer = self._transfers.get(event.task.key)
        if transfer is not None:
            transfer.have += event.count
            transfer.wire.add(now, event.count)

    # --- ends

    def _settle(self, task: Task, outcome: Outcome, now: float) -> None:
        self._transfers.pop(task.key, None)
        if isinstance(outcome, Deferred):
            self._explain_pause(task, outcome)
            if outcome.counts or outcome.mismatch:
                self._defer(task)
            return
        if isinstance(outcome, LaneClosed):
            self._stops[task.lane] = outcome.failure.detail
            return
        self._end_retry(task)
        if isinstance(outcome, Expanded) and outcome.onward is not None:
            return
        if task.kind in _THINGS:
            self._close_thing(task, outcome, now)
        elif task.lane in PAGE_LANES:
            self._close_page(task, outcome)
        else:
            self._lanes[task.lane].close_chore()
            self._pages.note(outcome)

    def _close_thing(self, task: Task, outcome: Outcome, now: float | None) -> None:
        lane = self._lanes[task.lane]
        met = task.kind is Kind.IMAGE
        if task.kind is Kind.FILE and task.model_id is not None:
            met = self._models.settle_file(task.model_id)
        lane.close(_size_hint(task), met=met)
        if isinstance(outcome, Failed):
            lane.failed += 1
            if task.kind is Kind.FILE and task.model_id is not None:
                self._models.fail(task.model_id)
        elif isinstance(outcome, Unavailable):
            lane.unavailable += 1
        else:
            lane.done += 1
            if now is not None and isinstance(outcome, (Stored, Skipped)):
                lane.work.add(self._held.time(task.lane, now), 1)

    def _close_page(self, task: Task, outcome: Outcome) -> None:
        self._pages.close(task, outcome)
        model_id = _model_of(task)
        if model_id is not None:
            self._just_read.append(model_id)
            if isinstance(outcome, Failed):
                self._models.fail(model_id)

    def _close_read_pages(self) -> None:
        """Only now: what a page consists of is told after it was settled (PageExpanded)."""
        for model_id in self._just_read:
            self._models.settle_page(model_id)
        self._just_read.clear()

    def _explain_pause(self, task: Task, outcome: Deferred) -> None:
        """A pause tells its reason in words; the task that caused it tells what kind it is."""
        pause = self._pauses.get(task.lane)
        failure = outcome.failure
        if pause is None or pause[1] != failure.detail:
            return
        # Without a status it was not the service that asked: a disk is full.
        if failure.status or failure.trouble is Trouble.TRANSIENT:
            self._pauses[task.lane] = (pause[0], failure.trouble.value)

    def _defer(self, task: Task) -> None:
        if task.key in self._deferred or len(self._deferred) >= MOST_DEFERRED:
            return
        self._deferred.add(task.key)
        self._count_retry(task, 1)

    def _end_retry(self, task: Task) -> None:
        if task.key in self._deferred:
            self._deferred.remove(task.key)
            self._count_retry(task, -1)

    def _count_retry(self, task: Task, change: int) -> None:
        if task.lane in self._lanes:
            self._lanes[task.lane].retrying += change
        page_of = _model_of(task)
        if page_of is not None:
            if not self._models.knows(page_of):
                # A page that a target begins with, met here first: it is not read yet.
                self._models.meet_page(page_of)
            self._models.retry(page_of, change)
        elif task.kind is Kind.FILE and task.model_id is not None:
            self._models.touch_file(task.model_id)
            self._models.retry(task.model_id, change)

    # --- what to show

    def view(self, now: float) -> View:
        """All counters as they stand; costs the transfers under way, not what was counted."""
        pauses = self._resting(now)
        resting = {pause.lane for pause in pauses} | self._held.view.lanes
        lanes = {
            lane: count.view(
                self._held.time(lane, now),
                growing=self._growing(lane),
                paused=lane in resting,
                under_way=sum(t.have for t in self._transfers.values() if t.lane is lane),
            )
            for lane, count in self._lanes.items()
        }
        for held in self._held.view.lanes & lanes.keys():
            # Its time stands still, and so would its rate.
            lanes[held] = replace(lanes[held], rate=0.0)
        files, images = lanes[Lane.FILES], lanes[Lane.IMAGES]
        return View(
            models=ModelsView(
                done=self._models.done(inheritance_settled=not self._lanes[Lane.FILES].inherited),
                total=self._models.total,
                failed=self._models.failed,
                retrying=self._models.retrying,
                growing=self._growing(Lane.MODEL_PAGES),
            ),
            files=files,
            images=images,
            listing=ListingView(self._pages.read, self._known, going=self._growing(Lane.IMAGES)),
            failed=files.failed + images.failed + self._pages.failed,
            retrying=0 if self._finished else len(self._deferred),
            unavailable=files.unavailable + images.unavailable + self._pages.unavailable,
            bytes=files.bytes + images.bytes,
            rate=files.rate + images.rate,
            elapsed=0.0 if self._started is None else now - self._started,
            transfers=tuple(self._under_way(now)),
            pauses=pauses,
            held=self._held.view,
            alert=self._alert[0] if self._alert[1] > now else "",
            finished=self._finished,
        )

    def _growing(self, what: Lane) -> bool:
        return not self._finished and self._pages.growing(what)

    def _resting(self, now: float) -> tuple[PauseView, ...]:
        stopped = [PauseView(lane, detail, None) for lane, detail in self._stops.items()]
        paused = [
            PauseView(lane, reason, until - now)
            for lane, (until, reason) in self._pauses.items()
            if until > now and lane not in self._stops
        ]
        return (*stopped, *paused)

    def _under_way(self, now: float) -> Iterable[TransferView]:
        for transfer in self._transfers.values():
            yield TransferView(
                name=transfer.name,
                lane=transfer.lane,
                have=transfer.have,
                size=transfer.size,
                rate=transfer.wire.rate(now),
                age=now - transfer.since,
            )


def _size_hint(task: Task) -> int | None:
    return task.subject.size_hint if isinstance(task.subject, FileRef) else None


def _model_of(task: Task) -> ModelId | None:
    """The model whose page a task reads; None for other tasks."""
    return task.subject.model_id if isinstance(task.subject, ModelRef) else None
