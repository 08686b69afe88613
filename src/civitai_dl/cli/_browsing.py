"""What `browse` does, from its words to its exit status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping

import anyio

from civitai_dl.adapters.storage import local_path
from civitai_dl.config import Settings
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import CivitaiDLError, UsageError

from ._frame import framed


def show(flags: Mapping[str, object]) -> int:
    """Serve an archive until the person has had enough; the exit status."""
    given = dict(flags)
    if given.get("folder") is not None:
        given["output"] = given["folder"]

    def work(settings: Settings, messages: Messages) -> int:
        _need("jinja2", "PIL")
        return anyio.run(_serve, settings, messages, given)

    return framed(given, work)


def _need(*modules: str) -> None:
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in modules):
        raise UsageError(
            "what browse needs is not installed",
            hint="pip install 'civitai-downloader-cli[web]'",
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


async def _until_asked(scope: anyio.CancelScope) -> None:
    """End when a signal asks for it; to stop looking is no failure."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
