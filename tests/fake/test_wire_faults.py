"""Every lie that the fault server can tell, as it stands on the wire, read from a bare socket."""

import asyncio
import gzip
import re
import time
from urllib.parse import urlsplit

import pytest

from civitai_dl.testing import (
    FakeFile,
    FakeModel,
    FakeVersion,
    Fault,
    World,
    byteranges,
    displaced,
    gzipped,
    mislabelled,
    misplaced,
    redirected,
    rewritten,
    shortened,
    swapped,
    unasked_part,
)

SIZE = 5_000


def a_world():
    return World().model(FakeModel(1, versions=[FakeVersion(files=[FakeFile(size=SIZE)])]))


@pytest.fixture
async def wire(serve):
    """A fake with one file, and a way to ask its storage over a bare socket."""
    ask = await serve(a_world())
    _, model = await ask.get("models/1")
    link = (await ask._resolve(model["modelVersions"][0]["downloadUrl"]))[1]
    made = Wire(ask.fake, link)
    made.true = (await made.get()).body
    yield made
    ask.fake.faults.assert_all_served()


class Answer:
    """What came back, taken apart by hand."""

    def __init__(self, data):
        self.raw = data
        self.head, self.gap, self.body = data.partition(b"\r\n\r\n")
        self.status_line, *self.lines = self.head.decode("latin-1").split("\r\n")

    def values(self, name):
        """All values of a header, in their order."""
        pairs = [line.partition(":") for line in self.lines]
        return [text.strip() for key, _, text in pairs if key.lower() == name]


class Wire:
    def __init__(self, fake, link):
        self.fake, self.link = fake, link

    def fault(self, **facts):
        return self.fake.faults.add(Fault(origin="storage", **facts))

    async def get(self, range_=None, *, read=None):
        """Everything that comes until the connection ends, or the first `read` bytes."""
        parts = urlsplit(self.link)
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", "Host: x", "Connection: close"]
        if range_ is not None:
            lines.append(f"Range: {range_}")
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            data = b""
            while read is None or len(data) < read:
                chunk = await reader.read(65_536)
                if not chunk:
                    break
                data += chunk
            return Answer(data)
        finally:
            writer.transport.abort()


async def test_the_truth_without_a_fault(wire):
    """Without a fault the whole comes with its length, and a part with its place."""
    answer = await wire.get()
    assert answer.status_line == "HTTP/1.1 200 OK"
    assert answer.values("content-length") == [str(SIZE)]
    part = await wire.get("bytes=1000-")
    assert part.values("content-range") == [f"bytes 1000-{SIZE - 1}/{SIZE}"]
    assert part.body == wire.true[1000:]


async def test_a_head_that_is_cut(wire):
    """cut_head=20 sends twenty bytes of the head and closes."""
    wire.fault(cut_head=20)
    assert len((await wire.get()).raw) == 20
    assert wire.fake.account.of(origin="storage")[-1].status == 0


async def test_a_head_that_dribbles(wire):
    """With head_bytes_per_second the head comes in pieces over its time, and the body follows."""
    wire.fault(head_bytes_per_second=4_000)
    begun = time.monotonic()
    answer = await wire.get()
    # Nobody can be early here, however fast the machine.
    assert time.monotonic() - begun > len(answer.head) / 4_000 / 2
    assert answer.body == wire.true


async def test_a_body_that_becomes_slow(wire):
    """With slow_after the first bytes come at once and the others at the rate that is given."""
    wire.fault(bytes_per_second=20_000, slow_after=3_000)
    begun = time.monotonic()
    answer = await wire.get()
    assert time.monotonic() - begun > 2_000 / 20_000 / 2
    assert answer.body == wire.true


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: many",),
        ("Content-Length: -5",),
        ("Content-Length: 5000", "Content-Length: 4999"),
        ("Content-Length: 5000", "Content-Length: 5000"),
        ("Content-Length: 5000, 5000",),
        (),
    ],
)
async def test_any_framing_may_be_announced(wire, lines):
    """The lines given as framing stand in the head, and no other length does."""
    wire.fault(framing=lines)
    answer = await wire.get()
    lengths = [f"Content-Length: {text}" for text in answer.values("content-length")]
    assert lengths == list(lines)
    assert answer.body == wire.true


async def test_a_length_together_with_chunks(wire):
    """Content-Length and Transfer-Encoding may contradict each other."""
    wire.fault(framing=("Content-Length: 7", "Transfer-Encoding: chunked"), omit_length=True)
    answer = await wire.get()
    assert answer.values("content-length") == ["7"]
    assert answer.values("transfer-encoding") == ["chunked"]
    assert answer.body.startswith(b"1388\r\n")
    assert answer.body.endswith(b"\r\n0\r\n\r\n")


async def test_a_chunk_size_that_is_no_number(wire):
    """After 2000 bytes in good chunks comes a size line that is none, and the end."""
    wire.fault(omit_length=True, bad_chunk_after=2000)
    answer = await wire.get()
    assert answer.body == b"7d0\r\n" + wire.true[:2000] + b"\r\nno number\r\n"


async def test_chunks_without_their_end(wire):
    """All bytes come in chunks, and the last chunk, which ends them, does not."""
    wire.fault(omit_length=True, unterminated=True)
    assert (await wire.get()).body == b"1388\r\n" + wire.true + b"\r\n"


@pytest.mark.parametrize("how", [{}, {"omit_length": True}, {"unframed": True}])
async def test_bytes_after_the_end(wire, how):
    """What is in excess comes after the last byte, in a chunk of its own where there are chunks."""
    wire.fault(excess=b"more", **how)
    body = (await wire.get()).body
    more = b"4\r\nmore\r\n0\r\n\r\n" if "omit_length" in how else b"more"
    assert body.endswith(more)
    assert wire.true in body


async def test_a_stray_1xx_before_the_answer(wire):
    """The preface stands before the status line of the true answer."""
    stray = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    wire.fault(preface=stray)
    assert (await wire.get()).raw.startswith(stray + b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("line", ["HTTP/1.0 200 OK", "HTTP/9.9 200 OK", "garbage", ""])
async def test_any_status_line(wire, line):
    """The status line is what it is told to be."""
    wire.fault(status_line=line, unframed=True)
    answer = await wire.get()
    assert answer.status_line == line
    assert answer.body == wire.true


async def test_any_header_line(wire):
    """Header lines without a colon, and very many of them, are sent as they are."""
    bomb = tuple(f"X-{number}: {'x' * 1000}" for number in range(200))
    wire.fault(extra_lines=("no colon here", *bomb))
    answer = await wire.get()
    assert "no colon here" in answer.lines
    assert len(answer.head) > 200_000
    assert answer.body == wire.true


@pytest.mark.parametrize(
    ("lie", "label"),
    [
        ({"start": 1}, f"bytes 1001-{SIZE - 1}/{SIZE}"),
        ({"end": -1}, f"bytes 1000-{SIZE - 2}/{SIZE}"),
        ({"total": 9}, f"bytes 1000-{SIZE - 1}/{SIZE + 9}"),
    ],
)
async def test_a_part_under_a_wrong_label(wire, lie, label):
    """The bytes are those asked for, the Content-Range is another."""
    wire.fault(alter=mislabelled(**lie))
    answer = await wire.get("bytes=1000-")
    assert answer.values("content-range") == [label]
    assert answer.body == wire.true[1000:]


@pytest.mark.parametrize("value", [None, "bytes */*", f"bytes 1000-{SIZE - 1}/*"])
async def test_a_label_that_is_missing_or_says_nothing(wire, value):
    """Content-Range may be taken away or replaced."""
    wire.fault(headers={"Content-Range": value})
    found = (await wire.get("bytes=1000-")).values("content-range")
    assert found == ([] if value is None else [value])


@pytest.mark.parametrize(("by", "first"), [(-400, 600), (-5000, 0), (300, 1300)])
async def test_a_part_that_begins_elsewhere(wire, by, first):
    """A superset begins before the byte that was asked for, and is labelled as it is."""
    wire.fault(alter=displaced(by))
    answer = await wire.get("bytes=1000-")
    assert answer.values("content-range") == [f"bytes {first}-{SIZE - 1}/{SIZE}"]
    assert answer.body == wire.true[first:]


async def test_bytes_from_elsewhere_under_the_right_label(wire):
    """The label is right, the length too, and the bytes come from 64 further on."""
    wire.fault(alter=misplaced(64))
    answer = await wire.get("bytes=1000-")
    assert answer.values("content-range") == [f"bytes 1000-{SIZE - 1}/{SIZE}"]
    assert answer.body == wire.true[1064:] + wire.true[:64]


async def test_a_part_that_ends_early(wire):
    """A server may send less than it was asked for and say so."""
    wire.fault(alter=shortened(500))
    answer = await wire.get("bytes=1000-")
    assert answer.values("content-range") == [f"bytes 1000-{SIZE - 501}/{SIZE}"]
    assert answer.values("content-length") == [str(SIZE - 1500)]
    assert answer.body == wire.true[1000:-500]


async def test_a_part_that_nobody_asked_for(wire):
    """206 in answer to a request without Range."""
    wire.fault(alter=unasked_part())
    answer = await wire.get()
    assert answer.status_line.startswith("HTTP/1.1 206 ")
    assert answer.body == wire.true


async def test_a_part_in_many_parts(wire):
    """multipart/byteranges wraps the part in boundaries."""
    wire.fault(alter=byteranges())
    answer = await wire.get("bytes=1000-")
    assert answer.values("content-type") == ["multipart/byteranges; boundary=fake-part"]
    assert answer.values("content-range") == []
    assert answer.body.startswith(b"--fake-part\r\nContent-Range: bytes 1000-")
    assert wire.true[1000:] in answer.body


@pytest.mark.parametrize(("range_", "first"), [(None, 0), ("bytes=1000-", 1000)])
async def test_a_compressed_body(wire, range_, first):
    """The whole or the part comes in gzip, with the length of what is sent."""
    wire.fault(alter=gzipped())
    answer = await wire.get(range_)
    assert answer.values("content-encoding") == ["gzip"]
    assert answer.values("content-length") == [str(len(answer.body))]
    assert gzip.decompress(answer.body) == wire.true[first:]


async def test_another_object_behind_the_link(wire):
    """A rewritten file has the same beginning, other bytes, its own tag and maybe length."""
    wire.fault(alter=rewritten(longer=10))
    answer = await wire.get()
    assert answer.values("etag") == ['"rewritten"']
    assert len(answer.body) == SIZE + 10
    assert answer.body[:512] == wire.true[:512]
    assert all(a != b for a, b in zip(answer.body[512:], wire.true[512:], strict=False))
    wire.fault(alter=rewritten(etag=None))
    part = await wire.get("bytes=4000-")
    assert part.values("etag") != ['"rewritten"']
    assert part.body == bytes(byte ^ 0xFF for byte in wire.true[4000:])


async def test_the_bytes_of_another_file(wire):
    """Another body can be sent in place of the true one, under its tag or an own one."""

    class Zeros:
        size = 10_000

        def read(self, start, stop):
            return bytes(stop - start)

    wire.fault(alter=swapped(Zeros()))
    wire.fault(alter=swapped(Zeros(), etag='"zeros"'))
    true = (await wire.get()).values("etag")
    part = await wire.get("bytes=9000-")
    assert true != part.values("etag") == ['"zeros"']
    assert part.body == bytes(1000)


async def test_a_redirect_keeps_its_query_raw(wire):
    """A Location is sent as it was written, and may be anything at all."""
    wire.fault(alter=redirected(lambda request: f"{request.target}&x=a%2Fb+c%20d&あ", 307))
    answer = await wire.get()
    assert answer.status_line.startswith("HTTP/1.1 307 ")
    (location,) = answer.values("location")
    assert location.encode("latin-1").endswith("&x=a%2Fb+c%20d&あ".encode())
    wire.fault(alter=redirected(lambda _: "http://[broken"))
    assert (await wire.get()).values("location") == ["http://[broken"]


@pytest.mark.parametrize("status", [204, 205, 304, 408, 416, 520, 524])
async def test_any_status(wire, status):
    """Statuses that make no sense for a file can be sent, those without a body without one."""
    wire.fault(status=status, body=b"" if status in (204, 304) else b"x")
    answer = await wire.get()
    assert re.match(rf"HTTP/1\.1 {status} ", answer.status_line)
    assert answer.body == (b"" if status in (204, 304) else b"x")


async def test_the_world_may_change_while_it_answers(wire):
    """`then` is called each time the fault is served, before the answer is made."""
    seen = []
    planted = wire.fault(times=2, then=lambda: seen.append(wire.fake.account.count()))
    for _ in range(3):
        await wire.get()
    assert (planted.served, len(seen)) == (2, 2)


async def test_lies_end_the_connection(wire):
    """After an answer whose framing lies, no second one follows on the same connection."""
    wire.fault(excess=b"more")
    parts = urlsplit(wire.link)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 2)
    data = await reader.read(-1)
    writer.close()
    assert data.count(b"HTTP/1.1 200 OK") == 1
    assert data.endswith(b"more")
