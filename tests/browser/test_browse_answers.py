"""What the server of an archive answers, asked without a browser, also by those with bad intent."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing import archiving, shown
from shelf_world import FILM, SHOWPIECE

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"
HTML = b"<!doctype html><script>alert(1)</script>"


@dataclass(frozen=True)
class Answer:
    """status, headers by lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(address: str, path: str, *, method: str = "GET", **headers: str) -> Answer:
    """One request, with the path as it stands."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return Answer(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read(),
        )
    finally:
        connection.close()


def link_on(address: str, path: str, pattern: str) -> str:
    """The first link of a page that looks like this."""
    found = re.search(pattern, ask(address, path).body.decode())
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""]
)
def test_a_request_for_another_host_is_refused(shelf, host):
    """A stranger's name that resolves to this machine learns nothing (DNS rebinding)."""
    port = urlsplit(shelf).port
    for path in ("/", "/images", f"/models/{SHOWPIECE}", "/static/x/app.css"):
        answer = ask(shelf, path, Host=host.format(port=port))
        assert answer.status in (400, 421)
        assert b"Aurora" not in answer.body


def test_the_machines_own_names_are_answered(shelf):
    """Both localhost and the address are the same server."""
    port = urlsplit(shelf).port
    for host in ("localhost", "LOCALHOST", "127.0.0.1"):
        assert 200 == ask(shelf, "/", Host=f"{host}:{port}").status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(shelf, method):
    """Every method but GET and HEAD is refused."""
    for path in ("/", f"/models/{SHOWPIECE}", "/run"):
        assert 405 == ask(shelf, path, method=method).status


def test_a_head_has_no_body(shelf):
    """HEAD answers as GET does, without the page."""
    answer = ask(shelf, "/", method="HEAD")
    assert (200, b"") == (answer.status, answer.body)


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/../_server.py",
        "/static/x/..%2f_server.py",
        "/static/x/%2e%2e%2f%2e%2e%2fstate.db",
        "/static/x/app.py",
        "/models/{model}/description_files/..%2fmodel.json",
        "/models/{model}/description_files/%2e%2e%2fmodel.json",
        "/models/{model}/description_files/..%5cmodel.json",
        "/models/{model}/description_files/.",
        "/models/{model}/description_files/..",
        "/models/{model}/description_files/a%00b.png",
        "/models/{model}/description_files//etc/passwd",
        "/models/99999999999999999999999999/description_files/x.png",
        "/media/1-0000000000000000/x.png",
        "/media/../../.civitai-dl/state.db",
        "/media/%2e%2e/.civitai-dl/state.db",
        "/.civitai-dl/state.db",
        "/thumbs/1-0000000000000000.webp",
        "/thumbs/99999999999999999999-00.webp",
        "/images/99999999999999999999",
        "/models/0",
        "/models/18446744073709551617",
        "/creators/..%2f..",
        "/creators/nobody",
        "//evil.example/",
        "/model_300/300001/model.json",
    ],
)
def test_no_path_leads_out(shelf, path):
    """Nothing but what the pages show can be had, however it is asked for."""
    answer = ask(shelf, path.format(model=SHOWPIECE))
    assert 404 == answer.status
    assert b"modelVersions" not in answer.body


def test_odd_questions_are_answered(shelf):
    """Whatever stands behind the question mark, a page comes."""
    odd = "%00%ff%ed%a0%80%22%3E%3Cscript%3E" + "x" * 3000
    for name in ("q", "type", "base", "creator", "tag", "rating", "state", "sort", "after", "lang"):
        for path in ("/", "/images", "/creators", f"/models/{SHOWPIECE}"):
            assert 200 == ask(shelf, f"{path}?{name}={odd}").status
    for after in ("-1", "1e9", "9" * 40, "%D9%A3", "1;DROP"):
        assert 200 == ask(shelf, f"/?after={after}").status
        assert 200 == ask(shelf, f"/images?after={after}").status


@pytest.mark.parametrize("words", ['"', '""', "*", "a*", "NEAR(a b)", "a AND", "^a", "{x}:y", "-"])
def test_signs_of_a_search_language_are_only_signs(shelf, words):
    """What the index would take for orders is searched for."""
    from urllib.parse import quote

    for path in ("/", "/images", "/creators"):
        assert 200 == ask(shelf, f"{path}?q={quote(words)}").status
        assert 200 == ask(shelf, f"{path}?q={quote('abc' + words)}").status


def test_every_answer_carries_the_policy(shelf):
    """Pages, refusals, errors and files: all say what they may do."""
    for path in ("/", "/nothing", "/static/x/app.js", f"/models/{SHOWPIECE}"):
        headers = ask(shelf, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "nosniff" == headers["x-content-type-options"]
        assert "no-referrer" == headers["referrer-policy"]
        assert "same-origin" == headers["cross-origin-resource-policy"]
    assert "nosniff" == ask(shelf, "/", Host="evil.example").headers["x-content-type-options"]
    assert "nosniff" == ask(shelf, "/", method="POST").headers["x-content-type-options"]


def test_a_video_can_be_asked_for_in_ranges(shelf):
    """A player that jumps gets the part it asks for."""
    link = link_on(shelf, f"/models/{FILM}", r'data-full="(/media/[^"]+\.mp4)"')
    whole = ask(shelf, link)
    assert "video/mp4" == whole.headers["content-type"]
    assert "default-src 'none'; sandbox" == whole.headers["content-security-policy"]
    part = ask(shelf, link, Range="bytes=100-299")
    assert (206, whole.body[100:300]) == (part.status, part.body)
    assert f"bytes 100-299/{len(whole.body)}" == part.headers["content-range"]
    assert 416 == ask(shelf, link, Range="bytes=99999999-").status


def test_a_small_picture_is_kept_for_ever(shelf):
    """Its address changes with its bytes, so that it is asked for once."""
    link = link_on(shelf, f"/models/{SHOWPIECE}", r'src="(/thumbs/[^"]+)"')
    answer = ask(shelf, link)
    assert "image/webp" == answer.headers["content-type"]
    assert b"WEBP" == answer.body[8:12]
    assert "immutable" in answer.headers["cache-control"]


@pytest.fixture(scope="module")
def disguised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An archive into which somebody has put files that a browser would run."""
    place = tmp_path_factory.mktemp("disguised")
    model = FakeModel(
        1,
        "Disguised",
        "ann",
        description="<img src='{inline:0}'>",
        inline=(FakeImage(), FakeImage(data=b"\x89PNG\r\n\x1a\n" + HTML)),
        versions=[FakeVersion(files=[FakeFile("page.html", 4000)], images=[FakeImage()])],
    )
    with archiving(World().model(model), place) as archiver:
        archiver.download("1")
    archive = place / "archive"
    folder = archive / "model_0" / "1" / "description_files"
    for name, data in {"a.svg": SVG, "b.html": HTML, "c.xml": SVG, "d": HTML, "e.js": b"x"}.items():
        (folder / name).write_bytes(data)
    (folder / "f.png").write_bytes(HTML)
    with shown(archive) as address:
        yield address, archive


@pytest.mark.parametrize("name", ["a.svg", "b.html", "c.xml", "d", "e.js"])
def test_what_a_browser_would_run_is_only_offered_for_saving(disguised, name):
    """SVG, HTML, XML and scripts in the archive are no such things when they are served."""
    answer = ask(disguised[0], f"/models/1/description_files/{name}")
    assert 200 == answer.status
    assert "application/octet-stream" == answer.headers["content-type"]
    assert "attachment" == answer.headers["content-disposition"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "default-src 'none'; sandbox" == answer.headers["content-security-policy"]


def test_a_page_that_is_called_an_image_is_none(disguised):
    """Bytes are served by the name's type, which the browser must not guess again."""
    answer = ask(disguised[0], "/models/1/description_files/f.png")
    assert "image/png" == answer.headers["content-type"]
    assert "nosniff" == answer.headers["x-content-type-options"]


def test_model_files_are_not_served(disguised):
    """The pages tell where a file lies; the bytes of models are nobody's business."""
    body = ask(disguised[0], "/models/1").body.decode()
    assert "page.html" in body
    assert 'href="/media' not in body
    for path in ("/model_0/1/page.html", "/media/1-0/page.html", "/files/1/page.html"):
        assert 404 == ask(disguised[0], path).status


def test_looking_changes_nothing(disguised):
    """After a visit all is as it was, but for the index and small pictures."""
    address, archive = disguised

    def state() -> dict[str, tuple[int, int]]:
        return {
            str(path.relative_to(archive)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in archive.rglob("*")
            if path.is_file() and ".civitai-dl" not in path.parts
        }

    before = state()
    for path in ("/", "/models/1", "/images", "/creators", "/run"):
        assert 200 == ask(address, path).status
    assert before == state()
