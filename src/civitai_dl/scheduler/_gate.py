"""The one gate that all lanes pass before they begin something; trouble with the disk closes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from civitai_dl.domain.entities import Failure, Notice, Trouble
from civitai_dl.errors import StorageError, StorageFull
from civitai_dl.ports import Clock, Reporter

LOOK_SECONDS = 2.0
"""Seconds between two looks whether the disk is fit again."""

Prove = Callable[[], Awaitable[None]]


async def fit() -> None:
    """The proof of a disk that nobody doubts."""


@dataclass(slots=True)
class Gate:
    """Closed while the disk is unfit. prove: shows that it is fit, or raises StorageError."""

    prove: Prove
    clock: Clock
    reporter: Reporter
    max_wait: float
    _open: anyio.Event = field(default_factory=anyio.Event)
    _shut: anyio.Event = field(default_factory=anyio.Event)
    _why: str = ""
    _told: bool = False

    def __post_init__(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        """Return when the gate is open: at once where it is, without a turn for others."""
        if not self._open.is_set():
            await self._open.wait()

    def shut(self, failure: Failure) -> None:
        """Close it until the disk has been shown to be fit; a gate that is closed stays so."""
        if self._open.is_set():
            self._open = anyio.Event()
            self._why = f"paused: {failure.detail}; {failure.hint}"
            self._shut.set()

    async def watch(self) -> None:
        """Open the gate as soon as the disk is fit; ends by cancellation only.

        A full disk is waited for without end: somebody will make room. Any other trouble is waited
        for as long as the run may wait. It is said once per pause; when the disk is fit after all,
        so that it was about one file, once per run. Raises: StorageError, when that was too long.
        """
        while True:
            await self._shut.wait()
            self._shut = anyio.Event()
            said = not self._told
            if said:
                self._say()
            said = await self._until_fit(said=said)
            self._open.set()
            if said:
                self.reporter.emit(Notice("over", "the disk can be written again: going on"))

    def _say(self) -> None:
        self._told = True
        self.reporter.emit(Notice("halt", self._why))

    async def _until_fit(self, *, said: bool) -> bool:
        began = self.clock.now()
        while True:
            try:
                await self.prove()
            except StorageFull:
                pass
            except StorageError:
                if self.clock.now() - began >= self.max_wait:
                    raise
            else:
                return said
            if not said:
                self._say()
                said = True
            await self.clock.sleep(LOOK_SECONDS)


def is_ours(failure: Failure) -> bool:
    """Whether a failure is this machine's."""
    return failure.trouble in (Trouble.STORAGE, Trouble.HANDLES)
