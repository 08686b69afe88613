"""The command as a process: started cheaply, signalled, killed with its whole group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
QUIET = {"LC_ALL": "C.UTF-8", "COLUMNS": "100", "PYTHONDEVMODE": ""}


def environment_in(folder: Path, **extra: str) -> dict[str, str]:
    """An environment without key, locale or settings of the one who runs the tests."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CIVITAI", "REHEARSAL", "PYTEST"))
    }
    places = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    return {**kept, **places, "LC_ALL": "C.UTF-8", "COLUMNS": "100", **extra}


@dataclass
class Child:
    """One process of the launcher. out, err: files that hold what it said."""

    launcher: Launcher
    number: int
    out: Path
    err: Path

    def signal(self, number: int) -> None:
        """Send a signal to it alone."""
        os.kill(self.number, number)

    def wait(self, patience: float) -> int | None:
        """Its exit status (-n: by signal n); None when it is still at work after so long."""
        order = {"process": self.number, "patience": patience}
        status: int | None = self.launcher.ask(order)["status"]
        if status is not None:
            self.launcher.children.discard(self.number)
        return status

    def wait_or_kill(self, patience: float) -> tuple[int, bool]:
        """Its exit status, and whether it had to be killed, with its group, after so long."""
        order = {"process": self.number, "patience": patience, "killed": True}
        answer = self.launcher.ask(order)
        self.launcher.children.discard(self.number)
        return answer["status"], answer["killed"]

    def said(self) -> str:
        """All that it wrote."""
        texts = [path.read_text("utf-8", "replace") for path in (self.out, self.err)]
        return "\n".join(texts)


class Launcher:
    """See launcher.py; one at a time may ask it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self.children: set[int] = set()
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "launcher.py")],
            cwd=folder,
            env=environment_in(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Give an order; returns the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the launcher has died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def start(self, words: Sequence[str], **extra: str) -> Child:
        """Start the command. extra: more of its environment."""
        self._count += 1
        out, err = (self._folder / f"{self._count}.{name}" for name in ("out", "err"))
        order = {
            "words": [str(word) for word in words],
            "environment": environment_in(self._folder, **extra),
            "folder": str(self._folder),
            "out": str(out),
            "err": str(err),
        }
        number = self.ask(order)["process"]
        self.children.add(number)
        return Child(self, number, out, err)

    def call(self, words: Sequence[str], *, patience: float = 60, **extra: str) -> tuple[int, str]:
        """Run the command to its end: its exit status, and what it said."""
        child = self.start(words, **extra)
        status, killed = child.wait_or_kill(patience)
        assert not killed, f"still at work after {patience} s:\n{child.said()}"
        return status, child.said()

    def close(self) -> None:
        """End it, and whatever it started."""
        for number in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(number, signal.SIGKILL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@contextlib.contextmanager
def launching(folder: Path) -> Iterator[Launcher]:
    """A launcher whose children work in this folder."""
    launcher = Launcher(folder)
    try:
        yield launcher
    finally:
        launcher.close()


def until(condition: Callable[[], object], patience: float = 30) -> None:
    """Wait for something that another process brings about."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
