"""What a transfer believes: hosts, tags, pages, silence, and bytes that nobody vouches for."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import anyio
import pytest
from test_fetcher_and_transfer import (
    GOOD_KEY,
    PATH,
    SIZE,
    Bench,
    Clock,
    bench_of,
    fetcher_over,
    keep,
    storage,
    whole,
)

from civitai_dl.adapters.fetcher import open_fetcher
from civitai_dl.adapters.fetcher._watch import Watch
from civitai_dl.domain.decisions import RetryPolicy, decide_retry, may_fetch
from civitai_dl.domain.entities import (
    Deferred,
    Digests,
    Failed,
    Failure,
    Held,
    SignedUrl,
    Stored,
    Trouble,
)
from civitai_dl.errors import ConnectionLost, Stalled
from civitai_dl.testing import KNOWN_FAULTS, FakeCivitai, Fault, World, redirected, rewritten

pytestmark = pytest.mark.usefixtures("engine")

WEAK: dict[str, str | None] = {"ETag": 'W/"weak"'}
OVERLAP = 64 * 1024


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A file whose SHA256 the service lists."""
    async with bench_of(tmp_path) as made:
        yield made


@pytest.fixture
async def unproven(tmp_path: Path) -> AsyncIterator[Bench]:
    """A file of which the service lists no digest at all."""
    async with bench_of(tmp_path, hashes="none") as made:
        made.task = replace(made.task, subject=replace(made.task.subject, digests=Digests()))
        yield made


def assert_bytes(bench: Bench, outcome: object) -> None:
    """The true bytes are stored, though nobody can call them verified."""
    assert isinstance(outcome, Stored), outcome
    assert bench.sha256 == outcome.sha256
    assert not outcome.verified


# --- bytes that nobody vouches for


async def test_a_file_without_digest_or_strong_tag_goes_on_by_an_overlap(unproven: Bench) -> None:
    """Under a weak tag the last 64 KiB come once more, are compared, and are not written twice."""
    unproven.fake.faults.add(storage(cut_after=150_000, headers=WEAK))
    unproven.fake.faults.add(storage(headers=WEAK))
    assert_bytes(unproven, await unproven.go())
    assert unproven.requests == [(200, None), (206, f"bytes={150_000 - OVERLAP}-")]
    assert "if-range" not in unproven.asked[1].headers


async def test_an_overlap_that_differs_starts_the_file_over(unproven: Bench) -> None:
    """When the bytes that come again are others, the file has changed, and is fetched whole."""
    unproven.fake.faults.add(storage(cut_after=150_000, headers=WEAK))
    unproven.fake.faults.add(storage(alter=rewritten(etag='W/"weak"')))
    unproven.fake.faults.add(storage(headers=WEAK))
    assert_bytes(unproven, await unproven.go())
    assert unproven.requests[-1] == (200, None)


async def test_what_an_earlier_run_left_without_a_proof_is_fetched_anew(unproven: Bench) -> None:
    """A partial of a file without digest, begun under a weak tag, is not continued by the next."""
    held = Held(50_000, etag='W/"weak"', host="127.0.0.1", total=SIZE)
    await keep(unproven, b"x" * 50_000, held)
    assert_bytes(unproven, await unproven.go())
    assert unproven.requests == [(200, None)]


async def test_a_strong_tag_is_proof_for_the_next_run(unproven: Bench) -> None:
    """Under a strong tag of the same host a file without digest is continued over runs."""
    unproven.fake.faults.add(storage(cut_after=50_000))
    unproven.fake.faults.add(storage(status=502))
    assert isinstance(await unproven.go(), Deferred)
    unproven.reopen()
    assert_bytes(unproven, await unproven.go())
    assert unproven.requests[-1] == (206, "bytes=50000-")
    assert unproven.asked[-1].headers["if-range"].startswith('"')


# --- what is held is worth more than what is said


@pytest.mark.parametrize(
    "fault",
    [
        KNOWN_FAULTS["storage sends a page"],
        storage(status=200, body={"error": "sign in"}),
        storage(status=200, body=b""),
        storage(status=200, body=b"", unframed=True),
    ],
    ids=["page", "json", "empty", "empty without length"],
)
async def test_a_page_costs_none_of_what_is_held(bench: Bench, fault: Fault) -> None:
    """A login page in answer to a Range is no file: what is held stays, and is continued."""
    bench.fake.faults.add(storage(cut_after=150_000))
    bench.fake.faults.add(fault)
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    bench.reopen()
    bench.assert_stored(await bench.go(attempt=1))
    assert bench.requests[-1] == (206, "bytes=150000-")


async def test_a_page_in_small_pieces_is_a_page(bench: Bench) -> None:
    """A page whose first bytes come one by one is recognised all the same."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head>" + b" " * 600
    bench.fake.faults.add(storage(status=200, body=page, bytes_per_second=5_000, times=1))
    outcome = await bench.go()
    assert isinstance(outcome, Deferred)
    assert "an HTML page" in outcome.failure.detail
    assert bench.ear.received == 0


@pytest.mark.parametrize("location", ["http://[broken", "https://10.0.0.1/a", "ftp://x/a"])
async def test_an_address_that_leads_nowhere_costs_a_link_and_no_byte(
    bench: Bench, location: str
) -> None:
    """A redirect to nonsense or to a guarded place is answered by asking for another link."""
    bench.fake.faults.add(storage(cut_after=150_000))
    bench.fake.faults.add(storage(status=302, headers={"Location": location}, body=b""))
    bench.assert_stored(await bench.go())
    assert bench.requests[-1] == (206, "bytes=150000-")
    assert bench.resolves == 2


async def test_a_416_without_a_size_ends_a_file_that_is_whole(bench: Bench) -> None:
    """All bytes of the known size are held and none is behind them: they go to be verified."""
    data = await whole(bench)
    await keep(bench, data, Held(SIZE, host="127.0.0.1", total=SIZE))
    headers: dict[str, str | None] = {"Content-Range": None}
    bench.fake.faults.add(storage(headers=headers))
    bench.assert_stored(await bench.go())


async def test_a_tag_is_not_told_to_another_host(bench: Bench) -> None:
    """A redirect to another host takes no If-Range along, and the file goes on there."""
    port = bench.fake.storage_url.rpartition(":")[2]
    moved = redirected(lambda request: f"http://localhost:{port}{request.target}")
    bench.fake.faults.add(storage(cut_after=50_000))
    bench.fake.faults.add(storage(alter=moved))
    bench.assert_stored(await bench.go())
    first, redirect, last = bench.asked
    assert "if-range" in redirect.headers
    assert "if-range" not in last.headers
    assert (last.status, last.headers["range"]) == (206, "bytes=50000-")
    assert bench.fake.account.leaks(GOOD_KEY) == []
    assert first.status == 200


# --- silence


async def silent(fake: FakeCivitai, fault: Fault) -> list[bytes]:
    """All chunks of one answer, by a client that bears a fifth of a second of silence."""
    fake.faults.add(fault)
    guard = partial(may_fetch, local_service=True)
    got: list[bytes] = []
    async with open_fetcher(
        user_agent="tests/1", guard=guard, limit=0, clock=Clock(), silence=0.2
    ) as fetcher:
        with anyio.fail_after(20):
            async with fetcher.open(SignedUrl(f"{fake.cdn_url}/a")) as body:
                async for chunk in body.chunks():
                    got.append(bytes(chunk))  # noqa: PERF401  # what came before the error counts
    return got


@pytest.mark.parametrize(
    "fault",
    [
        Fault(origin="cdn", status=200, body=b"x" * 9_000, stall_after=5_000),
        Fault(origin="cdn", status=200, body=b"x" * 9_000, delay=3600),
        Fault(
            origin="cdn",
            status=200,
            body=b"",
            extra_lines=("X: y",) * 500,
            head_bytes_per_second=200,
        ),
    ],
    ids=["in the body", "before the head", "a head without end"],
)
async def test_silence_is_borne_for_so_long_and_no_longer(fault: Fault) -> None:
    """A server that says nothing, or never comes to the end of its head, is given up."""
    async with FakeCivitai(World()) as fake:
        with pytest.raises((Stalled, ConnectionLost)):
            await silent(fake, fault)
        fake.faults.assert_all_served()


@pytest.mark.parametrize("after", [0, 5_000, 90_000])
async def test_a_chunk_of_nonsense_is_a_broken_connection(after: int) -> None:
    """Where the size of a chunk is no number, the transfer ends; it neither hangs nor crashes."""
    async with FakeCivitai(World()) as fake:
        body = b"x" * 90_000
        fault = Fault(origin="cdn", status=200, body=body, omit_length=True, bad_chunk_after=after)
        with pytest.raises((Stalled, ConnectionLost)):
            await silent(fake, fault)
        fake.faults.assert_all_served()


# --- a crawl


def watch_over(clock: Clock, allowed: int) -> Watch:
    """A transfer beside three that brought a thousand bytes a second."""
    left = [allowed]

    def may_reopen() -> bool:
        left[0] -= 1
        return left[0] >= 0

    return Watch(deque([1_000.0] * 3), clock, may_reopen)


def test_a_crawl_is_opened_anew_as_often_as_allowed() -> None:
    """A tenth of what others bring, for a minute, is a reason to ask anew, three times at most."""
    clock = Clock()
    watch = watch_over(clock, allowed=1)
    clock.time += 59.0
    watch.came(10)
    clock.time += 2.0
    with pytest.raises(Stalled, match="slower"):
        watch.came(10)
    clock.time += 120.0
    watch.came(10)


def test_a_steady_transfer_is_left_alone() -> None:
    """Half the speed of others is no crawl."""
    clock = Clock()
    watch = watch_over(clock, allowed=9)
    for _ in range(10):
        clock.time += 61.0
        watch.came(30_500)
    watch.ended()


# --- certificates


class Untrusted:
    """A session that meets a certificate which it does not trust."""

    def __init__(self) -> None:
        self.asked = 0

    async def get(self, url, **facts):
        self.asked += 1
        key = aiohttp.client_reqrep.ConnectionKey("x.org", 443, True, True, None, None, None)
        raise aiohttp.ClientConnectorCertificateError(key, ValueError("expired"))


async def test_a_certificate_that_is_not_trusted_is_final_for_its_host() -> None:
    """The host is not asked again in this run, and no other host suffers from it."""
    session = Untrusted()
    fetcher = fetcher_over(session)
    for _ in range(3):
        with pytest.raises(ConnectionLost, match=r"certificate of x\.org") as told:
            async with fetcher.open(SignedUrl("https://x.org/a?sig=1")):
                pass
        assert "sig=1" not in told.value.message
    assert session.asked == 1
    with pytest.raises(ConnectionLost):
        async with fetcher.open(SignedUrl("https://y.org/a")):
            pass
    assert session.asked == 2


async def test_a_file_behind_a_bad_certificate_is_not_tried_again(bench: Bench) -> None:
    """It fails at once, as itself: the lane takes no rest, and what is held stays."""
    fetcher = fetcher_over(Untrusted())
    bench.tools = replace(bench.tools, fetcher=fetcher)
    outcome = await bench.go()
    assert isinstance(outcome, Failed)
    assert outcome.failure.status == 526
    assert outcome.failure.hint
    failure = Failure(Trouble.TRANSIENT, "x", 526, outcome.failure.retry_after)
    verdict = decide_retry(bench.task, failure, now=0.0, jitter=0.0, policy=RetryPolicy())
    assert isinstance(verdict, Failed)
    assert not (bench.root / PATH).exists()
