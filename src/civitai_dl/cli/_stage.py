"""What is shown of a command that reads files first, and then has a run."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import anyio

from civitai_dl.adapters.reporters import CHECKED, CheckReporter, CheckView
from civitai_dl.domain.decisions import Finding
from civitai_dl.domain.entities import Event, Notice, RunStarted
from civitai_dl.domain.messages import Messages
from civitai_dl.worker import Progress

from ._findings import one_line
from ._session import open_displays, open_log

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Clock, Reporter

TICK = 0.25


class Stage:
    """A Reporter: shows how files are read first, and the run that follows afterwards.

    said: the words for how far the reading is.
    """

    def __init__(
        self,
        settings: Settings,
        messages: Messages,
        clock: Clock,
        progress: Progress,
        stack: ExitStack,
        *,
        silent: bool,
        said: str = CHECKED,
    ) -> None:
        self._settings = settings
        self._messages = messages
        self._clock = clock
        self._stack = stack
        self._progress = progress
        self._silent = silent or settings.quiet or settings.json_logs
        self._log = open_log(settings, clock, stack)
        self._check = CheckReporter(
            clock, messages, sys.stderr, environment=os.environ, view=self._view, said=said
        )
        self._shown: list[Reporter] = [] if self._silent else [self._check]

    def emit(self, event: Event) -> None:
        """See ports.Reporter."""
        if isinstance(event, RunStarted) and not self._silent:
            self._check.close()
            self._shown = open_displays(self._settings, self._messages, self._clock, self._stack)
        for reporter in (self._log, *self._shown):
            reporter.emit(event)

    def tell(self, finding: Finding, *, heal: bool) -> None:
        """Tell of a finding at once."""
        self.emit(Notice("warning", one_line(finding, self._messages, heal=heal)))

    async def run(self) -> None:
        """Keep the display up to date, until cancelled."""
        while not self._silent:
            self._check.tick()
            await anyio.sleep(TICK)

    def close(self) -> None:
        """Leave the last line of the look behind."""
        if not self._silent:
            self._check.close()

    def _view(self) -> CheckView:
        at = self._progress
        return CheckView(at.done, at.files, at.passed, at.bytes, at.read, at.damaged)
