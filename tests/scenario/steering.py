"""A run under a person's hand: begun in this process, looked at, held up and let go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from archives import FAST, run

from civitai_dl._wishing import ask_run
from civitai_dl.config import Settings
from civitai_dl.domain.entities import BytesReceived, RunReport, TransferStarted, Wanted
from civitai_dl.testing import FakeCivitai, FakeFile, FakeVersion, World

PATIENCE = 30.0
"""Real seconds after which a test that waits for something has failed."""

SLOW = replace(FAST, limit_rate=20_000, concurrency=2)
"""So slow, in client time, that a file of SIZE is under way for seconds of real time."""

SIZE = 2 << 20


def large_files(count: int) -> World:
    """Models 1 to `count` of one creator, with one large file each and no images."""
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(name=f"large-{number}.safetensors", size=SIZE)
        world.model(number, creator="ann", versions=(FakeVersion(files=(file,), images=()),))
    return world


@dataclass
class Hearing:
    """A Reporter that remembers everything, and wakes whoever waits for it."""

    events: list[object] = field(default_factory=list)

    def emit(self, event: object) -> None:
        self.events.append(event)

    def received(self) -> int:
        """Bytes that came so far."""
        return sum(one.count for one in self.events if isinstance(one, BytesReceived))

    def of(self, kind: type) -> list[object]:
        """The events of a kind."""
        return [one for one in self.events if isinstance(one, kind)]

    def starts(self) -> list[tuple[str, int]]:
        """Each beginning of a transfer: key, and the byte it began with."""
        found = self.of(TransferStarted)
        return [(one.task.key, one.offset) for one in found]  # type: ignore[attr-defined]  # chosen by kind


@dataclass
class AtWork:
    """A run that goes on beside the test."""

    output: Path
    hearing: Hearing
    stop: anyio.Event
    reports: list[RunReport] = field(default_factory=list)
    over: anyio.Event = field(default_factory=anyio.Event)

    async def ask(self, do: str, **facts: object) -> dict[str, object]:
        """Ask something of it; its answer."""
        answer = await ask_run(self.output, {"do": do, **facts}, hint="")
        assert answer is not None
        return answer

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for something that must come."""
        with anyio.fail_after(PATIENCE):
            while not reached():  # noqa: ASYNC110  # a run tells no event of everything
                await anyio.sleep(0.01)

    async def report(self) -> RunReport:
        """How it ended."""
        with anyio.fail_after(PATIENCE):
            await self.over.wait()
        return self.reports[0]


@asynccontextmanager
async def at_work(
    fake: FakeCivitai,
    output: Path,
    things: list[Wanted],
    *,
    settings: Settings = SLOW,
    speed: float = 30.0,
    clock: object = None,
) -> AsyncIterator[AtWork]:
    """A run beside the test; stopped in the end, should it still be there."""
    hearing, stop = Hearing(), anyio.Event()
    found = AtWork(output, hearing, stop)

    async def go() -> None:
        try:
            report = await run(
                fake,
                output,
                things,
                settings=settings,
                stop=stop,
                reporter=hearing,
                speed=speed,
                clock=clock,
            )
            found.reports.append(report)
        finally:
            found.over.set()

    async with anyio.create_task_group() as group:
        group.start_soon(go)
        yield found
        stop.set()
