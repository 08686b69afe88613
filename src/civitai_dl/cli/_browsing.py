"""What `browse` does, from its words to its exit status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from civitai_dl.adapters.storage import local_path
from civitai_dl.config import Settings
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import CivitaiDLError, UsageError

from ._frame import framed

if TYPE_CHECKING:
    from civitai_dl.browse import Exported


def show(flags: Mapping[str, object]) -> int:
    """Serve an archive until the person has had enough; the exit status."""
    given = dict(flags)
    if given.get("folder") is not None:
        given["output"] = given["folder"]

    def work(settings: Settings, messages: Messages) -> int:
        _look_for_libraries()
        task = _serve if given.get("site") is None else _export
        return anyio.run(task, settings, messages, given)

    return framed(given, work)


LIBRARIES = {"jinja2": "jinja2", "PIL": "pillow"}
"""What the extra `web` brings, by the modules that are imported."""


def _look_for_libraries() -> None:
    from importlib.util import find_spec

    missing = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"what browse needs is not installed: {', '.join(missing)}",
            hint=f"{sys.executable} -m pip install {' '.join(missing)}",
        )


async def _serve(settings: Settings, messages: Messages, flags: Mapping[str, object]) -> int:
    from civitai_dl._browse import serve

    port = flags.get("port")
    wanted = flags.get("open_")

    def ready(address: str) -> None:
        sys.stdout.write(f"{messages.say('The archive is shown at {address}', address=address)}\n")
        sys.stdout.write(f"{messages.say('Ctrl-C ends it')}\n")
        sys.stdout.flush()
        if wanted is True or (wanted is None and sys.stdout.isatty()):
            import webbrowser

            webbrowser.open(address)

    trouble: CivitaiDLError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_until_asked, group.cancel_scope)
        folder = local_path(settings.output)
        number = port if isinstance(port, int) else None
        try:
            await serve(folder, settings, port=number, ready=ready)
        except CivitaiDLError as error:
            # As itself, and not as one of a group.
            trouble = error
        group.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
    return 0


async def _export(settings: Settings, messages: Messages, flags: Mapping[str, object]) -> int:
    from civitai_dl._browse import export

    site = Path(str(flags["site"]))
    told = Told(messages)
    done = await export(local_path(settings.output), site, settings, hear=told.hear)
    told.end(done)
    sys.stdout.write(f"{messages.say('Open it in a browser: {path}', path=site / 'index.html')}\n")
    return 0


class Told:
    """Tells how far an export is: one line that changes in a terminal, else one now and then."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._next = 0.0

    def hear(self, done: Exported) -> None:
        """Take note; called after each model."""
        now = monotonic()
        live = sys.stderr.isatty()
        if now < self._next:
            return
        self._next = now + (0.2 if live else 5.0)
        sys.stderr.write(f"\r{self._line(done)} " if live else f"{self._line(done)}\n")
        sys.stderr.flush()

    def end(self, done: Exported) -> None:
        """The last word."""
        if sys.stderr.isatty():
            sys.stderr.write("\r")
        sys.stdout.write(f"{self._line(done)}\n")
        if done.missing:
            text = self._messages.say(
                "{count} images are missing on the disk: civitai-dl verify finds them",
                count=done.missing,
            )
            sys.stdout.write(f"{text}\n")

    def _line(self, done: Exported) -> str:
        return self._messages.say(
            "models: {models}, pages: {pages}, images and videos: {media}",
            models=f"{done.models:,}",
            pages=f"{done.pages:,}",
            media=f"{done.media:,}",
        )


async def _until_asked(scope: anyio.CancelScope) -> None:
    """End when a signal asks for it; to stop looking is no failure."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
