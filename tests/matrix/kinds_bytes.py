"""Trouble with the bytes of a file on their way: they stop, they crawl, they are others."""

from __future__ import annotations

from dataclasses import replace

from places import Kind, Place, Plant, answer, body, lead_in, told

from civitai_dl.testing import Fault, rewritten, swapped
from civitai_dl.testing._world._bodies import CodedBody

SHORT = 0.4
"""Seconds of silence that a client bears here, where silence is the point."""


def _slow(place: Place) -> Fault:
    """What is left comes in about a third of a second."""
    left = max(1, place.size - place.at)
    return Fault(bytes_per_second=max(20.0, left / 0.3), slow_after=place.at)


def _slowed(place: Place) -> list[Fault]:
    if place.before:
        return [Fault(origin="storage", head_bytes_per_second=2_000)]
    return [replace(_slow(place), origin="storage")]


def _in_another_version(etag: str | None, longer: int = 0) -> Plant:
    """The first bytes are of another version of the file; the rest is asked for afterwards."""

    def plant(place: Place) -> list[Fault]:
        first = Fault(origin="storage", alter=rewritten(etag=etag, longer=longer))
        if place.before:
            return [replace(first, cut_head=30)]
        return [replace(first, cut_after=place.at)]

    return plant


def _goes_on_in_another(etag: str | None) -> Plant:
    def plant(place: Place) -> list[Fault]:
        return [
            *lead_in(place, "storage"),
            Fault(origin="storage", alter=rewritten(etag=etag)),
        ]

    return plant


def _ends_if_anything_comes(place: Place) -> str:
    """A connection that brings nothing, again and again, is an outage of one."""
    return "failed:transient" if place.at == 0 else "exact"


def _of_another_file(*, etag: str | None) -> Fault:
    return Fault(alter=swapped(CodedBody(300_000, content=999), etag=etag))


BYTES: tuple[Kind, ...] = (
    body("cut", "N5 P8", lambda at: Fault(cut_after=at), Fault(close=True)),
    body(
        "cut three times",
        "N5 P8",
        lambda at: Fault(cut_after=at, times=3),
        Fault(close=True, times=3),
    ),
    body(
        "cut for ever",
        "N5 P8",
        lambda at: Fault(cut_after=at, every=True),
        Fault(close=True, every=True),
        ends=_ends_if_anything_comes,
    ),
    body("reset", "N4 N5", lambda at: Fault(reset_after=at), Fault(reset=True)),
    body(
        "reset again and again",
        "N4 N5",
        lambda at: Fault(reset_after=at, times=4),
        Fault(reset=True, times=4),
    ),
    body(
        "silence",
        "N6 N8",
        lambda at: Fault(stall_after=at),
        Fault(delay=3600),
        silence=SHORT,
    ),
    body(
        "silence twice",
        "N6",
        lambda at: Fault(stall_after=at, times=2),
        Fault(delay=3600, times=2),
        silence=SHORT,
    ),
    body(
        "a pause",
        "N6",
        lambda at: Fault(stall_after=at, stall=0.1),
        Fault(delay=0.1),
    ),
    Kind("a trickle", "N7", _slowed, silence=SHORT),
    body(
        "chunks without their end",
        "P9",
        lambda at: Fault(omit_length=True, cut_after=at),
        Fault(omit_length=True, cut_head=40),
    ),
    body(
        "a chunk of nonsense",
        "P9",
        lambda at: Fault(omit_length=True, bad_chunk_after=at),
        Fault(framing=("Transfer-Encoding: chunked",), body=b"no number\r\n"),
        silence=SHORT,
    ),
    body(
        "no length, ended by the connection",
        "P9",
        lambda at: Fault(unframed=True, cut_after=at),
        Fault(unframed=True, cut_head=40),
    ),
    body(
        "HTTP/1.0, ended by the connection",
        "P9",
        lambda at: Fault(unframed=True, status_line="HTTP/1.0 200 OK", cut_after=at),
        Fault(unframed=True, status_line="HTTP/1.0 200 OK", cut_head=15),
    ),
    body(
        "a wrong byte",
        "C2 C3",
        lambda at: Fault(corrupt_at=max(0, at - 1)),
        Fault(corrupt_at=1),
    ),
    answer(
        "wrong bytes for ever",
        "C2",
        Fault(alter=rewritten(etag=None), every=True),
        # All the bytes were there before, and nothing has to come.
        ends=lambda place: "exact" if place.after else "failed:corrupt",
    ),
    body(
        "a wrong byte after a resume",
        "C3",
        lambda at: Fault(corrupt_at=1_000),
        Fault(corrupt_at=1_000),
    ),
    Kind("first bytes of another version", "P5", _in_another_version('"other"')),
    Kind("first bytes of another version under the same tag", "P5", _in_another_version(None)),
    Kind("first bytes of a longer version", "P5 P2", _in_another_version('"longer"', 7_000)),
    Kind("last bytes of another version", "P5", _goes_on_in_another('"other"')),
    Kind("last bytes of another version under the same tag", "P5 C3", _goes_on_in_another(None)),
    answer("another file", "C2", _of_another_file(etag='"another"')),
    answer("another file under the same tag", "C2", _of_another_file(etag=None)),
    answer("another file twice", "C2", replace(_of_another_file(etag=None), times=2)),
    answer("more bytes than announced", "P10", Fault(excess=b"more" * 1_000)),
    answer("more bytes, in chunks", "P10", Fault(excess=b"more" * 1_000, omit_length=True)),
    answer("more bytes until the end", "P10", Fault(excess=b"more" * 1_000, unframed=True)),
    answer("the whole in chunks", "P9", Fault(omit_length=True)),
    answer("the whole without a length", "P9", Fault(unframed=True)),
    told(
        "an announced length that is too long",
        "P8",
        lambda place: [Fault(origin="storage", claimed_length=place.whole + 100)],
    ),
    told(
        "an announced length that is too short",
        "P8 P10",
        lambda place: [Fault(origin="storage", claimed_length=max(1, place.size - place.at - 100))],
    ),
    answer("an empty file", "C6", Fault(status=200, body=b"")),
    answer("an empty file twice", "C6", Fault(status=200, body=b"", times=2)),
)
