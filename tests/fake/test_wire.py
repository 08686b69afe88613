"""The server itself: HTTP as it should be, and as it should not be."""

import asyncio
import contextlib
import threading
import time
import urllib.request

import aiohttp
import pytest

from civitai_dl.testing import (
    FakeCivitai,
    FakeFile,
    FakeModel,
    FakeOptions,
    FakeVersion,
    Fault,
    World,
)


def big_world(size=300_000):
    return World().model(FakeModel(1, versions=[FakeVersion(files=[FakeFile(size=size)])]))


async def link(ask):
    """A fresh signed URL of the only file."""
    _, model = await ask.get("models/1")
    return (await ask._resolve(model["modelVersions"][0]["downloadUrl"]))[1]


async def raw(fake, text):
    """Everything that comes back over one connection for these bytes."""
    port = int(fake.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_one_connection_carries_many_requests(serve):
    """Two requests that are sent at once over one connection are answered in their order."""
    ask = await serve(World().model(1))
    one = "GET /api/v1/models/{} HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await raw(ask.fake, one.format(1) + one.format(2))
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.index(b"HTTP/1.1 200 OK") < answer.index(b"HTTP/1.1 404 Not Found")


@pytest.mark.parametrize(
    "nonsense",
    [
        "hello\r\n\r\n",
        "GET / HTTP/1.1 more\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort",
        "GET /" + "x" * 200_000 + " HTTP/1.1\r\n\r\n",
    ],
)
async def test_nonsense_is_not_answered(serve, nonsense):
    """A connection that speaks no HTTP is closed without an answer, and the fake lives on."""
    ask = await serve(World().model(1))
    # Closed while bytes are still unread, which TCP tells as a reset.
    with contextlib.suppress(ConnectionError):
        assert await raw(ask.fake, nonsense) == b""
    assert (await ask.get("models/1"))[0] == 200


async def test_bodies_of_requests_are_read(serve):
    """A chunked body and one that waits for 100 Continue arrive, stray line ends do not hurt."""
    ask = await serve(World().model(1))
    post = "\r\nPOST /api/v1/model-versions/by-hash HTTP/1.1\r\nHost: x\r\n"
    chunked = post + "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\nX: y\r\n\r\n"
    assert (await raw(ask.fake, chunked)).endswith(b"\r\n\r\n[]")
    waiting = post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n[]"
    assert (await raw(ask.fake, waiting)).startswith(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"
    )


async def test_old_clients_are_hung_up_on(serve):
    """HTTP/1.0 and Connection: close get one answer per connection."""
    ask = await serve(World().model(1))
    for last in ("HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nConnection: close\r\n\r\n"):
        answer = await raw(ask.fake, f"GET /api/v1/models/1 {last}" * 2)
        assert answer.count(b"HTTP/1.1 200") == 1
        assert b"\r\nConnection: close\r\n" in answer


async def test_a_close_is_no_answer(serve):
    """A closed connection leaves the client without a single byte."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(Fault(close=True, every=True))
    assert await raw(ask.fake, "GET /api/v1/models/1 HTTP/1.1\r\n\r\n") == b""


async def test_head_has_the_length_but_no_body(serve):
    """HEAD to the CDN tells Content-Length and sends nothing."""
    ask = await serve(World().model(1))
    _, model = await ask.get("models/1")
    url = model["modelVersions"][0]["images"][0]["url"]
    async with ask.session.head(url) as answer:
        assert int(answer.headers["Content-Length"]) > 0
        assert await answer.read() == b""


async def test_a_cut_body_ends_before_its_length(serve):
    """A fault that cuts after 1000 bytes delivers those 1000 and no more."""
    ask = await serve(big_world())
    ask.fake.faults.add(Fault(origin="storage", cut_after=1000))
    got = []

    async def read_all():
        async with ask.session.get(await link(ask)) as answer:
            while chunk := await answer.content.readany():
                got.append(chunk)

    with pytest.raises(aiohttp.ClientPayloadError):
        await read_all()
    assert len(b"".join(got)) == 1000
    assert ask.fake.account.bytes_sent("storage") == 1000


async def test_a_reset_is_no_answer(serve):
    """A reset connection raises in the client and is booked with status 0."""
    ask = await serve(World().model(1))
    ask.fake.faults.add(Fault(origin="api", reset=True, every=True))
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await ask.get("models/1")
    assert ask.fake.account.of(origin="api")[0].status == 0


async def test_a_reset_in_the_middle(serve):
    """A connection that is reset after 5000 bytes fails in the client while it reads."""
    ask = await serve(big_world())
    ask.fake.faults.add(Fault(origin="storage", reset_after=5000))
    with pytest.raises(aiohttp.ClientError):
        await ask._bytes(await link(ask))
    assert ask.fake.account.bytes_sent("storage") == 5000


async def test_one_byte_is_corrupted(serve):
    """The byte at the offset is inverted, all others and the length are true."""
    ask = await serve(big_world(5000))
    true = await ask._bytes(await link(ask))
    ask.fake.faults.add(Fault(origin="storage", corrupt_at=4321))
    spoiled = await ask._bytes(await link(ask))
    assert [n for n in range(5000) if true[n] != spoiled[n]] == [4321]


@pytest.mark.parametrize("how", [{"omit_length": True}, {"unframed": True}])
async def test_a_body_without_length(serve, how):
    """Chunked or ended by the connection alone, the body arrives whole without Content-Length."""
    ask = await serve(big_world())
    ask.fake.faults.add(Fault(origin="storage", **how))
    async with ask.session.get(await link(ask)) as answer:
        assert "Content-Length" not in answer.headers
        assert len(await answer.read()) == 300_000


async def test_a_claimed_length_that_is_too_long(serve):
    """A body shorter than announced looks like a cut one."""
    ask = await serve(big_world(5000))
    ask.fake.faults.add(Fault(origin="storage", claimed_length=9000))
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask._bytes(await link(ask))


async def test_slow_and_late(serve):
    """Delay and rate are kept: 10 kB at 50 kB/s after 0.1 s take 0.3 s."""
    ask = await serve(big_world(10_000))
    ask.fake.faults.add(Fault(origin="storage", delay=0.1, bytes_per_second=50_000))
    url, begun = await link(ask), time.monotonic()
    assert len(await ask._bytes(url)) == 10_000
    assert 0.28 < time.monotonic() - begun < 1.5


async def test_a_stall_delivers_what_came_before(serve):
    """A stalled body hands out its first bytes and then nothing for as long as it is told."""
    ask = await serve(big_world(10_000))
    ask.fake.faults.add(Fault(origin="storage", stall_after=2000))
    async with ask.session.get(await link(ask)) as answer:
        assert len(await answer.content.readexactly(2000)) == 2000
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(answer.content.readexactly(1), 0.1)
        answer.close()


async def test_serving_ends_while_clients_hang(serve):
    """Leaving `async with` closes connections that are idle, stalled or half-way."""
    fake = FakeCivitai(big_world())
    fake.faults.add(Fault(origin="api", path="models/1", delay=3600))
    async with fake, aiohttp.ClientSession() as session:
        hanging = asyncio.ensure_future(session.get(f"{fake.base_url}/api/v1/models/1"))
        await session.get(f"{fake.base_url}/api/v1/models/2")
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        await fake.__aexit__(None, None, None)
        assert time.monotonic() - begun < 1
        with pytest.raises(aiohttp.ClientError):
            await hanging
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not [task for task in left if "_connected" in repr(task)]


async def test_it_serves_from_a_thread_as_well():
    """`in_thread` serves programs that block, and leaves no thread behind."""
    fake = FakeCivitai(World().model(1))
    with fake.in_thread():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{fake.base_url}/api/v1/models/1") as answer,
        ):
            assert answer.status == 200
    assert "FakeCivitai" not in {thread.name for thread in threading.enumerate()}


def test_what_was_answered_is_booked():
    """A client that has the whole answer finds it in the account at once, from any thread."""
    fake = FakeCivitai(big_world(100_000))
    with fake.in_thread():
        url = f"{fake.base_url}/api/download/models/100001"
        for number in range(1, 51):
            request = urllib.request.Request(url, headers={"User-Agent": "x"})
            with urllib.request.urlopen(request) as answer:
                assert len(answer.read()) == 100_000
            assert fake.account.count(origin="storage", status=200) == number


async def test_a_port_that_is_taken():
    """A fake that cannot have its port says so, in the loop and from a thread."""
    world = World()
    async with FakeCivitai(world) as first:
        port = int(first.base_url.rpartition(":")[2])
        second = FakeCivitai(world, options=FakeOptions(ports=(port, 0, 0)))
        with pytest.raises(OSError, match=r"(?i)address"):
            await second.__aenter__()
        with pytest.raises(OSError, match=r"(?i)address"), second.in_thread():
            pass


async def test_it_can_be_served_again():
    """The same fake can be served twice; its account remembers both times."""
    fake = FakeCivitai(World().model(1))
    for _ in range(2):
        async with (
            fake,
            aiohttp.ClientSession() as session,
            session.get(f"{fake.base_url}/api/v1/models/1") as answer,
        ):
            assert answer.status == 200
    assert fake.account.count(status=200) == 2


async def test_a_bug_of_the_fake_is_not_hidden():
    """A fault with a broken condition is answered with 500 and raised when serving ends."""
    fake = FakeCivitai(World())
    fake.faults.add(Fault(where=lambda request: 1 / 0))

    async def ask_once():
        async with (
            fake,
            aiohttp.ClientSession() as session,
            session.get(f"{fake.base_url}/api/v1/models/1") as answer,
        ):
            assert answer.status == 500

    with pytest.raises(ZeroDivisionError):
        await ask_once()


async def test_whom_the_client_has_left_is_not_under_way_any_more():
    """A client that hangs up on one answer and asks again has one request at a time."""
    every = Fault(origin="storage", path=".*", every=True, bytes_per_second=10_000)
    async with FakeCivitai(big_world(), options=FakeOptions(stores=("r2",))) as fake:
        fake.faults.add(every)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{fake.base_url}/api/v1/models/1") as answer:
                model = await answer.json()
            address = model["modelVersions"][0]["downloadUrl"]
            for _ in range(3):
                async with session.get(address) as body:
                    await body.content.read(1)
                    body.close()
    assert fake.account.peak("storage") == 1
