"""Trouble with the answer that should tell where the bytes of a file lie."""

from __future__ import annotations

from places import Kind, link

from civitai_dl.testing import KNOWN_FAULTS, Fault

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_NO_STORE: dict[str, str | None] = {"Cache-Control": "private, no-store"}


def _to(location: str) -> Fault:
    return Fault(status=307, headers={"Location": location}, body=b"")


LINKS: tuple[Kind, ...] = (
    link("closed", "N5", Fault(close=True)),
    link("reset", "N4", Fault(reset=True)),
    link("a head cut short", "P21", Fault(cut_head=40)),
    link("a status line of nonsense", "P21", Fault(status_line="what is this")),
    link("500", "P16", KNOWN_FAULTS["download crashed"]),
    link("502", "P16", Fault(status=502, body=_PAGE.format("Bad gateway"))),
    link("524", "P16", Fault(status=524, body=_PAGE.format("A timeout occurred"))),
    link("503 with 2 seconds", "P17", Fault(status=503, headers={"Retry-After": "2"}, body=b"")),
    link("a maintenance page with 200", "P17", Fault(status=200, body=_PAGE.format("Down"))),
    link("404 that passes", "A10", Fault(status=404, headers=_NO_STORE, body={"error": "x"})),
    link("429 with seconds", "P18", Fault(status=429, headers={"Retry-After": "3"}, body=b"")),
    link("429 without a time", "P18", Fault(status=429, body="error code: 1015")),
    link("empty", "C6", Fault(status=200, body=b"")),
    link("a JSON answer", "C1", Fault(status=200, body={"url": "nowhere"})),
    link("a redirect without an address", "P13", Fault(status=307, body=b"")),
    link("a redirect to nonsense", "P13", _to("http://[broken")),
    link("a redirect to a guarded address", "P14", _to("https://169.254.169.254/a")),
    link("500 for ever", "P16", Fault(status=500, body=b"", every=True), ends="failed:transient"),
    link(
        "404 for ever",
        "A10",
        Fault(status=404, headers=_NO_STORE, body={"error": "File not found"}, every=True),
        ends="failed:not_found",
    ),
    link("the quota", "A9", KNOWN_FAULTS["download quota"], ends="left"),
    link("forbidden", "A3", KNOWN_FAULTS["download forbidden"], ends="left"),
    link(
        "archived",
        "A3",
        Fault(status=410, body={"error": "Model archived"}),
        ends="unavailable:archived",
    ),
    link(
        "disabled",
        "A3",
        Fault(
            status=401,
            body={
                "error": "Unauthorized",
                "message": "The creator of this asset has disabled downloads on this file",
            },
        ),
        ends="unavailable:downloads_disabled",
    ),
    link(
        "a login",
        "A5",
        Fault(
            status=401,
            body={"error": "Unauthorized", "message": "The creator requires you to be logged in"},
        ),
        ends="unavailable:login_required",
    ),
    link(
        "a redirect to a login",
        "A5",
        _to("https://auth.civitai.com/login?reason=download-auth"),
        ends="unavailable:login_required",
    ),
    link(
        "no grant",
        "A3",
        Fault(status=403, body={"error": "You do not have access to download this file"}),
        ends="unavailable:no_permission",
    ),
    link(
        "early access",
        "A3",
        Fault(
            status=403,
            body={"error": "Early Access", "deadline": "2020-01-01T00:00:00.000Z", "message": "x"},
        ),
        ends="unavailable:early_access",
    ),
)
