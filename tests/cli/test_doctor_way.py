"""What `doctor` finds on the way to the service, about the key, the clock and the settings."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from civitai_dl import _way
from civitai_dl._way import find_address, of_proxies, of_service
from civitai_dl._whoami import Heard, ask_service
from civitai_dl.adapters.clock import SystemClock
from civitai_dl.cli._found import sentence
from civitai_dl.cli._options import load_settings
from civitai_dl.config import Settings
from civitai_dl.domain.decisions import Reach
from civitai_dl.domain.messages import Language, Messages
from civitai_dl.testing import GOOD_KEY, KNOWN_FAULTS, FakeCivitai, Fault, World


@pytest.fixture
def fake():
    with FakeCivitai(World()).in_thread() as served:
        yield served


@pytest.fixture
def doctor(civitai_dl):
    """Ask the doctor about a service; returns the exit status and the findings by their topic."""

    def ask(base_url: str, *words: str, **extra: str):
        done = civitai_dl("doctor", "--json", "--base-url", base_url, *words, **extra)
        assert "Traceback" not in done.stderr
        found = json.loads(done.stdout)["findings"]
        return done.returncode, {one["topic"]: one for one in found}

    return ask


def test_a_way_that_is_free_is_told(doctor, fake) -> None:
    """Answer, key with its owner and origin, and versions are told; exit 0, and one request."""
    status, found = doctor(fake.base_url, CIVITAI_API_KEY=GOOD_KEY)
    assert status == 0
    assert {found[topic]["level"] for topic in ("service", "key", "proxies", "archive")} == {"ok"}
    assert found["key"]["facts"] == {
        "origin": "environment CIVITAI_API_KEY",
        "who": "me, free",
    }
    assert [seen.path for seen in fake.account.of()] == ["/api/v1/me"]
    assert {"program", "python", "sqlite"} == set(found["versions"]["facts"])
    assert "aiohttp" in found["clients"]["facts"]


def test_a_refused_key_is_a_problem_of_the_key(doctor, fake) -> None:
    """A refused key is told by its origin and ends with 3; without a key there is a hint."""
    status, found = doctor(fake.base_url, "--token", "wr0ng")
    assert status == 3
    assert found["service"]["level"] == "ok"
    assert found["key"]["level"] == "problem"
    assert "flag --token" in found["key"]["text"]
    assert "wr0ng" not in json.dumps(found)
    status, found = doctor(fake.base_url)
    assert (status, found["key"]["level"]) == (0, "warning")
    assert "login" in found["key"]["todo"]


@pytest.mark.parametrize(
    ("fault", "level", "word"),
    [
        ("region blocked", "problem", "region"),
        ("challenge", "problem", "browser"),
        ("edge limit", "warning", "slow down"),
        ("maintenance with 503", "warning", "maintained"),
        ("maintenance with 200", "problem", "login page"),
        ("edge timeout", "warning", "trouble"),
    ],
)
def test_what_stands_in_the_way_is_named(doctor, fake, fault, level, word) -> None:
    """A blocked region, a challenge, a limit and an outage are told apart, with what to do."""
    planted = fake.faults.add(KNOWN_FAULTS[fault])
    status, found = doctor(fake.base_url, CIVITAI_API_KEY=GOOD_KEY)
    assert planted.served
    assert found["service"]["level"] == level
    assert word in found["service"]["text"]
    assert found["service"]["todo"]
    assert found["key"]["level"] == "warning"
    assert status == (1 if level == "problem" else 0)


def test_a_login_page_of_the_network_is_no_service(doctor, fake) -> None:
    """A redirect to somewhere else is not followed, and told as something else that answers."""
    portal = Fault(
        origin="api", path="^/api/", status=302, headers={"Location": "http://portal.invalid/"}
    )
    planted = fake.faults.add(portal)
    status, found = doctor(fake.base_url)
    assert planted.served
    assert (status, found["service"]["level"]) == (1, "problem")
    assert "sign in to this network" in found["service"]["todo"]


def test_nobody_there_is_a_finding(doctor) -> None:
    """A refused connection and a name without an address are findings; exit 1."""
    status, found = doctor("http://127.0.0.1:9", "--token", "x")
    assert (status, found["service"]["level"]) == (1, "problem")
    assert "could not be tried" in found["key"]["text"]
    status, found = doctor("https://nowhere.invalid")
    assert (status, found["address"]["level"]) == (1, "problem")


def test_a_certificate_that_is_not_trusted_is_named(doctor) -> None:
    """A server with a certificate of its own is told as one that is not trusted."""
    trustme = pytest.importorskip("trustme")
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            client, _ = listener.accept()
            context.wrap_socket(client, server_side=True).close()
        except OSError:
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        status, found = doctor(f"https://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        listener.close()
        thread.join(30)
    assert status == 1
    assert "certificate" in found["service"]["text"]


@pytest.mark.parametrize(("ahead", "level"), [(0, "ok"), (7200, "warning"), (-7200, "warning")])
def test_a_wrong_clock_is_told(doctor, fake, ahead, level) -> None:
    """Ours against the Date of the answer: hours apart is told, with its direction."""
    date = formatdate(time.time() - ahead, usegmt=True)
    planted = fake.faults.add(Fault(origin="api", path="^/api/", headers={"Date": date}))
    status, found = doctor(fake.base_url)
    assert planted.served
    assert (status, found["clock"]["level"]) == (0, level)
    if ahead:
        assert ("ahead" if ahead > 0 else "behind") in found["clock"]["text"]
        assert re.search("2 h|1 h 59 min", found["clock"]["text"])


def test_offline_nobody_is_asked(doctor, fake) -> None:
    """--offline asks nobody, and still tells of key, proxies and settings."""
    proxy = {"https_proxy": "http://me:pa55@proxy.example:3128", "NO_PROXY": "localhost"}
    status, found = doctor(fake.base_url, "--offline", "--token", "x", **proxy)
    assert status == 0
    assert fake.account.of() == []
    assert "not asked" in found["service"]["text"]
    assert "flag --token" in found["key"]["text"]
    assert found["proxies"]["facts"]["names"] == (
        "https: http://***@proxy.example:3128 (https_proxy)"
    )


def test_settings_that_do_not_fit_are_a_finding(doctor, environment, tmp_path, fake) -> None:
    """A broken file does not keep the doctor from looking at the rest; exit 2."""
    file = Path(environment["XDG_CONFIG_HOME"]) / "civitai-dl" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('retries = "many"\nfoo = 1\n')
    status, found = doctor(fake.base_url, CIVITAI_DL_MAX_WIAT="5m")
    assert status == 2
    assert found["configuration"]["level"] == "problem"
    assert f"{file}:1" in found["configuration"]["text"]
    assert f"{file}:2" in found["configuration"]["text"]
    assert "CIVITAI_DL_MAX_WIAT" in found["variables"]["text"]
    assert found["service"]["level"] == "ok"
    file.write_text('token = "k3y"\n')
    file.chmod(0o644)
    keys = {"CIVITAI_API_KEY": "a", "CIVITAI_TOKEN": "b"}
    _, found = doctor(fake.base_url, "--offline", **keys)
    assert "others can read" in found["configuration"]["text"]
    assert "CIVITAI_API_KEY, CIVITAI_TOKEN" in found["keys"]["text"]


def test_a_stored_key_that_cannot_be_had_is_a_finding(doctor, environment, fake) -> None:
    """A keyring that cannot be opened is told, and the rest is looked at without the key."""
    kept = Path(environment["XDG_CONFIG_HOME"]) / "civitai-dl" / "credentials.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"keys": {fake.base_url: {"keyring": True}}}))
    kept.chmod(0o600)
    no_keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    status, found = doctor(fake.base_url, **no_keyring)
    assert status == 0
    assert found["key"]["level"] == "warning"
    assert "keyring" in found["key"]["text"]
    assert found["service"]["level"] == "ok"


def test_an_option_that_is_wrong_is_no_finding(civitai_dl) -> None:
    """A base URL that is none is a mistake of the command, as everywhere; exit 2."""
    done = civitai_dl("doctor", "--base-url", "ftp://x")
    assert done.returncode == 2
    assert "no base URL" in done.stderr
    assert done.stdout == ""


async def test_an_address_is_not_looked_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name servers that never answer cost the given time, and are a finding."""
    silence = threading.Event()
    monkeypatch.setattr(_way.socket, "getaddrinfo", lambda *_, **__: silence.wait(60) and [])
    (found,) = await find_address("https://civitai.com", seconds=0.05)
    silence.set()
    assert found.level == "problem"
    assert "no answer in time" in str(found.facts["why"])


async def test_a_service_that_is_silent_costs_a_limited_time() -> None:
    """Whoever accepts and says nothing is a finding when the patience ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = Settings(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        heard = await ask_service(settings, SystemClock(), patience=0.1)
    assert (heard.reach, heard.why) == (None, "no answer in time")


@pytest.mark.parametrize("language", list(Language))
def test_every_answer_has_words(language: Language) -> None:
    """Whatever answers, or does not, is told in both languages."""
    messages = Messages(language)
    heards = [Heard(reach, 200) for reach in (*Reach, None)] + [Heard(None, untrusted=True)]
    told = [of_service(heard, "https://civitai.com") for heard in heards]
    assert all(sentence(one, messages) for one in told)
    assert all(messages.say(one.todo) for one in told if one.todo)
    assert len({one.text for one in told}) == len(Reach) - 1 + 2


def test_no_password_of_a_proxy_is_repeated() -> None:
    """Names and passwords of proxies are left out, with and without a scheme."""
    environment = {"HTTPS_PROXY": "me:pa55@proxy:1", "all_proxy": "socks5h://u:pa55@p:2"}
    found = of_proxies(load_settings({"token": None}, environment).ways)
    assert "pa55" not in str(found.facts)
    assert "proxy:1" in str(found.facts)
    assert "p:2" in str(found.facts)
