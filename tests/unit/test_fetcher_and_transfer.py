"""Bytes on their way: cut, reset, refused, expired, swollen, swapped by a Civitai that lies."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio
import pytest

from civitai_dl.adapters.api_client import ApiClient
from civitai_dl.adapters.catalog import Database, Root, Runs, SqliteCatalog
from civitai_dl.adapters.fetcher import HttpFetcher, open_engine, open_fetcher
from civitai_dl.adapters.fetcher._aiohttp import AiohttpEngine
from civitai_dl.adapters.fetcher._bandwidth import Bandwidth
from civitai_dl.adapters.fetcher._head import Head, read_answer
from civitai_dl.adapters.fetcher._sessions import FAILURES
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.adapters.storage import STATE, LocalStorage
from civitai_dl.domain.decisions import RetryPolicy, may_fetch
from civitai_dl.domain.entities import (
    Answer,
    BytesReceived,
    Deferred,
    Digests,
    Event,
    Failed,
    FileRef,
    Held,
    Kind,
    Lane,
    ModelTarget,
    Outcome,
    Planned,
    Role,
    Secret,
    Selection,
    SignedUrl,
    Stored,
    Task,
    TransferStarted,
    Trouble,
    Wanted,
)
from civitai_dl.errors import BadAnswer, ConnectionLost
from civitai_dl.testing import (
    GOOD_KEY,
    KNOWN_FAULTS,
    FakeCivitai,
    FakeFile,
    FakeModel,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)
from civitai_dl.worker import Tools, perform

pytestmark = pytest.mark.usefixtures("engine")

SIZE = 200_000
PATH = "model_0/1/10-v1/a.safetensors"


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time, self.slept = 1_000.0, 0.0

    def now(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.time += seconds


@dataclass
class Ear:
    heard: list[Event] = field(default_factory=list)
    rung: anyio.Event = field(default_factory=anyio.Event)

    def emit(self, event: Event) -> None:
        self.heard.append(event)
        self.rung.set()
        self.rung = anyio.Event()

    async def has(self, received: int) -> None:
        """Wait until so many bytes have come."""
        while self.received < received:
            await self.rung.wait()

    @property
    def starts(self) -> list[tuple[int, int | None]]:
        """Where each stream began, and the size that was promised."""
        return [(e.offset, e.size) for e in self.heard if isinstance(e, TransferStarted)]

    @property
    def received(self) -> int:
        return sum(event.count for event in self.heard if isinstance(event, BytesReceived))


@dataclass
class Bench:
    """One file of one model, and all that is needed to fetch it."""

    fake: FakeCivitai
    root: Path
    database: Database
    tools: Tools
    ear: Ear
    task: Task
    sha256: str

    async def go(self, **facts: object) -> Outcome:
        (outcome,) = await perform([replace(self.task, **facts)], self.tools)
        return outcome

    @property
    def requests(self) -> list[tuple[int, str | None]]:
        """Status and Range of every request for bytes, in their order."""
        return [(seen.status, seen.headers.get("range")) for seen in self.asked]

    @property
    def asked(self):
        return self.fake.account.of(origin="storage")

    @property
    def resolves(self) -> int:
        return sum(self.fake.account.resolves().values())

    def assert_stored(self, outcome: Outcome) -> None:
        """The file is there, it is the right one, and nothing else is kept of its transfer."""
        assert isinstance(outcome, Stored), outcome
        assert (outcome.path, outcome.size, outcome.verified) == (PATH, SIZE, True)
        data = (self.root / PATH).read_bytes()
        assert self.sha256 == hashlib.sha256(data).hexdigest() == outcome.sha256
        assert list((self.root / STATE / "tmp").iterdir()) == []

    def reopen(self) -> None:
        """As the next process would find it."""
        self.tools = replace(self.tools, storage=LocalStorage(self.root), signed={})


@asynccontextmanager
async def bench_of(
    root: Path, *, stores: tuple[str, ...] = ("r2",), hashes: str = "all", resume: bool = True
) -> AsyncIterator[Bench]:
    one = FakeFile("a.safetensors", size=SIZE, hashes=hashes)
    world = World().model(FakeModel(1, versions=[FakeVersion("v1", id=10, files=[one])]))
    (true,) = world.truth.files()
    digests = Digests(sha256=true.listed_sha256.lower() if true.listed_sha256 else None)
    ref = FileRef(1, 10, true.file_id, "a.safetensors", PATH, digests, SIZE)
    task = Task(f"file:10:{true.file_id}", Kind.FILE, Lane.FILES, Role.FILE, ref, "a.safetensors")
    clock, ear = Clock(), Ear()
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(
            FakeCivitai(world, options=FakeOptions(stores=stores))
        )
        engine_of_api = await stack.enter_async_context(open_engine("tests/1"))
        api = ApiClient(
            engine_of_api,
            base_url=fake.base_url,
            token=Secret(GOOD_KEY),
            pacer=LanePacer(Rates(0, 0, 0), clock),
            clock=clock,
        )
        fetcher = await stack.enter_async_context(
            open_fetcher(
                user_agent="tests/1",
                guard=partial(may_fetch, local_service=True),
                limit=0,
                clock=clock,
            )
        )
        database = Database(root / "state.db")
        database.start()
        stack.callback(database.close)
        wanted = Wanted(ModelTarget(1), "1", "argument")
        await Runs(database).begin(
            [Root(wanted, (Planned(task),))], roles=list(Role), now=clock.now(), key=True
        )
        tools = Tools(
            api=api,
            links=api,
            fetcher=fetcher,
            storage=LocalStorage(root),
            catalog=SqliteCatalog(database),
            clock=clock,
            reporter=ear,
            policy=RetryPolicy(),
            selection=Selection(),
            sources={},
            dresser=None,
            pictures=lambda _: [],
            resume=resume,
            local_service=True,
        )
        yield Bench(fake, root, database, tools, ear, task, true.sha256.lower())
        fake.faults.assert_all_served()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of(tmp_path) as made:
        yield made


def storage(**facts: object) -> Fault:
    return Fault(origin="storage", **facts)


# --- the plain way


async def test_a_file_is_fetched_by_one_link_and_one_request(bench: Bench) -> None:
    """A file costs one link of the daily quota and one request, which carries no key."""
    bench.assert_stored(await bench.go())
    assert bench.requests == [(200, None)]
    assert bench.resolves == 1
    assert bench.ear.starts == [(0, SIZE)]
    assert bench.ear.received == SIZE
    assert bench.fake.account.leaks(GOOD_KEY) == []
    assert bench.asked[0].headers["accept-encoding"] == "identity"
    assert bench.asked[0].headers["user-agent"] == "tests/1"


# --- broken connections


@pytest.mark.parametrize("how", ["cut_after", "reset_after"])
@pytest.mark.parametrize("at", [700, 65_536, SIZE - 1])
async def test_a_download_cut_at_a_byte_continues_at_that_byte(
    bench: Bench, how: str, at: int
) -> None:
    """A download cut at byte 700 continues at byte 700, without a new link or a byte twice."""
    bench.fake.faults.add(storage(**{how: at}))
    bench.assert_stored(await bench.go())
    (_, first), (status, again) = bench.requests
    assert (first, status) == (None, 206)
    offset = bench.ear.starts[1][0]
    assert again == f"bytes={offset}-"
    assert bench.asked[1].headers["if-range"].startswith('"')
    # What a reset tears from the receiver's hands cannot be counted on; a cut loses nothing.
    assert offset == at if how == "cut_after" else offset <= at
    assert (bench.ear.received, bench.resolves) == (SIZE, 1)


async def test_a_download_cut_before_its_first_byte_is_tried_later(bench: Bench) -> None:
    """A connection that brings nothing uses up an attempt, and the next one gets the file."""
    bench.fake.faults.add(storage(cut_after=0))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert (outcome.failure.trouble, outcome.counts) == (Trouble.TRANSIENT, True)
    bench.assert_stored(await bench.go(attempt=1))
    assert bench.requests[1] == (200, None)


async def test_a_refused_connection_is_tried_later(bench: Bench) -> None:
    """A server that resets every connection is no answer about the file."""
    # Again and again, because an HTTP library may ask once more by itself when nothing came.
    planted = bench.fake.faults.add(storage(reset=True, every=True))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert (outcome.failure.trouble, outcome.failure.status) == (Trouble.TRANSIENT, 0)
    assert planted.served >= 1
    bench.fake.faults.clear()
    bench.assert_stored(await bench.go(attempt=1))


async def test_what_came_before_a_failure_is_continued_by_the_next_run(bench: Bench) -> None:
    """A transfer that is given up keeps its bytes with a checkpoint, for the next process, too."""
    bench.fake.faults.add(storage(cut_after=50_000))
    bench.fake.faults.add(storage(status=502, times=1))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    held = await bench.tools.catalog.held(bench.task.key)
    assert held is not None
    assert (held.size, held.total, held.host) == (50_000, SIZE, "127.0.0.1")
    bench.reopen()
    bench.assert_stored(await bench.go())
    assert bench.requests[-1] == (206, "bytes=50000-")
    assert await bench.tools.catalog.held(bench.task.key) is None


async def test_a_download_without_resuming_begins_anew(tmp_path: Path) -> None:
    """With --no-resume a cut download is fetched from its first byte."""
    async with bench_of(tmp_path, resume=False) as bench:
        bench.fake.faults.add(storage(cut_after=50_000))
        assert isinstance(await bench.go(), Deferred)
        assert await bench.tools.catalog.held(bench.task.key) is None
        bench.assert_stored(await bench.go(attempt=1))
        assert bench.requests == [(200, None), (200, None)]


async def test_a_stopped_download_keeps_what_came(bench: Bench) -> None:
    """A run that is stopped in the middle of a file goes on in the middle of the file."""
    bench.fake.faults.add(storage(stall_after=50_000))
    async with anyio.create_task_group() as group:
        group.start_soon(bench.go)
        with anyio.fail_after(10):
            await bench.ear.has(50_000)
        group.cancel_scope.cancel()
    held = await bench.tools.catalog.held(bench.task.key)
    assert held is not None
    assert (held.size, held.total) == (50_000, SIZE)
    bench.reopen()
    bench.assert_stored(await bench.go())
    assert bench.requests[-1] == (206, "bytes=50000-")


async def test_a_connection_that_always_breaks_but_always_brings_something_is_enough(
    bench: Bench,
) -> None:
    """A file of which every connection brings a fiftieth is not given up while it grows."""
    bench.fake.faults.add(storage(cut_after=4_000, every=True))
    attempt, outcome = 0, await bench.go()
    while isinstance(outcome, Deferred):
        attempt += outcome.counts
        outcome = await bench.go(attempt=attempt)
    bench.assert_stored(outcome)


async def test_a_connection_that_breaks_and_is_never_continued_is_given_up(bench: Bench) -> None:
    """A server that ignores ranges and always breaks off, now earlier, now later, is left."""
    for after in (50_000, 100_000) * 100:
        bench.fake.faults.add(storage(cut_after=after, ignore_range=True))
    attempt, tries, outcome = 0, 1, await bench.go()
    while isinstance(outcome, Deferred) and tries < 25:
        attempt = (0 if outcome.progress else attempt) + outcome.counts
        tries, outcome = tries + 1, await bench.go(attempt=attempt)
    bench.fake.faults.clear()
    assert isinstance(outcome, Failed)


# --- what is held and what is not


async def test_a_failed_question_spoils_no_checkpoint(bench: Bench) -> None:
    """What is known of a partial's origin is still known after a storage was down for a while."""
    data = await whole(bench)
    held = Held(50_000, etag='"abc"', host="127.0.0.1", total=SIZE)
    await keep(bench, data[:50_000], held)
    bench.fake.faults.add(storage(status=502, body=b""))
    assert isinstance(await bench.go(), Deferred)
    assert await bench.tools.catalog.held(bench.task.key) == held
    planted = bench.fake.faults.add(storage(reset=True, every=True))
    assert isinstance(await bench.go(attempt=1), Deferred)
    assert planted.served >= 1
    bench.fake.faults.clear()
    assert await bench.tools.catalog.held(bench.task.key) == held


async def test_a_file_that_is_held_whole_is_not_fetched_again(bench: Bench) -> None:
    """A crash after the last byte costs a question to the server, and no byte."""
    data = await whole(bench)
    bench.fake.account.clear()
    await keep(bench, data, Held(SIZE, host="127.0.0.1", total=SIZE))
    bench.assert_stored(await bench.go())
    assert bench.requests == [(416, f"bytes={SIZE}-")]
    assert bench.ear.received == SIZE


async def test_a_checkpoint_beyond_the_partial_is_not_believed(bench: Bench) -> None:
    """When bytes that should be there are not, the file is fetched whole."""
    await keep(bench, b"x" * 100, Held(101, host="127.0.0.1", total=SIZE))
    bench.assert_stored(await bench.go())
    assert bench.requests == [(200, None)]


async def test_bytes_above_the_checkpoint_are_not_believed(bench: Bench) -> None:
    """What was not durable before a crash is fetched again, whatever lies on the disk."""
    data = await whole(bench)
    bench.fake.account.clear()
    await keep(bench, data[:50_000] + bytes(50_000), Held(50_000, host="127.0.0.1", total=SIZE))
    bench.assert_stored(await bench.go())
    assert bench.requests == [(206, "bytes=50000-")]


async def test_more_than_the_file_has_is_dropped(bench: Bench) -> None:
    """A partial that is longer than the file is another file, and fetched whole."""
    await keep(bench, bytes(SIZE + 1), Held(SIZE + 1, host="127.0.0.1", total=SIZE))
    bench.assert_stored(await bench.go())
    assert bench.requests == [(200, None)]


async def whole(bench: Bench) -> bytes:
    """The true bytes, with no trace of how they were had."""
    bench.assert_stored(await bench.go())
    data = (bench.root / PATH).read_bytes()
    (bench.root / PATH).unlink()
    await bench.database.run(lambda db: db.execute("UPDATE tasks SET staged = NULL"))
    return data


async def keep(bench: Bench, data: bytes, held: Held) -> None:
    """Leave a partial, and a checkpoint of it."""
    async with bench.tools.storage.partial(bench.task.key) as left:
        await left.begin(0)
        await left.write(data)
        await left.sync()
    await bench.tools.catalog.hold(bench.task.key, held)


# --- servers that lie


async def test_a_server_that_ignores_the_range_starts_the_file_over(bench: Bench) -> None:
    """200 in answer to a Range brings the whole file, of which nothing is appended."""
    bench.fake.faults.add(storage(cut_after=50_000))
    bench.fake.faults.add(KNOWN_FAULTS["storage ignores Range"])
    bench.assert_stored(await bench.go())
    assert bench.requests == [(200, None), (200, "bytes=50000-")]
    assert bench.ear.starts == [(0, SIZE), (0, SIZE)]


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"another"'},
        {"Content-Range": f"bytes 50001-{SIZE - 1}/{SIZE}"},
        {"Content-Range": f"bytes 50000-{SIZE - 1}/*"},
        {"Content-Range": f"bytes 50000-{SIZE}/{SIZE + 1}"},
        {"Content-Range": "bytes */*"},
        {"Content-Range": None},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "multipart/byteranges; boundary=x"},
    ],
    ids=["etag", "start", "total unknown", "total", "nothing", "no range", "gzip", "multipart"],
)
async def test_a_part_that_does_not_fit_is_not_appended(
    bench: Bench, headers: dict[str, str | None]
) -> None:
    """A part of another object, place or size is dropped, and the file fetched whole."""
    bench.fake.faults.add(storage(cut_after=50_000))
    bench.fake.faults.add(storage(headers=headers))
    bench.assert_stored(await bench.go())
    assert bench.requests == [(200, None), (206, "bytes=50000-"), (200, None)]


async def test_a_part_that_begins_earlier_is_cut_to_fit(bench: Bench) -> None:
    """A server that sends more than was asked for spoils nothing."""
    data = await whole(bench)
    bench.fake.account.clear()
    await keep(bench, data[:50_000], Held(50_000, host="127.0.0.1", total=SIZE))
    bench.fake.faults.add(
        storage(
            status=206,
            body=data[10_000:],
            headers={"Content-Range": f"bytes 10000-{SIZE - 1}/{SIZE}"},
        )
    )
    bench.assert_stored(await bench.go())
    assert len(bench.requests) == 1


async def test_a_body_longer_than_announced_is_dropped(bench: Bench) -> None:
    """More bytes than a server announced are not the file: nothing of them is kept."""
    data = await whole(bench)
    await keep(bench, data[:50_000], Held(50_000, host="127.0.0.1"))
    total = SIZE - 1
    headers = {"Content-Range": f"bytes 50000-{total - 1}/{total}"}
    bench.fake.faults.add(storage(headers=headers))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert "more bytes came" in outcome.failure.detail
    assert await bench.tools.catalog.held(bench.task.key) is None
    assert not (bench.root / PATH).exists()
    bench.assert_stored(await bench.go(attempt=1))


async def test_a_body_without_a_length_is_proven_by_its_digest(bench: Bench) -> None:
    """A file that comes in chunks, without a length, is a file like any other."""
    bench.fake.faults.add(storage(omit_length=True, headers={"Content-Length": None}))
    bench.assert_stored(await bench.go())
    assert bench.ear.starts == [(0, SIZE)]


@pytest.mark.parametrize("framing", [{"omit_length": True}, {"unframed": True}])
async def test_a_body_without_a_length_that_breaks_off_is_no_file(
    bench: Bench, framing: dict[str, bool]
) -> None:
    """A file that comes without a length and ends early is never stored."""
    bench.fake.faults.add(storage(cut_after=50_000, **framing))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert not (bench.root / PATH).exists()
    bench.assert_stored(await bench.go(attempt=1))


@pytest.mark.parametrize("fault", ["storage sends a page", "storage encodes"])
async def test_a_page_or_a_compressed_body_is_not_written(bench: Bench, fault: str) -> None:
    """HTML with 200 in place of a file leaves nothing behind, and the file is tried again."""
    bench.fake.faults.add(KNOWN_FAULTS[fault])
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert (outcome.failure.trouble, outcome.counts) == (Trouble.TRANSIENT, True)
    assert bench.ear.received == 0
    assert list((bench.root / STATE / "tmp").iterdir()) == []
    bench.assert_stored(await bench.go(attempt=1))


async def test_a_file_with_only_a_crc32_is_proven_by_it(bench: Bench) -> None:
    """Where the service lists no SHA256, a CRC32 tells right bytes from wrong ones."""
    crc = f"{zlib.crc32(await whole(bench)):08x}"
    ref = replace(bench.task.subject, digests=Digests(crc32="00000000"))
    outcome = await bench.go(subject=ref)
    assert isinstance(outcome, Deferred)
    assert outcome.mismatch
    bench.assert_stored(await bench.go(subject=replace(ref, digests=Digests(crc32=crc))))


async def test_wrong_bytes_are_fetched_three_times_then_set_aside(tmp_path: Path) -> None:
    """A file whose digest never fits lies in corrupted/ after three tries, with the evidence."""
    async with bench_of(tmp_path, hashes="wrong") as bench:
        for mismatches in range(2):
            outcome = await bench.go(mismatches=mismatches)
            assert isinstance(outcome, Deferred)
            assert (outcome.mismatch, outcome.counts) == (True, False)
        outcome = await bench.go(mismatches=2)
        assert isinstance(outcome, Failed)
        assert outcome.failure.trouble is Trouble.CORRUPT
        assert "every download gave the same bytes" in outcome.failure.detail
        assert outcome.evidence is not None
        aside = tmp_path / outcome.evidence
        assert bench.sha256 == hashlib.sha256(aside.read_bytes()).hexdigest()
        assert bench.sha256 in aside.with_name(f"{aside.name}.evidence.json").read_text("utf-8")
        assert not (tmp_path / PATH).exists()
        assert bench.requests == [(200, None)] * 3


# --- links


async def test_an_expired_link_is_asked_for_once_more(bench: Bench) -> None:
    """A link that has expired is replaced by a new one within the same try."""
    bench.fake.faults.add(KNOWN_FAULTS["storage link expired"])
    bench.assert_stored(await bench.go())
    assert (bench.requests, bench.resolves) == ([(403, None), (200, None)], 2)


async def test_a_link_that_expires_in_the_middle_of_a_file_goes_on_where_it_was(
    bench: Bench,
) -> None:
    """A transfer that is cut when its link has expired goes on with a new link, at its byte."""
    bench.fake.faults.add(storage(cut_after=50_000))
    bench.fake.faults.add(KNOWN_FAULTS["storage link expired"])
    bench.assert_stored(await bench.go())
    assert bench.requests[-1] == (206, "bytes=50000-")
    assert bench.resolves == 2


async def test_a_link_that_is_refused_twice_is_tried_later(bench: Bench) -> None:
    """Two links that are refused one after the other are no reason to ask for a third."""
    bench.fake.faults.add(KNOWN_FAULTS["storage link expired"].at(times=2))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert (outcome.failure.trouble, outcome.counts) == (Trouble.LINK, True)
    assert bench.resolves == 2
    bench.assert_stored(await bench.go(attempt=1))


async def test_a_new_link_to_another_store_continues_the_file(tmp_path: Path) -> None:
    """Another store has another ETag for the same bytes, and the file goes on there."""
    async with bench_of(tmp_path, stores=("r2", "b2")) as bench:
        bench.fake.faults.add(storage(cut_after=50_000))
        bench.fake.faults.add(storage(status=502))
        assert isinstance(await bench.go(), Deferred)
        bench.reopen()
        await bench.tools.catalog.hold(
            bench.task.key, Held(50_000, etag='"of r2"', host="r2.example.org", total=SIZE)
        )
        bench.assert_stored(await bench.go())
        assert bench.requests[-1] == (206, "bytes=50000-")
        assert "if-range" not in bench.asked[-1].headers


@pytest.mark.parametrize(
    ("status", "headers", "trouble", "wait"),
    [
        (429, {"Retry-After": "30"}, Trouble.THROTTLED, 30.0),
        (503, {"Retry-After": "2"}, Trouble.THROTTLED, 2.0),
        (503, {}, Trouble.THROTTLED, None),
        (500, {}, Trouble.TRANSIENT, None),
        (502, {"Retry-After": "40"}, Trouble.TRANSIENT, 40.0),
    ],
)
async def test_a_storage_in_trouble_is_waited_for(
    bench: Bench,
    status: int,
    headers: dict[str, str | None],
    trouble: Trouble,
    wait: float | None,
) -> None:
    """A storage that asks to slow down, or is down, says how long to wait."""
    bench.fake.faults.add(storage(status=status, headers=headers, body=b""))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    failure = outcome.failure
    assert (trouble, status, wait) == (failure.trouble, failure.status, failure.retry_after)
    assert outcome.until - bench.tools.clock.now() == (wait or 2.0)
    bench.assert_stored(await bench.go(attempt=1))


# --- what the library says and what came


class Says:
    """A fetcher whose one answer has these bytes, and then this error or none."""

    def __init__(self, answer: Answer, data: bytes, error: Exception | None = None) -> None:
        self.answer, self.data, self.error = answer, data, error
        self.asked: list[int] = []

    @asynccontextmanager
    async def open(self, link, *, offset=0, end=None, if_range=None, lane=""):
        self.asked.append(offset)
        if len(self.asked) > 1:
            raise ConnectionLost("there is no second answer")
        yield self

    async def chunks(self):
        yield self.data
        if self.error is not None:
            raise self.error


async def test_an_error_after_the_last_byte_is_no_error(bench: Bench) -> None:
    """When all announced bytes have come, what the HTTP library thinks of it does not matter."""
    data = await whole(bench)
    liar = Says(Answer(200, length=SIZE, host="x"), data, ConnectionLost("half-closed"))
    bench.tools = replace(bench.tools, fetcher=liar)
    bench.assert_stored(await bench.go())
    assert liar.asked == [0]


async def test_silence_before_the_last_byte_is_an_error(bench: Bench) -> None:
    """When a body ends early and nobody complains, the missing rest is asked for."""
    data = await whole(bench)
    liar = Says(Answer(200, length=SIZE, host="x"), data[:700])
    bench.tools = replace(bench.tools, fetcher=liar)
    assert isinstance(await bench.go(), Deferred)
    assert liar.asked == [0, 700]
    held = await bench.tools.catalog.held(bench.task.key)
    assert held == Held(700, host="x", total=SIZE)


# --- the fetcher alone


@asynccontextmanager
async def fetcher_for(guard=lambda url: True, *, limit: float = 0, clock: Clock | None = None):
    async with open_fetcher(
        user_agent="tests/1", guard=guard, limit=limit, clock=clock or Clock()
    ) as fetcher:
        yield fetcher


async def test_a_redirect_is_followed_and_its_query_kept_as_it_is() -> None:
    """A signature in a redirect is sent byte for byte, though it is written unlike others."""
    target = "/file/x?sig=a%2Fb+c%20d&x=%E3%81%82&y=~!*'()"
    async with FakeCivitai(World()) as fake, fetcher_for() as fetcher:
        moved = f"{fake.storage_url}{target}"
        fake.faults.add(
            Fault(origin="cdn", path="^/start", status=302, headers={"Location": moved}, body=b"")
        )
        fake.faults.add(
            Fault(
                origin="storage",
                where=lambda request: request.target == target,
                status=200,
                body=b"here",
            )
        )
        async with fetcher.open(SignedUrl(f"{fake.cdn_url}/start")) as body:
            assert body.answer.status == 200
            assert b"".join([bytes(chunk) async for chunk in body.chunks()]) == b"here"
        fake.faults.assert_all_served()


async def test_a_redirect_without_end_is_given_up_after_ten_hops() -> None:
    """A server that redirects in a circle is left after ten steps."""
    async with FakeCivitai(World()) as fake, fetcher_for() as fetcher:
        planted = fake.faults.add(
            Fault(origin="cdn", status=302, headers={"Location": "/again"}, body=b"", every=True)
        )
        with pytest.raises(BadAnswer, match="more than 10 times"):
            async with fetcher.open(SignedUrl(f"{fake.cdn_url}/start")):
                pass
        assert planted.served == 10


async def test_every_step_of_a_redirect_is_guarded() -> None:
    """A redirect to the user's own network is refused like a link to it."""
    async with FakeCivitai(World()) as fake:
        guard = partial(may_fetch, local_service=True)
        async with fetcher_for(guard) as fetcher:
            fake.faults.add(
                Fault(
                    origin="cdn",
                    status=302,
                    headers={"Location": "https://169.254.169.254/latest?secret=1"},
                    body=b"",
                )
            )
            with pytest.raises(BadAnswer, match="is not opened") as told:
                async with fetcher.open(SignedUrl(f"{fake.cdn_url}/start")):
                    pass
            assert "secret=1" not in told.value.message
            fake.faults.assert_all_served()


class Reply:
    """As much of an HTTP answer as the fetcher looks at before its body."""

    def __init__(self, status: int, **headers: str) -> None:
        self.status = status
        names = {"etag": "ETag"}
        self.headers = {
            names.get(name, name.replace("_", "-").title()): value
            for name, value in headers.items()
        }
        self.closed = False
        self.url = type("Url", (), {"host": "r2.example.org"})()

    def close(self) -> None:
        self.closed = True


class Session:
    """A session that answers from a list."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.asked = list(replies), []

    async def get(self, url, **facts):
        self.asked.append((str(url), dict(facts["headers"])))
        return self.replies[len(self.asked) - 1]


class OneSession:
    """Gives the same session for every way."""

    failures = FAILURES

    def __init__(self, session: object) -> None:
        self.session = session

    async def by(self, _proxy: object) -> object:
        return self.session


def fetcher_over(session: Session) -> HttpFetcher:
    return HttpFetcher(
        AiohttpEngine(OneSession(session)),
        guard=lambda url: True,
        bandwidth=Bandwidth(0, Clock()),
        clock=Clock(),
    )


async def test_a_redirect_from_https_to_http_is_refused() -> None:
    """A file whose link was safe is not fetched in the clear."""
    session = Session(Reply(302, location="http://x.org/a?sig=1"), Reply(200))
    with pytest.raises(BadAnswer, match="insecure") as told:
        async with fetcher_over(session).open(SignedUrl("https://x.org/a")):
            pass
    assert "sig=1" not in told.value.message
    assert len(session.asked) == 1
    assert session.replies[0].closed


@pytest.mark.parametrize("location", ["https://[broken", "//[x/"])
async def test_a_redirect_to_nonsense_is_a_bad_answer(location: str) -> None:
    """A redirect that cannot be read is the server's mistake, and not the end of the run."""
    session = Session(Reply(302, location=location), Reply(200))
    with pytest.raises(BadAnswer):
        async with fetcher_over(session).open(SignedUrl("https://x.org/a")):
            pass


async def test_only_a_resumed_request_has_a_range() -> None:
    """A fresh request asks for the whole, a resumed one for the rest, with its condition."""
    session = Session(Reply(200), Reply(206), Reply(206))
    fetcher = fetcher_over(session)
    for offset, if_range in ((0, '"a"'), (700, None), (700, '"a"')):
        async with fetcher.open(SignedUrl("https://x.org/a"), offset=offset, if_range=if_range):
            pass
    assert [headers for _, headers in session.asked] == [
        {},
        {"Range": "bytes=700-"},
        {"Range": "bytes=700-", "If-Range": '"a"'},
    ]
    assert all(reply.closed for reply in session.replies)


async def test_a_host_that_is_not_there_is_a_lost_connection() -> None:
    """A name that does not resolve says which host it was, and no secret of the link."""
    async with fetcher_for() as fetcher:
        with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1") as told:
            async with fetcher.open(SignedUrl("http://127.0.0.1:1/a?sig=secret")):
                pass
    assert "secret" not in told.value.message


async def test_the_limit_of_bytes_holds_over_all_transfers() -> None:
    """With --limit-rate of 1000 bytes a second, 4000 bytes in two files take three seconds more."""
    clock = Clock()
    async with FakeCivitai(World()) as fake, fetcher_for(limit=1_000, clock=clock) as fetcher:
        fake.faults.add(Fault(origin="cdn", status=200, body=b"x" * 2_000, times=2))
        for _ in range(2):
            async with fetcher.open(SignedUrl(f"{fake.cdn_url}/a")) as body:
                assert sum([len(chunk) async for chunk in body.chunks()]) == 2_000
    assert clock.slept == pytest.approx(2.0)


async def test_the_words_of_an_error_page_are_read_up_to_a_limit() -> None:
    """Of an error page no more is read than is shown."""
    async with FakeCivitai(World()) as fake, fetcher_for() as fetcher:
        fake.faults.add(Fault(origin="cdn", status=403, body=b"\xffdenied" + b"x" * 5_000))
        async with fetcher.open(SignedUrl(f"{fake.cdn_url}/a")) as body:
            assert body.answer.status == 403
            assert await body.text(7) == "\ufffddenied"


@pytest.mark.parametrize(
    ("headers", "facts"),
    [
        ({}, {}),
        ({"content_length": "1300", "etag": '"a"'}, {"length": 1300, "etag": '"a"'}),
        ({"content_length": "-5"}, {}),
        ({"content_length": "1300, 1300"}, {}),
        ({"content_length": "²"}, {}),
        ({"content_range": "bytes 700-1299/1300"}, {"start": 700, "end": 1299, "total": 1300}),
        ({"content_range": " Bytes  0-0/1 "}, {"start": 0, "end": 0, "total": 1}),
        ({"content_range": "bytes 700-1299/*"}, {"start": 700, "end": 1299}),
        ({"content_range": "bytes */1300"}, {"total": 1300}),
        ({"content_range": "bytes 700-/1300"}, {}),
        ({"content_range": "items 0-1/2"}, {}),
        ({"content_range": "bytes -5-7/10"}, {}),
        ({"content_encoding": "gzip"}, {"encoded": True}),
        ({"content_encoding": " Identity "}, {}),
        ({"content_type": "Text/HTML; charset=utf-8"}, {"content_type": "text/html"}),
        (
            {"content_type": "multipart/byteranges; boundary=x"},
            {"content_type": "multipart/byteranges", "multipart": True},
        ),
        ({"retry_after": "30"}, {"retry_after": 30.0}),
        ({"retry_after": "soon"}, {}),
    ],
)
def test_the_head_of_an_answer_is_read_with_mistrust(
    headers: dict[str, str], facts: dict[str, object]
) -> None:
    """Lengths and ranges that make no sense count as absent."""
    expected = Answer(206, host="r2.example.org", **facts)
    lines = Reply(206, **headers).headers.items()
    assert expected == read_answer(Head(206, lines, "r2.example.org"))
