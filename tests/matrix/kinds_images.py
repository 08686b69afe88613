"""Trouble with images, of which nobody tells a digest or a size beforehand."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from places import Kind, Place, answer, body, told

from civitai_dl.testing import (
    Fault,
    byteranges,
    displaced,
    gzipped,
    mislabelled,
    redirected,
    rewritten,
    shortened,
    unasked_part,
)

SHORT = 0.4
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def _a(name: str, ids: str, *faults: Fault, ends: object = "exact") -> Kind:
    return answer(name, ids, *faults, origin="cdn", ends=ends)


def _b(name: str, ids: str, within, before: Fault, **facts: object) -> Kind:
    return body(name, ids, within, before, origin="cdn", **facts)


def _to_another_origin(place: Place) -> list[Fault]:
    port = urlsplit(place.fake.cdn_url).port
    to = redirected(lambda request: f"http://localhost:{port}{request.target}", 302)
    return [
        Fault(
            origin="cdn",
            alter=to,
            every=True,
            where=lambda request: "127.0.0.1" in (request.header("host") or ""),
        )
    ]


def _of_another_version(place: Place) -> list[Fault]:
    """Never the whole of it: nobody could tell that it is not the image."""
    fault = Fault(origin="cdn", alter=rewritten())
    if place.at_once:
        return [replace(fault, cut_head=30)]
    if place.after:
        return [replace(fault, omit_length=True, unterminated=True)]
    return [replace(fault, cut_after=place.at)]


def _slowed(place: Place) -> list[Fault]:
    if place.before:
        return [Fault(origin="cdn", head_bytes_per_second=2_000)]
    left = max(1, place.size - place.at)
    return [Fault(origin="cdn", bytes_per_second=max(20.0, left / 0.3), slow_after=place.at)]


IMAGES: tuple[Kind, ...] = (
    _b("cut", "N5 P8", lambda at: Fault(cut_after=at), Fault(close=True)),
    _b(
        "cut three times",
        "N5 P8",
        lambda at: Fault(cut_after=at, times=3),
        Fault(close=True, times=3),
    ),
    _b("reset", "N4 N5", lambda at: Fault(reset_after=at), Fault(reset=True)),
    _b("silence", "N6", lambda at: Fault(stall_after=at), Fault(delay=3600), silence=SHORT),
    Kind("a trickle", "N7", _slowed, "cdn", silence=SHORT),
    _b(
        "chunks without their end",
        "P9",
        lambda at: Fault(omit_length=True, cut_after=at),
        Fault(omit_length=True, cut_head=40),
    ),
    _b(
        "no length, ended by the connection",
        "P9",
        lambda at: Fault(unframed=True, cut_after=at),
        Fault(unframed=True, cut_head=40),
    ),
    _b(
        "a chunk of nonsense",
        "P9",
        lambda at: Fault(omit_length=True, bad_chunk_after=at),
        Fault(framing=("Transfer-Encoding: chunked",), body=b"no number\r\n"),
        silence=SHORT,
    ),
    Kind("first bytes of another version", "P5", _of_another_version, "cdn"),
    _a("the whole in chunks", "P9", Fault(omit_length=True)),
    _a("the whole without a length", "P9", Fault(unframed=True)),
    _a("more bytes than announced", "P10", Fault(excess=b"more" * 1_000)),
    _a("an empty image", "C6", Fault(status=200, body=b"")),
    _a("Range ignored", "P1", Fault(ignore_range=True)),
    _a("a part labelled one byte later", "P2", Fault(alter=mislabelled(start=1))),
    _a("a part of a larger file", "P2", Fault(alter=mislabelled(total=9))),
    _a("a part without a label", "P2", Fault(headers={"Content-Range": None})),
    _a("a part from further on", "P2", Fault(alter=displaced(300))),
    _a("a part that begins earlier", "P3", Fault(alter=displaced(-4_096))),
    _a("a part that ends early", "P3", Fault(alter=shortened(20_000))),
    _a("a part that nobody asked for", "P2", Fault(alter=unasked_part())),
    _a("a part in parts", "P4", Fault(alter=byteranges())),
    _a("the tag changes", "P5", Fault(headers={"ETag": '"another"'})),
    _a("the tag becomes weak", "P5", Fault(headers={"ETag": 'W/"weak"'})),
    _a("the tag is missing", "P5", Fault(headers={"ETag": None})),
    told("another host", "P6 A6", _to_another_origin, origin="cdn"),
    _a("a negative length", "P11", Fault(framing=("Content-Length: -1",))),
    _a(
        "a length and chunks",
        "P11",
        Fault(framing=("Content-Length: 7", "Transfer-Encoding: chunked"), omit_length=True),
    ),
    _a("compressed", "P12", Fault(alter=gzipped())),
    _a("103 before the answer", "P20", Fault(preface=b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    _a("204", "P20", Fault(status=204)),
    _a("304 to a question without condition", "P20", Fault(status=304)),
    _a("a line without a colon", "P21", Fault(extra_lines=("no colon here",))),
    _a("very many headers", "P21", Fault(extra_lines=tuple(f"X-{n}: y" for n in range(5_000)))),
    _a(
        "redirected to nonsense",
        "P13",
        Fault(status=302, headers={"Location": "http://[broken"}, body=b""),
    ),
    _a("403", "A2", Fault(status=403, body=_PAGE.format("Forbidden"))),
    _a("404", "A10", Fault(status=404, body=b"Not Found")),
    _a(
        "404 for ever",
        "A10",
        Fault(status=404, body=b"Not Found", every=True),
        ends="unavailable:gone",
    ),
    _a("500", "P16", Fault(status=500, body=b"")),
    _a("500 for ever", "P16", Fault(status=500, body=b"", every=True), ends="failed:transient"),
    _a("502 five times", "P16", Fault(status=502, body=b"", times=5)),
    _a("503 with 2 seconds", "P17", Fault(status=503, headers={"Retry-After": "2"}, body=b"")),
    _a("429 with seconds", "P18", Fault(status=429, headers={"Retry-After": "9"}, body=b"")),
    _a("a web page", "C1 N9", Fault(status=200, body=_PAGE.format("Just a moment..."))),
    _a(
        "a web page for ever",
        "C1 N9",
        Fault(status=200, body=_PAGE.format("x"), every=True),
        ends="failed:transient",
    ),
    _a("a JSON error", "C1", Fault(status=200, body={"error": "x"})),
)
