"""The other downloaders: where they are, how an informed user calls them, what they leave."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SILENCE = 2
"""Seconds without a byte after which a tool gives a connection up."""

Words = Callable[[Path, str, str, str], list[str]]
"""From folder, file name, address and SHA256 to the arguments after the program."""


@dataclass(frozen=True)
class Peer:
    """One downloader with one set of options.

    name: in tables. program: on the PATH. origins: which kinds it is asked to bring. words, first:
    its arguments, and those of the run that leaves a partial file behind. option: shown in
    documents. marks: suffixes of the files that are, or that mark, a partial one. lanes: how many
    at once in a process; one that keeps a core busy while it starts gets few.
    """

    name: str
    program: str
    origins: tuple[str, ...]
    words: Words
    first: Words
    option: str
    marks: tuple[str, ...] = ()
    lanes: int = 16

    def path(self) -> str | None:
        """Where the program lies: in one of the environments beside this checkout, or on PATH."""
        beside = [str(folder / "bin") for folder in sorted(ROOT.glob(".venv*"))]
        return shutil.which(self.program) or shutil.which(
            self.program, path=os.pathsep.join(beside)
        )

    def version(self) -> str:
        """The first line of what it says of itself, cut at the second word or third."""
        path = self.path()
        assert path is not None
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
        words = said.stdout.split("\n")[0].split()
        return next((word for word in words if word[:1].isdigit()), "unknown")

    def command(
        self, folder: Path, name: str, address: str, digest: str, *, first: bool = False
    ) -> list[str]:
        """The whole command line. first: of the run whose connection breaks for good."""
        path = self.path()
        assert path is not None
        make = self.first if first else self.words
        return [path, *make(folder, name, address, digest)]

    def published(self, folder: Path) -> Iterator[Path]:
        """The files that anybody would take for finished ones."""
        for path in sorted(folder.iterdir()):
            marked = any(Path(f"{path}{mark}").exists() for mark in self.marks)
            if not (path.name.endswith(self.marks) or marked):
                yield path


def _curl(retries: int) -> Words:
    limits = f"--connect-timeout {SILENCE} --speed-time {SILENCE} --speed-limit 1"
    patience = f"--retry {retries} --retry-all-errors --retry-delay 1 --retry-max-time 15"

    def words(folder: Path, name: str, address: str, digest: str) -> list[str]:
        del digest
        quiet = ["-q", "-s", "-S"]  # -q: no settings of the machine's user
        options = [*limits.split(), *patience.split(), "-C", "-", "-f", "-L"]
        return [*quiet, *options, "-o", str(folder / name), address]

    return words


def _aria2(tries: int, *, check: bool = False) -> Words:
    # Not --lowest-speed-limit: where that strikes aria2 gives up, where --timeout does it goes on.
    limits = f"--timeout={SILENCE} --connect-timeout={SILENCE}"
    # A true file.1 beside a wrong file is no help to whoever asked for the file.
    patience = f"--max-tries={tries} --retry-wait=1 --auto-file-renaming=false"

    def words(folder: Path, name: str, address: str, digest: str) -> list[str]:
        quiet = ["--no-conf=true", "--quiet=true"]
        options = ["-c", *limits.split(), *patience.split()]
        if check:
            options.append(f"--checksum=sha-256={digest.lower()}")
        return [*quiet, *options, "-d", str(folder), "-o", name, address]

    return words


def _gallery(retries: int) -> Words:
    options = f"-R {retries} --http-timeout {SILENCE} --sleep-429 1"

    def words(folder: Path, name: str, address: str, digest: str) -> list[str]:
        del digest
        quiet = ["--config-ignore", "--quiet"]
        return [*quiet, *options.split(), "-D", str(folder), "-f", name, address]

    return words


BOTH = ("storage", "cdn")
_ARIA2 = "-c --max-tries=5 --retry-wait=1 --auto-file-renaming=false"

PEERS = (
    Peer(
        "curl",
        "curl",
        BOTH,
        _curl(5),
        _curl(0),
        "--retry 5 --retry-all-errors -C - -f -L",
    ),
    Peer("aria2", "aria2c", BOTH, _aria2(5), _aria2(1), _ARIA2, (".aria2",)),
    Peer(
        "aria2, told the digest",
        "aria2c",
        BOTH,
        _aria2(5, check=True),
        _aria2(1, check=True),
        f"{_ARIA2} --checksum=sha-256=...",
        (".aria2",),
    ),
    Peer(
        "gallery-dl",
        "gallery-dl",
        ("cdn",),
        _gallery(5),
        _gallery(0),
        "-R 5 --sleep-429 1",
        (".part",),
        lanes=4,
    ),
)
"""All of them. For images Civitai tells no digest: "told the digest" is there to compare."""


def found() -> tuple[Peer, ...]:
    """Those that this machine has."""
    return tuple(peer for peer in PEERS if peer.path() is not None)
