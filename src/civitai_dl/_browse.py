"""Opening an archive for a browser, and keeping what it shows up to date."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from aiohttp import web

from civitai_dl._version import __version__
from civitai_dl.adapters.catalog import STATE_FILE, Database, Holdings
from civitai_dl.adapters.library import Library
from civitai_dl.adapters.storage import STATE
from civitai_dl.browse import Export, Exported, Site, Thumbnails
from civitai_dl.config import Settings
from civitai_dl.errors import UsageError

from ._exhibit import READERS, Exhibit

HOST = "127.0.0.1"
"""Never another one: what lies in an archive is nobody else's business."""

PORT = 8410
LOOK_SECONDS = 5.0
"""Between two looks whether a run has stored something new."""

REST = 10.0
"""Times as long as a look took, nobody looks again."""

CLOSE_SECONDS = 2.0


@asynccontextmanager
async def exhibition(folder: Path, settings: Settings) -> AsyncIterator[Exhibit]:
    """An archive, open for looking at it. Raises: UsageError when there is none, CatalogError."""
    state = folder / STATE
    if not (state / STATE_FILE).is_file():
        raise UsageError(
            f"there is no archive here: {folder}",
            hint="name the directory that civitai-dl has downloaded into",
        )
    database = Database(state / STATE_FILE, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        library = await anyio.to_thread.run_sync(Library, folder, state, READERS)
        try:
            yield Exhibit(folder, library, Holdings(database), settings.base_url)
        finally:
            await anyio.to_thread.run_sync(library.close)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


async def keep_reading(exhibit: Exhibit) -> None:
    """Bring the library up to date, and hold it there while runs go on; ends when cancelled."""
    while True:
        began = anyio.current_time()
        await exhibit.library.read(exhibit.holdings)
        # A look at a large archive takes its time; most of it belongs to those who look at pages.
        await anyio.sleep(max(LOOK_SECONDS, REST * (anyio.current_time() - began)))


async def serve(
    folder: Path, settings: Settings, *, port: int | None, ready: Callable[[str], None]
) -> None:
    """Show an archive on this machine until cancelled.

    port: None for the usual one, or any other when that is taken. ready: told of the address.
    Raises: UsageError, CatalogError.
    """
    async with exhibition(folder, settings) as exhibit:
        site = Site(
            exhibit,
            Thumbnails(folder, folder / STATE),
            language=settings.language.value,
            version=__version__,
        )
        runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=CLOSE_SECONDS)
        await runner.setup()
        try:
            site.port = await _listen(runner, port)
            ready(f"http://{HOST}:{site.port}/")
            await keep_reading(exhibit)
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()


async def export(
    folder: Path, site: Path, settings: Settings, *, hear: Callable[[Exported], None]
) -> Exported:
    """Write an archive as files that open from a disk. Raises: UsageError, StorageError."""
    async with exhibition(folder, settings) as exhibit:
        await exhibit.library.read(exhibit.holdings)
        thumbnails = Thumbnails(folder, folder / STATE)
        return await Export(exhibit, thumbnails, site, settings.language.value, hear).go()


async def _listen(runner: web.AppRunner, port: int | None) -> int:
    for wish in (PORT, 0) if port is None else (port,):
        try:
            await web.TCPSite(runner, HOST, wish).start()
        except OSError as error:
            if port is None and wish and error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise UsageError(
                f"port {wish} cannot be used: {error.strerror or error}",
                hint="choose another one with --port",
            ) from error
        break
    return int(runner.addresses[0][1])
