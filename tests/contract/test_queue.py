"""What every durable queue, catalog and ledger must do, and what SQLite must do besides."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from civitai_dl.adapters.catalog import (
    Database,
    Root,
    Runs,
    SqliteCatalog,
    SqliteLedger,
    SqliteQueue,
)
from civitai_dl.adapters.catalog._queue import CLAIM
from civitai_dl.domain.decisions._plan import dress_tasks
from civitai_dl.domain.entities import (
    Account,
    CreatorRef,
    Deferred,
    Dressed,
    Expanded,
    Failed,
    Failure,
    FileRef,
    GalleryQuery,
    GalleryRef,
    Held,
    ImageRef,
    Island,
    Kind,
    Lane,
    LaneClosed,
    Lease,
    ModelRef,
    ModelTarget,
    Outcome,
    Placed,
    Planned,
    Reason,
    Role,
    Skipped,
    Slice,
    Stored,
    StoredFile,
    Task,
    Trouble,
    Unavailable,
    Wanted,
)
from civitai_dl.errors import CatalogError, CatalogTooNew, StorageDenied

ALL_ROLES = frozenset(Role)
TROUBLE = Failure(Trouble.TRANSIENT, "the connection broke", 502, hint="try again")


class StillClock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a queue does not wait")


# --- things to do


def model(number: int = 1, **facts) -> Planned:
    return Planned(
        Task(
            f"model:{number}",
            Kind.MODEL,
            Lane.MODEL_PAGES,
            Role.PAGE,
            ModelRef(number),
            f"model {number}",
            **{"batch": "models", "model_id": number, "priority": 10, **facts},
        )
    )


def file(number: int, *, role: Role = Role.FILE, **facts) -> Planned:
    ref = FileRef(1, 10, number, "a.bin", f"model_0/1/10-v1/{number}.bin", size_hint=100)
    return Planned(
        Task(
            f"file:10:{number}",
            Kind.FILE,
            Lane.FILES,
            role,
            ref,
            f"file {number}",
            **{"model_id": 1, **facts},
        )
    )


def image(number: int, *, role: Role = Role.GALLERY, **facts) -> Planned:
    stem = f"model_0/1/gallery/0/{number}"
    ref = ImageRef(f"https://x.org/{number}.png", stem, image_id=number)
    key, label = f"image:{number}@gallery", f"image {number}"
    return Planned(Task(key, Kind.IMAGE, Lane.IMAGES, role, ref, label, **{"model_id": 1, **facts}))


def gallery(number: int = 1, *, part: Slice | None = None, **facts) -> Planned:
    tail = "" if part is None else f"/{part.text}"
    ref = GalleryRef(
        GalleryQuery(model_id=number),
        f"model_0/{number}/gallery",
        part=part or Slice(),
        sort="Oldest",
        **facts,
    )
    key = f"gallery:model:{number}{tail}"
    return Planned(Task(key, Kind.GALLERY, Lane.IMAGE_PAGES, Role.GALLERY, ref, key))


def creator(name: str = "ann") -> Planned:
    key = f"creator:{name}"
    return Planned(
        Task(key, Kind.CREATOR, Lane.MODEL_PAGES, Role.PAGE, CreatorRef(name), key, priority=20)
    )


def root(*planned: Planned, text: str = "model 1") -> Root:
    return Root(Wanted(ModelTarget(1), text, "models.txt:1"), planned)


def stored(number: int, *, size: int = 100, sha: str | None = None) -> Stored:
    digest = sha or hashlib.sha256(b"%d" % number).hexdigest()
    return Stored(f"model_0/1/10-v1/{number}.bin", digest, size)


def keys(found: Sequence[Lease] | Sequence[Planned]) -> list[str]:
    return [one.task.key for one in found]


@dataclass
class Bench:
    """An archive's state, as one run after the other sees it."""

    path: Path
    clock: StillClock = field(default_factory=StillClock)
    run: int = 0
    key: bool = True

    def open(self) -> None:
        self.database = Database(self.path)
        self.database.start()
        self.runs = Runs(self.database)
        self.catalog = SqliteCatalog(self.database)

    async def die(self) -> int:
        """The process dies and another one starts; says how much was at work."""
        self.database.close()
        self.open()
        return await self.runs.recover(self.clock.now())

    async def begin(self, *roots: Root, roles=ALL_ROLES, only_failed: bool = False) -> bool:
        """Begin the next run; whether it goes on with an earlier one."""
        begun = await self.runs.begin(
            roots, roles=roles, now=self.clock.now(), key=self.key, only_failed=only_failed
        )
        self.run = begun.run
        return begun.continued

    async def finish(self) -> bool:
        return await self.runs.finish(self.run, self.clock.now())

    @property
    def queue(self) -> SqliteQueue:
        return SqliteQueue(self.database, self.clock, self.run, self.key)

    @property
    def ledger(self) -> SqliteLedger:
        return SqliteLedger(self.database, self.run)

    async def add(self, *planned: Planned, parent: str | None = None):
        return await self.queue.add(planned, parent)

    async def claim(self, lane: Lane = Lane.FILES, *, most: int = 1) -> tuple[Lease, ...]:
        return await self.queue.claim(lane, most=most)

    async def one(self, lane: Lane = Lane.FILES) -> Lease:
        (lease,) = await self.claim(lane)
        return lease

    async def settle(self, lease: Lease, outcome: Outcome):
        return await self.queue.settle([(lease, outcome)])

    async def do(self, outcome: Outcome, lane: Lane = Lane.FILES):
        """Claim the next task of a lane and settle it."""
        return await self.settle(await self.one(lane), outcome)

    async def all_keys(self, lane: Lane = Lane.FILES) -> list[str]:
        """Everything of a lane that can be claimed now, in order; given back afterwards."""
        taken: list[Lease] = []
        while leases := await self.claim(lane):
            taken += leases
        await self.queue.release(taken)
        return keys(taken)


class QueueSuite:
    """Behaviour that holds whatever keeps the state; a subclass gives the fixture `bench`."""

    @pytest.fixture
    async def bench(self) -> Bench:
        """An empty archive in which the first run has begun."""
        raise NotImplementedError

    # claiming

    async def test_tasks_are_claimed_by_priority_then_by_age(self, bench: Bench) -> None:
        """What a page shows comes before the long tail, and within each the oldest first."""
        await bench.add(file(1, priority=5), file(2), file(3, priority=5), file(4))
        assert ["file:10:2", "file:10:4", "file:10:1", "file:10:3"] == await bench.all_keys()

    async def test_a_claimed_task_is_nobody_elses(self, bench: Bench) -> None:
        """Two workers never get the same task."""
        await bench.add(file(1))
        assert len(await bench.claim()) == 1
        assert await bench.claim() == ()

    async def test_lanes_have_queues_of_their_own(self, bench: Bench) -> None:
        """The lane of files is never given an image."""
        await bench.add(file(1), image(2))
        assert await bench.all_keys(Lane.FILES) == ["file:10:1"]
        assert await bench.all_keys(Lane.IMAGES) == ["image:2@gallery"]
        assert await bench.claim(Lane.IMAGE_PAGES) == ()

    async def test_a_task_comes_back_as_it_went_in(self, bench: Bench) -> None:
        """Nothing of a task is lost on its way through the queue."""
        task = file(7, source="sha256:ab", batch="b", priority=3, group="g/a", waits_for=None).task
        await bench.add(Planned(task), gallery(cursor="1|2", limit=5, seen=3, part=Slice(4)))
        lease = await bench.one()
        assert task == lease.task
        assert (await bench.one(Lane.IMAGE_PAGES)).task == gallery(
            cursor="1|2", limit=5, seen=3, part=Slice(4)
        ).task

    async def test_models_are_claimed_a_hundred_at_a_time(self, bench: Bench) -> None:
        """Tasks of one batch come together, up to the number asked for."""
        await bench.add(*[model(number) for number in range(1, 151)])
        first = await bench.claim(Lane.MODEL_PAGES, most=100)
        second = await bench.claim(Lane.MODEL_PAGES, most=100)
        assert [f"model:{number}" for number in range(1, 101)] == keys(first)
        assert [f"model:{number}" for number in range(101, 151)] == keys(second)
        assert len({lease.token for lease in (*first, *second)}) == 150

    async def test_a_batch_holds_nothing_else(self, bench: Bench) -> None:
        """A task without a batch, or of another one, is never claimed with others."""
        await bench.add(model(1), model(2, batch=None), model(3, batch="other"), model(4))
        assert keys(await bench.claim(Lane.MODEL_PAGES, most=100)) == ["model:1", "model:4"]
        assert keys(await bench.claim(Lane.MODEL_PAGES, most=100)) == ["model:2"]
        assert keys(await bench.claim(Lane.MODEL_PAGES, most=100)) == ["model:3"]

    async def test_who_wants_one_gets_one(self, bench: Bench) -> None:
        """A batch is no reason to take more than was asked for."""
        await bench.add(model(1), model(2))
        assert keys(await bench.claim(Lane.MODEL_PAGES, most=1)) == ["model:1"]

    async def test_one_source_is_never_fetched_twice_at_a_time(self, bench: Bench) -> None:
        """Two places of the same bytes wait for each other, in whatever lanes they are."""
        await bench.add(file(1, source="s"), file(2, source="s"), file(3), image(4, source="s"))
        lease = await bench.one()
        assert await bench.all_keys(Lane.FILES) == ["file:10:3"]
        assert await bench.all_keys(Lane.IMAGES) == []
        await bench.settle(lease, stored(1))
        assert await bench.all_keys(Lane.FILES) == ["file:10:2", "file:10:3"]

    async def test_images_are_claimed_ahead(self, bench: Bench) -> None:
        """So many at once as were asked for, each with a claim of its own; of a source one only."""
        several = [image(number) for number in range(1, 6)]
        await bench.add(image(6, source="s"), image(7, source="s"), *several)
        leases = await bench.queue.claim(Lane.IMAGES, most=1, ahead=4)
        wanted = ["image:6@gallery", *(f"image:{number}@gallery" for number in (1, 2))]
        assert (keys(leases), len({lease.token for lease in leases})) == (wanted, 3)
        await bench.queue.release(leases[1:])
        rest = [f"image:{number}@gallery" for number in (1, 2, 3, 4, 5)]
        assert await bench.all_keys(Lane.IMAGES) == rest
        await bench.settle(leases[0], stored(6))
        assert await bench.all_keys(Lane.IMAGES) == ["image:7@gallery", *rest]

    async def test_a_page_is_claimed_alone(self, bench: Bench) -> None:
        """What may become due again while it is done does not wait in a line of claims."""
        await bench.add(image(1), *dress_tasks(1, "Dream"), image(2))
        seen = [keys(await bench.queue.claim(Lane.IMAGES, most=1, ahead=8)) for _ in range(3)]
        assert seen == [["image:1@gallery"], ["page:1"], ["image:2@gallery"]]

    async def test_a_claim_tells_what_is_known_of_the_bytes(self, bench: Bench) -> None:
        """What an earlier try has left, and who has equal bytes, comes along with the claim."""
        await bench.add(image(1, source="s"), image(2, source="s"))
        await bench.settle(await bench.one(Lane.IMAGES), stored(1))
        (lease,) = await bench.queue.claim(Lane.IMAGES, most=1, ahead=2)
        begun = lease.task.begun
        assert begun is not None
        assert (begun.staged, begun.held) == (None, None)
        assert list(begun.twins) == await bench.catalog.find_source("s") != []
        await bench.catalog.hold(lease.task.key, Held(5, '"tag"', "h", 9))
        await bench.catalog.stage([(lease.task.key, stored(2))])
        await bench.queue.release([lease])
        (lease,) = await bench.queue.claim(Lane.IMAGES, most=1, ahead=2)
        begun = lease.task.begun
        assert begun is not None
        assert (begun.staged, begun.held) == (stored(2), Held(5, '"tag"', "h", 9))

    async def test_a_source_that_was_given_back_is_free(self, bench: Bench) -> None:
        """A task that was put off does not keep its twin from being fetched."""
        await bench.add(file(1, source="s"), file(2, source="s"))
        await bench.do(Deferred(2_000.0, TROUBLE))
        assert keys(await bench.claim()) == ["file:10:2"]

    # waiting

    async def test_what_was_put_off_waits_for_its_time(self, bench: Bench) -> None:
        """A deferred task is claimed at its moment and not before."""
        await bench.add(file(1))
        await bench.do(Deferred(1_010.0, TROUBLE))
        bench.clock.time = 1_009.9
        assert await bench.claim() == ()
        assert await bench.queue.next_due(Lane.FILES) == 1_010.0
        bench.clock.time = 1_010.0
        assert keys(await bench.claim()) == ["file:10:1"]
        assert await bench.queue.next_due(Lane.FILES) is None

    async def test_the_next_due_task_is_the_earliest(self, bench: Bench) -> None:
        """A lane sleeps until the first of its tasks is due."""
        assert await bench.queue.next_due(Lane.FILES) is None
        await bench.add(file(1), file(2), image(3))
        await bench.do(Deferred(1_030.0, TROUBLE))
        await bench.do(Deferred(1_020.0, TROUBLE))
        assert await bench.queue.next_due(Lane.FILES) == 1_020.0
        assert await bench.queue.next_due(Lane.IMAGES) == 0.0

    async def test_attempts_and_waits_are_counted_apart(self, bench: Bench) -> None:
        """An error about the task uses an attempt, one about the lane adds to its waiting."""
        await bench.add(file(1))
        seen = []
        for outcome in (
            Deferred(1_000.0, TROUBLE),
            Deferred(1_030.0, TROUBLE, counts=False, pause=30.0),
            Deferred(1_040.0, TROUBLE, counts=False, mismatch=True),
            Deferred(1_040.0, TROUBLE),
        ):
            await bench.do(outcome)
            bench.clock.time = outcome.until
            lease = await bench.one()
            seen.append((lease.task.attempt, lease.task.waited, lease.task.mismatches))
            await bench.queue.release([lease])
        assert seen == [(1, 0.0, 0), (1, 30.0, 0), (1, 40.0, 1), (2, 40.0, 1)]

    async def test_waiting_for_room_on_the_disk_is_nobodys_fault(self, bench: Bench) -> None:
        """An hour of a full disk does not count as waiting for the service."""
        full = Failure(Trouble.STORAGE, "no space is left")
        await bench.add(file(1))
        await bench.do(Deferred(4_600.0, full, counts=False, halt=True))
        bench.clock.time = 4_600.0
        task = (await bench.one()).task
        assert (task.attempt, task.waited) == (0, 0.0)

    async def test_waiting_for_room_for_one_file_is_its_own(self, bench: Bench) -> None:
        """A file that is larger than what is free waits as long as one thing may, not for ever."""
        large = Failure(Trouble.STORAGE, "not enough room")
        await bench.add(file(1))
        await bench.do(Deferred(1_010.0, large, counts=False))
        bench.clock.time = 1_010.0
        task = (await bench.one()).task
        assert (task.attempt, task.waited) == (0, 10.0)

    async def test_progress_gives_a_task_its_attempts_back(self, bench: Bench) -> None:
        """A file that grew in a try has used one attempt, whatever it had used before."""
        await bench.add(file(1))
        for _ in range(3):
            await bench.do(Deferred(1_000.0, TROUBLE))
        await bench.do(Deferred(1_000.0, TROUBLE, progress=True))
        assert (await bench.one()).task.attempt == 1

    async def test_a_closed_lane_leaves_its_task_as_it_was(self, bench: Bench) -> None:
        """A task whose lane had to stop is ready for the next run, with all its attempts."""
        await bench.add(file(1))
        await bench.do(LaneClosed(TROUBLE, until=5_000.0))
        lease = await bench.one()
        assert (lease.task.attempt, lease.task.waited) == (0, 0.0)

    # settling and giving back

    async def test_what_is_settled_does_not_come_back(self, bench: Bench) -> None:
        """Stored, skipped, unavailable and failed tasks are done with for this run."""
        ends = [stored(1), Skipped("x"), Unavailable(Reason.GONE, "x"), Failed(TROUBLE), Expanded()]
        await bench.add(*[file(number) for number in range(1, len(ends) + 1)])
        for outcome in ends:
            await bench.do(outcome)
        assert await bench.claim() == ()
        assert await bench.queue.next_due(Lane.FILES) is None
        assert await bench.finish()

    async def test_many_tasks_are_settled_at_once(self, bench: Bench) -> None:
        """The outcomes of a batch are recorded together."""
        await bench.add(model(1), model(2))
        leases = await bench.claim(Lane.MODEL_PAGES, most=100)
        outcomes = [Expanded((file(1),)), Failed(TROUBLE)]
        added = await bench.queue.settle(list(zip(leases, outcomes, strict=True)))
        assert keys(added.new) == ["file:10:1"]
        assert await bench.claim(Lane.MODEL_PAGES) == ()

    async def test_a_stale_claim_settles_nothing(self, bench: Bench) -> None:
        """A worker whose task was given to another one cannot change it, nor bring children."""
        await bench.add(file(1))
        old = await bench.one()
        await bench.queue.release([old])
        new = await bench.one()
        added = await bench.settle(old, Expanded((file(9),)))
        assert (added.new, added.known) == ((), 0)
        await bench.queue.release([old])
        assert await bench.claim() == ()
        await bench.settle(new, stored(1))
        await bench.settle(new, Failed(TROUBLE))
        assert await bench.catalog.stored_as("file:10:1") is not None
        assert await bench.ledger.failures() == ()

    async def test_what_is_given_back_is_untouched(self, bench: Bench) -> None:
        """A task that was claimed when the run was stopped has lost no attempt."""
        await bench.add(file(1), file(2))
        lease = await bench.one()
        await bench.queue.release([lease])
        assert await bench.one() == replace(lease, token=lease.token + 1)

    async def test_nothing_is_claimed_after_the_end_of_a_process(self, bench: Bench) -> None:
        """A run that ends gives all its claims back, and blames no task for it."""
        await bench.add(file(1), file(2))
        for _ in range(5):
            await bench.claim()
            await bench.runs.unclaim()
        assert await bench.all_keys() == ["file:10:1", "file:10:2"]

    # pages

    async def test_the_children_of_a_page_are_taken_in_once(self, bench: Bench) -> None:
        """A page that is read again, or another page that tells of the same, brings nothing new."""
        await bench.add(model(1), model(2))
        first = await bench.do(Expanded((file(1), file(2))), Lane.MODEL_PAGES)
        second = await bench.do(Expanded((file(2), file(3), file(3))), Lane.MODEL_PAGES)
        third = await bench.add(file(1), parent="model:1")
        assert (keys(first.new), first.known) == (["file:10:1", "file:10:2"], 0)
        assert (keys(second.new), second.known) == (["file:10:3"], 2)
        assert (keys(third.new), third.known) == ([], 1)
        assert await bench.catalog.linked("model:1", ["file:10:1", "file:10:2", "file:10:3"]) == {
            "file:10:1",
            "file:10:2",
        }
        assert await bench.catalog.linked("model:2", ["file:10:2"]) == {"file:10:2"}
        assert await bench.catalog.count_children("model:2", Kind.FILE) == 2
        assert await bench.catalog.count_children("model:2", Kind.IMAGE) == 0

    async def test_a_page_goes_on_where_it_stopped(self, bench: Bench) -> None:
        """The next stretch of a listing is a new question, with all attempts, after its wait."""
        await bench.add(gallery())
        await bench.do(Deferred(1_000.0, TROUBLE), Lane.IMAGE_PAGES)
        ref = gallery(cursor="812", seen=200, pages=1).task.subject
        await bench.do(Expanded((image(1),), onward=ref, wait=8.0), Lane.IMAGE_PAGES)
        assert await bench.claim(Lane.IMAGE_PAGES) == ()
        bench.clock.time += 8.0
        lease = await bench.one(Lane.IMAGE_PAGES)
        assert (ref, 0) == (lease.task.subject, lease.task.attempt)
        await bench.settle(lease, Expanded())
        assert await bench.claim(Lane.IMAGE_PAGES) == ()

    async def test_a_model_that_is_asked_for_alone_leaves_its_batch(self, bench: Bench) -> None:
        """A model that a list did not show is asked for by itself, and the others stay together."""
        await bench.add(model(1), model(2))
        lease = await bench.one(Lane.MODEL_PAGES)
        await bench.settle(lease, Expanded(onward=ModelRef(1, single=True)))
        alone = (await bench.claim(Lane.MODEL_PAGES, most=100))[0]
        assert (alone.task.subject, alone.task.batch) == (ModelRef(1, single=True), None)

    async def test_a_creators_page_settles_the_models_it_shows(self, bench: Bench) -> None:
        """Models that a list shows in full are read by the way, and their files are found."""
        await bench.add(creator(), model(1))
        shown = replace(model(1), verdict=Expanded(), children=(file(1),))
        other = replace(model(2), verdict=Expanded(), children=(file(2),))
        added = await bench.add(shown, other, parent="creator:ann")
        assert keys(added.new) == ["model:1", "file:10:1", "model:2", "file:10:2"]
        assert await bench.all_keys(Lane.MODEL_PAGES) == ["creator:ann"]
        assert await bench.all_keys(Lane.FILES) == ["file:10:1", "file:10:2"]
        assert await bench.catalog.count_children("creator:ann", Kind.MODEL) == 2

    async def test_what_is_known_to_be_unavailable_is_recorded_and_not_tried(
        self, bench: Bench
    ) -> None:
        """Files of an archived model are counted with their reason, and nobody asks for them."""
        verdict = Unavailable(Reason.EARLY_ACCESS, "until May", until=9_000.0)
        await bench.add(replace(file(1), verdict=verdict), replace(file(2), verdict=Skipped("x")))
        assert await bench.claim() == ()
        (trace,) = await bench.ledger.unavailable()
        assert (trace.key, trace.why, trace.detail) == ("file:10:1", "early_access", "until May")
        assert trace.until == 9_000.0

    # groups

    async def test_a_page_is_written_after_its_images_and_sidecars_after_all_else(
        self, bench: Bench
    ) -> None:
        """What waits for a group is released when nothing of it, or below it, is open."""
        page, sidecars = dress_tasks(1, "Dream")
        picture = image(1, role=Role.PREVIEW, group="dress:1/images")
        await bench.add(file(1, group="dress:1/files"), picture, page, sidecars)
        assert await bench.all_keys(Lane.IMAGES) == ["image:1@gallery"]
        await bench.do(Deferred(1_000.0, TROUBLE), Lane.IMAGES)
        assert await bench.all_keys(Lane.IMAGES) == ["image:1@gallery"]
        await bench.do(Failed(TROUBLE), Lane.IMAGES)
        assert await bench.all_keys(Lane.IMAGES) == ["page:1"]
        await bench.do(Skipped("written"), Lane.IMAGES)
        assert await bench.claim(Lane.IMAGES) == ()
        await bench.do(stored(1))
        assert await bench.all_keys(Lane.IMAGES) == ["sidecars:1"]

    async def test_a_group_without_tasks_holds_nothing_up(self, bench: Bench) -> None:
        """A model without images and files is written at once."""
        await bench.add(*dress_tasks(1, "Dream"))
        assert await bench.all_keys(Lane.IMAGES) == ["page:1"]
        await bench.do(Skipped("written"), Lane.IMAGES)
        assert await bench.all_keys(Lane.IMAGES) == ["sidecars:1"]

    async def test_an_early_page_is_not_written_over_the_last_one(self, bench: Bench) -> None:
        """A page that is long on its way holds up the sidecars, which write it once more."""
        picture = image(1, role=Role.PREVIEW, group="dress:1/images")
        await bench.add(file(1, group="dress:1/files"), picture, *dress_tasks(1, "Dream"))
        await bench.do(Failed(TROUBLE), Lane.IMAGES)
        early = await bench.one(Lane.IMAGES)
        assert early.task.key == "page:1"
        await bench.do(stored(1))
        assert await bench.claim(Lane.IMAGES) == ()
        await bench.settle(early, Skipped("written"))
        assert await bench.all_keys(Lane.IMAGES) == ["sidecars:1"]

    async def test_a_model_that_is_read_while_it_is_dressed_is_dressed_again(
        self, bench: Bench
    ) -> None:
        """What was being written does not know of the file that the page has just told of."""
        await bench.begin(root(model(1)))
        await bench.add(*dress_tasks(1, "Dream"))
        early = await bench.one(Lane.IMAGES)
        children = (file(1, group="dress:1/files"), *dress_tasks(1, "Dream"))
        await bench.do(Expanded(children), Lane.MODEL_PAGES)
        await bench.settle(early, Skipped("written"))
        assert await bench.all_keys(Lane.IMAGES) == ["page:1"]
        await bench.do(Skipped("written"), Lane.IMAGES)
        assert await bench.claim(Lane.IMAGES) == ()
        await bench.do(stored(1))
        assert await bench.all_keys(Lane.IMAGES) == ["sidecars:1"]

    async def test_a_model_that_lies_there_as_it_would_be_written_is_left_alone(
        self, bench: Bench
    ) -> None:
        """In a later run nothing of it is due, unless something of the model is still to come."""
        dressed = [replace(one, verdict=Skipped("as it was")) for one in dress_tasks(1, "Dream")]
        await bench.add(*dress_tasks(1, "Dream"))
        await bench.do(Skipped("written"), Lane.IMAGES)
        await bench.do(Skipped("written"), Lane.IMAGES)
        await bench.begin(root(model(1)))
        added = await bench.add(*dressed)
        assert ((), 2) == (added.new, added.known)
        assert await bench.claim(Lane.IMAGES) == ()
        picture = image(1, role=Role.PREVIEW, group="dress:1/images")
        await bench.add(picture, image(2, group="dress:10/images"), *dressed)
        await bench.do(Failed(TROUBLE), Lane.IMAGES)
        assert ["image:2@gallery", "page:1"] == sorted(await bench.all_keys(Lane.IMAGES))

    async def test_a_model_that_was_not_written_to_the_end_is_written(self, bench: Bench) -> None:
        """Whatever lies there: an unknown page is new, and one that is due stays due."""
        dressed = [replace(one, verdict=Skipped("as it was")) for one in dress_tasks(1, "Dream")]
        await bench.add(*dressed)
        await bench.begin(root(model(1)))
        await bench.add(*dressed)
        await bench.do(Skipped("written"), Lane.IMAGES)
        assert await bench.all_keys(Lane.IMAGES) == ["sidecars:1"]

    async def test_groups_of_similar_names_are_different_groups(self, bench: Bench) -> None:
        """The page of model 1 does not wait for the images of model 10 or 11."""
        page, sidecars = dress_tasks(1, "Dream")
        await bench.add(
            image(2, group="dress:10/images"),
            image(3, group="dress:1.5/images"),
            file(3, group="dress:11/files"),
            page,
            sidecars,
        )
        leases = {
            lease.task.key: lease for _ in range(3) for lease in [await bench.one(Lane.IMAGES)]
        }
        await bench.settle(leases["page:1"], Skipped("written"))
        assert await bench.all_keys(Lane.IMAGES) == ["sidecars:1"]

    async def test_a_group_that_grows_again_is_waited_for(self, bench: Bench) -> None:
        """An image that is found later holds up what has not been written yet."""
        page, sidecars = dress_tasks(1, "Dream")
        await bench.add(image(1, group="dress:1/images"), page, sidecars)
        await bench.add(image(2, group="dress:1/images"))
        await bench.do(Failed(TROUBLE), Lane.IMAGES)
        assert await bench.all_keys(Lane.IMAGES) == ["image:2@gallery"]

    # crashes

    async def test_what_only_needs_its_name_goes_first_after_a_crash(self, bench: Bench) -> None:
        """Of two places for one image the one that has its bytes is done before the other."""
        first, second = image(1, source="uuid:a"), image(2, source="uuid:a", priority=3)
        await bench.add(second)
        lease = await bench.one(Lane.IMAGES)
        await bench.catalog.stage([(lease.task.key, stored(2))])
        await bench.add(first)
        await bench.die()
        assert (await bench.one(Lane.IMAGES)).task.key == "image:2@gallery"

    async def test_a_crash_loses_nothing(self, bench: Bench) -> None:
        """What a dead process had claimed is ready again, at once and with its attempts."""
        await bench.add(file(1), file(2), file(3))
        await bench.do(stored(1))
        await bench.do(Deferred(1_000.0, TROUBLE))
        await bench.claim()
        assert await bench.die() == 1
        assert await bench.claim(most=1) != ()
        assert await bench.die() == 1
        assert await bench.all_keys() == ["file:10:2", "file:10:3"]
        assert await bench.catalog.stored_as("file:10:1") is not None
        assert (await bench.one()).task.attempt == 1

    async def test_a_start_after_a_good_end_finds_nothing_at_work(self, bench: Bench) -> None:
        """Without a crash there is nothing to take back."""
        await bench.add(file(1))
        assert await bench.die() == 0

    async def test_a_task_that_was_at_work_in_three_crashes_goes_last(self, bench: Bench) -> None:
        """What may be what kills is tried when nothing else can come to harm, and not given up."""
        await bench.add(file(1), file(2, priority=5))
        for _ in range(2):
            assert keys(await bench.claim()) == ["file:10:1"]
            await bench.die()
        assert await bench.all_keys() == ["file:10:1", "file:10:2"]
        await bench.claim()
        await bench.die()
        assert await bench.all_keys() == ["file:10:2", "file:10:1"]
        await bench.claim()
        await bench.claim()
        await bench.die()
        await bench.add(file(3, priority=1_500))
        assert await bench.all_keys() == ["file:10:2", "file:10:1", "file:10:3"]

    async def test_a_claim_of_a_dead_process_settles_nothing(self, bench: Bench) -> None:
        """A worker that outlived its run changes nothing any more."""
        await bench.add(file(1))
        lease = await bench.one()
        await bench.die()
        await bench.settle(lease, Failed(TROUBLE))
        assert await bench.all_keys() == ["file:10:1"]

    # runs

    async def test_a_stopped_run_goes_on_where_it_was(self, bench: Bench) -> None:
        """A second run for the same thing reads on at the cursor and lists nothing again."""
        await bench.begin(root(gallery()))
        ref = gallery(cursor="812", seen=200, pages=1).task.subject
        await bench.do(Expanded((image(1), image(2)), onward=ref), Lane.IMAGE_PAGES)
        await bench.do(stored(1), Lane.IMAGES)
        assert await bench.finish() is False
        assert await bench.begin(root(gallery())) is True
        assert (await bench.one(Lane.IMAGE_PAGES)).task.subject == ref
        assert await bench.all_keys(Lane.IMAGES) == ["image:2@gallery"]

    async def test_a_stopped_run_tries_again_what_failed_in_it(self, bench: Bench) -> None:
        """What failed before a run was stopped has all its attempts in the next one."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), file(2), file(3))), Lane.MODEL_PAGES)
        await bench.do(Deferred(9_000.0, TROUBLE))
        await bench.do(Failed(TROUBLE))
        assert await bench.begin(root(model(1))) is True
        assert await bench.claim(Lane.MODEL_PAGES) == ()
        assert await bench.all_keys() == ["file:10:1", "file:10:2", "file:10:3"]
        assert {0} == {(await bench.one()).task.attempt for _ in range(3)}

    async def test_a_finished_run_is_asked_anew(self, bench: Bench) -> None:
        """A later run reads every page again, and fetches only what is new or was not stored."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), file(2))), Lane.MODEL_PAGES)
        await bench.do(stored(1))
        await bench.do(Failed(TROUBLE))
        assert await bench.finish() is True
        assert await bench.begin(root(model(1))) is False
        assert keys(await bench.claim(Lane.FILES)) == []
        added = await bench.do(Expanded((file(1), file(2), file(3))), Lane.MODEL_PAGES)
        assert (keys(added.new), added.known) == (["file:10:2", "file:10:3"], 1)
        assert await bench.all_keys() == ["file:10:2", "file:10:3"]

    async def test_a_finished_gallery_is_walked_to_known_ground(self, bench: Bench) -> None:
        """A gallery that was listed whole is asked for its newest images until they are known."""
        await bench.begin(root(gallery()))
        ref = gallery(cursor="812", seen=200, pages=1).task.subject
        await bench.do(Expanded((image(1),), onward=ref), Lane.IMAGE_PAGES)
        await bench.do(Expanded((image(2),)), Lane.IMAGE_PAGES)
        await bench.do(stored(1), Lane.IMAGES)
        await bench.do(Failed(TROUBLE), Lane.IMAGES)
        assert await bench.finish() is True
        assert await bench.begin(root(gallery())) is False
        again = (await bench.one(Lane.IMAGE_PAGES)).task.subject
        start = gallery().task.subject
        assert isinstance(start, GalleryRef)
        assert again == replace(start, sort="Newest", known_ground=True)
        assert await bench.all_keys(Lane.IMAGES) == ["image:2@gallery"]

    async def test_a_creator_asked_for_in_another_case_keeps_her_folder(self, bench: Bench) -> None:
        """Ann and ANN are one user: her images stay where they were first put."""

        def feed(name: str) -> Planned:
            ref = GalleryRef(GalleryQuery(username=name), f"users/{name}/images")
            key = "gallery:user:ann"
            task = Task(key, Kind.GALLERY, Lane.IMAGE_PAGES, Role.USER_IMAGE, ref, key)
            return Planned(task)

        await bench.begin(root(feed("Ann")))
        await bench.do(Expanded(), Lane.IMAGE_PAGES)
        assert await bench.finish() is True
        await bench.begin(root(feed("ANN")))
        again = (await bench.one(Lane.IMAGE_PAGES)).task.subject
        assert isinstance(again, GalleryRef)
        assert again.folder == "users/Ann/images"

    async def test_what_a_stopped_run_listed_is_listed_when_it_goes_on(self, bench: Bench) -> None:
        """Two walks from both ends of a list meet, also when a stop came between them."""
        await bench.begin(root(gallery()))
        ref = gallery(cursor="812", seen=1, pages=1).task.subject
        await bench.do(Expanded((image(1),), onward=ref), Lane.IMAGE_PAGES)
        assert await bench.begin(root(gallery())) is True
        catalog = SqliteCatalog(bench.database, bench.run)
        found = await catalog.linked("gallery:model:1", ["image:1@gallery"], this_run=True)
        assert found == {"image:1@gallery"}

    async def test_a_gallery_that_failed_is_listed_from_its_start(self, bench: Bench) -> None:
        """A listing that was given up proves nothing, so it is done again whole."""
        await bench.begin(root(gallery()))
        ref = gallery(cursor="812", seen=200, pages=1).task.subject
        await bench.do(Expanded((image(1),), onward=ref), Lane.IMAGE_PAGES)
        await bench.do(Failed(TROUBLE), Lane.IMAGE_PAGES)
        await bench.do(stored(1), Lane.IMAGES)
        assert await bench.finish() is True
        await bench.begin(root(gallery()))
        assert (await bench.one(Lane.IMAGE_PAGES)).task.subject == gallery().task.subject

    async def test_a_slice_that_failed_is_listed_by_the_next_run(self, bench: Bench) -> None:
        """A part of a split gallery that was given up is asked for again, not forgotten."""
        await bench.begin(root(gallery()))
        await bench.do(Expanded((gallery(part=Slice(4)),)), Lane.IMAGE_PAGES)
        await bench.do(Failed(TROUBLE), Lane.IMAGE_PAGES)
        assert await bench.finish() is True
        await bench.begin(root(gallery()))
        assert "gallery:model:1/4" in await bench.all_keys(Lane.IMAGE_PAGES)

    async def test_a_run_for_other_things_leaves_the_rest_alone(self, bench: Bench) -> None:
        """A run for model 2 does not go on with model 1."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1),)), Lane.MODEL_PAGES)
        assert await bench.begin(root(model(2))) is False
        assert await bench.all_keys(Lane.MODEL_PAGES) == ["model:2"]
        assert await bench.claim(Lane.FILES) == ()
        assert await bench.begin(root(model(1))) is True
        assert await bench.all_keys(Lane.FILES) == ["file:10:1"]

    async def test_a_run_does_only_what_it_was_asked_for(self, bench: Bench) -> None:
        """A run with --only models leaves the images that an earlier one has not fetched."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), image(2, role=Role.PREVIEW))), Lane.MODEL_PAGES)
        await bench.begin(root(model(1)), roles={Role.PAGE, Role.DRESS, Role.FILE})
        assert await bench.all_keys(Lane.FILES) == ["file:10:1"]
        assert await bench.claim(Lane.IMAGES) == ()

    async def test_what_an_earlier_run_wanted_holds_up_nothing(self, bench: Bench) -> None:
        """With --only models sidecars are written, though an earlier run left a preview open."""
        await bench.begin(root(model(1)))
        preview = image(2, role=Role.PREVIEW, group="dress:1/images")
        children = (file(1, group="dress:1/files"), preview, *dress_tasks(1, "Dream"))
        await bench.do(Expanded(children), Lane.MODEL_PAGES)
        await bench.begin(root(model(1)), roles={Role.PAGE, Role.DRESS, Role.FILE})
        await bench.do(stored(1))
        assert "page:1" in await bench.all_keys(Lane.IMAGES)
        await bench.do(Skipped("written"), Lane.IMAGES)
        assert "sidecars:1" in await bench.all_keys(Lane.IMAGES)

    async def test_a_retry_asks_for_nothing_anew(self, bench: Bench) -> None:
        """`retry` takes up what failed, also failed pages, and lists nothing that was listed."""
        await bench.begin(root(model(1), gallery()), root(model(2), text="model 2"))
        await bench.do(Expanded((file(1), file(2))), Lane.MODEL_PAGES)
        await bench.do(Failed(TROUBLE), Lane.MODEL_PAGES)
        await bench.do(Expanded(), Lane.IMAGE_PAGES)
        await bench.do(stored(1))
        await bench.do(Failed(TROUBLE))
        assert await bench.finish() is True
        again = [root(model(1), gallery()), root(model(2)), root(model(3))]
        assert await bench.begin(*again, only_failed=True) is True
        assert await bench.all_keys(Lane.FILES) == ["file:10:2"]
        assert await bench.all_keys(Lane.MODEL_PAGES) == ["model:2"]
        assert await bench.all_keys(Lane.IMAGE_PAGES) == []

    @pytest.mark.parametrize("finished", [True, False])
    async def test_what_could_not_be_had_is_tried_when_it_is_due(
        self, bench: Bench, *, finished: bool
    ) -> None:
        """Early access is tried on its date; until then it is told again and not asked for."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), file(2))), Lane.MODEL_PAGES)
        await bench.do(Unavailable(Reason.EARLY_ACCESS, "until May", until=5_000.0))
        if finished:
            await bench.do(Unavailable(Reason.GONE, "gone"))
        assert await bench.finish() is finished
        for now, expected in ((4_999.0, []), (5_000.0, ["file:10:1"])):
            bench.clock.time = now
            await bench.begin(root(model(1)))
            for lease in await bench.claim(Lane.MODEL_PAGES):
                await bench.settle(lease, Expanded((file(1), file(2))))
            due = await bench.all_keys()
            assert [key for key in due if key == "file:10:1"] == expected
            told = {trace.key for trace in await bench.ledger.unavailable()}
            assert ("file:10:1" in told) is not bool(expected)

    async def test_a_login_is_tried_once_there_is_a_key(self, bench: Bench) -> None:
        """Files that want a login are tried by the first run that has a key."""
        bench.key = False
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1),)), Lane.MODEL_PAGES)
        await bench.do(Unavailable(Reason.LOGIN_REQUIRED, "log in"))
        assert await bench.finish() is True
        for key, expected in ((False, []), (True, ["file:10:1"])):
            bench.key = key
            await bench.begin(root(model(1)))
            await bench.do(Expanded((file(1),)), Lane.MODEL_PAGES)
            assert await bench.all_keys() == expected
            await bench.finish()

    async def test_a_run_is_over_when_nothing_is_left_to_do(self, bench: Bench) -> None:
        """A run with open tasks is not closed, so that the next one goes on with it."""
        await bench.begin(root(model(1)))
        assert await bench.finish() is False
        await bench.do(Expanded(), Lane.MODEL_PAGES)
        assert await bench.finish() is True
        assert await bench.runs.last() == bench.run

    async def test_what_went_missing_is_fetched_when_it_is_wanted(self, bench: Bench) -> None:
        """A stored file that is gone from disk is forgotten, and due in the run that wants it."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), file(2))), Lane.MODEL_PAGES)
        await bench.do(stored(1))
        await bench.do(stored(2))
        await bench.finish()
        rows = await bench.runs.stored_after(0, 10)
        assert [("model_0/1/10-v1/1.bin", 100), ("model_0/1/10-v1/2.bin", 100)] == [
            row[1:] for row in rows
        ]
        assert await bench.runs.stored_after(rows[0][0], 10) == rows[1:]
        assert await bench.runs.stored_after(0, 1) == rows[:1]
        await bench.runs.missing([rows[0][0]])
        assert await bench.catalog.stored_as("file:10:1") is None
        assert await bench.runs.stored_after(0, 10) == rows[1:]
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), file(2))), Lane.MODEL_PAGES)
        assert await bench.all_keys() == ["file:10:1"]

    # the catalog

    async def test_what_is_stored_is_found_by_key_source_and_digest(self, bench: Bench) -> None:
        """Bytes that the archive has are found again, wherever they are wanted."""
        await bench.add(file(1, source="sha256:ab"), file(2, source="sha256:ab"), file(3))
        await bench.do(stored(1, sha="ab"))
        found = StoredFile("model_0/1/10-v1/1.bin", "ab", 100, verified=True)
        assert await bench.catalog.stored_as("file:10:1") == found
        assert await bench.catalog.stored_as("file:10:2") is None
        assert await bench.catalog.find_source("sha256:ab") == [found]
        assert await bench.catalog.find_sha256("ab") == [found]
        assert await bench.catalog.find_sha256("cd") == await bench.catalog.find_source("x") == []
        assert await bench.catalog.stored_under(1) == {"file:10:1": found}
        assert await bench.catalog.stored_under(2) == {}

    async def test_what_is_stored_below_a_page_is_held(self, bench: Bench) -> None:
        """A model that is gone from the service is kept when the archive holds anything of it."""
        await bench.add(creator())
        shown = replace(model(1), verdict=Expanded(), children=(file(1),))
        await bench.do(Expanded((shown,)), Lane.MODEL_PAGES)
        assert not await bench.catalog.holds("creator:ann")
        await bench.do(stored(1))
        assert await bench.catalog.holds("creator:ann")
        assert await bench.catalog.holds("model:1")
        assert not await bench.catalog.holds("model:2")

    async def test_the_intent_to_publish_is_remembered(self, bench: Bench) -> None:
        """What was about to get its name when the program died is known afterwards."""
        await bench.add(file(1))
        assert await bench.catalog.staged("file:10:1") is None
        intent = Stored("a/b.bin", "ab", 5, how="linked", verified=False, note="x")
        await bench.catalog.stage([("file:10:1", intent)])
        await bench.claim()
        await bench.die()
        assert await bench.catalog.staged("file:10:1") == intent
        await bench.do(stored(1))
        assert await bench.catalog.staged("file:10:1") is None

    async def test_a_checkpoint_is_remembered_until_it_is_forgotten(self, bench: Bench) -> None:
        """How much of a partial file is durable outlives a crash."""
        held = Held(700, etag='"abc"', host="b2.example.org", total=1300)
        assert await bench.catalog.held("file:10:1") is None
        await bench.catalog.hold("file:10:1", Held(5))
        await bench.catalog.hold("file:10:1", held)
        await bench.die()
        assert await bench.catalog.held("file:10:1") == held
        islands = (Island(800, 900, "0000abcd"), Island(1000, 1300, "12345678"))
        await bench.catalog.hold("file:10:1", replace(held, islands=islands))
        assert await bench.catalog.held("file:10:1") == replace(held, islands=islands)
        await bench.catalog.hold("file:10:1", held)
        assert await bench.catalog.held("file:10:1") == held
        await bench.catalog.hold("file:10:1", None)
        await bench.catalog.hold("file:10:1", None)
        assert await bench.catalog.held("file:10:1") is None

    async def test_places_are_known_as_they_were_given(self, bench: Bench) -> None:
        """Folders of versions and places of files are told, also of what is not stored."""
        archived = FileRef(1, 11, 0, "", "model_0/1/11-old name")
        preview = ImageRef("https://x.org/1.png", "model_0/1/12-v3/previews/1")
        await bench.add(
            file(7),
            Planned(replace(file(0).task, key="files:11", subject=archived)),
            Planned(replace(image(1).task, role=Role.PREVIEW, subject=preview)),
            image(2),
        )
        folders = {10: "10-v1", 11: "11-old name", 12: "12-v3"}
        placed = {1: Placed(folders, {7: "model_0/1/10-v1/7.bin"}), 2: Placed({}, {})}
        assert placed == await bench.catalog.placed([1, 2])

    async def test_what_was_written_of_a_model_is_remembered(self, bench: Bench) -> None:
        """With what is stored of it now; a row that is not what was written is no memory."""
        before = Dressed("facts", (("model_0/1/model.json", "a" * 64),), ("model_0/1/x.png",))
        await bench.catalog.note_dressed(1, before)
        dressed = replace(before, made_of="other facts", links=())
        await bench.catalog.note_dressed(1, dressed)
        await bench.catalog.note_dressed(2, before)
        await bench.add(file(1))
        await bench.do(stored(1))
        await bench.die()
        found = await bench.catalog.dressed([1, 2, 3])
        assert {1, 2} == set(found)
        assert dressed == found[1][0]
        assert ["file:10:1"] == list(found[1][1])
        for change in ("seal = seal + 1", "written = '{', seal = seal_of(model_id, '{')"):
            statement = f"UPDATE dressed SET {change} WHERE model_id = 1"  # ours
            await bench.database.run(lambda connection, text=statement: connection.execute(text))
            assert {2} == set(await bench.catalog.dressed([1, 2, 3]))

    # the ledger

    async def test_every_thing_asked_for_has_an_account(self, bench: Bench) -> None:
        """Each line of a list is told what it brought, what failed of it and why."""
        await bench.begin(
            root(model(1), text="models/1"), root(model(2), text="models/2"), root(text="nothing")
        )
        one, two = await bench.claim(Lane.MODEL_PAGES, most=2)
        await bench.settle(one, Expanded((file(1), file(2), file(3), file(4), file(5))))
        await bench.settle(two, Expanded((file(1), file(6))))
        await bench.do(stored(1))
        await bench.do(Failed(TROUBLE))
        await bench.do(Unavailable(Reason.GONE, "gone"))
        await bench.do(Skipped("there"))
        first, second, third = await bench.ledger.accounts()
        assert (first.text, first.origin, first.expected, first.stored) == (
            "models/1",
            "models.txt:1",
            5,
            2,
        )
        assert (first.failed, first.unavailable, first.open) == ({"transient": 1}, {"gone": 1}, 1)
        assert (first.bytes, first.settled) == (100, False)
        assert (second.expected, second.stored, second.open) == (2, 1, 1)
        assert third == Account("nothing", "models.txt:1")
        total = await bench.ledger.total()
        assert (total.expected, total.stored, total.open) == (6, 2, 2)
        assert await bench.ledger.open_counts() == {Lane.FILES: 2}
        assert await bench.ledger.models() == 2

    async def test_failures_are_told_with_what_led_to_them(self, bench: Bench) -> None:
        """A failed file is told with its name, why, what to do, and the line that wanted it."""
        await bench.begin(root(creator(), text="user/ann"))
        shown = replace(model(1), verdict=Expanded(), children=(file(1), file(2)))
        await bench.do(Expanded((shown,)), Lane.MODEL_PAGES)
        await bench.do(Failed(TROUBLE))
        await bench.do(Unavailable(Reason.DOWNLOADS_DISABLED, "the creator does not want it"))
        (failed,) = await bench.ledger.failures()
        assert (failed.key, failed.label, failed.why) == ("file:10:1", "file 1", "transient")
        assert (failed.detail, failed.hint) == ("the connection broke", "try again")
        assert failed.target == "user/ann"
        (missing,) = await bench.ledger.unavailable()
        assert (missing.key, missing.why) == ("file:10:2", "downloads_disabled")
        assert (missing.target, missing.until) == ("user/ann", None)

    async def test_only_failures_of_this_run_are_told(self, bench: Bench) -> None:
        """What failed for another list is no failure of this run."""
        await bench.begin(root(model(1)))
        await bench.do(Failed(TROUBLE), Lane.MODEL_PAGES)
        await bench.begin(root(model(2)))
        assert await bench.ledger.failures() == ()

    async def test_what_is_left_is_told_in_things_and_bytes(self, bench: Bench) -> None:
        """A dry run tells how many files and bytes there are to fetch."""
        await bench.begin(root(model(1)))
        await bench.do(Expanded((file(1), file(2), file(3), image(4))), Lane.MODEL_PAGES)
        await bench.do(stored(1))
        assert await bench.ledger.outlook() == {"file": (2, 200), "gallery": (1, 0)}

    async def test_everything_is_listed_in_the_order_of_its_coming(self, bench: Bench) -> None:
        """The lists of an archive hold every file of every run, with its state."""
        await bench.add(*[file(number) for number in range(1, 2_102)], image(1), model(1))
        await bench.do(stored(1))
        rows = [(task.key, state) async for task, state in bench.ledger.rows([Kind.FILE])]
        assert len(rows) == 2_101
        assert rows[:2] == [("file:10:1", "stored"), ("file:10:2", "ready")]
        assert rows[-1] == ("file:10:2101", "ready")
        both = [task.key async for task, _ in bench.ledger.rows([Kind.IMAGE, Kind.MODEL])]
        assert both == ["image:1@gallery", "model:1"]

    async def test_a_cancelled_asker_loses_nothing(self, bench: Bench) -> None:
        """A claim whose asker was cancelled is made or not made, and the queue goes on."""
        await bench.add(file(1), file(2))
        asking = asyncio.ensure_future(bench.queue.claim(Lane.FILES, most=1))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await bench.runs.unclaim()
        assert await bench.all_keys() == ["file:10:1", "file:10:2"]


class TestSqlite(QueueSuite):
    """The state of an archive in one SQLite file."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "state.db"

    @pytest.fixture
    async def bench(self, path: Path) -> AsyncIterator[Bench]:
        bench = Bench(path)
        bench.open()
        await bench.begin()
        yield bench
        bench.database.close()

    async def test_claiming_takes_the_index_and_sorts_nothing(self, bench: Bench) -> None:
        """A claim among a million tasks reads the first of them and no others."""

        def explain(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                f"EXPLAIN QUERY PLAN {CLAIM} LIMIT 1", ("files", 1, 1_000.0)
            ).fetchall()
            return [str(row["detail"]) for row in rows]

        plan = await bench.database.run(explain)
        assert plan[0].startswith("SEARCH tasks USING INDEX tasks_ready (lane=? AND run=?")
        assert any("USING INDEX tasks_claimed (source=?)" in line for line in plan) or any(
            "USING COVERING INDEX tasks_claimed (source=?)" in line for line in plan
        )
        assert not [line for line in plan if "TEMP B-TREE" in line or "SCAN" in line]

    async def test_a_claim_does_not_slow_down_with_the_queue(self, bench: Bench) -> None:
        """With 20,000 tasks a claim takes as many steps of SQLite as with 20."""

        def steps(connection: sqlite3.Connection) -> int:
            count = 0

            def tick() -> int:
                nonlocal count
                count += 1
                return 0

            connection.set_progress_handler(tick, 1)
            connection.execute(f"{CLAIM} LIMIT 1", ("files", bench.run, 1_000.0)).fetchone()
            connection.set_progress_handler(None, 1)
            return count

        await bench.add(*[file(number, source=f"s{number}") for number in range(20)])
        few = await bench.database.run(steps)
        await bench.add(*[file(number, source=f"s{number}") for number in range(20_000)])
        assert await bench.database.run(steps) == few

    async def test_one_mistake_undoes_only_itself(self, bench: Bench) -> None:
        """Of many askers whose writes share a commit, one that fails takes back only its own."""

        def note(name: str):
            def work(connection: sqlite3.Connection) -> None:
                connection.execute(
                    "INSERT INTO partials (key, size, host) VALUES (?, 1, '')", (name,)
                )
                if name == "b":
                    raise ValueError("a bug")

            return work

        results = await asyncio.gather(
            *[bench.database.run(note(name)) for name in "abc"], return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), ValueError, type(None)]
        held = [await bench.catalog.held(name) is not None for name in "abc"]
        assert held == [True, False, True]

    async def test_what_was_answered_is_on_disk(self, bench: Bench, path: Path) -> None:
        """A commit that was answered is seen by another connection at once."""
        await bench.add(file(1))
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT key, status FROM tasks").fetchall() == [
                ("file:10:1", "ready")
            ]
        other.close()

    # opening

    def test_a_newer_state_is_refused_untouched(self, path: Path) -> None:
        """A state that a newer program wrote is not opened, and not one byte of it is changed."""
        database = Database(path)
        database.start()
        database.close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(CatalogTooNew, match="schema 99") as told:
            Database(path).start()
        assert "nothing was changed" in told.value.hint
        assert before == path.read_bytes()
        with pytest.raises(CatalogTooNew):
            Database(path, writable=False).start()

    @pytest.mark.parametrize(
        "data", [b"this is no database" * 500, b"SQLite format 3\0" + b"x" * 999]
    )
    def test_a_damaged_state_is_told_with_what_to_do(self, path: Path, data: bytes) -> None:
        """A state that is no database is left as it is, and the person is told how to go on."""
        path.write_bytes(data)
        with pytest.raises(CatalogError, match="damaged") as told:
            Database(path).start()
        assert "aside" in told.value.hint
        assert path.read_bytes() == data

    def test_a_state_that_cannot_be_opened_is_denied(self, tmp_path: Path) -> None:
        """A state in a directory that is not there is a matter of storage."""
        with pytest.raises(StorageDenied, match="cannot be written"):
            Database(tmp_path / "missing/state.db").start()

    async def test_a_look_changes_nothing(self, bench: Bench, path: Path) -> None:
        """`status` reads beside a run at work, and cannot write."""
        await bench.add(file(1))
        look = Database(path, writable=False)
        look.start()
        try:
            assert await SqliteLedger(look, bench.run).open_counts() == {Lane.FILES: 1}
            with pytest.raises(StorageDenied):
                await SqliteCatalog(look).hold("x", Held(1))
        finally:
            look.close()
        assert await bench.catalog.held("x") is None

    def test_a_state_is_closed_once(self, path: Path) -> None:
        """Closing twice, or before opening, is no error."""
        database = Database(path)
        database.close()
        database.start()
        database.close()
        database.close()


# --- the queue against a model of it


@dataclass
class Known:
    """What the model knows of a task."""

    number: int
    order: int
    state: str = "ready"
    attempt: int = 0
    waited: float = 0.0
    mismatches: int = 0
    crashes: int = 0
    not_before: float = 0.0
    token: int = 0
    moved: int = 0

    @property
    def priority(self) -> int:
        return self.number % 3 + self.moved


SOURCES = {1: "s", 4: "s", 7: "t", 8: "t"}
BATCHES = {0: "b", 3: "b", 6: "b", 9: "c"}
GROUPS = {1: "g/x", 2: "g/x", 5: "g/y"}
WAITS = {10: "g", 11: "g/x"}
NUMBERS = st.integers(0, 11)


def numbered(number: int) -> Planned:
    return file(
        number,
        source=SOURCES.get(number),
        batch=BATCHES.get(number),
        group=GROUPS.get(number),
        waits_for=WAITS.get(number),
        priority=number % 3,
    )


class QueueMachine(RuleBasedStateMachine):
    """Adds, claims, settles, releases and crashes in any order, beside a model in memory."""

    leases = Bundle("leases")
    used = Bundle("used")

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        # In memory: what is tried here is the logic; that it is durable is tried elsewhere.
        self.bench = Bench(Path(":memory:"))
        self.bench.open()
        self.go(self.bench.begin())
        self.known: dict[int, Known] = {}

    def teardown(self) -> None:
        self.bench.database.close()
        self.loop.close()

    def go(self, work):
        return self.loop.run_until_complete(work)

    # the model

    def take(self, numbers: Sequence[int]) -> list[int]:
        new = []
        for number in numbers:
            if number not in self.known:
                state = "waiting" if number in WAITS else "ready"
                self.known[number] = Known(number, len(self.known), state)
                new.append(number)
        self.unlock({WAITS[number] for number in numbers if number in WAITS})
        return new

    def unlock(self, groups: set[str]) -> None:
        for number, group in WAITS.items():
            one = self.known.get(number)
            touched = any(name == group or name.rpartition("/")[0] == group for name in groups)
            if one is None or one.state != "waiting" or not touched:
                continue
            inside = [
                other.state
                for member, name in GROUPS.items()
                if (name == group or name.startswith(f"{group}/"))
                and (other := self.known.get(member)) is not None
            ]
            if not {"ready", "claimed", "waiting"} & set(inside):
                one.state = "ready"

    def due(self) -> list[Known]:
        busy = {SOURCES.get(one.number) for one in self.known.values() if one.state == "claimed"}
        busy.discard(None)
        ready = [
            one
            for one in self.known.values()
            if one.state == "ready"
            and one.not_before <= self.bench.clock.now()
            and SOURCES.get(one.number) not in busy
        ]
        return sorted(ready, key=lambda one: (one.priority, one.order))

    # the steps

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=8))
    def add(self, numbers: list[int]) -> None:
        added = self.go(self.bench.add(*[numbered(number) for number in numbers]))
        new = self.take(numbers)
        assert [f"file:10:{number}" for number in new] == keys(added.new)
        assert len(numbers) - len(new) == added.known

    @precondition(lambda self: any(one.state == "ready" for one in self.known.values()))
    @rule(target=leases, most=st.integers(1, 4))
    def claim(self, most: int):
        due = self.due()
        first = BATCHES.get(due[0].number) if due else None
        alike = [one for one in due[:most] if BATCHES.get(one.number) == first]
        expected = alike if first is not None and most > 1 else due[:1]
        leases = self.go(self.bench.claim(most=most))
        assert [f"file:10:{one.number}" for one in expected] == keys(leases)
        for one, lease in zip(expected, leases, strict=True):
            facts = (lease.task.attempt, lease.task.waited, lease.task.mismatches)
            assert (one.attempt, one.waited, one.mismatches) == facts
            one.state, one.token = "claimed", lease.token
        return multiple(*leases)

    def owned(self, lease: Lease) -> Known | None:
        """The task of a lease, if the lease is still good."""
        one = self.known[int(lease.task.key.rpartition(":")[2])]
        return one if one.state == "claimed" and one.token == lease.token else None

    def settle(self, lease: Lease, outcome: Outcome, numbers: Sequence[int] = ()) -> None:
        added = self.go(self.bench.settle(lease, outcome))
        one = self.owned(lease)
        if one is None:
            assert (added.new, added.known) == ((), 0)
            return
        ends = {Stored: "stored", Expanded: "stored", Skipped: "skipped", Failed: "failed"}
        one.state = {**ends, Unavailable: "unavailable"}.get(type(outcome), "ready")
        if isinstance(outcome, Failed):
            one.attempt += 1
        if isinstance(outcome, Deferred):
            one.not_before = outcome.until
            one.attempt = (0 if outcome.progress else one.attempt) + outcome.counts
            one.mismatches += outcome.mismatch
            one.waited += 0.0 if outcome.counts else outcome.until - self.bench.clock.now()
        if isinstance(outcome, Expanded) and outcome.onward is not None:
            one.state, one.attempt, one.waited = "ready", 0, 0.0
            one.not_before = self.bench.clock.now() + outcome.wait
        new = self.take(numbers)
        assert [f"file:10:{number}" for number in new] == keys(added.new)
        if one.number in GROUPS:
            self.unlock({GROUPS[one.number]})

    @rule(
        target=used,
        lease=consumes(leases),
        outcome=st.sampled_from(
            [
                stored(1),
                Skipped("x"),
                Failed(TROUBLE),
                Unavailable(Reason.GONE, "x"),
                LaneClosed(TROUBLE, until=0.0),
            ]
        ),
    )
    def end(self, lease: Lease, outcome: Outcome) -> Lease:
        self.settle(lease, outcome)
        return lease

    @rule(lease=used)
    def end_again(self, lease: Lease) -> None:
        self.settle(lease, Failed(TROUBLE))

    @rule(
        target=used,
        lease=consumes(leases),
        wait=st.sampled_from([0.0, 5.0, 50.0]),
        kind=st.sampled_from("cgpm"),
    )
    def put_off(self, lease: Lease, wait: float, kind: str) -> Lease:
        until = self.bench.clock.now() + wait
        facts = {"counts": kind in "cg", "progress": kind == "g", "mismatch": kind == "m"}
        self.settle(lease, Deferred(until, TROUBLE, **facts))
        return lease

    @rule(
        target=used,
        lease=consumes(leases),
        numbers=st.lists(NUMBERS, max_size=3),
        goes_on=st.booleans(),
    )
    def expand(self, lease: Lease, numbers: list[int], *, goes_on: bool) -> Lease:
        children = tuple(numbered(number) for number in numbers)
        onward = lease.task.subject if goes_on else None
        self.settle(lease, Expanded(children, onward=onward, wait=3.0 if goes_on else 0.0), numbers)
        return lease

    @rule(target=used, lease=consumes(leases))
    def release(self, lease: Lease) -> Lease:
        self.go(self.bench.queue.release([lease]))
        one = self.owned(lease)
        if one is not None:
            one.state = "ready"
        return lease

    @precondition(lambda self: any(one.state == "claimed" for one in self.known.values()))
    @rule()
    def crash(self) -> None:
        at_work = [one for one in self.known.values() if one.state == "claimed"]
        assert len(at_work) == self.go(self.bench.runs.recover(self.bench.clock.now()))
        for one in at_work:
            one.state, one.not_before, one.crashes = "ready", 0.0, one.crashes + 1
            one.moved += 1_000 if one.crashes == 3 else 0

    @precondition(
        lambda self: any(one.not_before > self.bench.clock.now() for one in self.known.values())
    )
    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.bench.clock.time += seconds

    @invariant()
    def both_know_the_same(self) -> None:
        if not hasattr(self, "known"):
            return

        def look(connection: sqlite3.Connection) -> dict[str, tuple[object, ...]]:
            rows = connection.execute(
                "SELECT key, status, retries, waited, mismatches, not_before FROM tasks"
            )
            return {row["key"]: tuple(row)[1:] for row in rows}

        expected = {
            f"file:10:{one.number}": (
                one.state,
                one.attempt,
                one.waited,
                one.mismatches,
                one.not_before,
            )
            for one in self.known.values()
        }
        assert expected == self.go(self.bench.database.run(look))
        ready = [one.not_before for one in self.known.values() if one.state == "ready"]
        assert self.go(self.bench.queue.next_due(Lane.FILES)) == (min(ready) if ready else None)


QueueMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.__doc__ = "Whatever happens in whatever order, queue and model agree."


@pytest.fixture(autouse=True)
def _no_thread_outlives_its_test() -> Iterator[None]:
    """A database that is left open would keep its thread; each test closes its own."""
    import threading

    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "catalog"]
