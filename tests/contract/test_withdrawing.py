"""Withdrawing what was asked for: what leaves the queue, what stays, and how it comes back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from test_queue import StillClock, file, gallery, image, model, root, stored

from civitai_dl.adapters.catalog import Database, Root, Runs, SqliteLedger, SqliteQueue, withdraw
from civitai_dl.domain.entities import (
    Deferred,
    Expanded,
    Failed,
    Failure,
    Lane,
    Outcome,
    Planned,
    Reason,
    Role,
    Trouble,
    Unavailable,
)

TROUBLE = Failure(Trouble.TRANSIENT, "the connection broke", 502)
UNDONE = ("failed", "ready", "waiting", "claimed")


def page(number: int) -> Planned:
    """A model's page that is asked for alone."""
    return model(number, batch=None)


def wish(number: int) -> Root:
    """A target that begins with one page."""
    return root(page(number), text=f"model:{number}")


def outcome_of(word: str, number: int) -> Outcome:
    """How a file ends."""
    return {
        "stored": stored(number),
        "failed": Failed(TROUBLE),
        "unavailable": Unavailable(Reason.NO_PERMISSION, "not yours"),
        "deferred": Deferred(5_000.0, TROUBLE),
    }[word]


class Shelf:
    """A state, with targets that were asked for and pages that told of files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = StillClock()
        self.database = Database(path)
        self.database.start()
        self.runs = Runs(self.database)
        self.run = 0

    async def begin(self, targets: Sequence[int], **facts: bool) -> SqliteQueue:
        begun = await self.runs.begin(
            [wish(number) for number in targets],
            roles=set(Role),
            now=self.clock.now(),
            key=True,
            **facts,
        )
        self.run = begun.run
        return SqliteQueue(self.database, self.clock, begun.run, key=True)

    async def tell(
        self, queue: SqliteQueue, told: dict[int, Sequence[Planned]], most: int = 1_000
    ) -> None:
        """Read every page that is due; each tells of its children."""
        for _ in range(most):
            leases = await queue.claim(Lane.MODEL_PAGES, most=1)
            if not leases:
                return
            number = int(leases[0].task.key.partition(":")[2])
            children = tuple(told.get(number, ()))
            await queue.settle([(leases[0], Expanded(children))])

    async def end(self, queue: SqliteQueue, ends: Iterable[str]) -> None:
        """Claim files in their order, and end them so; "claimed" leaves one at work."""
        for word in ends:
            leases = await queue.claim(Lane.FILES, most=1)
            if leases and word != "claimed":
                number = int(leases[0].task.key.rpartition(":")[2])
                await queue.settle([(leases[0], outcome_of(word, number))])

    async def withdraw(self, *numbers: int, alone: bool = True):
        targets = [(f"model:{number}", [f"model:{number}"]) for number in numbers]
        return await withdraw(self.database, targets, self.clock.now(), alone=alone)

    def undone(self) -> set[str]:
        """Keys of everything that is still to be brought home."""
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute("SELECT key, status FROM tasks").fetchall()
        return {key for key, status in rows if status in UNDONE}

    def state_of(self, key: str) -> tuple[str, str | None]:
        """Status and reason of a task."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = connection.execute("SELECT status, why FROM tasks WHERE key = ?", (key,))
            status, why = found.fetchone()
        return status, why


def on_shelf(path: Path, work: Callable[[Shelf], Awaitable[None]]) -> None:
    """Do something with a state, and close it."""

    async def go() -> None:
        shelf = Shelf(path / "state.db")
        try:
            await work(shelf)
        finally:
            shelf.database.close()

    asyncio.run(go())


FILES = st.sets(st.integers(1, 12), max_size=6)
WORLDS = st.dictionaries(
    st.integers(1, 6), st.tuples(FILES, st.sets(st.integers(1, 6), max_size=2)), min_size=2
)
ENDS = st.lists(
    st.sampled_from(["stored", "failed", "unavailable", "deferred", "claimed"]), max_size=12
)


def below(start: int, world: dict[int, tuple[set[int], set[int]]], read: set[int]) -> set[str]:
    """The keys of all that a page leads to, by the pages that were read."""
    seen, left, found = set[int](), [start], set[str]()
    while left:
        number = left.pop()
        if number in seen:
            continue
        seen.add(number)
        found.add(f"model:{number}")
        if number in read:
            files, pages = world.get(number, (set(), set()))
            found |= {f"file:10:{one}" for one in files}
            left += pages
    return found


@settings(max_examples=120, deadline=None)
@given(
    world=WORLDS, asked=st.sets(st.integers(1, 6), min_size=1), ends=ENDS,
    pages=st.integers(0, 6), data=st.data(),
)  # fmt: skip
def test_what_remains_is_what_the_other_targets_want(world, asked, ends, pages, data) -> None:
    """Whatever was read, fetched or failed: only what nobody else asked for leaves the queue."""
    gone = data.draw(st.sets(st.sampled_from(sorted(asked)), min_size=1))
    told = {
        number: [*map(file, sorted(files)), *map(page, sorted(others))]
        for number, (files, others) in world.items()
    }

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin(sorted(asked))
        read = set[int]()
        for _ in range(pages):
            before = shelf.undone()
            await shelf.tell(queue, told, most=1)
            read |= {int(k[6:]) for k in before - shelf.undone() if k.startswith("model:")}
        await shelf.end(queue, ends)
        before = shelf.undone()
        found = await shelf.withdraw(*sorted(gone))
        kept = set[str]().union(*(below(number, world, read) for number in asked - gone))
        assert before & kept == shelf.undone()
        assert len(before - kept) == sum(target.dropped for target in found.targets)
        # Once more changes nothing: none of them is asked for any more.
        again = await shelf.withdraw(*sorted(gone))
        assert not any(target.asked for target in again.targets)
        assert before & kept == shelf.undone()
        # Asking for it again brings all of it back.
        await shelf.runs.unclaim()
        queue = await shelf.begin(sorted(gone))
        await shelf.tell(queue, told)
        wanted = set[str]().union(*(below(number, world, set(range(7))) for number in gone))
        lost = {key for key in wanted if shelf.state_of(key)[1] == "cancelled"}
        assert set() == lost

    with TemporaryDirectory() as folder:
        on_shelf(Path(folder), work)


def test_what_is_stored_and_what_cannot_be_had_stays(tmp_path: Path) -> None:
    """Nothing is taken back of what was brought home, and no reason is forgotten."""

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin([1])
        await shelf.tell(queue, {1: [file(number) for number in range(1, 6)]})
        await shelf.end(queue, ["stored", "unavailable", "failed"])
        (target,) = (await shelf.withdraw(1)).targets
        assert (3, {Lane.FILES: 3}, 0) == (target.dropped, target.things, target.kept)
        assert ("stored", None) == shelf.state_of("file:10:1")
        assert ("unavailable", "no_permission") == shelf.state_of("file:10:2")
        assert ("skipped", "cancelled") == shelf.state_of("file:10:3")
        ledger = SqliteLedger(shelf.database, shelf.run)
        (account,) = await ledger.accounts()
        assert (True, {}, 0) == (account.cancelled, account.failed, account.open)
        assert () == await ledger.failures()
        assert await shelf.runs.finish(shelf.run, 2_000.0)

    on_shelf(tmp_path, work)


def test_a_shared_thing_goes_with_the_last_target_that_wants_it(tmp_path: Path) -> None:
    """First it stays for the other's sake, then nobody is left."""

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin([1, 2])
        await shelf.tell(queue, {1: [file(1), file(2)], 2: [file(2), file(3)]})
        (first,) = (await shelf.withdraw(1)).targets
        assert (1, 1) == (first.dropped, first.kept)
        assert {"file:10:2", "file:10:3"} == shelf.undone()
        (second,) = (await shelf.withdraw(2)).targets
        assert (2, 0) == (second.dropped, second.kept)
        assert set() == shelf.undone()

    on_shelf(tmp_path, work)


def test_a_page_told_of_later_in_the_same_run_brings_its_files_back(tmp_path: Path) -> None:
    """What was withdrawn is wanted again as soon as another target turns out to want it."""

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin([1, 2])
        await shelf.tell(queue, {1: [page(3), file(1)]}, most=1)
        (lease,) = await queue.claim(Lane.MODEL_PAGES, most=1)
        assert "model:2" == lease.task.key
        await shelf.tell(queue, {3: [file(5)]})
        await shelf.withdraw(1, alone=False)
        assert ("skipped", "cancelled") == shelf.state_of("file:10:5")
        await queue.settle([(lease, Expanded((page(3),)))])
        await shelf.tell(queue, {3: [file(5)]})
        assert {"file:10:5"} == shelf.undone()

    on_shelf(tmp_path, work)


def test_a_listing_whose_images_were_withdrawn_is_no_known_ground(tmp_path: Path) -> None:
    """A gallery that was read to its end is read whole again when it is asked for again."""

    async def work(shelf: Shelf) -> None:
        async def ask() -> SqliteQueue:
            begun = await shelf.runs.begin(
                [root(gallery(1), text="model:1")], roles=set(Role), now=1_000.0, key=True
            )
            return SqliteQueue(shelf.database, shelf.clock, begun.run, key=True)

        queue = await ask()
        (lease,) = await queue.claim(Lane.IMAGE_PAGES, most=1)
        await queue.settle([(lease, Expanded((image(1), image(2))))])
        await withdraw(shelf.database, [("1", ["gallery:model:1"])], 1_000.0, alone=True)
        assert ("skipped", "cancelled") == shelf.state_of("gallery:model:1")
        queue = await ask()
        (lease,) = await queue.claim(Lane.IMAGE_PAGES, most=1)
        assert not lease.task.subject.known_ground

    on_shelf(tmp_path, work)


def test_nothing_happens_while_something_of_it_is_at_work(tmp_path: Path) -> None:
    """Beside a run, what is at work is named, to be ended first; partials are named at the end."""

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin([1])
        await shelf.tell(queue, {1: [file(1), file(2)]})
        (lease,) = await queue.claim(Lane.FILES, most=1)
        await shelf.database.run(
            lambda connection: connection.execute(
                "INSERT INTO partials (key, size, host) VALUES (?, 7, 'h')", (lease.task.key,)
            )
        )
        before = shelf.undone()
        busy = await shelf.withdraw(1, alone=False)
        assert {lease.task.key} == busy.busy
        assert before == shelf.undone()
        await queue.release([lease])
        found = await shelf.withdraw(1, alone=False)
        assert (frozenset(), (lease.task.key,)) == (found.busy, found.partials)
        # Whoever comes back with it later has no claim any more.
        await queue.settle([(lease, Failed(TROUBLE))])
        assert set() == shelf.undone()

    on_shelf(tmp_path, work)


def test_a_retry_does_not_bring_back_what_was_withdrawn(tmp_path: Path) -> None:
    """Trying again is not asking again, also when the words of the run name the target."""

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin([1, 2])
        await shelf.tell(queue, {1: [file(1)], 2: [file(2)]})
        await shelf.end(queue, ["failed", "failed"])
        await shelf.withdraw(1)
        await shelf.begin([1, 2], only_failed=True)
        assert {"file:10:2", "model:2"} >= shelf.undone()
        assert ("skipped", "cancelled") == shelf.state_of("file:10:1")

    on_shelf(tmp_path, work)


def test_a_target_that_was_never_asked_for_is_told(tmp_path: Path) -> None:
    """With one such word among others nothing at all is withdrawn."""

    async def work(shelf: Shelf) -> None:
        queue = await shelf.begin([1])
        await shelf.tell(queue, {1: [page(2), file(1)]}, most=1)
        before = shelf.undone()
        found = await shelf.withdraw(1, 2)
        assert [True, False] == [target.asked for target in found.targets]
        assert before == shelf.undone()

    on_shelf(tmp_path, work)


def test_no_row_is_deleted(tmp_path: Path) -> None:
    """Tasks, edges and targets stay, each with what is true of it."""

    async def work(shelf: Shelf) -> None:
        def counts() -> tuple[int, ...]:
            with closing(sqlite3.connect(shelf.path)) as connection:
                return tuple(
                    connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0]
                    for name in ("tasks", "edges", "targets")
                )

        queue = await shelf.begin([1])
        await shelf.tell(queue, {1: [file(1), file(2)]})
        before = counts()
        await shelf.withdraw(1)
        assert before == counts()

    on_shelf(tmp_path, work)
