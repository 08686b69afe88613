"""What a plan says is what the run does: any world, any choice, file by file and byte by byte."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from archives import FAST, run, wanted
from disks import memory_folder
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from random_worlds import targets, worlds

from civitai_dl._outlook import free_bytes, viewing
from civitai_dl.domain.entities import (
    BytesReceived,
    Kind,
    Lane,
    Outcome,
    Role,
    Selection,
    Stored,
    TaskSettled,
    Unavailable,
)
from civitai_dl.domain.outlook import Foreseen, Outlook, Prospect
from civitai_dl.errors import UsageError
from civitai_dl.testing import FakeCivitai, World
from reliability_size import note, pick
from selections import selections

EXAMPLES = pick(quick=50, full=150, nightly=1_000)
SEED = 20_260_102
SPEED = 600.0
"""Client seconds per real second: what is not found is asked for again after half a minute."""

ALL = st.just(Selection())
WISHES = st.one_of(ALL, ALL, selections())
"""Of many choices at once little is left; all of everything has the most to go wrong."""

COMING = (Prospect.FETCH, Prospect.REUSE)
CONTENT = (Kind.FILE, Kind.IMAGE)


@dataclass
class Ear:
    """Hears how each file and image ended, and how many bytes of files came."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    bytes: Counter[Lane] = field(default_factory=Counter)

    def emit(self, event: object) -> None:
        """See ports.Reporter."""
        if isinstance(event, TaskSettled) and event.task.kind in CONTENT:
            self.outcomes[event.task.key] = event.outcome
        elif isinstance(event, BytesReceived):
            self.bytes[event.task.lane] += event.count


@dataclass
class Story:
    """What happened: a plan, and the run that followed it."""

    outlook: Outlook
    rows: dict[str, Foreseen]
    ear: Ear
    asked: list[str]


@dataclass(frozen=True)
class Case:
    """A world, what is wanted of it, and what an earlier run, or plan, wanted.

    key: whether there is one.
    """

    world: World
    things: list[str]
    selection: Selection
    before: tuple[list[str], Selection, bool] | None
    key: bool


@st.composite
def cases(draw: st.DrawFn, *, unforeseen: bool) -> Case:
    """Any of them."""
    world = draw(worlds(unforeseen=unforeseen))
    things, selection = draw(targets(world)), draw(WISHES)
    wished = st.one_of(st.just(things), targets(world))
    earlier = st.tuples(wished, WISHES, st.sampled_from([False, False, True]))
    before = draw(st.one_of(st.none(), earlier, earlier))
    return Case(world, things, selection, before, draw(st.booleans()))


async def play(case: Case, output: Path) -> Story:
    """An earlier run, a plan, and the run."""
    token = FAST.token if case.key else None
    chosen = replace(FAST, selection=case.selection, token=token, concurrency=3)
    async with FakeCivitai(case.world) as fake:
        if case.before is not None:
            things, selection, planned = case.before
            earlier = replace(chosen, selection=selection, dry_run=planned)
            await run(fake, output, wanted(*things), settings=earlier, speed=SPEED)
        fake.account.clear()
        dry = replace(chosen, dry_run=True, output=str(output), base_url=fake.base_url)
        await run(fake, output, wanted(*case.things), settings=dry, speed=SPEED)
        assert 0 == fake.account.count(origin="storage")
        assert 0 == fake.account.count(origin="cdn")
        assert 0 == fake.account.count(origin="api", path_prefix="/api/download")
        async with viewing(dry, now=time.time(), free=free_bytes(output)) as view:
            rows = {row.key: row async for row in view.things.rows()}
            outlook = view.outlook
        fake.account.clear()
        ear = Ear()
        await run(fake, output, wanted(*case.things), settings=chosen, speed=SPEED, reporter=ear)
        asked = [seen.path for seen in fake.account.of(origin="api", path_prefix="/api/v1")]
    return Story(outlook, rows, ear, asked)


def agrees(row: Foreseen, outcome: Outcome | None, output: Path) -> bool:
    """Whether what happened to a thing is what was said of it."""
    if row.prospect in COMING:
        return isinstance(outcome, Stored) and is_exact(row, outcome)
    if row.prospect is Prospect.STORED:
        return outcome is None and (output / row.path).stat().st_size == row.bytes
    if row.prospect is Prospect.UNAVAILABLE:
        return outcome is None or (
            isinstance(outcome, Unavailable) and outcome.reason.value == row.reason
        )
    return row.prospect in (Prospect.UNLISTED, Prospect.FAILED) and outcome is None


def is_exact(row: Foreseen, stored: Stored) -> bool:
    """Whether it lies where it should, with the bytes it should have, and came as it should."""
    path = stored.path if row.role is Role.FILE else stored.path.rpartition(".")[0]
    came = "fetched" if row.prospect is Prospect.FETCH else "reused"
    how = "fetched" if stored.how == "fetched" else "reused"
    return (
        (path, how) == (row.path, came)
        and row.bytes in (None, stored.size)
        and row.sha256 in (None, stored.sha256)
    )


def sizes_are_those_that_are_listed(case: Case, story: Story) -> None:
    """Of a file whose size the service tells the plan tells it, and of no other."""
    for row in story.rows.values():
        if row.file_id is not None and row.prospect is not Prospect.STORED:
            file = case.world.index.files[row.file_id][2]
            assert row.bytes == (file.size if file.size_listed else None)


def sums_are_those_of_the_rows(story: Story) -> None:
    """The figures are those of the things."""
    counts = Counter((row.role, row.prospect) for row in story.rows.values())
    sizes = Counter[Prospect]()
    for row in story.rows.values():
        sizes[row.prospect] += row.bytes or 0
    total = story.outlook.total
    assert counts == Counter(
        {
            pair: sum(s.count for s in total.shares if (s.role, s.prospect) == pair)
            for pair in {(s.role, s.prospect) for s in total.shares}
        }
    )
    for prospect in Prospect:
        assert sizes[prospect] == total.bytes(prospect)


def play_in_memory(case: Case, judge: object) -> None:
    with memory_folder() as folder:
        try:
            story = asyncio.run(play(case, folder / "archive"))
        except UsageError:
            # A single image without the Image API is refused before anything is asked.
            assume(condition=False)
        judge(story, folder / "archive")


def hard(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def test_a_run_does_what_the_plan_says() -> None:
    """Each file and image of the plan ends as the plan says, at its place, with its bytes."""
    begun, seen = time.monotonic(), Counter[Prospect]()

    def judge(case: Case, story: Story, output: Path) -> None:
        outcomes = story.ear.outcomes
        wrong = [
            (row, outcomes.get(row.key))
            for row in story.rows.values()
            if not agrees(row, outcomes.get(row.key), output)
        ]
        assert [] == wrong
        assert set() == set(outcomes) - set(story.rows)
        sizes_are_those_that_are_listed(case, story)
        sums_are_those_of_the_rows(story)
        total = story.outlook.total
        if not total.unsized(Prospect.FETCH, files=True):
            assert total.bytes(Prospect.FETCH, files=True) == story.ear.bytes[Lane.FILES]
        if not story.outlook.unlisted:
            assert story.asked == (["/api/v1/me"] if case.key else [])
        seen.update(row.prospect for row in story.rows.values())

    @seed(SEED)
    @hard(EXAMPLES)
    @given(cases(unforeseen=False))
    def tell(case: Case) -> None:
        play_in_memory(case, lambda story, output: judge(case, story, output))

    tell()
    counted = {prospect.value: seen[prospect] for prospect in Prospect}
    note("plan is kept", seed=SEED, seconds=time.monotonic() - begun, **counted)
    told = {Prospect.FETCH, Prospect.REUSE, Prospect.STORED, Prospect.UNAVAILABLE}
    assert told | {Prospect.UNLISTED} <= set(seen)


def test_what_no_listing_tells_is_all_that_a_run_finds_otherwise() -> None:
    """Of what the plan wants to fetch only that is missing which the world refuses unforeseen."""

    def judge(case: Case, story: Story, output: Path) -> None:
        key = FAST.token.reveal() if case.key else None
        refused = {
            f"file:{file.version_id}:{file.file_id}"
            for file in case.world.truth.files(key=key)
            if not file.obtainable
        }
        for name, row in story.rows.items():
            outcome = story.ear.outcomes.get(name)
            if row.prospect in COMING and isinstance(outcome, Unavailable):
                assert name in refused
            elif row.prospect in COMING:
                assert isinstance(outcome, Stored)
                assert outcome.sha256 == (row.sha256 or outcome.sha256)
        assert set() == set(story.ear.outcomes) - set(story.rows)

    @seed(SEED)
    @hard(EXAMPLES // 4)
    @given(cases(unforeseen=True))
    def tell(case: Case) -> None:
        play_in_memory(case, lambda story, output: judge(case, story, output))

    tell()
