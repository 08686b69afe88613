"""Archives made by the real program, and `civitai-dl browse` over them: processes on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from civitai_dl.testing import FakeCivitai, FakeOptions, Fault, World

SOON = 60.0
"""Seconds until something must have happened, on the slowest machine."""


def environment(home: Path) -> dict[str, str]:
    """No key, no locale and no settings of the one who runs the tests."""
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIVITAI")}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "LC_ALL": "C.UTF-8"}


def command(*words: str | Path) -> list[str]:
    """The command line that runs civitai-dl with these words."""
    return [sys.executable, "-m", "civitai_dl", *map(str, words)]


class Archiver:
    """Downloads from one invented service into one archive."""

    def __init__(self, fake: FakeCivitai, folder: Path, home: Path) -> None:
        self.fake, self.folder = fake, folder
        self._environment = environment(home)
        self._config = home / "config.toml"
        self._config.write_text("max_rate_resolve = 0\n", "utf-8")

    def download(self, *targets: str, users: Sequence[str] = (), words: Sequence[str] = ()) -> int:
        """One run, with further words on its command line; its exit status."""
        return self._start(targets, users, words).wait(SOON)

    def download_half(self, target: str, path: str) -> int:
        """One run that is asked to stop when it has a little of the file at this path."""
        started: list[subprocess.Popen[bytes]] = []
        self.fake.faults.add(
            Fault(
                origin="storage",
                path=path,
                every=True,
                stall_after=600,
                then=lambda: started[0].send_signal(signal.SIGINT),
            )
        )
        started.append(self._start((target,)))
        return started[0].wait(SOON)

    def _start(
        self, targets: Sequence[str], users: Sequence[str] = (), more: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        places = [f"https://civitai.com/user/{name}" for name in users]
        lists = self.folder.with_name("targets.txt")
        lists.write_text("\n".join(targets), "utf-8")
        words = command(
            *("--models", lists, *places, "--output", self.folder, "--token", "a-key"),
            *("--base-url", self.fake.base_url, "--max-rate-model", "0", "--max-rate-image", "0"),
            *("--concurrency", "8", "--retries", "1", "-q", "--config", self._config, *more),
        )
        return subprocess.Popen(words, env=self._environment, stdout=subprocess.DEVNULL)


@contextmanager
def archiving(world: World, place: Path) -> Iterator[Archiver]:
    """Serve a world while an archive of it is made below a directory."""
    fake = FakeCivitai(world, options=FakeOptions(any_key=True))
    with fake.in_thread():
        yield Archiver(fake, place / "archive", place / "home")


def made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """The archive below a directory: one process of a test run makes it, the others wait for it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.with_suffix(".lock")):
        if not (place / "ready").exists():
            place.mkdir()
            make(place)
            # The index, too, before several servers look at it.
            with shown(place / "archive"):
                (place / "ready").touch()
    return place / "archive"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Held by one process at a time; where files cannot be locked there is one process only."""
    with path.open("w") as file:
        if os.name == "posix":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def shown(folder: Path, *words: str) -> Iterator[str]:
    """`civitai-dl browse` over an archive, when all of it has been read; gives its address."""
    port = free_port()
    process = subprocess.Popen(
        command("browse", folder, "--no-open", "--port", str(port), *words),
        env=environment(folder.with_name("home")),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = f"http://127.0.0.1:{port}"
        assert address in said
        until = time.monotonic() + SOON
        while "reading the archive" in _front_page(address):
            assert time.monotonic() < until, "the archive is not read"
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(SOON)
        process.stdout.close()
    assert 0 == status


def exported(folder: Path, site: Path) -> None:
    """`civitai-dl browse --export` of an archive."""
    words = command("browse", folder, "--export", site, "--lang", "en")
    home = environment(folder.with_name("home"))
    subprocess.run(words, env=home, check=True, stdout=subprocess.DEVNULL, timeout=SOON)


def _front_page(address: str) -> str:
    with urllib.request.urlopen(f"{address}/?lang=en", timeout=SOON) as answer:
        return str(answer.read().decode())
