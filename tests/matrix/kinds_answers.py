"""Trouble with the answer of a storage host: its status, its head, its place, its address."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from places import EXPIRED, XML, Kind, Place, answer, told

from civitai_dl.testing import (
    Fault,
    byteranges,
    displaced,
    gzipped,
    mislabelled,
    misplaced,
    redirected,
    shortened,
    unasked_part,
)

SHORT = 0.4
"""Seconds of silence that a client bears where it would hang."""

OCTETS: dict[str, str | None] = {"Content-Type": "application/octet-stream"}
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_CODE = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>{1}</Message></Error>"
_JSON: dict[str, object] = {"error": "something is wrong", "status": 200}
_BUSY: dict[str, str | None] = {"Retry-After": "2"}
_DATE = "Thu, 01 Jan 2026 00:00:{0:02} GMT"
_RAW = "/raw/a%2Fb+c%20d?sig=a%2Fb+c%20d&x=%e3%81%82&y=~!*'()"


def _status(status: int, name: str = "", **facts: object) -> Kind:
    fault = Fault(status=status, body=_PAGE.format(status))
    return answer(name or f"{status}", "P16", replace(fault, **facts))


def _refused(name: str, status: int, body: str, headers: dict[str, str | None]) -> Kind:
    return answer(name, "A1", Fault(status=status, body=body, headers=headers), resolves=2)


def _out_of_range(place: Place, total: str | None) -> list[Fault]:
    headers = {"Content-Range": total, **XML}
    return [
        Fault(origin="storage", status=416, body=_CODE.format("InvalidRange", ""), headers=headers)
    ]


def _as_if_shorter(place: Place) -> list[Fault]:
    return _out_of_range(place, "bytes */5")


def _to_itself(place: Place) -> list[Fault]:
    to = redirected(lambda request: f"{place.fake.storage_url}{request.target}")
    return [Fault(origin="storage", alter=to)]


def _to_another_origin(place: Place) -> list[Fault]:
    """Every answer of 127.0.0.1 sends on to localhost, which has the bytes."""
    port = urlsplit(place.fake.storage_url).port
    to = redirected(lambda request: f"http://localhost:{port}{request.target}", 307)
    return [
        Fault(
            origin="storage",
            alter=to,
            every=True,
            where=lambda request: "127.0.0.1" in (request.header("host") or ""),
        )
    ]


def _by_a_raw_address(place: Place) -> list[Fault]:
    """The bytes lie behind an address that another spelling would not find."""
    targets: list[str] = []

    def to(request):
        targets.append(request.target)
        return f"{place.fake.storage_url}{_RAW}"

    return [
        Fault(origin="storage", alter=redirected(to), where=lambda request: request.target != _RAW),
        Fault(
            origin="storage",
            alter=lambda request, ask: ask(replace(request, target=targets[0])),
            where=lambda request: request.target == _RAW,
        ),
    ]


def _in_a_circle(times: int, *, every: bool = False):
    def plant(place: Place) -> list[Fault]:
        to = redirected(lambda request: f"{place.fake.storage_url}{request.target}", 302)
        return [Fault(origin="storage", alter=to, times=times, every=every)]

    return plant


def _moved(location: str) -> Kind:
    return answer(
        f"redirect to {location or 'nothing'}",
        "P13",
        Fault(status=302, headers={"Location": location}, body=b""),
    )


def _expires(place: Place) -> list[Fault]:
    """The link is past its time when the next request comes; nothing but the clock is at fault."""
    return [
        Fault(origin="storage", then=lambda: place.fake.advance(7_200), headers={"X-Late": "1"})
    ]


def _framed(name: str, *lines: str, chunked: bool = False) -> Kind:
    return answer(name, "P11", Fault(framing=lines, omit_length=chunked))


ANSWERS: tuple[Kind, ...] = (
    # --- P1 to P7: ranges
    answer("Range ignored", "P1", Fault(ignore_range=True)),
    answer("Range ignored for ever", "P1", Fault(ignore_range=True, every=True)),
    answer("a part labelled one byte later", "P2", Fault(alter=mislabelled(start=1))),
    answer("a part labelled one byte earlier", "P2", Fault(alter=mislabelled(start=-1))),
    answer("a part labelled shorter", "P2", Fault(alter=mislabelled(end=-1))),
    answer("a part labelled longer", "P2", Fault(alter=mislabelled(end=1))),
    answer("a part of a larger file", "P2", Fault(alter=mislabelled(total=9))),
    answer("a part of a smaller file", "P2", Fault(alter=mislabelled(total=-9))),
    answer("a part labelled wrongly for ever", "P2", Fault(alter=mislabelled(start=1), every=True)),
    answer("a part without a label", "P2", Fault(headers={"Content-Range": None})),
    answer("a label of stars", "P2", Fault(headers={"Content-Range": "bytes */*"})),
    answer("a label of nonsense", "P2", Fault(headers={"Content-Range": "bytes=1-2/3"})),
    answer("a part from further on", "P2", Fault(alter=displaced(300))),
    answer("other bytes under the right label", "P2 C3", Fault(alter=misplaced(64))),
    answer("a part that begins earlier", "P3", Fault(alter=displaced(-4_096))),
    answer("a part that begins at 0", "P3", Fault(alter=displaced(-10_000_000))),
    answer("a part that ends early", "P3", Fault(alter=shortened(20_000))),
    answer("parts of one byte", "P3", Fault(alter=shortened(10_000_000), times=2)),
    answer("a part that nobody asked for", "P2", Fault(alter=unasked_part())),
    answer("a part in parts", "P4", Fault(alter=byteranges())),
    answer("the tag changes", "P5", Fault(headers={"ETag": '"another"'})),
    answer("the tag becomes weak", "P5", Fault(headers={"ETag": 'W/"weak"'})),
    answer("the tag is missing", "P5", Fault(headers={"ETag": None})),
    answer("the tag is never there", "P5", Fault(headers={"ETag": None}, every=True)),
    told("another host", "P6 A6", _to_another_origin),
    told(
        "416 with the true size",
        "P7",
        lambda place: _out_of_range(place, f"bytes */{place.whole}"),
    ),
    told("416 with a smaller size", "P7", _as_if_shorter),
    told("416 without a size", "P7", lambda place: _out_of_range(place, None)),
    # --- P11, P12, P20, P21: heads
    _framed("a length that is no number", "Content-Length: many"),
    _framed("a negative length", "Content-Length: -1"),
    _framed("an enormous length", "Content-Length: 99999999999999999999999"),
    _framed("two lengths that differ", "Content-Length: 1", "Content-Length: 300000"),
    _framed("one length twice", "Content-Length: 300000", "Content-Length: 300000"),
    _framed("a list of lengths", "Content-Length: 300000, 300000"),
    _framed("a length and chunks", "Content-Length: 7", "Transfer-Encoding: chunked", chunked=True),
    answer(
        "chunks announced, none sent",
        "P11",
        Fault(framing=("Transfer-Encoding: chunked",)),
        silence=SHORT,
    ),
    answer("compressed", "P12", Fault(alter=gzipped())),
    answer("said to be compressed", "P12", Fault(headers={"Content-Encoding": "gzip"})),
    answer(
        "compressed for ever",
        "P12",
        Fault(alter=gzipped(), every=True),
        ends=lambda place: ("exact" if place.after else "failed:transient"),
    ),
    answer("103 before the answer", "P20", Fault(preface=b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    answer("100 before the answer", "P20", Fault(preface=b"HTTP/1.1 100 Continue\r\n\r\n")),
    answer("204", "P20", Fault(status=204)),
    answer("205", "P20", Fault(status=205)),
    answer("304 to a question without condition", "P20", Fault(status=304)),
    answer("202", "P20", Fault(status=202, body=b"later")),
    answer("a head cut short", "P21", Fault(cut_head=60)),
    answer("very many headers", "P21", Fault(extra_lines=tuple(f"X-{n}: y" for n in range(5_000)))),
    answer("a very long header", "P21", Fault(extra_lines=(f"X: {'y' * 200_000}",))),
    answer("a line without a colon", "P21", Fault(extra_lines=("no colon here",))),
    answer("a bare carriage return", "P21", Fault(extra_lines=("X: a\rY: b",))),
    answer("a status line of nonsense", "P21", Fault(status_line="what is this")),
    answer("an unknown version of HTTP", "P21", Fault(status_line="HTTP/9.9 200 OK")),
    answer("a slow head", "P21 N7", Fault(head_bytes_per_second=2_000)),
    # --- P13 to P15: addresses
    told("redirected once", "P13", _to_itself),
    told("redirected in a circle", "P13", _in_a_circle(10)),
    told(
        "redirected in a circle for ever",
        "P13",
        _in_a_circle(1, every=True),
        ends="failed:link",
    ),
    _moved("http://[broken"),
    _moved(""),
    _moved("ftp://127.0.0.1/a"),
    _moved("data:,hello"),
    _moved("https://169.254.169.254/latest"),
    answer(
        "redirected to where it is not safe",
        "P14",
        Fault(status=302, headers={"Location": "http://storage.example.org/a?sig=1"}, body=b""),
    ),
    told("redirected to a raw address", "P15", _by_a_raw_address),
    answer(
        "redirected to a login page",
        "A5",
        Fault(status=302, headers={"Location": "/login?returnUrl=/"}, body=b""),
    ),
    # --- P16 to P18: the host is in trouble
    _status(408),
    _status(500),
    _status(502),
    _status(504),
    _status(520),
    _status(521),
    _status(522),
    _status(524),
    _status(500, "500 three times", times=3),
    _status(502, "502 five times", times=5),
    answer("500 for ever", "P16", Fault(status=500, body=b"", every=True), ends="failed:transient"),
    answer("502 for ever", "P16", Fault(status=502, body=b"", every=True), ends="failed:transient"),
    answer("503 with 2 seconds", "P17", Fault(status=503, headers=_BUSY, body=b"")),
    answer("a maintenance page", "P17", Fault(status=503, body=_PAGE.format("Maintenance"))),
    answer("503 for ever", "P17", Fault(status=503, body=b"", every=True), ends="failed:throttled"),
    answer("429 with seconds", "P18", Fault(status=429, headers={"Retry-After": "9"}, body=b"")),
    answer(
        "429 with a date",
        "P18 T2",
        Fault(
            status=429,
            headers={"Retry-After": _DATE.format(30), "Date": _DATE.format(10)},
            body=b"",
        ),
    ),
    answer(
        "429 with a date gone by",
        "P18 T2",
        Fault(
            status=429,
            headers={"Retry-After": _DATE.format(10), "Date": _DATE.format(30)},
            body=b"",
        ),
    ),
    answer("429 without a time", "P18", Fault(status=429, body=b"")),
    answer("429 with 0", "P18", Fault(status=429, headers={"Retry-After": "0"}, body=b"")),
    answer("429 with -5", "P18", Fault(status=429, headers={"Retry-After": "-5"}, body=b"")),
    answer("429 with a word", "P18", Fault(status=429, headers={"Retry-After": "soon"}, body=b"")),
    answer(
        "429 with ten days",
        "P18",
        Fault(status=429, headers={"Retry-After": "864000"}, body=b""),
        ends="failed:throttled",
    ),
    # --- A1, A2: links
    _refused("expired, 403", 403, EXPIRED, XML),
    _refused("expired, 400", 400, _CODE.format("ExpiredRequest", "Request has expired"), XML),
    _refused("expired token", 400, _CODE.format("ExpiredToken", "The token has expired"), XML),
    _refused("expired, 401", 401, '{"code":"expired_auth_token","status":401}', {}),
    _refused("signature refused", 403, _CODE.format("SignatureDoesNotMatch", "No"), XML),
    _refused("no such key", 404, _CODE.format("NoSuchKey", "It does not exist"), XML),
    _refused("gone", 410, "", {}),
    told("expired by the clock", "A1", _expires),
    answer("404 twice", "A10", Fault(status=404, body=b"", times=2)),
    answer(
        "refused for ever",
        "A1 A2",
        Fault(status=403, headers=XML, body=EXPIRED, every=True),
        ends="failed:link",
    ),
    # --- C1: something else came
    answer("a web page", "C1 N9", Fault(status=200, body=_PAGE.format("Sign in to this network"))),
    answer("a web page as octets", "C1", Fault(status=200, body=_PAGE.format("x"), headers=OCTETS)),
    answer(
        "a web page for ever",
        "C1 N9",
        Fault(status=200, body=_PAGE.format("Sign in"), every=True),
        ends="failed:transient",
    ),
    answer("a JSON error", "C1", Fault(status=200, body=_JSON)),
    answer(
        "an XML error with 200",
        "C1 S14",
        Fault(status=200, body=_CODE.format("InternalError", "Please try again."), headers=XML),
    ),
    answer(
        "plain text",
        "C1",
        Fault(status=200, body="upstream connect error", headers={"Content-Type": "text/plain"}),
    ),
)
