"""`civitai-dl login`, `logout` and `whoami`, as a person runs them, with the private file."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from civitai_dl.testing import (
    GOOD_KEY,
    KNOWN_FAULTS,
    FakeCivitai,
    FakeFile,
    FakeVersion,
    Fault,
    World,
)

POSIX = pytest.mark.skipif(os.name == "nt", reason="rights of files and terminals are POSIX'")
UNPACED = ("--max-rate-model", "0", "--no-gallery")
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
OTHER_KEY = "0ther-s3cret"


@pytest.fixture
def fake():
    world = World().model(1, versions=[FakeVersion(files=[FakeFile()], images=())])
    with FakeCivitai(world).in_thread() as served:
        yield served


@pytest.fixture
def stored(environment: dict[str, str]) -> Path:
    """Where the keys are kept; no keyring is there for any command."""
    environment.update(NO_KEYRING)
    return Path(environment["XDG_CONFIG_HOME"]) / "civitai-dl" / "credentials.json"


def keys_seen(fake: FakeCivitai) -> set[str]:
    return {seen.headers.get("authorization", "") for seen in fake.account.of(origin="api")}


def login(civitai_dl, base_url: str, *words: str, key: str = GOOD_KEY, **extra: str):
    call = ("login", "--token-stdin", "--base-url", base_url, *words)
    return civitai_dl(*call, stdin=f"{key}\n", **extra)


def test_a_key_is_tried_stored_and_used(fake, stored, civitai_dl) -> None:
    """After `login` a plain download sends the key; its account has no key anywhere."""
    done = login(civitai_dl, fake.base_url)
    assert done.returncode == 0, done.stderr
    assert "me (free)" in done.stdout
    assert str(stored) in done.stdout
    fake.account.clear()
    run = civitai_dl("1", "-o", "archive", "--base-url", fake.base_url, *UNPACED)
    assert run.returncode == 0, run.stderr
    assert keys_seen(fake) == {f"Bearer {GOOD_KEY}"}
    assert fake.account.leaks(GOOD_KEY) == []
    for said in (done, run):
        assert GOOD_KEY not in said.stdout + said.stderr
    for path in stored.parents[3].rglob("*"):
        if path.is_file() and path != stored:
            assert GOOD_KEY.encode() not in path.read_bytes()


@POSIX
def test_the_file_is_for_its_owner_alone(fake, stored, environment) -> None:
    """File and folder have the narrowest rights whatever the umask is, and no draft is left."""
    words = [sys.executable, "-m", "civitai_dl", "login", "--token-stdin", "--no-check"]
    words += ["--base-url", fake.base_url]
    subprocess.run(words, env=environment, input=b"k3y\n", check=True, capture_output=True, umask=0)
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


@POSIX
def test_a_file_that_others_can_read_is_mended_with_a_warning(fake, stored, civitai_dl) -> None:
    """Wider rights are taken back at the next use, and a person hears of it once."""
    assert login(civitai_dl, fake.base_url).returncode == 0
    stored.chmod(0o644)
    first, second = (civitai_dl("whoami", "--base-url", fake.base_url) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert "others could read" in first.stderr
    assert str(stored) in first.stderr
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert second.stderr == ""


def test_a_stored_key_goes_to_its_own_service_alone(fake, stored, civitai_dl) -> None:
    """The key of one base URL is not sent to another, not even on the same machine."""
    assert login(civitai_dl, fake.base_url).returncode == 0
    with FakeCivitai(World().model(1, versions=[FakeVersion(images=())])).in_thread() as other:
        run = civitai_dl("1", "-o", "b", "--base-url", other.base_url, "--dry-run", *UNPACED)
        assert run.returncode == 0, run.stderr
        assert keys_seen(other) == {""}
        who = civitai_dl("whoami", "--base-url", other.base_url)
        assert who.returncode == 2
        assert "no API key" in who.stderr
        # And each has one of its own.
        assert login(civitai_dl, other.base_url).returncode == 0
        assert civitai_dl("logout", "--base-url", fake.base_url).returncode == 0
        assert civitai_dl("whoami", "--base-url", other.base_url).returncode == 0
    assert civitai_dl("whoami", "--base-url", fake.base_url).returncode == 2


@pytest.mark.parametrize("has_other", [False, True])
def test_a_repetition_uses_the_key_of_the_service_it_goes_to(
    fake, stored, civitai_dl, has_other
) -> None:
    """`retry` asks the service that the archive remembers, with the key stored for that one."""
    fault = fake.faults.add(Fault(origin="storage", path=".*", every=True, status=500))
    words = ("-o", "archive", "--retries", "1", *UNPACED)
    assert civitai_dl("1", *words, "--base-url", fake.base_url).returncode == 1
    assert fault.served
    fake.faults.clear()
    fake.account.clear()
    if has_other:
        assert login(civitai_dl, "https://civitai.com", "--no-check", key=OTHER_KEY).returncode == 0
    assert login(civitai_dl, fake.base_url, "--no-check").returncode == 0
    again = civitai_dl("retry", "-o", "archive")
    assert again.returncode == 0, again.stderr
    assert keys_seen(fake) == {f"Bearer {GOOD_KEY}"}


def test_a_refused_key_is_not_stored(fake, stored, civitai_dl) -> None:
    """A key that the service does not know ends `login` with 3, and nothing is kept of it."""
    done = login(civitai_dl, fake.base_url, key=OTHER_KEY)
    assert done.returncode == 3
    assert "refused the API key" in done.stderr
    assert OTHER_KEY not in done.stdout + done.stderr
    assert not stored.exists()


def test_without_a_network_the_key_is_stored_unchecked(stored, civitai_dl) -> None:
    """An unreachable service stores nothing and says so (1); --no-check stores without asking."""
    nowhere = "http://127.0.0.1:9"
    done = login(civitai_dl, nowhere)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not stored.exists()
    assert login(civitai_dl, nowhere, "--no-check").returncode == 0
    assert json.loads(stored.read_text()) == {"keys": {nowhere: {"key": GOOD_KEY}}}


@pytest.mark.parametrize("key", ["", "   ", "two words", "schlüssel"])
def test_what_is_no_key_is_not_stored(fake, stored, civitai_dl, key: str) -> None:
    """Nothing, blanks and letters that no key has are a mistake (2); nobody is asked."""
    done = login(civitai_dl, fake.base_url, key=key)
    assert done.returncode == 2
    assert not stored.exists()
    assert fake.account.of() == []


def test_without_a_terminal_login_says_how_to_give_the_key(fake, stored, civitai_dl) -> None:
    """Where nobody can be asked, as in cron, the error names --token-stdin."""
    done = civitai_dl("login", "--base-url", fake.base_url, stdin="x")
    assert done.returncode == 2
    assert "--token-stdin" in done.stderr


@POSIX
def test_the_key_is_typed_without_an_echo(fake, stored, environment) -> None:
    """On a terminal `login` asks for the key, and what is typed is not shown."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "civitai_dl", "login", "--base-url", fake.base_url]
    process = subprocess.Popen(
        words, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    try:
        while b"not shown" not in shown:
            shown += os.read(ours, 1000)
        # Written only when the echo is off, for it is turned off before the question is asked.
        os.write(ours, GOOD_KEY.encode() + b"\n")
        while chunk := os.read(ours, 1000):
            shown += chunk
    except OSError:
        pass  # the other side is closed
    finally:
        assert process.wait(60) == 0, shown
        os.close(ours)
    assert GOOD_KEY.encode() not in shown
    assert GOOD_KEY in stored.read_text()


def test_whoami_tells_whose_key_and_from_where(fake, stored, civitai_dl, tmp_path) -> None:
    """Flag, environment, file, login: the one that counts is named, and no key is shown."""
    assert login(civitai_dl, fake.base_url).returncode == 0
    (tmp_path / "c.toml").write_text(f'token = "{GOOD_KEY}"\nbase_url = "{fake.base_url}"\n')
    key = {"CIVITAI_TOKEN": GOOD_KEY}
    for words, extra, place in (
        (("--base-url", fake.base_url), {}, f"login {stored}"),
        (("--config", "c.toml"), {}, "file c.toml"),
        (("--config", "c.toml"), key, "environment CIVITAI_TOKEN"),
        (("--config", "c.toml", "--token", GOOD_KEY), key, "flag --token"),
    ):
        done = civitai_dl("whoami", *words, **extra)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[:2] == ["me (free)", f"key: {place}"]
        told = civitai_dl("whoami", *words, "--json", **extra)
        found = json.loads(told.stdout)
        assert (found["valid"], found["name"], found["tier"]) == (True, "me", "free")
        assert f"{found['key_from']['kind']} {found['key_from']['place']}" == place
        assert GOOD_KEY not in done.stdout + done.stderr + told.stdout


def test_whoami_ends_with_3_for_a_refused_key(fake, stored, civitai_dl) -> None:
    """A refused key is 3 and named by its origin, in JSON too; trouble of the service is 1."""
    words = ("whoami", "--base-url", fake.base_url)
    done = civitai_dl(*words, CIVITAI_API_KEY=OTHER_KEY)
    assert done.returncode == 3
    assert "environment CIVITAI_API_KEY" in done.stderr
    told = civitai_dl(*words, "--json", CIVITAI_API_KEY=OTHER_KEY)
    assert told.returncode == 3
    assert json.loads(told.stdout)["valid"] is False
    assert OTHER_KEY not in done.stdout + done.stderr + told.stdout
    fault = fake.faults.add(KNOWN_FAULTS["challenge"])
    down = civitai_dl(*words, CIVITAI_API_KEY=GOOD_KEY)
    assert fault.served
    assert down.returncode == 1
    assert "browser" in down.stderr


def test_keys_that_differ_are_told(fake, stored, civitai_dl) -> None:
    """Two variables with two keys: the first is used, with a warning that names both."""
    keys = {"CIVITAI_API_KEY": GOOD_KEY, "CIVITAI_TOKEN": OTHER_KEY}
    done = civitai_dl("whoami", "--base-url", fake.base_url, **keys)
    assert done.returncode == 0
    assert "CIVITAI_API_KEY, CIVITAI_TOKEN hold different keys" in done.stderr


def test_logout_forgets_the_key(fake, stored, civitai_dl) -> None:
    """The file goes with its last key; a second time says there was none; both end with 0."""
    assert login(civitai_dl, fake.base_url).returncode == 0
    first = civitai_dl("logout", "--base-url", fake.base_url)
    assert (first.returncode, stored.exists()) == (0, False)
    assert "is not stored any more" in first.stdout
    second = civitai_dl("logout", "--base-url", fake.base_url, CIVITAI_API_KEY="x")
    assert second.returncode == 0
    assert "no API key was stored" in second.stdout
    assert "CIVITAI_API_KEY" in second.stderr


@pytest.mark.parametrize("text", ["", "{}", '{"keys": {"http://127.0.0.1:9": {}}}', "k3y"])
def test_a_damaged_file_is_named_and_not_repeated(stored, civitai_dl, text: str) -> None:
    """A file that is not what was written is an error (2) with what to do, and is left alone."""
    stored.parent.mkdir(parents=True)
    stored.write_text(text)
    stored.chmod(0o600)
    done = civitai_dl("1", "-o", "archive", "--base-url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert str(stored) in done.stderr
    assert "login" in done.stderr
    assert "k3y" not in done.stderr
    assert stored.read_text() == text


def test_a_keyring_that_is_wanted_and_not_there_is_told(fake, stored, civitai_dl) -> None:
    """--store keyring without a keyring stores nothing, before the key is asked for."""
    done = login(civitai_dl, fake.base_url, "--store", "keyring")
    assert done.returncode == 2
    assert "no keyring" in done.stderr
    assert not stored.exists()
