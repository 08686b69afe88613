"""Wherever the power fails: what lies in an archive is true, and the next run makes it whole."""

from __future__ import annotations

import pytest
from recovery import lay_out, published, read_state, run
from service import Service
from simulate import Result, Simulation, clock, report
from workloads import HERE, WORKLOADS, recorded, scratch

from reliability_size import pick

SEED = 20_260_801

STATES = pick(quick=300, full=1_300, nightly=5_200)
"""Per test; there are two for each of the workloads."""

MOST_OF_ONE = pick(quick=300, full=1_000, nightly=1_000)
"""States that one recording is good for."""

CASES = [(name, dead) for name in WORKLOADS for dead in (True, False)][
    :: pick(quick=2, full=1, nightly=1)
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "dead"), CASES)
async def test_a_crash_leaves_nothing_that_is_not_true(name: str, *, dead: bool) -> None:
    """In every state that a crash may leave, files are true and rows are kept.

    The next run fetches what is missing, no byte twice, and a run after it finds nothing to do.
    """
    began, seed = clock(), SEED + 1000 * dead
    result, seen = Result(), set[bytes]()
    while result.states < STATES and not result.violations:
        seed += 1
        odd, plain = seed % 1000 * 10 + dead, seed % 3 == 0
        async with recorded(name, odd=odd, dead=dead, plain=plain) as recording:
            wanted = min(MOST_OF_ONE, STATES - result.states)
            simulation = Simulation(recording, seed, result=result, seen=seen)
            await simulation.run(wanted)
    report("crash states", f"{name} {'dead' if dead else 'living'}", result, clock() - began, seed)
    assert result.violations == []


async def test_a_kill_before_the_page_is_read_costs_no_sidecar() -> None:
    """A run that is killed before it has read a model's page: the next one writes what is due.

    The page then tells of a file that is new, and the sidecar of that file is written, too.
    """
    sidecar = f"{HERE}/file-1-101.civitai.info"
    without = []
    async with recorded("replaced") as recording:
        log = recording.log
        disk = log.start.copy()
        for at, op in enumerate(log.ops):
            disk.do(op)
            if at >= recording.since and op.what == "committed":
                with scratch() as root:
                    lay_out(disk.everything(), log.snapshots[op.snapshot], root)
                    await run(root, recording, service=Service(recording.fake))
                    if sidecar not in published(read_state(root)):
                        without.append(at)
    assert without == []
