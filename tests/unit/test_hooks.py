"""`--on-finish`: what a hook may be, what it is given, and what its trouble does."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from civitai_dl import _hooks
from civitai_dl._hooks import Hook, fire, read_hook
from civitai_dl.domain.entities import Secret
from civitai_dl.errors import UsageError

REPORT = {"status": 0, "text": "夢"}
KEY = "very-secret-key"


async def call(hook: Hook, **environment: str) -> str:
    return await fire(
        hook,
        REPORT,
        told={"CIVITAI_DL_STATUS": "0"},
        environment={"PATH": "/usr/bin:/bin", **environment},
        token=Secret(KEY),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notify-send 'what is new'", ("notify-send", "what is new")),
        ("sh -c 'cat > $HOME/report; true'", ("sh", "-c", "cat > $HOME/report; true")),
    ],
)
def test_a_command_is_split_into_words(text: str, words: tuple[str, ...]):
    """As a shell splits it, and no shell sees it unless it is named."""
    assert Hook(words=words) == read_hook(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "echo 'unfinished",
        "http://example.org/hook",
        "https://",
        "https://name:word@example.org/",
        "https://example.org/a b",
    ],
)
def test_what_is_no_hook_is_refused(text: str):
    """Nothing, half a word, a report in the clear, a URL with a password."""
    with pytest.raises(UsageError, match="--on-finish"):
        read_hook(text)


def test_https_and_this_machine_are_addresses():
    """A plain URL is accepted for this machine only."""
    for url in ("https://example.org/hook?key=1", "http://127.0.0.1:8000/", "http://localhost/x"):
        assert Hook(url=url) == read_hook(url)


async def test_a_command_gets_the_report_and_no_key(tmp_path: Path):
    """JSON on standard input, ours in the environment, and the key nowhere."""
    place = tmp_path / "seen.json"
    script = (
        "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], "
        f"open({str(place)!r}, 'w'))"
    )
    trouble = await call(
        Hook(words=(sys.executable, "-c", script)),
        CIVITAI_API_KEY=KEY,
        CIVITAI_TOKEN="another",
        ODD_NAME=f"prefix {KEY}",
        HOME="/somewhere/of/ann",
    )
    assert "" == trouble
    report, environment = json.loads(place.read_text())
    assert REPORT == report
    assert ("0", "/somewhere/of/ann") == (environment["CIVITAI_DL_STATUS"], environment["HOME"])
    assert KEY not in json.dumps(environment)
    assert "CIVITAI_TOKEN" not in environment


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with status 3"),
        (("/no/such/command",), "could not be started"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "did not end within"),
    ],
)
async def test_trouble_of_a_command_is_told(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
):
    """A status, a command that is not there, one that does not end: a sentence, no exception."""
    monkeypatch.setattr(_hooks, "LONGEST", 5.0 if "time" not in words[-1] else 0.5)
    assert told in await call(Hook(words=words))


class Listener:
    """A web address on this machine."""

    def __init__(self, status: int = 200, location: str = "") -> None:
        heard: list[tuple[str, dict[str, str], object]] = []
        self.heard = heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server wants
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook?key=deep"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def other() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


async def test_a_web_address_gets_the_report(other: Listener):
    """POSTed as JSON, with nothing of ours in the headers."""
    assert "" == await call(read_hook(other.url))
    ((path, headers, body),) = other.heard
    assert ("/hook?key=deep", "application/json") == (path, headers["Content-Type"])
    assert REPORT == body
    assert KEY not in json.dumps(headers)


@pytest.mark.parametrize("status", [301, 307, 404, 500])
async def test_redirects_and_refusals_are_told(status: int, other: Listener):
    """A redirect is not followed; the sentence names the host and not the address."""
    listener = Listener(status, other.url)
    try:
        trouble = await call(read_hook(listener.url))
    finally:
        listener.close()
    assert f"127.0.0.1 answered {status}" == trouble
    assert [] == other.heard


async def test_a_web_address_that_is_not_there_is_told():
    """Without the address, which may be a secret."""
    trouble = await call(Hook(url="http://127.0.0.1:9/hook?key=deep"))
    assert "could not be reached" in trouble
    assert "deep" not in trouble
