"""Whole answers of the API: packed ones, broken ones, and which of their headers count."""

from __future__ import annotations

import gzip
from types import SimpleNamespace

import pytest

from civitai_dl.adapters.api_client import ApiClient
from civitai_dl.adapters.api_client import _asker as asker
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.domain.entities import Secret
from civitai_dl.errors import ConnectionLost, Rejected, Stalled, Unavailable, UnexpectedShape

PLAIN = b'{"items": [' + b"1, " * 1000 + b"1]}"


class Answer:
    """An answer in pieces of a few bytes; `broken` in place of what is missing."""

    def __init__(self, body=b"", *, status=200, headers=(), broken=None):
        self.head = SimpleNamespace(status=status, lines=headers)
        self.pieces = [memoryview(body[at : at + 100]) for at in range(0, len(body), 100)]
        self.broken = broken
        self.closed = 0

    async def ask(self, url, headers, body=None):
        self.asked = url, headers
        self.sent = body
        return self

    async def read(self):
        if self.pieces:
            return self.pieces.pop(0)
        if self.broken is not None:
            raise self.broken
        return b""

    def close(self):
        self.closed += 1


def client(answer):
    clock = SystemClock()
    pacer = LanePacer(Rates(0, 0, 0), clock)
    key = Secret("k" * 32)
    return ApiClient(answer, base_url="https://a.org", token=key, pacer=pacer, clock=clock)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", " GZIP "])
async def test_a_packed_answer_is_asked_for_and_unpacked(name: str) -> None:
    """Pages are packed on the wire, and read as if they were not."""
    answer = Answer(gzip.compress(PLAIN), headers=[("Content-Encoding", name)])
    found = await client(answer).get("/api/v1/models", [("query", "a b&c"), ("limit", "1")])
    assert {"items": [1] * 1001} == found
    url, headers = answer.asked
    assert "https://a.org/api/v1/models?query=a+b%26c&limit=1" == url
    assert ("gzip", "Bearer " + "k" * 32) == (headers["Accept-Encoding"], headers["Authorization"])
    assert answer.closed == 1


async def test_a_question_about_many_things_is_posted_as_json() -> None:
    """With the key and its type; what is refused is told as for any other question."""
    answer = Answer(b"[1]")
    assert [1] == await client(answer).post("/api/v1/model-versions/by-hash/ids", ["A", "B"])
    url, headers = answer.asked
    assert ("https://a.org/api/v1/model-versions/by-hash/ids", b'["A","B"]') == (url, answer.sent)
    assert ("application/json", "Bearer " + "k" * 32) == (
        headers["Content-Type"],
        headers["Authorization"],
    )
    with pytest.raises(Rejected):
        await client(Answer(b'{"error": "no"}', status=400)).post("/x", [])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(gzip.compress(PLAIN)[:-9], headers=[("content-encoding", "gzip")]), "cut off"),
        (Answer(PLAIN, headers=[("content-encoding", "gzip")]), "packed wrongly"),
        (Answer(PLAIN[:300], broken=ConnectionLost("the connection broke")), "connection broke"),
        (Answer(PLAIN[:300], broken=Stalled("nothing came")), "no answer in time"),
    ],
    ids=["cut", "not packed", "broken", "silent"],
)
async def test_what_did_not_come_whole_is_tried_again(answer: Answer, words: str) -> None:
    """It is the network's fault, not the model's; and the connection is let go."""
    with pytest.raises(Unavailable, match=words) as caught:
        await client(answer).get("/api/v1/models")
    assert caught.value.__cause__ is None
    assert answer.closed == 1


@pytest.mark.parametrize("packed", [False, True])
async def test_an_endless_answer_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    """Of an answer too large to be true no more is held than the limit, packed or not."""
    monkeypatch.setattr(asker, "LARGEST_ANSWER", 500)
    body = gzip.compress(PLAIN) if packed else PLAIN
    headers = [("content-encoding", "gzip")] if packed else []
    with pytest.raises(UnexpectedShape, match="larger than"):
        await client(Answer(body, headers=headers)).get("/api/v1/models")


async def test_of_a_header_that_is_said_twice_the_first_counts() -> None:
    """As with bodies: two readers must not read one answer unlike."""
    headers = [("Retry-After", "7"), ("retry-after", "9")]
    reply = await asker.ask_whole(Answer(b"", status=429, headers=headers), "https://a.org/", {})
    assert (429, "7") == (reply.status, reply.headers["retry-after"])
