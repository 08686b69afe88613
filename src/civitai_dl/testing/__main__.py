"""Serve a simulated Civitai from the command line: `python -m civitai_dl.testing`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_dl.testing._service import FakeCivitai, FakeOptions
from civitai_dl.testing._worlds import (
    demo_lists,
    demo_world,
    sample_lists,
    trait_lists,
    trait_world,
    world_from_samples,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from civitai_dl.testing._world import World

READY = "FakeCivitai is ready at "
"""The line that tells the base URL begins with this."""
_NOT_FOUND, _SIGNALED = 127, 128
_USAGE = "%(prog)s [--world demo | traits | samples DIR] [--port P] [--write-lists DIR] [--run ...]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, or while a command runs; return the exit status."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        world, lists = _world(asked.world)
    except ValueError as error:
        parser.error(str(error))
    # Any key is good here, so that a demonstration needs none of its own.
    fake = FakeCivitai(world, options=FakeOptions(any_key=True, ports=(asked.port, 0, 0)))
    with tempfile.TemporaryDirectory(prefix="fake-civitai-") as scratch, fake.in_thread():
        folder = Path(asked.write_lists or scratch)
        users, models = _write(folder, lists)
        if asked.run:
            words = {"{base_url}": fake.base_url, "{users}": str(users), "{models}": str(models)}
            return _run([_filled(part, words) for part in asked.run])
        sys.stdout.write(f"{READY}{fake.base_url}\n")
        if asked.write_lists:
            sys.stdout.write(f"Lists: {users} {models}\n")
        _until_stopped()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m civitai_dl.testing", usage=_USAGE, description=__doc__
    )
    parser.add_argument(
        "--world",
        nargs="+",
        default=["demo"],
        metavar="WORLD",
        help="demo (small and pleasant), traits (every oddity), samples DIR (real answers)",
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port of the api origin; a free one by default"
    )
    parser.add_argument(
        "--write-lists", metavar="DIR", help="write users.txt and models.txt that fit the world"
    )
    parser.add_argument(
        "--run",
        nargs=argparse.REMAINDER,
        help="run a command with {base_url}, {users} and {models} filled in, and exit as it does",
    )
    return parser


def _world(words: Sequence[str]) -> tuple[World, tuple[str, str]]:
    """Return the world that the words name, and its lists. Raises: ValueError."""
    match list(words):
        case ["demo"]:
            world = demo_world()
            return world, demo_lists(world)
        case ["traits"]:
            world = trait_world()
            return world, trait_lists(world)
        case ["samples", folder] if Path(folder).is_dir():
            world = world_from_samples(Path(folder))
            return world, sample_lists(world)
        case _:
            raise ValueError("--world takes demo, traits, or samples with an existing folder")


def _write(folder: Path, lists: tuple[str, str]) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    users, models = folder / "users.txt", folder / "models.txt"
    for path, text in zip((users, models), lists, strict=True):
        path.write_text(text, "utf-8")
    return users, models


def _filled(part: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        part = part.replace(name, value)
    return part


def _run(command: list[str]) -> int:
    """Run a command to its end and return its status, 128 + n for one that signal n ended."""
    try:
        process = subprocess.Popen(command)  # noqa: S603 - the caller's own command
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _NOT_FOUND
    # Ctrl-C reaches the command as well, by the terminal: it decides, we wait for it.
    with _hearing(signal.SIGINT, lambda: None), _hearing(signal.SIGTERM, process.terminate):
        status = process.wait()
    return status if status >= 0 else _SIGNALED - status


def _until_stopped() -> None:
    stopped = threading.Event()
    with _hearing(signal.SIGINT, stopped.set), _hearing(signal.SIGTERM, stopped.set):
        sys.stdout.flush()
        # In short waits: on Windows a signal does not end a long one.
        while not stopped.wait(0.5):
            pass


@contextlib.contextmanager
def _hearing(number: signal.Signals, act: Callable[[], object]) -> Iterator[None]:
    """Act on a signal for as long as the context is open."""

    def heard(_number: int, _frame: FrameType | None) -> None:
        act()

    before = signal.signal(number, heard)
    try:
        yield
    finally:
        signal.signal(number, before)


if __name__ == "__main__":
    sys.exit(main())
