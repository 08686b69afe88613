"""Which events deserve a line of their own, for good, in whatever a person looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.domain.entities import (
    Failed,
    LanesHeld,
    Notice,
    RunStarted,
    TargetsCancelled,
    TaskSettled,
)
from civitai_dl.domain.messages import printable

if TYPE_CHECKING:
    from civitai_dl.domain.entities import Event
    from civitai_dl.domain.messages import Messages

MOST_FAILURES = 20
"""Failures told one by one; a thousand of them belong into failed.txt."""

AGAIN_SECONDS = 600.0
"""A full disk is noticed every few seconds, by every task; once in ten minutes is told."""

MOST_NOTICES = 100


class Sayings:
    """Turns events into (level, text); level is "info", "warning" or "alert"."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._failures = 0
        self._noticed: dict[str, float] = {}

    def hear(self, event: Event, now: float) -> tuple[str, str] | None:
        """The line for an event; None for most."""
        if isinstance(event, Notice):
            return self._notice(event, now)
        if isinstance(event, TaskSettled) and isinstance(event.outcome, Failed):
            return self._failed(event, event.outcome)
        if isinstance(event, RunStarted):
            return "info", self._started(event)
        if isinstance(event, LanesHeld):
            return "info", self._messages.held(event.lanes, everything=event.all)
        if isinstance(event, TargetsCancelled):
            return "info", self._messages.cancelled(event.texts, sum(event.things.values()))
        return None

    def _notice(self, event: Notice, now: float) -> tuple[str, str] | None:
        said = self._noticed.pop(event.text, None)
        if said is not None and now - said < AGAIN_SECONDS:
            self._noticed[event.text] = said
            return None
        self._noticed[event.text] = now
        if len(self._noticed) > MOST_NOTICES:
            del self._noticed[next(iter(self._noticed))]
        text = printable(event.text)
        level = {"halt": "alert", "over": "info"}.get(event.level, event.level)
        return level, text if level == "info" else self._messages.warning(text)

    def _failed(self, event: TaskSettled, outcome: Failed) -> tuple[str, str] | None:
        self._failures += 1
        if self._failures > MOST_FAILURES + 1:
            return None
        if self._failures > MOST_FAILURES:
            return "warning", self._messages.more_failures()
        label, detail = printable(event.task.label), printable(outcome.failure.detail)
        return "warning", self._messages.given_up(label, detail, printable(outcome.failure.hint))

    def _started(self, event: RunStarted) -> str:
        text = self._messages.started(event.targets, printable(event.output))
        left = sum(event.open.values())
        if not event.continued or not left:
            return text
        return f"{text}\n{self._messages.continued(left)}"
