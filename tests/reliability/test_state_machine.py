"""Anything in any order: runs, kills, stops, faults, people and a service that changes.

Hypothesis makes up the stories. After every step what has its name is exact and what counts as
stored is there; in the end one good run brings everything that can be had, and leaves nothing.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import anyio
import pytest
from archives import FAST, wanted
from disks import Ear, Ended, Failing, FailingSystem, memory_folder, run_on
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from civitai_dl._compose import archive
from civitai_dl.adapters.catalog import Database, Root, Runs, SqliteQueue
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.storage._owner import Owner, myself
from civitai_dl.domain.entities import (
    Deferred,
    Failure,
    ImageRef,
    Kind,
    Lane,
    ModelId,
    ModelTarget,
    Planned,
    Role,
    Task,
    Trouble,
    Wanted,
)
from civitai_dl.errors import CatalogError, StorageError
from civitai_dl.testing import (
    GOOD_KEY,
    KNOWN_FAULTS,
    FakeCivitai,
    FakeFile,
    FakeImage,
    FakeVersion,
    Fault,
    World,
)
from reliability_size import note, pick

STATE = ".civitai-dl"
PARTS = pick(quick=6, full=8, nightly=20)
EXAMPLES = pick(quick=84, full=125, nightly=500)
STEPS = 5
SEED = 20_260_101

SPEED = 300.0
LONGEST = 40.0
"""Real seconds after which a run of this size counts as one that hangs."""

Plan = list[tuple[str, int, int]]
"""Faults by name, the first request that meets one, and how many do."""

SETTINGS = replace(FAST, concurrency=3, max_wait=60.0, retries=3)
TARGETS = ("model:1", "model:2", "https://civitai.com/user/ann/images")

DOCUMENTS = (".json", ".html", ".info", ".txt", ".sh", ".ps1", ".tmp")

FAULTS = {
    **KNOWN_FAULTS,
    "storage cuts": Fault(origin="storage", cut_after=1_500),
    "storage resets": Fault(origin="storage", reset_after=2_500),
    "storage corrupts": Fault(origin="storage", corrupt_at=700),
    "storage is down": Fault(origin="storage", status=503, body="down"),
    "cdn cuts": Fault(origin="cdn", cut_after=100),
    "cdn is down": Fault(origin="cdn", status=500, body="down"),
    "cdn throttles": Fault(origin="cdn", status=429, headers={"Retry-After": "3"}, body=""),
    "api resets": Fault(origin="api", reset=True),
    "api is down": Fault(origin="api", status=502, body="down"),
}


class Died(BaseException):
    """The process is gone."""


@dataclass
class Life:
    """How long a run lives, counted in calls that change the disk and in moments of the state.

    calls, moments: at which of them it dies; stop: at which call somebody asks for the end.
    """

    calls: int = 0
    moments: int = 0
    stop: int = 0
    dead: bool = False
    on_stop: Callable[[], object] = lambda: None

    def call(self) -> None:
        """One call is about to be made."""
        self.calls -= 1
        self.stop -= 1
        if self.stop == 0:
            self.on_stop()
        self._end(here=self.calls == 0)

    def moment(self, name: str, connection: object) -> None:
        """One moment of a transaction has come."""
        del name, connection
        self.moments -= 1
        self._end(here=self.moments == 0)

    def _end(self, *, here: bool) -> None:
        self.dead = self.dead or here
        if self.dead:
            raise Died


class MortalSystem(FailingSystem):
    """A disk whose process may be gone from one call on; dead, it changes nothing any more."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self.life = life

    def _enter(self, operation: str, *facts: Path) -> None:
        super()._enter(operation, *facts)
        self.life.call()


def small_world() -> World:
    """Two models of small files, of which two are twins, and a few small pictures."""
    picture = FakeImage(width=8, height=8)
    world = World().creator("ann")
    first = FakeFile(name="first.safetensors", size=5_000)
    twin = FakeFile(name="twin.safetensors", size=2_000, content=777)
    versions = (FakeVersion(id=11, files=(first, twin), images=(picture,)),)
    world.model(1, creator="ann", versions=versions)
    other = (FakeVersion(id=21, files=(replace(twin, name="other.safetensors"),), images=()),)
    world.model(2, creator="ann", versions=other)
    for number in range(3):
        linked = (11,) if number < 2 else ()
        world.image(replace(picture, username="ann", version_ids=linked))
    return world


asked = st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique=True)
proofs = st.sampled_from([True, True, False])

plans = st.lists(
    st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(1, 4), st.integers(1, 3)), max_size=3
)


def name_of(key: object) -> str:
    """What the partials of a task are called."""
    return hashlib.sha256(str(key).encode()).hexdigest()[:24]


class Archive(RuleBasedStateMachine):
    """One archive, one service, and everything that may happen to them."""

    steps = 0
    offset = 0.0
    latest = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.place = memory_folder()
        self.output = self.place.__enter__() / "archive"
        self.loop = asyncio.new_event_loop()
        self.world = small_world()
        self.fake = FakeCivitai(self.world)
        self.loop.run_until_complete(self.fake.__aenter__())
        self.mine: dict[str, bytes] = {}
        self.touched: set[str] = set()
        self.known: set[str] = set()
        self.legit: set[str] = set()
        self.lives = 0
        self.learn()

    # What may happen

    @rule(asked=asked, plan=plans, proven=proofs)
    def a_run_comes_to_its_end(self, asked: list[str], plan: Plan, *, proven: bool) -> None:
        """The command runs until it has done what it can."""
        self.step(asked, plan, Life(), proven=proven)

    @rule(asked=asked, plan=plans, proven=proofs, calls=st.integers(1, 160))
    def a_run_is_killed_at_a_call(
        self, asked: list[str], plan: Plan, calls: int, *, proven: bool
    ) -> None:
        """The process is gone when it is about to change something on the disk."""
        self.step(asked, plan, Life(calls=calls), proven=proven)

    @rule(asked=asked, plan=plans, proven=proofs, moments=st.integers(1, 200))
    def a_run_is_killed_at_a_commit(
        self, asked: list[str], plan: Plan, moments: int, *, proven: bool
    ) -> None:
        """The process is gone before, in or after a transaction."""
        self.step(asked, plan, Life(moments=moments), proven=proven)

    @rule(asked=asked, plan=plans, proven=proofs, calls=st.integers(1, 120))
    def a_run_is_stopped(self, asked: list[str], plan: Plan, calls: int, *, proven: bool) -> None:
        """Somebody asks for the end, and the run ends in order."""
        self.step(asked, plan, Life(stop=calls), proven=proven)

    @rule(choice=st.integers(0, 99))
    def somebody_deletes_a_file(self, choice: int) -> None:
        """A file of the archive goes."""
        path = self.pick(choice)
        if path is not None:
            (self.output / path).unlink()
            self.touched.add(path)

    @rule(choice=st.integers(0, 99))
    def somebody_edits_a_file(self, choice: int) -> None:
        """A file of the archive becomes the user's own."""
        path = self.pick(choice)
        if path is None or (self.output / path).stat().st_nlink > 1:
            # Second names share their bytes: whoever edits one has edited both.
            return
        with (self.output / path).open("ab") as file:
            file.write(b"edited")
        self.mine[path] = (self.output / path).read_bytes()
        self.touched.add(path)

    @rule(
        path=st.sampled_from(
            [
                "model_0/1/11-v1.0/first.safetensors",
                "model_0/1/11-v1.0/twin.safetensors",
                "model_0/2/21-v1.0/other.safetensors",
                "model_0/1/11-v1.0/first.preview.png",
                "users/ann/images/9000/9000001.png",
            ]
        )
    )
    def somebody_has_a_file_of_that_name(self, path: str) -> None:
        """A file of the user's own stands where one of ours belongs."""
        place = self.output / path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            self.mine[path] = f"the user's own {path}".encode()
            place.write_bytes(self.mine[path])
            self.touched.add(path)

    @rule()
    def somebody_deletes_the_state(self) -> None:
        """The database goes; what is stored is found again."""
        for path in (self.output / STATE).glob("state.db*"):
            path.unlink()

    @rule(share=st.floats(0, 1))
    def somebody_truncates_a_partial(self, share: float) -> None:
        """What a transfer left is cut."""
        for path in sorted((self.output / STATE / "tmp").glob("*.part"))[:1]:
            os.truncate(path, int(path.stat().st_size * share))

    @rule(model=st.sampled_from([1, 2]))
    def a_version_appears(self, model: int) -> None:
        """A model has something new."""
        if model in self.world.index.models and self.world.revision < 40:
            file = FakeFile(size=3_000)
            images = (FakeImage(width=8, height=8),)
            self.world.add_version(model, FakeVersion(name="new", files=(file,), images=images))

    @rule(choice=st.integers(0, 9))
    def a_file_is_replaced(self, choice: int) -> None:
        """The service gives other bytes under the same file id."""
        found = sorted(self.world.index.files)
        if found:
            number = found[choice % len(found)]
            self.world.change_file(number, lambda file: replace(file, revision=file.revision + 1))

    @rule()
    def a_model_is_removed(self) -> None:
        """The second model is no longer there."""
        if 2 in self.world.index.models:
            self.world.remove_model(2)

    @rule(choice=st.integers(0, 9))
    def an_image_is_removed(self, choice: int) -> None:
        """A picture is no longer there."""
        found = sorted(image.id for image in self.world.posts)
        if found:
            self.world.remove_image(found[choice % len(found)])

    @rule(seconds=st.sampled_from([60.0, 3_700.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        """Links expire at the service."""
        self.fake.advance(seconds)

    @rule(hours=st.sampled_from([-48, -1, 1, 48]))
    def the_clock_is_set(self, hours: int) -> None:
        """Between two runs the clock goes back or forth."""
        self.offset += hours * 3_600.0
        self.latest = max(self.latest, self.offset)

    # How it is done

    def step(self, asked: list[str], plan: Plan, life: Life, *, proven: bool) -> None:
        """One run with its faults, and a look at what it left."""
        for name, nth, times in plan:
            self.fake.faults.add(FAULTS[name].at(nth=nth, times=times))
        self.go(asked, life, proven=proven)
        self.fake.faults.clear()
        self.look()

    def go(self, targets: list[str], life: Life, *, proven: bool = True) -> object:
        """One run in this process; a dead one leaves what a dead process leaves."""
        self.learn()
        self.lives += 1
        # Each run is a process of its own, and of those before none is alive.
        owner = Owner(myself().process, self.lives, myself().place)
        with (
            mock.patch("civitai_dl.adapters.storage._local.myself", return_value=owner),
            mock.patch("civitai_dl.adapters.storage._lock._can_take", return_value=not proven),
        ):
            report = self.loop.run_until_complete(self._run(targets, life))
        type(self).steps += 1
        if life.dead:
            (self.output / STATE).mkdir(parents=True, exist_ok=True)
            (self.output / STATE / "lock").write_text('{"pid": 1, "host": "dead"}')
        return report

    async def _run(self, targets: list[str], life: Life) -> object:
        stop, loop = anyio.Event(), asyncio.get_running_loop()
        life.on_stop = lambda: loop.call_soon_threadsafe(stop.set)
        clock = SystemClock(speed=SPEED, wall=lambda: time.time() + self.offset)
        chosen = replace(SETTINGS, output=str(self.output), base_url=self.fake.base_url)
        self.ear = Ear(clock)
        try:
            with anyio.fail_after(LONGEST):
                return await archive(
                    chosen,
                    wanted(*targets),
                    reporter=self.ear,
                    stop=stop,
                    clock=clock,
                    system=MortalSystem(life),
                    watch=life.moment,
                )
        except (StorageError, CatalogError) as error:
            if not life.dead:
                raise AssertionError("nothing was wrong with the disk") from error
        except BaseException as error:
            if not life.dead or isinstance(error, (TimeoutError, KeyboardInterrupt)):
                raise
        return None

    def learn(self) -> None:
        """Take in what the service would give now."""
        truth = self.world.truth
        self.legit |= {file.sha256.lower() for file in truth.files()}
        self.legit |= {image.sha256.lower() for image in truth.images()}
        for images in truth.previews().values():
            self.legit |= {image.sha256.lower() for image in images}

    def visible(self) -> dict[str, bytes]:
        """Every file outside the program's own folder."""
        found = {}
        for path in self.output.rglob("*"):
            place = path.relative_to(self.output).as_posix()
            if path.is_file() and not place.startswith(STATE):
                found[place] = path.read_bytes()
        return found

    def media(self) -> list[str]:
        """What was fetched, and is not the user's."""
        found = self.visible()
        return sorted(
            path
            for path in found
            if not path.endswith(DOCUMENTS)
            and path not in self.mine
            and not path.startswith("corrupted/")
        )

    def pick(self, choice: int) -> str | None:
        """Some file of ours."""
        found = self.media()
        return found[choice % len(found)] if found else None

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What the state says; nothing where there is none."""
        path = self.output / STATE / "state.db"
        if not path.exists():
            return []
        try:
            with closing(sqlite3.connect(path)) as connection:
                return connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            # It was killed before its first commit.
            if "no such table" not in str(error):
                raise
            return []

    def look(self) -> None:
        """I1, I2, the user's own files, and the key."""
        found = self.visible()
        for path, data in self.mine.items():
            assert found.get(path) == data, f"the user's own file was changed: {path}"
        for path, data in found.items():
            if path in self.mine or path.startswith("corrupted/"):
                continue
            if path.endswith(".json"):
                json.loads(data)
            elif not path.endswith(DOCUMENTS):
                digest = hashlib.sha256(data).hexdigest()
                assert digest in self.legit, f"not what anybody gave: {path}"
        stored = self.rows("SELECT path, sha256, size FROM tasks WHERE path IS NOT NULL")
        self.known |= {str(path) for path, _, _ in stored}
        for path, sha256, length in stored:
            if path in self.touched:
                continue
            assert path in found, f"stored, and not there: {path}"
            assert length == len(found[path]), f"stored with another size: {path}"
            assert sha256 == hashlib.sha256(found[path]).hexdigest(), f"stored otherwise: {path}"
        for (staged,) in self.rows("SELECT staged FROM tasks WHERE staged IS NOT NULL"):
            self.known.add(json.loads(str(staged))["path"])
        assert [] == self.fake.account.leaks(GOOD_KEY)

    def teardown(self) -> None:
        """Trouble is over: one good run, and the archive is whole."""
        try:
            self.finish()
        finally:
            self.loop.run_until_complete(self.fake.__aexit__(None, None, None))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            self.place.__exit__(None, None, None)

    def finish(self) -> None:
        """The last run and what there must be then."""
        targets = [one for one in TARGETS if one != "model:2" or 2 in self.world.index.models]
        if self.rows("SELECT id FROM runs WHERE finished_at IS NULL"):
            # What was begun is ended by what was listed then, and its failures stay failures.
            assert self.go(targets, Life()).exit_code in (0, 1)
            self.look()
        # Three equal downloads of wrong bytes are not repeated on the same day.
        self.offset = self.latest + 3 * 86_400.0
        for path in (self.output / STATE / "tmp").glob("*"):
            # So old that nobody waits for it any more.
            os.utime(path, (1_000_000_000, 1_000_000_000))
        report = self.go(targets, Life())
        assert report is not None
        failures = [(trace.key, trace.detail) for trace in report.failures]
        told = (report.storage_trouble, failures, report.left)
        assert 0 == report.exit_code, f"the good run ended with {report.exit_code}: {told}"
        self.touched -= self.known_again()
        self.look()
        self.assert_whole()
        assert [] == self.left_over()
        assert GOOD_KEY.encode() not in (self.output / STATE / "state.db").read_bytes()

    def left_over(self) -> list[str]:
        """What lies in the scratch folder and is of no use: of which task, and how that stands.

        Bytes of a thing that was not asked for this time are kept: it may be asked for again.
        """
        rows = self.rows("SELECT key, status FROM tasks")
        useful = self.rows(
            "SELECT tasks.key FROM tasks JOIN partials USING (key) WHERE path IS NULL"
        )
        names = {name_of(key): f"{key} is {status}" for key, status in rows}
        found = {path.name.split(".")[0] for path in (self.output / STATE / "tmp").iterdir()}
        return sorted(names.get(name, name) for name in found - {name_of(key) for (key,) in useful})

    def known_again(self) -> set[str]:
        """What the state calls stored now: the last run has looked at all of it."""
        rows = self.rows("SELECT path FROM tasks WHERE path IS NOT NULL AND status = 'stored'")
        return {str(path) for (path,) in rows}

    def assert_whole(self) -> None:
        """Each file and image has its row, its bytes and one name."""
        found = self.visible()
        rows = self.rows("SELECT key, path, sha256 FROM tasks WHERE status = 'stored'")
        stored = {str(key): (path, sha256) for key, path, sha256 in rows if path is not None}
        for file in self.world.truth.files():
            path, sha256 = stored.get(f"file:{file.version_id}:{file.file_id}", (None, None))
            assert sha256 == file.sha256.lower(), f"not stored: {file.name} {path}"
            assert hashlib.sha256(found[str(path)]).hexdigest() == sha256
        digests = {hashlib.sha256(data).hexdigest() for data in found.values()}
        images = [*self.world.truth.user_images("ann"), *self.world.truth.gallery(1)]
        for previews in self.world.truth.previews().values():
            images += previews
        for image in images:
            assert image.sha256.lower() in digests, f"not stored: image {image.image_id}"
        paths = [path for path, _ in stored.values()]
        assert len(paths) == len(set(paths)), "two things have one name"
        doubled = [
            path
            for path in self.media()
            if path not in paths and path not in self.known and ".preview." not in path
        ]
        assert [] == doubled


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_in_whatever_order_the_archive_ends_whole(part: int) -> None:
    """No story of runs, kills, stops, faults, people and changes ends with a loss."""
    base = int(os.environ.get("RELIABILITY_SEED", SEED)) + part
    begun, Archive.steps = time.monotonic(), 0
    examples = 0

    def tell() -> Archive:
        nonlocal examples
        examples += 1
        return Archive()

    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    violations = 1
    try:
        run_state_machine_as_test(seed(base)(tell), settings=chosen)
        violations = 0
    finally:
        note(
            "state machine",
            part=str(part),
            seed=base,
            seconds=time.monotonic() - begun,
            examples=examples,
            steps=Archive.steps,
            violations=violations,
        )


# What the stories have found, each told plainly


async def go(fake: FakeCivitai, output: Path, target: str, **facts: object) -> Ended:
    return await run_on(FailingSystem(), fake, output, wanted(target), **facts)


def rows(output: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(output / STATE / "state.db")) as connection:
        return connection.execute(statement).fetchall()


async def test_what_was_found_elsewhere_leaves_nothing_of_an_earlier_try(tmp_path: Path) -> None:
    """A twin that broke off and is linked later leaves neither bytes nor a checkpoint."""
    world = small_world()
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path="twin", cut_after=1_000))
        fake.faults.add(Fault(origin="storage", path="twin", every=True, status=500))
        few = replace(SETTINGS, retries=1)
        broken = await go(fake, tmp_path, "model:1", settings=few)
        assert 1 == broken.status
        assert [("file:11:500002",)] == rows(tmp_path, "SELECT key FROM partials")
        fake.faults.clear()
        assert 0 == (await go(fake, tmp_path, "model:2")).status
        assert 0 == (await go(fake, tmp_path, "model:1")).status
    assert [] == rows(tmp_path, "SELECT key FROM partials")
    assert [] == list((tmp_path / STATE / "tmp").iterdir())


async def test_what_only_needed_its_name_leaves_no_checkpoint(tmp_path: Path) -> None:
    """A file that was whole and staged when its name was denied has no checkpoint afterwards."""
    world = small_world()
    failing = Failing(
        "move", errno.EACCES, times=0, about=lambda path: path.name == "first.safetensors"
    )
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", path="first", cut_after=1_000))
        fake.faults.add(Fault(origin="storage", path="first", status=500))
        settings = replace(SETTINGS, retries=2)
        denied = await run_on(
            FailingSystem(failing), fake, tmp_path, wanted("model:1"), settings=settings
        )
        assert 1 == denied.status, denied.text
        assert 0 == (await go(fake, tmp_path, "model:1")).status
    assert [] == rows(tmp_path, "SELECT key FROM partials")
    assert [] == list((tmp_path / STATE / "tmp").iterdir())


async def test_a_deferral_that_is_noted_late_makes_no_wait_negative(tmp_path: Path) -> None:
    """The state waited for room, and the moment a task was put off to has passed meanwhile."""
    clock = SystemClock()
    database = Database(tmp_path / "state.db")
    database.start()
    try:
        subject = ImageRef(url="https://example.invalid/1", stem="x/1")
        task = Task("image:1", Kind.IMAGE, Lane.IMAGES, Role.PREVIEW, subject, "image 1")
        root = Root(Wanted(ModelTarget(ModelId(1)), "1", "argument"), (Planned(task),))
        begun = await Runs(database).begin([root], roles=set(Role), now=clock.now(), key=False)
        queue = SqliteQueue(database, clock, begun.run, key=False)
        (lease,) = await queue.claim(Lane.IMAGES, most=1)
        failure = Failure(Trouble.HANDLES, "too many open files")
        await queue.settle([(lease, Deferred(clock.now() - 20, failure, counts=False))])
    finally:
        database.close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert [(0.0,)] == connection.execute("SELECT waited FROM tasks").fetchall()
