"""T12: the key goes to the API alone, and neither it nor a signature is ever written down."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import traceback
from contextlib import AsyncExitStack
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest

from civitai_dl.adapters.api_client import ApiClient
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.adapters.fetcher import open_engine, open_fetcher
from civitai_dl.adapters.pacer import LanePacer, Rates
from civitai_dl.cli._main import cli
from civitai_dl.config import ENGINES, Settings
from civitai_dl.domain.entities import FileId, FileRef, ModelId, Secret, SignedUrl, VersionId
from civitai_dl.errors import CivitaiDLError
from civitai_dl.testing import FakeCivitai, FakeFile, FakeOptions, FakeVersion, Fault, World
from civitai_dl.worker._files import FileLink
from civitai_dl.worker._tools import Flight

KEY = "the-key-that-nobody-may-see"
OPTIONS = FakeOptions(keys=frozenset({KEY}))
PAGE = "<!doctype html><html><head>{}</head><body>Moved</body></html>"


def canary(name: str) -> str:
    """A signature that one shape of redirect carries."""
    return f"sig{abs(hash(name)) % 10**12:012}of{''.join(filter(str.isalpha, name))[:12]}"


def by_location(location: str, status: int = 302, **more: object) -> Fault:
    return Fault(status=status, headers={"Location": location, **more}, body="moved")


def shapes(fake: FakeCivitai) -> dict[str, Fault]:
    """How a download may be redirected; `{sig}` stands for the signature of the shape."""
    api, storage, cdn = (
        urlsplit(url).port for url in (fake.base_url, fake.storage_url, fake.cdn_url)
    )
    q = "X-Amz-Expires=3600&X-Amz-Signature={sig}"
    found = {
        "same host": by_location(f"{fake.base_url}/api/v1/me?{q}"),
        "same host, in a circle": by_location(f"/api/download/models/1?{q}"),
        "same host, no API": by_location(f"{fake.base_url}/somewhere?{q}"),
        "another port": by_location(f"{fake.cdn_url}/api/v1/me?{q}"),
        "another name": by_location(f"http://localhost:{api}/api/v1/me?{q}"),
        "a subdomain": by_location(f"http://api.localhost:{api}/api/v1/me?{q}"),
        "a longer name": by_location(f"http://127.0.0.1.localhost:{api}/api/v1/me?{q}"),
        "userinfo": by_location(f"http://ann:{{sig}}@127.0.0.1:{api}/api/v1/me?{q}"),
        "userinfo that looks like a host": by_location(
            f"http://127.0.0.1:{api}%2f@127.0.0.1:{storage}/x?{q}"
        ),
        "a backslash before the host": by_location(
            f"http://127.0.0.1:{storage}\\@127.0.0.1:{api}/api/v1/me?{q}"
        ),
        "protocol-relative": by_location(f"//127.0.0.1:{storage}/x?{q}"),
        "three slashes": by_location(f"http:///127.0.0.1:{storage}/x?{q}"),
        "relative": by_location(f"../../v1/me?{q}"),
        "only a query": by_location(f"?{q}"),
        "upper case": by_location(f"HTTP://LOCALHOST:{storage}/x?{q}"),
        "a dot behind the host": by_location(f"http://127.0.0.1.:{api}/api/v1/me?{q}"),
        "IPv6": by_location(f"http://[::1]:{api}/api/v1/me?{q}"),
        "IPv4 in IPv6": by_location(f"http://[::ffff:127.0.0.1]:{api}/api/v1/me?{q}"),
        "decimal": by_location(f"http://2130706433:{api}/api/v1/me?{q}"),
        "octal": by_location(f"http://0177.0.0.1:{api}/api/v1/me?{q}"),
        "hexadecimal": by_location(f"http://0x7f.1:{api}/api/v1/me?{q}"),
        "another loopback": by_location(f"http://127.0.0.2:{api}/api/v1/me?{q}"),
        "CRLF": by_location(f"{fake.storage_url}/x?{q}\r\nX-More: 1"),
        "CRLF, quoted": by_location(f"{fake.storage_url}/x%0d%0aAuthorization:%20y?{q}%0d%0aZ:1"),
        "a tab in the host": by_location(f"http://127.0.0.1:{storage}\t/x?{q}"),
        "spaces": by_location(f"  {fake.storage_url}/a b?{q}  "),
        "to TLS": by_location(f"https://127.0.0.1:{storage}/x?{q}"),
        "a fragment": by_location(f"{fake.storage_url}/x#{q}"),
        "no host": by_location(f"http:?{q}"),
        "a bad port": by_location(f"http://127.0.0.1:99999999/x?{q}"),
        "a bad address": by_location(f"http://[::1/x?{q}"),
        "a script": by_location(f"javascript:alert('{q}')"),
        "a file": by_location(f"file:///etc/hostname?{q}"),
        "FTP": by_location(f"ftp://127.0.0.1:{storage}/x?{q}"),
        "nowhere": by_location(""),
        "no Location": Fault(status=302, body=PAGE.format(f"{fake.storage_url}/x?{q}")),
        "a login": by_location(f"/login?returnUrl={quote(f'{fake.storage_url}/x?{q}')}"),
        "the key itself": by_location(f"{fake.storage_url}/x?token={KEY}&{q}"),
        "the key in the path": by_location(f"{fake.storage_url}/{KEY}/x?{q}"),
        "Location with 200": Fault(
            status=200, headers={"Location": f"{fake.storage_url}/x?{q}"}, body="moved"
        ),
        "Refresh": Fault(
            status=200,
            headers={"Refresh": f"0; url={fake.storage_url}/x?{q}"},
            body=PAGE.format(""),
        ),
        "meta refresh": Fault(
            status=200,
            body=PAGE.format(f'<meta http-equiv="refresh" content="0;{fake.storage_url}/x?{q}">'),
        ),
        "an address as text": Fault(status=200, body=f"moved to {fake.storage_url}/x?{q} for now"),
        "an address in an error": Fault(
            status=500, body={"error": f"could not sign {fake.storage_url}/x?{q}"}
        ),
        "an address in a refusal": Fault(
            status=400, body={"message": {"issues": [{"url": f"{fake.storage_url}/x?{q}"}]}}
        ),
        "the key in a refusal": Fault(status=400, body={"error": f"bad key {KEY}, Bearer {KEY}"}),
        "the key in an error": Fault(status=500, body=f"Authorization: Bearer {KEY} X {cdn}"),
    }
    for status in (300, 301, 302, 303, 304, 305, 307, 308, 399):
        found[f"status {status}"] = by_location(f"{fake.storage_url}/x?{q}", status)
    return found


def beyond(fake: FakeCivitai) -> dict[str, str]:
    """Where storage redirects to in turn."""
    q = "X-Amz-Signature={sig}"
    return {
        "storage to API": f"{fake.base_url}/api/v1/me?{q}",
        "storage to CDN": f"{fake.cdn_url}/x?{q}",
        "storage to userinfo": f"http://ann:{{sig}}@127.0.0.1:{urlsplit(fake.cdn_url).port}/x?{q}",
        "storage to a neighbour": f"http://10.0.0.1/x?{q}",
        "storage to nothing": f"http://[::1/x?{q}",
        "storage in a circle": f"?{q}",
        "storage to a name in the LAN": f"https://printer.local/x?{q}",
    }


def signed(fault: Fault, name: str) -> Fault:
    """The same fault with the signature of its shape."""
    text = json.dumps([fault.body, dict(fault.headers)]).replace("{sig}", canary(name))
    body, headers = json.loads(text)
    return Fault(
        origin=fault.origin or "api",
        path=fault.path,
        status=fault.status,
        headers=headers,
        body=body,
        every=True,
    )


class Secrets:
    """The key, and every signature that the fake gives out or that a test makes up."""

    def __init__(self, fake: FakeCivitai) -> None:
        self.texts: set[str] = {KEY}
        signer, made = fake._context.signer, fake._context.signer.url

        def url(*facts: object) -> str:
            target = made(*facts)  # type: ignore[arg-type]  # passed on
            self.learn(target)
            return target

        signer.url = url  # type: ignore[method-assign]  # the fake's own, listened to

    def learn(self, target: str) -> None:
        query = target.partition("?")[2]
        self.texts.add(query)
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            if name in ("X-Amz-Signature", "X-Amz-Credential", "Authorization"):
                self.texts.add(value)

    def seen_in(self, data: bytes | str) -> list[str]:
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        forms = {form for text in self.texts for form in (text, quote(text), quote(text, safe=""))}
        return sorted(form for form in forms if form.encode() in raw)

    def seen_under(self, folder: Path) -> list[str]:
        return [
            f"{path.relative_to(folder)}: {text}"
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            for text in self.seen_in(path.read_bytes()) + self.seen_in(str(path))
        ]


def models(count: int) -> World:
    world = World().creator("ann")
    for number in range(1, count + 1):
        file = FakeFile(name=f"{number}.safetensors", size=20_000)
        world.model(number, creator="ann", versions=(FakeVersion(files=(file,)),))
    return world.images(3, username="ann")


def assert_key_stays_home(fake: FakeCivitai) -> None:
    """The key was received by the API under its own name only."""
    assert fake.account.leaks(KEY) == []
    home = urlsplit(fake.base_url).netloc
    with_key = [seen for seen in fake.account.of() if "authorization" in seen.headers]
    assert {(seen.origin, seen.headers["host"]) for seen in with_key} <= {("api", home)}
    assert all(seen.headers["authorization"] == f"Bearer {KEY}" for seen in with_key)
    assert not [seen for seen in fake.account.of() if KEY in f"{seen.path}{seen.query}"]
    assert not [seen for seen in fake.account.of() if "cookie" in seen.headers]


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """The program in this process, on a fast clock and without a way out of this machine."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CIVITAI")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    fast = partial(SystemClock, speed=200.0)
    monkeypatch.setattr("civitai_dl.cli._session.SystemClock", fast)
    look_up = socket.getaddrinfo

    def at_home(host: object, *facts: object, **more: object):
        if host not in (None, "127.0.0.1", "127.0.0.2", "localhost", "::1", "::ffff:127.0.0.1"):
            raise socket.gaierror(socket.EAI_NONAME, "outside of this machine")
        return look_up(host, *facts, **more)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["civitai-dl", *words])
        code = cli.main(list(words), prog_name="civitai-dl", standalone_mode=False)
        said = capfd.readouterr()
        return int(code), said.out + said.err

    return call


WAYS = (["-v"], ["--json-logs"], [])
UNKNOWN = FakeCivitai(World())
UNKNOWN._context.api = UNKNOWN._context.storage = UNKNOWN._context.cdn = "http://127.0.0.1:1"
SHAPES = [*shapes(UNKNOWN), *beyond(UNKNOWN)]


@pytest.mark.parametrize("number", range(len(SHAPES)), ids=SHAPES)
def test_no_redirect_takes_the_key_along(tmp_path, command, number: int) -> None:
    """However a download is redirected: the key stays at home, nothing secret is kept or said."""
    name = SHAPES[number]
    world = models(2)
    first, second = world.truth.files()
    with FakeCivitai(world, options=OPTIONS).in_thread() as fake:
        secrets = Secrets(fake)
        secrets.texts.add(canary(name))
        if name in shapes(fake):
            path = f"/api/download/models/{first.version_id}(\\D|$)"
            fault = Fault(**{**vars(shapes(fake)[name]), "path": path})
        else:
            to = {"Location": beyond(fake)[name]}
            path = f"x{first.file_id}\\."
            fault = Fault(origin="storage", path=path, status=302, headers=to)
        planted = fake.faults.add(signed(fault, name))
        state, watched = tmp_path / "archive" / ".civitai-dl", []

        def look(_: object) -> bool:
            # While bytes are on their way the database has a journal beside it.
            watched.append(secrets.seen_under(state))
            return False

        fake.faults.add(Fault(origin="storage", where=look))
        code, said = command(
            *("1", "2", "-o", "archive", "--token", KEY, "--base-url", fake.base_url),
            *("--max-rate-model", "0", "--only", "models", "--retries", "2", "--max-wait", "1m"),
            *WAYS[number % len(WAYS)],
        )
        assert planted.served >= 1
        assert_key_stays_home(fake)
    assert watched == [[]] * max(1, len(watched))
    assert secrets.seen_in(said) == []
    assert secrets.seen_under(tmp_path) == []
    kept = {path.suffix for path in (tmp_path / "archive").rglob("*") if path.is_file()}
    assert {".log", ".db", ".json"} <= kept
    assert code in (0, 1)
    truth = second.sha256.lower()
    stored = list((tmp_path / "archive").rglob("2.safetensors"))
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in stored] == [truth]


@pytest.mark.parametrize("path", ["^/api/v1/me", r"^/api/v1/models", "^/api/v1/images"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_answer_of_the_api_is_not_followed(tmp_path, command, path, status) -> None:
    """When the documented API redirects to another origin, nobody goes there, least the key."""
    with FakeCivitai(models(1), options=OPTIONS).in_thread() as fake:
        secrets = Secrets(fake)
        place = f"{fake.cdn_url}/api/v1/me?token={canary('me')}"
        secrets.texts.add(canary("me"))
        fault = Fault(origin="api", path=path, status=status, headers={"Location": place})
        fake.faults.add(fault.at(every=True))
        code, said = command(
            *("1", "-o", "archive", "--token", KEY, "--base-url", fake.base_url, "-v"),
            *("--max-rate-model", "0", "--max-rate-image", "0", "--retries", "1"),
        )
        fake.faults.assert_all_served()
        assert_key_stays_home(fake)
        assert not [seen for seen in fake.account.of(origin="cdn") if "/me" in seen.path]
    assert code in (0, 1)
    assert secrets.seen_in(said) == []
    assert secrets.seen_under(tmp_path) == []


def test_evidence_and_account_of_corrupt_files_hold_no_signature(tmp_path, command) -> None:
    """What fails its digest three times is set aside with the evidence, and without the link."""
    with FakeCivitai(models(2), options=OPTIONS).in_thread() as fake:
        secrets = Secrets(fake)
        fake.faults.add(Fault(origin="storage", corrupt_at=5000, every=True))
        code, said = command(
            *("1", "2", "-o", "archive", "--token", KEY, "--base-url", fake.base_url, "-v"),
            *("--max-rate-model", "0", "--max-rate-image", "0"),
        )
        fake.faults.assert_all_served()
        assert_key_stays_home(fake)
    assert code == 1
    assert list((tmp_path / "archive" / "corrupted").glob("*.evidence.json"))
    assert secrets.seen_in(said) == []
    assert secrets.seen_under(tmp_path) == []


# --- what breaks


def told_by(error: BaseException) -> str:
    """All that anybody could print of an error: its chain, suppressed or not, in each form."""
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    words = [form(one) for one in seen for form in (str, repr)]
    words += [repr(value) for one in seen for value in (one.args, vars(one))]
    return "\n".join([*words, *traceback.format_exception(error)])


BREAKS = {
    "closed": Fault(close=True),
    "reset": Fault(reset=True),
    "cut": Fault(cut_after=10),
    "reset under way": Fault(reset_after=10),
    "a length that is none": Fault(headers={"Content-Length": "lots"}),
    "two ways to end": Fault(headers={"Transfer-Encoding": "chunked, chunked"}),
    "a head that is none": Fault(headers={"X\x00": "y", "no colon": "\x01"}),
    "a head without end": Fault(headers={"X-Long": "y" * 100_000}),
    "chunks that are none": Fault(
        status=200, headers={"Transfer-Encoding": "chunked", "Content-Length": None}, body="zz"
    ),
    "no status": Fault(status=99999, body="x"),
    "an address that is none": by_location("http://[::1/x?X-Amz-Signature=aaaaaaaaaaaa"),
    "a port that is none": by_location("http://127.0.0.1:x/y?X-Amz-Signature=aaaaaaaaaaaa"),
    "nobody there": by_location("http://127.0.0.1:1/y?X-Amz-Signature=aaaaaaaaaaaa"),
    "no TLS": by_location("https://127.0.0.1:{storage}/y?X-Amz-Signature=aaaaaaaaaaaa"),
    "forbidden": by_location("http://10.0.0.1/y?X-Amz-Signature=aaaaaaaaaaaa"),
    "of another world": by_location("gopher://127.0.0.1/y?X-Amz-Signature=aaaaaaaaaaaa"),
}


@pytest.mark.parametrize(("origin", "engine"), [("api", None), *product(["storage"], ENGINES)])
@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
async def test_no_error_of_the_network_carries_a_secret(
    fault: Fault, origin: str, engine: str | None
) -> None:
    """However a connection breaks, no error in the chain tells the key, a link or its query."""
    world, clock = models(1), SystemClock(speed=100)
    file = world.truth.files()[0]
    heard: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.set_exception_handler(lambda _, context: heard.append(RuntimeError(repr(context))))
    async with FakeCivitai(world, options=OPTIONS) as fake, AsyncExitStack() as stack:
        secrets = Secrets(fake)
        secrets.texts |= {"aaaaaaaaaaaa"}
        port = str(urlsplit(fake.storage_url).port)
        text = {k: v and v.replace("{storage}", port) for k, v in fault.headers.items()}
        engine_of_api = await stack.enter_async_context(open_engine("t"))
        api = ApiClient(
            engine_of_api,
            base_url=fake.base_url,
            token=Secret(KEY),
            pacer=LanePacer(Rates(0, 0, 0), clock),
            clock=clock,
        )
        fetcher = await stack.enter_async_context(
            open_fetcher(
                user_agent="t",
                guard=lambda url: "10.0" not in url,
                limit=0,
                clock=clock,
                engine=engine,
            )
        )
        path = f"/api/download/models/{file.version_id}?fileId={file.file_id}"
        good = await api.resolve(path)
        planted = fake.faults.add(
            Fault(**{**vars(fault), "headers": text, "origin": origin, "every": True})
        )
        calls = [lambda: read_all(fetcher, good)]
        if origin == "api":
            calls = [
                lambda: follow(api, fetcher, path),
                lambda: api.get("/api/v1/models", [("ids", "1")]),
                api.check_key,
            ]
        for call in calls:
            try:
                await call()
            except CivitaiDLError as error:
                heard.append(error)
        assert planted.served >= 1
        fake.faults.clear()
        told = "\n".join(map(told_by, heard))
        assert secrets.seen_in(told) == []
        assert secrets.seen_in(f"{api!r} {fetcher!r} {good!r} {good}") == []
        assert_key_stays_home(fake)


async def read_all(fetcher, link: SignedUrl) -> None:
    async with fetcher.open(link) as body:
        async for _ in body.chunks():
            pass


async def follow(api, fetcher, path: str) -> None:
    await read_all(fetcher, await api.resolve(path))


CRASH = """
import sys
from civitai_dl import __main__

def bug(*words, **more):
    raise RuntimeError("a bug that a test made")

{patch}
__main__.main()
"""

BUGS = {
    "while bytes are written": (
        "from civitai_dl.adapters.storage._partial import LocalPartial as own\nown.write = bug",
        None,
    ),
    "while bytes are read": (
        "from civitai_dl.adapters.fetcher._http import HttpBody as owner\nowner.chunks = bug",
        None,
    ),
    "while an error is judged": (
        "from civitai_dl.worker import _desk as owner\nowner.as_failure = bug",
        Fault(origin="storage", headers={"Content-Length": "lots"}),
    ),
    "while an error is named": (
        "from civitai_dl import errors as owner\nowner.ConnectionLost.__init__ = bug",
        Fault(origin="storage", headers={"Content-Length": "lots"}),
    ),
    "while a refusal is named": (
        "from civitai_dl import errors as owner\nowner.Unavailable.__init__ = bug",
        Fault(origin="api", path="^/api/download", headers={"Content-Length": "lots"}),
    ),
    "while bytes are proven": (
        "from civitai_dl.adapters.storage._partial import LocalPartial as own\nown.finish = bug",
        Fault(origin="storage", cut_after=15_000),
    ),
}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_crash_report_holds_no_secret(tmp_path: Path, bug: tuple[str, Fault | None]) -> None:
    """A bug in the midst of a transfer: the traceback, with all that debugging adds, is clean."""
    patch, fault = bug
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIVITAI")}
    with FakeCivitai(models(2), options=OPTIONS).in_thread() as fake:
        secrets = Secrets(fake)
        if fault is not None:
            fake.faults.add(fault.at(every=True))
        words = ["1", "2", "-o", "archive", "--base-url", fake.base_url, "-v", "--only", "models"]
        words += ["--max-rate-model", "0", "--no-gallery"]
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", CRASH.format(patch=patch), *words],
            cwd=tmp_path,
            env={
                **kept,
                "CIVITAI_API_KEY": KEY,
                "PYTHONASYNCIODEBUG": "1",
                "XDG_CONFIG_HOME": str(tmp_path / "config"),
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert_key_stays_home(fake)
    assert b"a bug that a test made" in done.stderr
    assert b"Traceback" in done.stderr
    assert secrets.seen_in(done.stdout + done.stderr) == [], done.stderr.decode()
    assert secrets.seen_under(tmp_path) == []


def test_nothing_that_holds_a_link_or_a_key_shows_it() -> None:
    """Repr and str of all that carries a secret, alone or inside something else, keep it."""
    secret = canary("repr")
    links = [
        SignedUrl(f"https://store.example/a?X-Amz-Signature={secret}"),
        SignedUrl(f"https://ann:{secret}@store.example/a?b={secret}"),
        SignedUrl(f"https://store.example/a#{secret}"),
        SignedUrl(f"https://{secret}@store.example"),
        SignedUrl(f"http://[::1/?{secret}"),
    ]
    ref = FileRef(ModelId(1), VersionId(2), FileId(3), "a.pt", "a.pt")
    flight = Flight(SimpleNamespace(), link=links[0])
    holders: list[object] = [
        *links,
        Secret(secret),
        flight,
        Settings(token=Secret(secret)),
        FileLink("k", ref, SimpleNamespace(signed={"k": links[1]}, asking={"k": flight})),
    ]
    for holder in holders:
        for text in (repr(holder), str(holder), f"{holder}", f"{[holder]}", format(holder)):
            assert secret not in text, type(holder)
