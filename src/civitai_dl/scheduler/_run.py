"""All lanes of one run, from the first claim to the last settled task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from civitai_dl.domain.entities import Lane, LaneClosed
from civitai_dl.ports import Clock, Queue, Reporter

from ._board import Board
from ._controls import Controls
from ._gate import Gate, Prove, fit
from ._growth import Traffic
from ._lanes import LaneRunner, LaneSettings, Perform
from ._spare import Spare


@dataclass(frozen=True, slots=True)
class RunEnd:
    """closed: lanes that had to stop, and why. stopped: somebody asked for the end."""

    closed: Mapping[Lane, LaneClosed]
    stopped: bool


async def run_lanes(
    lanes: Mapping[Lane, LaneSettings],
    *,
    queue: Queue,
    perform: Perform,
    clock: Clock,
    reporter: Reporter,
    max_wait: float,
    stop: anyio.Event,
    prove: Prove = fit,
    traffic: Traffic | None = None,
    spare: Spare | None = None,
    controls: Controls | None = None,
) -> RunEnd:
    """Work until nothing is left, or until `stop` is set.

    prove: shows that the disk can be written, or raises StorageError; asked while trouble with the
    disk holds all lanes up. traffic: a listener to this run, for lanes that grow. spare: told of
    the streams that no task needs. controls: by which a person may hold lanes up. Lanes share
    nothing but that and the end: one that rests or closes holds up no other. Raises what `perform`
    raises, in an ExceptionGroup. When it returns, nothing is claimed.
    """
    board = Board(frozenset(lanes))
    heard = traffic or Traffic()
    gate = Gate(prove, clock, reporter, max_wait)
    told = (max_wait, heard, spare or Spare(), controls or Controls())
    runners = [
        LaneRunner(lane, settings, queue, perform, clock, reporter, board, gate, *told)
        for lane, settings in lanes.items()
    ]
    async with anyio.create_task_group() as group:
        for runner in runners:
            group.start_soon(runner.run, group)
        group.start_soon(_watch, stop, board.done)
        group.start_soon(gate.watch)
        await board.done.wait()
        group.cancel_scope.cancel()
    closed = {runner.lane: runner.closed for runner in runners if runner.closed is not None}
    return RunEnd(closed, stop.is_set())


async def _watch(stop: anyio.Event, done: anyio.Event) -> None:
    await stop.wait()
    done.set()
