"""The program without threads and sockets: the same steps in the same order, only sooner."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar
from unittest import mock

import anyio.lowlevel
import anyio.to_thread
from service import Service

from civitai_dl import _compose, _dressing
from civitai_dl._dressing import dress
from civitai_dl.adapters.catalog import Database
from civitai_dl.adapters.catalog._open import open_connection
from civitai_dl.domain.entities import Dialect, StoredFile
from civitai_dl.worker import Dressing

T = TypeVar("T")


class InlineDatabase(Database):
    """A Database that does what it is asked at once, each in a transaction of its own."""

    def start(self, *, check: bool = False) -> None:
        """See Database."""
        self._connection = open_connection(self._path, check=check, watch=self._watching)
        # Nobody will turn the power off under a test.
        self._connection.execute("PRAGMA synchronous = OFF")

    async def run(self, function: Callable[[sqlite3.Connection], T], name: str = "") -> T:
        """See Database."""
        await anyio.lowlevel.checkpoint()
        connection = self._connection
        self.names = [name]
        connection.execute("BEGIN")
        try:
            self._watch("begin", connection)
            result = function(connection)
            self._watch("commit", connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        self._watch("committed", connection)
        return result

    def close(self) -> None:
        """See Database."""
        self._connection.close()


async def _at_once(function: Callable[..., T], *arguments: object, **_: object) -> T:
    return function(*arguments)


MOST_PAGES = 200
_pages: dict[tuple[object, ...], Dressing] = {}


def _remembered(
    model_json: bytes,
    stored: Mapping[str, StoredFile],
    *,
    sidecars: bool,
    site: str,
    gone: bytes | None = None,
    dialects: tuple[Dialect, ...],
    root: str,
) -> Dressing:
    """As dress, which is pure, and slow."""
    facts = sorted((key, file.path, file.sha256, file.size) for key, file in stored.items())
    key = (model_json, tuple(facts), sidecars, site, gone, dialects, root)
    if key not in _pages:
        if len(_pages) > MOST_PAGES:
            _pages.clear()
        _pages[key] = dress(
            model_json,
            stored,
            sidecars=sidecars,
            site=site,
            gone=gone,
            dialects=dialects,
            root=root,
        )
    return _pages[key]


@contextmanager
def without_sockets(service: Service) -> Iterator[None]:
    """Runs of the program talk to this service."""

    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncIterator[Service]:
        yield service

    with (
        mock.patch.object(_compose, "open_engine", opened),
        mock.patch.object(_compose, "ApiClient", lambda asker, **_: asker),
        mock.patch.object(_compose, "open_fetcher", opened),
    ):
        yield


@contextmanager
def without_threads() -> Iterator[None]:
    """What would be done in threads is done in the loop."""
    with (
        mock.patch.object(_dressing, "dress", _remembered),
        mock.patch.object(_compose, "Database", InlineDatabase),
        mock.patch.object(anyio.to_thread, "run_sync", _at_once),
    ):
        yield
