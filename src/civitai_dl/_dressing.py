"""From a model's JSON and what is stored of it to its page and the files beside its weights."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from civitai_dl._version import __version__
from civitai_dl.adapters.storage import local_path
from civitai_dl.documents import parse_object, read_gone
from civitai_dl.domain.decisions import still_missing
from civitai_dl.domain.entities import USUAL_DIALECTS, Dialect, Model, StoredFile, Tombstone
from civitai_dl.errors import CivitaiDLError, OutOfHandles
from civitai_dl.sources import read_file, read_model, read_version
from civitai_dl.worker import Dresser, Dressing

if TYPE_CHECKING:
    from civitai_dl.config import Settings

if TYPE_CHECKING:
    from civitai_dl.archive import Departed
    from civitai_dl.ports import Json

EDITION = 1
"""Raised by whoever changes what is written of a model from the same facts, so that all of them are
written again."""


def maker_of(settings: Settings) -> str:
    """What makes pages and sidecars with these settings, in words that change with what it makes.

    Where a page leads to is among it.
    """
    return f"{maker(settings.sidecars)} {settings.base_url}"


def dresser_of(settings: Settings) -> Dresser:
    """What makes pages and sidecars with these settings."""
    root = local_path(settings.output).resolve().as_posix()
    return partial(dress, site=settings.base_url, dialects=settings.sidecars, root=root)


def maker(dialects: Collection[Dialect] = USUAL_DIALECTS) -> str:
    """What makes pages and sidecars, in words that change with what it makes.

    The sanitiser is known by the sizes of its files: to ask for its version takes longer than a
    page takes to be made.
    """
    found = find_spec("nh3")
    folders = (found.submodule_search_locations or []) if found is not None else []
    parts = [
        f"{entry.name} {entry.stat().st_size}"
        for folder in folders
        for entry in os.scandir(folder)
        if entry.is_file()
    ]
    words = [__version__, str(EDITION), *sorted(parts)]
    if tuple(dialects) != USUAL_DIALECTS:
        words.append(",".join(dialect.value for dialect in Dialect if dialect in dialects))
    return "/".join(words)


def pictures(html: str | None, *, site: str) -> list[str]:
    """The URLs of the images in a description at a service."""
    # What is shown comes from an attribute of this name, or is a poster beside one.
    if html is None or "src" not in html.lower():
        return []
    with _read_late():
        from civitai_dl.archive import description_images, source_url

        return description_images(html, source_url(site, 0))


@contextmanager
def _read_late() -> Iterator[None]:
    """Modules are read within. Raises: OutOfHandles, when no file can be opened just now."""
    try:
        yield
    except OSError as error:
        if OutOfHandles.explains(error):
            raise OutOfHandles("reading the program") from error
        raise


def dress(
    model_json: bytes,
    stored: Mapping[str, StoredFile],
    *,
    sidecars: bool,
    site: str,
    gone: bytes | None = None,
    dialects: Collection[Dialect] = USUAL_DIALECTS,
    root: str = "",
) -> Dressing:
    """See worker.Dresser.

    dialects: which sidecars. root: the absolute path of the archive, with forward slashes.
    """
    # What reads and writes HTML is large, and a run with nothing new needs none of it.
    with _read_late():
        from civitai_dl.archive import make_page, make_sidecars

    try:
        model = read_model(cast("dict[str, Json]", parse_object(model_json)))
    except CivitaiDLError:
        # Somebody edited it; the page that is there stays.
        return Dressing([], [])
    documents = make_page(model, stored, site=site, departed=_departed(model, gone))
    if not sidecars:
        return Dressing(documents, [])
    beside = make_sidecars(model, stored, dialects, root=root)
    return Dressing(
        documents + list(beside.documents.items()),
        [(existing, path) for path, existing in beside.links.items()],
        list(beside.merges.values()),
    )


def _departed(model: Model, gone: bytes | None) -> Departed:
    """What a model's gone.json adds to its page."""
    from civitai_dl.archive import Departed

    known = read_gone(gone)
    if known is None:
        return Departed()
    stones = still_missing(known, model.raw)
    versions = ((read_version(_raw(stone), model.id), stone) for stone in stones.versions)
    files = ((read_file(_raw(stone), stone.version_id), stone) for stone in stones.files)
    since = stones.gone_since
    return Departed(
        "" if since is None else f"gone from the service since {since.date().isoformat()}",
        tuple((version, _words(stone)) for version, stone in versions if version is not None),
        tuple((file, _words(stone)) for file, stone in files if file is not None),
    )


def _raw(stone: Tombstone) -> dict[str, Json]:
    return cast("dict[str, Json]", stone.raw)


def _words(stone: Tombstone) -> str:
    if stone.gone_since is not None:
        return f"gone from the service since {stone.gone_since.date().isoformat()}"
    return f"not shown by the service since {stone.unlisted_since.date().isoformat()}"
