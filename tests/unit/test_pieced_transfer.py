"""A file that is fetched in pieces, by a Civitai that lies about some of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from test_fetcher_and_transfer import SIZE, Bench, bench_of, storage

from civitai_dl.adapters.storage._partial import LocalPartial
from civitai_dl.domain.decisions import _pieces
from civitai_dl.domain.entities import (
    BytesReceived,
    Deferred,
    Digests,
    Held,
    Island,
    Lane,
    TransferStarted,
)
from civitai_dl.errors import StorageBroken
from civitai_dl.scheduler import Spare
from civitai_dl.worker import _checkpoints

pytestmark = pytest.mark.usefixtures("engine", "small_pieces")

PIECE = 20_000
STREAMS = 5


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 20 kB, and a tail of 10 kB."""
    for name, size in (
        ("LEAST_PIECE", PIECE),
        ("MOST_PIECE", 3 * PIECE),
        ("FIRST_PIECE", PIECE),
        ("LEAST_TAIL", PIECE // 2),
    ):
        monkeypatch.setattr(_pieces, name, size)


def spare_streams(bench: Bench, count: int = STREAMS - 1) -> Spare:
    """As a lane with so many idle workers."""
    spare = Spare()
    spare.listen(
        Lane.FILES,
        began=lambda: None,
        left=lambda: None,
        ended=lambda _: spare.offer(Lane.FILES, count - spare.at_work[Lane.FILES]),
    )
    spare.offer(Lane.FILES, count)
    bench.tools = replace(bench.tools, spare=spare)
    return spare


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A file whose SHA256 the service lists, and four spare streams."""
    async with bench_of(tmp_path) as made:
        spare_streams(made)
        yield made


@pytest.fixture
async def unproven(tmp_path: Path) -> AsyncIterator[Bench]:
    """A file of which the service lists no digest at all."""
    async with bench_of(tmp_path, hashes="none") as made:
        made.task = replace(made.task, subject=replace(made.task.subject, digests=Digests()))
        spare_streams(made)
        yield made


def first_byte(request) -> int:
    """Of the range that is asked for."""
    return int((request.header("range") or "bytes=0-")[6:].split("-")[0])


def at(low: int, high: int = SIZE) -> Callable[..., bool]:
    """Requests for a piece that begins there."""
    return lambda request: low <= first_byte(request) < high


def shown(bench: Bench) -> int:
    """The most bytes of the file that a display has ever told of."""
    have = most = 0
    for event in bench.ear.heard:
        if isinstance(event, TransferStarted):
            have = event.offset
        elif isinstance(event, BytesReceived):
            have += event.count
        most = max(most, have)
    return most


def sent(bench: Bench) -> int:
    """Bytes of the file that crossed the wire."""
    return sum(seen.bytes_sent for seen in bench.asked if seen.status in (200, 206))


async def test_a_file_comes_in_pieces_by_all_spare_streams(bench: Bench) -> None:
    """Each byte comes once, one link is enough, and the streams are given back."""
    bench.assert_stored(await bench.go())
    statuses = {status for status, _ in bench.requests}
    assert {206} == statuses
    assert len(bench.requests) > STREAMS
    assert (SIZE, SIZE) == (sent(bench), shown(bench))
    assert 1 == bench.resolves
    assert 0 == bench.tools.spare.at_work[Lane.FILES]


async def test_without_a_spare_stream_one_has_to_do(bench: Bench) -> None:
    """Where each task has one stream and no more, a file comes as it always did."""
    spare_streams(bench, 0)
    bench.assert_stored(await bench.go())
    assert [(200, None)] == bench.requests


async def test_a_stream_that_becomes_spare_later_helps(bench: Bench) -> None:
    """The stream that began at the first byte ends where another one has begun."""
    spare = spare_streams(bench, 0)
    bench.fake.faults.add(storage(bytes_per_second=200_000))
    async with anyio.create_task_group() as group:

        async def lend() -> None:
            await bench.ear.has(10_000)
            spare.offer(Lane.FILES, 2)

        group.start_soon(lend)
        bench.assert_stored(await bench.go())
    # The first request, which was broken off, may not be in the book yet.
    pieces = [first for status, first in bench.requests if status == 206]
    assert len(pieces) > 2
    assert not any(first.startswith("bytes=0-") for first in pieces)
    assert SIZE == shown(bench)
    assert bench.ear.received == SIZE
    assert 1 == bench.resolves


async def test_no_pieces_when_resuming_is_switched_off(tmp_path: Path) -> None:
    """Who wants no ranges gets none."""
    async with bench_of(tmp_path, resume=False) as bench:
        spare_streams(bench)
        bench.assert_stored(await bench.go())
        assert [(200, None)] == bench.requests


# --- without a digest of the service


async def test_without_a_digest_the_first_answer_must_vouch(unproven: Bench) -> None:
    """Under a strong tag the rest comes in pieces, under a weak one it does not."""
    unproven.fake.faults.add(storage(bytes_per_second=400_000))
    await unproven.go()
    pieces = [first for status, first in unproven.requests if status == 206]
    assert len(pieces) > 1
    assert not any(first.startswith("bytes=0-") for first in pieces)
    data = (unproven.root / "model_0/1/10-v1/a.safetensors").read_bytes()
    assert unproven.sha256 == hashlib.sha256(data).hexdigest()


async def test_without_any_proof_there_are_no_pieces(unproven: Bench) -> None:
    """A weak tag would not tell whether the pieces belong together."""
    unproven.fake.faults.add(
        storage(bytes_per_second=400_000, headers={"ETag": 'W/"weak"'}, every=True)
    )
    await unproven.go()
    assert [(200, None)] == unproven.requests


# --- pieces that go wrong


async def test_a_server_without_ranges_is_asked_by_one(bench: Bench) -> None:
    """An answer with the whole says so; then the file comes by one stream."""
    bench.fake.faults.add(storage(ignore_range=True, every=True))
    bench.assert_stored(await bench.go())
    assert {200} == {status for status, _ in bench.requests}
    assert (200, None) == bench.requests[-1]
    assert SIZE == bench.ear.received
    assert 1 == bench.resolves


async def test_ranges_that_end_in_the_middle_lose_nothing(bench: Bench) -> None:
    """A server that ignores a Range once: what had come stays, and the rest comes by one stream."""
    bench.fake.faults.add(storage(ignore_range=True, where=at(80_000)))
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received
    assert SIZE == shown(bench)


WRONG = {
    "another place": "bytes 0-19999/200000",
    "another size": "bytes {}-{}/200001",
    "too short": "bytes {}-{}/200000",
    "nonsense": "bytes x",
}


@pytest.mark.parametrize("header", WRONG.values(), ids=WRONG)
async def test_a_piece_of_another_place_is_not_written(bench: Bench, header: str) -> None:
    """A Content-Range that is not the one asked for costs that piece, and it comes again."""
    low, high = 40_000, 40_007
    bench.fake.faults.add(
        storage(where=at(20_000), headers={"Content-Range": header.format(low, high)})
    )
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received
    assert 1 == bench.resolves


async def test_a_tag_that_changes_between_pieces_is_not_mixed(bench: Bench) -> None:
    """A piece under another tag of the same host is another file's."""
    bench.fake.faults.add(storage(where=at(60_000), headers={"ETag": '"other"'}))
    bench.assert_stored(await bench.go())
    assert bench.ear.received <= SIZE + 2 * PIECE
    assert SIZE == shown(bench)


async def test_a_file_that_has_changed_is_fetched_anew(bench: Bench) -> None:
    """When every piece says so, it is fetched whole."""
    held = Held(30_000, etag='"old"', host="127.0.0.1", total=SIZE)
    async with bench.tools.storage.partial(bench.task.key) as partial:
        await partial.begin(0)
        await partial.write(b"x" * 30_000)
        await partial.sync()
    await bench.tools.catalog.hold(bench.task.key, held)
    bench.assert_stored(await bench.go())
    assert 200 == bench.requests[-1][0]


@pytest.mark.parametrize("status", [416, 429, 500, 503])
async def test_a_refused_piece_is_asked_for_again(bench: Bench, status: int) -> None:
    """One refusal does not end the others, nor the file."""
    bench.fake.faults.add(storage(where=at(40_000), status=status))
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received


async def test_a_host_that_bears_two_gets_two(bench: Bench) -> None:
    """Whoever is turned away leaves; those that are at work go on."""
    spare_streams(bench, 7)
    bench.fake.faults.add(
        storage(where=lambda request: first_byte(request) >= 40_000, status=429, times=6)
    )
    bench.fake.faults.add(storage(every=True, bytes_per_second=400_000))
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received


async def test_all_refused_is_the_files_trouble(bench: Bench) -> None:
    """A host that turns everybody away: the file waits as long as it asks."""
    bench.fake.faults.add(storage(status=429, headers={"Retry-After": "7"}, every=True))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert 429 == outcome.failure.status
    assert 0 == bench.tools.spare.at_work[Lane.FILES]


async def test_a_piece_that_is_cut_goes_on_where_it_was_cut(bench: Bench) -> None:
    """What came of it stays, and no byte comes twice."""
    bench.fake.faults.add(storage(where=at(60_000, 100_000), cut_after=7_000))
    bench.assert_stored(await bench.go())
    assert (SIZE, SIZE) == (bench.ear.received, shown(bench))


async def test_connections_that_are_reset_are_made_anew(bench: Bench) -> None:
    """Several resets before and within bodies cost no byte of the others."""
    bench.fake.faults.add(storage(where=at(20_000), reset=True))
    bench.fake.faults.add(storage(where=at(100_000), reset_after=1_000, times=2))
    bench.assert_stored(await bench.go())
    assert SIZE == shown(bench)


async def test_a_piece_that_swells_is_dropped(bench: Bench) -> None:
    """More than was asked for is not to be believed at all."""

    def more(request) -> bool:
        return first_byte(request) == 40_000

    bench.fake.faults.add(storage(where=more, omit_length=True, excess=b"x" * 500))
    bench.assert_stored(await bench.go())
    assert SIZE >= shown(bench)


async def test_a_page_in_place_of_the_first_piece_is_no_file(bench: Bench) -> None:
    """A login page that calls itself the first bytes of the file is not written."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>".ljust(PIECE)
    headers = {"Content-Range": f"bytes 0-{PIECE - 1}/{SIZE}", "Content-Type": "text/html"}
    bench.fake.faults.add(storage(where=at(0, 1), status=206, headers=headers, body=page))
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received


# --- links


async def test_a_link_that_ends_is_renewed_once(bench: Bench) -> None:
    """However many pieces meet the end of the link, one new one is asked for."""
    first: list[str] = []

    def has_ended(request) -> bool:
        first.append(request.query)
        return first_byte(request) >= 60_000 and request.query == first[0]

    bench.fake.faults.add(storage(where=has_ended, status=403, every=True, body="Expired"))
    bench.assert_stored(await bench.go())
    assert 2 == bench.resolves
    assert SIZE == bench.ear.received


async def test_links_that_are_all_refused_end_the_try(bench: Bench) -> None:
    """A new link that is refused as well is not followed by a third and a fourth."""
    bench.fake.faults.add(storage(status=403, every=True, body="no"))
    assert isinstance(await bench.go(), Deferred)
    assert bench.resolves <= 4


# --- stopping and going on


async def stopped(bench: Bench, after: int) -> None:
    """A run that is cancelled when so many bytes have come; the first ones are the slowest."""
    bench.fake.faults.add(storage(where=at(0, 1), every=True, bytes_per_second=20_000))
    fault = bench.fake.faults.add(storage(every=True, bytes_per_second=100_000))
    with anyio.move_on_after(30):
        async with anyio.create_task_group() as group:

            async def stop() -> None:
                await bench.ear.has(after)
                group.cancel_scope.cancel()

            group.start_soon(stop)
            await bench.go()
    assert fault.served
    bench.fake.faults.clear()


async def test_a_stopped_file_goes_on_in_all_its_pieces(bench: Bench) -> None:
    """What came in pieces is durable by one row; the next run fetches only what is missing."""
    await stopped(bench, 60_000)
    held = await bench.tools.catalog.held(bench.task.key)
    assert held is not None
    assert held.islands
    came = held.size + sum(one.end - one.start for one in held.islands)
    before = bench.ear.received
    assert came == before
    assert 0 == bench.tools.spare.at_work[Lane.FILES]
    bench.reopen()
    bench.assert_stored(await bench.go())
    assert SIZE - came == bench.ear.received - before
    assert SIZE == shown(bench)
    assert await bench.tools.catalog.held(bench.task.key) is None


async def test_pieces_of_before_serve_a_run_with_one_stream(bench: Bench) -> None:
    """Without a spare stream the gaps are filled one by one, and nothing comes twice."""
    await stopped(bench, 60_000)
    bench.reopen()
    spare_streams(bench, 0)
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received


async def test_an_island_with_other_bytes_is_fetched_again(bench: Bench) -> None:
    """A disk that gives back other bytes than it was given costs that island."""
    await stopped(bench, 60_000)
    held = await bench.tools.catalog.held(bench.task.key)
    assert held is not None
    island = held.islands[-1]
    (part,) = (bench.root / ".civitai-dl/tmp").glob("*.part")
    data = bytearray(part.read_bytes())
    data[island.start + 5] ^= 0xFF
    part.write_bytes(data)
    before = bench.ear.received
    bench.reopen()
    bench.assert_stored(await bench.go())
    came = held.size + sum(one.end - one.start for one in held.islands)
    again = island.end - island.start
    assert SIZE - came + again == bench.ear.received - before
    assert SIZE == shown(bench)


async def test_a_hole_is_never_taken_for_what_is_held(bench: Bench) -> None:
    """After a crash without a row the length of the file proves nothing."""
    async with bench.tools.storage.partial(bench.task.key) as partial:
        await partial.begin(0)
        await partial.ahead(100_000).write(b"x" * 100_000)
    bench.reopen()
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received


async def test_an_island_that_the_row_invents_costs_nothing_but_itself(bench: Bench) -> None:
    """What a row tells of must be in the file, with these bytes."""
    async with bench.tools.storage.partial(bench.task.key) as partial:
        await partial.begin(0)
        await partial.ahead(50_000).write(b"x" * 50_000)
    islands = (Island(50_000, 90_000, "00000000"), Island(99_000, 900_000, "00000000"))
    held = Held(0, etag=None, host="", total=SIZE, islands=islands)
    await bench.tools.catalog.hold(bench.task.key, held)
    bench.reopen()
    bench.assert_stored(await bench.go())
    assert SIZE == bench.ear.received


async def test_checkpoints_are_committed_on_the_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so many bytes, and what they tell of was synced before."""
    monkeypatch.setattr(_checkpoints, "CHECKPOINT_BYTES", 30_000)
    rows: list[Held] = []
    hold = type(bench.tools.catalog).hold

    async def noted(catalog: object, key: str, held: Held | None) -> None:
        if held is not None:
            rows.append(held)
        await hold(catalog, key, held)

    monkeypatch.setattr(type(bench.tools.catalog), "hold", noted)
    # Slow enough for a busy machine, whose commits take their time, to make some on the way.
    bench.fake.faults.add(storage(every=True, bytes_per_second=120_000))
    bench.assert_stored(await bench.go())
    assert len(rows) >= 3
    assert any(row.islands for row in rows)
    for row in rows:
        assert all(one.start >= row.size for one in row.islands)


async def test_trouble_with_the_disk_is_not_the_pieces(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails under a piece ends the try as under any other write."""

    def broken(*_: object) -> int:
        raise StorageBroken("I/O error")

    monkeypatch.setattr(LocalPartial, "_write_at", broken)
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert outcome.failure.trouble.value == "storage"
    assert 0 == bench.tools.spare.at_work[Lane.FILES]
