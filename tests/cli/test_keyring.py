"""`login` with the real thing: gnome-keyring as the Secret Service of a session of its own.

Skips where it is not installed, unless CIVITAI_DL_KEYRING=required says that it must be.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from civitai_dl.testing import GOOD_KEY, FakeCivitai, FakeFile, FakeVersion, World

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
UNPACED = ("--max-rate-model", "0", "--no-gallery")
ASK = """
import keyring, sys
print(keyring.get_keyring(), keyring.get_password("civitai-dl", sys.argv[1]))
"""


def unavailable(why: str) -> None:
    if os.environ.get("CIVITAI_DL_KEYRING") == "required":
        pytest.fail(f"CIVITAI_DL_KEYRING=required, but {why}")
    pytest.skip(why)


@pytest.fixture
def session(environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a desktop session adds to the environment: a bus, and an unlocked keyring on it."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if sys.platform != "linux" or missing:
        unavailable(f"not installed: {', '.join(missing) or sys.platform}")
    # Sockets have short names only.
    run = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    home = {"XDG_RUNTIME_DIR": str(run), "XDG_DATA_HOME": str(tmp_path / "home" / "data")}
    settled = {**environment, **home}
    settled.pop("DBUS_SESSION_BUS_ADDRESS", None)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"],
        env=settled,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert bus.stdout is not None
        home["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        with kept_open({**settled, **home}):
            yield home
    finally:
        bus.terminate()
        bus.wait(30)
        shutil.rmtree(run, ignore_errors=True)


class kept_open:  # noqa: N801  # reads as a with statement
    """gnome-keyring at work, unlocked, until the end of the block."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def __enter__(self) -> None:
        words = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
        self.process = subprocess.Popen(
            words,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("the password of the keyring")
        self.process.stdin.close()
        # It says where it listens once it does.
        self.process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def fake() -> Iterator[FakeCivitai]:
    world = World().model(1, versions=[FakeVersion(files=[FakeFile()], images=())])
    with FakeCivitai(world).in_thread() as served:
        yield served


@pytest.fixture
def marker(environment: dict[str, str]) -> Path:
    return Path(environment["XDG_CONFIG_HOME"]) / "civitai-dl" / "credentials.json"


def in_keyring(environment: dict[str, str], service: str) -> str:
    """What the keyring has for a service, asked by another program."""
    words = [sys.executable, "-c", ASK, service]
    return subprocess.check_output(words, env=environment, text=True, timeout=60)


def test_the_key_lies_in_the_keyring_of_the_system(
    session, environment, civitai_dl, fake, marker
) -> None:
    """login, whoami, a download and logout work with a Secret Service; no file has the key."""
    where = ("--base-url", fake.base_url)
    done = civitai_dl("login", "--token-stdin", *where, stdin=f"{GOOD_KEY}\n", **session)
    assert done.returncode == 0, done.stderr
    assert "system's keyring" in done.stdout
    assert GOOD_KEY in in_keyring({**environment, **session}, fake.base_url)
    assert json.loads(marker.read_text()) == {"keys": {fake.base_url: {"keyring": True}}}
    who = civitai_dl("whoami", *where, **session)
    assert who.stdout.splitlines()[:2] == ["me (free)", "key: login keyring"], who.stderr
    fake.account.clear()
    run = civitai_dl("1", "-o", "archive", *where, *UNPACED, **session)
    assert run.returncode == 0, run.stderr
    keys = {seen.headers.get("authorization") for seen in fake.account.of(origin="api")}
    assert keys == {f"Bearer {GOOD_KEY}"}
    for path in Path(environment["HOME"]).rglob("*"):
        assert not path.is_file() or GOOD_KEY.encode() not in path.read_bytes(), path
    out = civitai_dl("logout", *where, **session)
    assert out.returncode == 0, out.stderr
    assert "None" in in_keyring({**environment, **session}, fake.base_url)
    assert not marker.exists()


def test_without_its_session_the_keyring_is_named(session, civitai_dl, fake, marker) -> None:
    """In cron the keyring cannot be opened: told with what to do (2), and nothing is asked.

    `login --store file` moves the key to where cron can read it.
    """
    where = ("--base-url", fake.base_url)
    call = ("login", "--token-stdin", *where)
    assert civitai_dl(*call, stdin=f"{GOOD_KEY}\n", **session).returncode == 0
    fake.account.clear()
    lost = civitai_dl("1", "-o", "archive", *where, DBUS_SESSION_BUS_ADDRESS="unix:path=/none")
    assert lost.returncode == 2
    assert "keyring, which cannot be opened" in lost.stderr
    assert "--store file" in lost.stderr
    assert fake.account.of() == []
    given = civitai_dl("1", "-o", "archive", *where, *UNPACED, CIVITAI_API_KEY=GOOD_KEY)
    assert given.returncode == 0, given.stderr
    moved = civitai_dl(*call, "--store", "file", stdin=f"{GOOD_KEY}\n", **session)
    assert moved.returncode == 0, moved.stderr
    assert GOOD_KEY in marker.read_text()
    assert civitai_dl("whoami", *where).returncode == 0


@pytest.mark.parametrize("has_login", [False, True])
def test_nobody_pays_for_the_keyring_who_has_no_key_in_it(
    session, environment, civitai_dl, fake, has_login
) -> None:
    """A run with a key from elsewhere, or with none, does not import the keyring."""
    extra = {}
    if has_login:
        call = ("login", "--token-stdin", "--base-url", fake.base_url)
        assert civitai_dl(*call, stdin=f"{GOOD_KEY}\n", **session).returncode == 0
        extra = {"CIVITAI_API_KEY": GOOD_KEY}
    words = [sys.executable, "-X", "importtime", "-m", "civitai_dl", "1", "-o", "archive"]
    run = subprocess.run(
        [*words, "--base-url", fake.base_url, *UNPACED],
        env={**environment, **session, **extra},
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "keyring" not in run.stderr
    assert "secretstorage" not in run.stderr
