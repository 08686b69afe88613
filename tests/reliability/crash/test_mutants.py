"""The simulator finds what it is there to find: each of these protocols is wrong in one step."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, Mutant
from simulate import Simulation, clock
from workloads import recorded

from reliability_size import note, pick

SEED = 7
LOOKS = 1_000
STATES = pick(quick=400, full=1_000, nightly=1_000)
NEVER = 10**9


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=[one.name.replace(" ", "-") for one in MUTANTS])
async def test_a_protocol_that_is_wrong_is_found_out(mutant: Mutant) -> None:
    """A program that leaves out or swaps a step of its protocol breaks a promise in a crash."""
    began = clock()
    with mutant.apply():
        async with recorded(mutant.workload, plain=mutant.plain) as recording:
            again = 1 if mutant.again else NEVER
            simulation = Simulation(recording, SEED, whole=NEVER, again=again)
            # Most shows before anybody has looked; the rest shows in what is made of it.
            result = simulation.look(LOOKS)
            if not result.violations:
                result = await simulation.run(STATES)
    counts = {"mutants": 1, "found": int(bool(result.violations)), "states": result.states}
    note("mutants of the protocol", part=mutant.name, seed=SEED, seconds=clock() - began, **counts)
    print(*result.violations, sep="\n")  # noqa: T201  # how it was found out
    assert result.violations
