"""A run at work heeds what others ask of it, and tells them how it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from civitai_dl.adapters.storage import (
    Facts,
    answer_wish,
    forget_work,
    tell_work,
    waiting_wishes,
)
from civitai_dl.domain.entities import Lane, LanesHeld, Notice, TargetsCancelled
from civitai_dl.domain.messages import format_bytes
from civitai_dl.errors import StorageError

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Database, Withdrawal
    from civitai_dl.ports import Clock, Reporter, Storage
    from civitai_dl.scheduler import Controls

LOOK_SECONDS = 1.0
"""Seconds between two looks for a wish."""

TELL_SECONDS = 5.0
"""Seconds between two notes of how the run stands, where nobody has changed it."""


@dataclass(slots=True)
class Steering:
    """One run's ear. state: the folder of its state. run: its number.

    change_limit: sets bytes per second, 0 for none.
    """

    state: Path
    run: int
    controls: Controls
    database: Database
    storage: Storage
    change_limit: Callable[[float], None]
    clock: Clock
    reporter: Reporter
    _granted: set[str] = field(default_factory=set)
    _told: Facts = field(default_factory=dict)
    _told_at: float = 0.0
    _since: float = 0.0

    async def heed(self) -> None:
        """Do what is asked for, from a second after it was; until cancelled."""
        self._since = self.clock.now()
        try:
            while True:
                for wish in await anyio.to_thread.run_sync(waiting_wishes, self.state):
                    if wish.name not in self._granted:
                        await self._answer(wish.name, await self._grant(wish.facts))
                await self._tell()
                await self.clock.sleep(LOOK_SECONDS)
        finally:
            # Answers stay: who asked looks for them a moment later.
            forget_work(self.state)

    async def _answer(self, name: str, facts: Facts) -> None:
        self._granted.add(name)
        # A disk that cannot be written is told of elsewhere.
        with suppress(StorageError):
            await anyio.to_thread.run_sync(answer_wish, self.state, name, facts)

    async def _grant(self, facts: Facts) -> Facts:
        kinds = {
            "limit": self._limit,
            "pause": self._pause,
            "resume": self._resume,
            "cancel": self._cancel,
        }
        grant = kinds.get(str(facts.get("do")))
        if grant is None:
            # A newer program may ask for what this one does not know.
            return {"error": "unknown"}
        return await grant(facts)

    async def _limit(self, facts: Facts) -> Facts:
        limit = facts.get("bytes")
        if not isinstance(limit, int) or limit < 0:
            return {"error": "unknown"}
        self.change_limit(float(limit))
        text = f"keeping to {format_bytes(limit)}/s now" if limit else "no limit on bytes now"
        self.reporter.emit(Notice("info", text))
        return {"ok": True}

    async def _pause(self, facts: Facts) -> Facts:
        chosen = self._lanes(facts)
        before = frozenset(self.controls.held)
        ended = await self.controls.pause(chosen, self.clock.now())
        return self._held(ended, changed=frozenset(self.controls.held) - before)

    async def _resume(self, facts: Facts) -> Facts:
        freed = self.controls.resume(self._lanes(facts), self.clock.now())
        return self._held(0, changed=freed)

    def _lanes(self, facts: Facts) -> frozenset[Lane]:
        """The lanes that are meant: all without any, and never one that this run has not."""
        named = facts.get("lanes")
        words = named if isinstance(named, list) and named else [lane.value for lane in Lane]
        return frozenset(lane for lane in self.controls.lanes if lane.value in words)

    def _held(self, ended: int, *, changed: frozenset[Lane]) -> Facts:
        held = frozenset(self.controls.held)
        if changed:
            self.reporter.emit(LanesHeld(held, all=held >= self.controls.lanes))
            self._told_at = 0.0
        return {
            "ok": True,
            "lanes": list(_words(self.controls.lanes)),
            "paused": list(_words(held)),
            "changed": list(_words(changed)),
            "ended": ended,
        }

    async def _cancel(self, facts: Facts) -> Facts:
        # A part of the catalog that only this needs.
        from civitai_dl.adapters.catalog import withdraw

        targets = _targets(facts)
        ended = frozenset[str]()
        with self.controls.frozen():
            while True:
                now = self.clock.now()
                found = await withdraw(self.database, targets, now, alone=False)
                if not found.busy:
                    break
                ended |= found.busy
                await self.controls.end(found.busy)
            await drop_partials(found, self.storage)
        if all(target.asked for target in found.targets):
            self.reporter.emit(cancelled_event(found, ended))
        return cancelled_facts(found, len(ended))

    async def _tell(self) -> None:
        now = self.clock.now()
        if 0.0 <= now - self._told_at < TELL_SECONDS:
            return
        facts = self._facts(now)
        if facts != self._told:
            with suppress(OSError):
                await anyio.to_thread.run_sync(partial(tell_work, self.state, facts))
                self._told = facts
        self._told_at = now

    def _facts(self, now: float) -> Facts:
        lanes: Facts = {}
        for lane, at in self.controls.look(now).items():
            lanes[lane.value] = {
                "tasks": at.tasks,
                "streams": at.streams,
                "allowed": at.allowed,
                "resting_until": at.resting_until or None,
                "stopped": at.closed or None,
            }
        return {
            "process": os.getpid(),
            "run": self.run,
            "since": self._since,
            "paused": list(_words(self.controls.held)),
            "lanes": lanes,
        }


def _words(lanes: Iterable[Lane]) -> list[str]:
    return [lane.value for lane in Lane if lane in set(lanes)]


def _targets(facts: Facts) -> list[tuple[str, list[str]]]:
    named = facts.get("targets")
    found = []
    for one in named if isinstance(named, list) else []:
        roots = one.get("roots") if isinstance(one, dict) else None
        if isinstance(one, dict) and isinstance(roots, list):
            found.append((str(one.get("text")), [str(key) for key in roots]))
    return found


async def drop_partials(found: Withdrawal, storage: Storage) -> None:
    """Remove bytes that nobody wants any more; a disk that keeps them is told of elsewhere."""
    for key in found.partials:
        with suppress(StorageError):
            async with storage.partial(key) as part:
                await part.discard()


def cancelled_event(found: Withdrawal, ended: frozenset[str]) -> TargetsCancelled:
    """What a display hears of it."""
    things: dict[Lane, int] = {}
    for target in found.targets:
        for lane, count in target.things.items():
            things[lane] = things.get(lane, 0) + count
    models = {model for target in found.targets for model in target.models}
    texts = tuple(target.text for target in found.targets if target.asked)
    return TargetsCancelled(texts, things, tuple(sorted(models)), ended)


def cancelled_facts(found: Withdrawal, ended: int) -> Facts:
    """What the one who asked hears of it."""
    return {
        "ok": True,
        "ended": ended,
        "partials": len(found.partials),
        "targets": [
            {
                "text": target.text,
                "asked": target.asked,
                "dropped": target.dropped,
                "kept": target.kept,
                "lanes": {lane.value: count for lane, count in target.things.items()},
            }
            for target in found.targets
        ],
    }
