"""Writing an archive as files that open from a disk, without a server."""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import get_data
from typing import TypeVar

import anyio
import anyio.to_thread

from civitai_dl.domain.decisions import model_folder
from civitai_dl.domain.entities import ModelId
from civitai_dl.domain.library import (
    Card,
    CreatorCard,
    Facets,
    Generation,
    Listing,
    ModelQuery,
    ModelView,
    Picture,
    PictureQuery,
)
from civitai_dl.errors import StorageError, UsageError

from ._pages import Frame, creator_page, creators_page, model_page, site_page
from ._policy import content_type
from ._shown import Shown
from ._site import (
    POLICY,
    SHARDS,
    SiteLinks,
    card_rows,
    creator_file,
    data_member,
    data_script,
    description_folder,
    gaps,
    list_file,
    media_file,
    model_file,
    needs_thumb,
    shard_of,
    thumb_file,
)
from ._thumbnails import Thumbnails

T = TypeVar("T")

MARK = ".civitai-dl-site.json"
"""Lies in a directory that a site was written to, so that another one is never taken for it."""

PORTION = 2_000
"""Models in one file that the search reads."""

PAGE = 120
WORDS_AT_ONCE = 5_000
SHIPPED = ("app.css", "app.js", "head.js", "site.js", "icon.png")
TABS = ("models", "creators")


@dataclass(slots=True)
class Exported:
    """What an export has written so far; counts of this one, written again or not."""

    models: int = 0
    pages: int = 0
    media: int = 0
    missing: int = 0


@dataclass(slots=True)
class Export:
    """One export. hear: told after each model and creator. Raises: UsageError, StorageError."""

    shown: Shown
    thumbnails: Thumbnails
    site: Path
    language: str
    hear: Callable[[Exported], None]
    done: Exported = field(default_factory=Exported)
    _creators: set[str] = field(default_factory=set)
    _written: set[str] = field(default_factory=set)

    async def go(self) -> Exported:
        """Write all of it.

        What lies there as it would be written is left, the rest of an earlier export is removed.
        Safe to repeat, and to stop anywhere.
        """
        try:
            await anyio.to_thread.run_sync(self._claim)
            self._creators = {c.name.lower() async for c in self._all_creators()}
            await self._write_shipped()
            await self._write_models()
            await self._write_creators()
            await anyio.to_thread.run_sync(self._sweep)
        except OSError as error:
            where = error.filename or self.site
            raise StorageError(f"{error.strerror or error}: {where}") from error
        return self.done

    def _claim(self) -> None:
        inside = self.shown.folder.resolve()
        wanted = self.site.resolve()
        if inside == wanted or inside in wanted.parents:
            raise UsageError(
                f"a site cannot be written into its own archive: {self.site}",
                hint="choose a directory beside it",
            )
        self.site.mkdir(parents=True, exist_ok=True)
        if not (self.site / MARK).exists():
            if any(self.site.iterdir()):
                raise UsageError(
                    f"this directory holds other things: {self.site}",
                    hint="choose an empty directory, or one that an export was written to",
                )
            note = {"what": "A site of civitai-dl. Files in it are replaced by the next export."}
            _put(self.site / MARK, json.dumps(note).encode())
        self._written.add(MARK)

    def _frame(self, depth: int) -> Frame:
        links = SiteLinks(depth, self._creators)
        return Frame(links, self.language, {}, policy=POLICY, tabs=TABS)

    async def _page(self, name: str, text: str) -> None:
        await self._write(name, text.encode("utf-8", "replace"))
        self.done.pages += 1

    async def _write(self, name: str, data: bytes) -> None:
        self._written.add(name)
        await anyio.to_thread.run_sync(_put, self.site / name, data)

    async def _write_shipped(self) -> None:
        for name in SHIPPED:
            data = get_data(__package__, f"static/{name}")
            assert data is not None
            await self._write(f"static/{name}", data)

    # --- models

    async def _write_models(self) -> None:
        places: dict[ModelId, int] = {}
        facets = await self.shown.library.facets()
        portion: list[Card] = []
        portions = number = 0
        async for listing in _pages(lambda after: self.shown.library.models(_query(after))):
            number += 1
            for card in listing.shown:
                places[card.id] = len(places)
                await self._write_model(card)
            portion += listing.shown
            if len(portion) >= PORTION or not listing.following:
                await self._write(
                    f"data/models-{portions}.js",
                    data_script("models", portions, card_rows(portion)),
                )
                portion, portions = [], portions + 1
            if number > 1:
                await self._grid(number, listing, facets)
        first = await self.shown.library.models(_query(""))
        await self._write_words(places)
        await self._grid(1, first, facets, portions=portions)

    async def _grid(
        self, number: int, listing: Listing[Card], facets: Facets, *, portions: int = 0
    ) -> None:
        following = list_file("index", number + 1) if listing.following else ""
        page = site_page(
            self._frame(0),
            listing,
            facets,
            following=following,
            portions=portions,
            shards=SHARDS,
        )
        await self._page(list_file("index", number), page)

    async def _write_model(self, card: Card) -> None:
        folder = description_folder(card.id)
        view = await self.shown.view(card, f"../../{folder}")
        await anyio.to_thread.run_sync(self._bring_descriptions, card.id, folder)
        for version in view.versions:
            for picture, _ in version.previews:
                await self._bring(picture)
        if card.cover is not None:
            await self._bring(card.cover)
        query = PictureQuery(model_id=card.id, place="gallery", limit=PAGE)
        number = 0
        async for gallery in _pages(
            lambda after: self.shown.library.pictures(replace(query, after=after))
        ):
            number += 1
            await self._gallery(card, view if number == 1 else _short(view), gallery, number)
        self.done.models += 1
        self.hear(self.done)

    async def _gallery(
        self, card: Card, view: ModelView, gallery: Listing[Picture], number: int
    ) -> None:
        details = await self._bring_all(gallery.shown)
        following = model_file(card.id, number + 1).rsplit("/", 1)[-1]
        page = model_page(
            self._frame(2),
            card,
            view,
            gallery,
            following=following if gallery.following else "",
            details=details,
        )
        await self._page(model_file(card.id, number), page)

    async def _write_words(self, places: dict[ModelId, int]) -> None:
        """Which models have images with which words in their prompts, spread over files."""
        # As text at once: as numbers they would take ten times the room, and there are millions.
        shards: defaultdict[int, list[str]] = defaultdict(list)
        after = ""
        while words := await self.shown.library.prompt_words(after, WORDS_AT_ONCE):
            for word, models in words:
                found = [places[number] for number in models if number in places]
                shards[shard_of(word)].append(data_member(word, gaps(found)))
            after = words[-1][0]
        for number, terms in shards.items():
            script = f"archive.words({number},{{{','.join(terms)}}});\n"
            await self._write(f"data/words-{number}.js", script.encode())

    # --- creators

    async def _all_creators(self) -> AsyncIterator[CreatorCard]:
        async for listing in _pages(lambda after: self.shown.library.creators("", after, PAGE)):
            for creator in listing.shown:
                yield creator

    async def _write_creators(self) -> None:
        number = 0
        async for listing in _pages(lambda after: self.shown.library.creators("", after, PAGE)):
            number += 1
            for creator in listing.shown:
                if creator.cover is not None:
                    await self._bring(creator.cover)
                await self._write_creator(creator)
            following = list_file("creators", number + 1) if listing.following else ""
            page = creators_page(self._frame(0), "", listing, following=following)
            await self._page(list_file("creators", number), page)

    async def _write_creator(self, creator: CreatorCard) -> None:
        models = await self.shown.library.models(ModelQuery(creator=creator.name, limit=PAGE))
        query = PictureQuery(creator=creator.name, limit=PAGE)
        number = 0
        async for pictures in _pages(
            lambda after: self.shown.library.pictures(replace(query, after=after))
        ):
            number += 1
            details = await self._bring_all(pictures.shown)
            following = creator_file(creator.name, number + 1).rsplit("/", 1)[-1]
            page = creator_page(
                self._frame(1),
                creator,
                models if number == 1 else Listing((), 0),
                pictures,
                following=following if pictures.following else "",
                details=details,
            )
            await self._page(creator_file(creator.name, number), page)
        self.hear(self.done)

    # --- pictures

    async def _bring_all(self, pictures: Iterable[Picture]) -> dict[int, Generation]:
        details = {}
        for picture in pictures:
            await self._bring(picture)
            details[picture.row] = await self.shown.generation(picture)
        return details

    async def _bring(self, picture: Picture) -> None:
        name = media_file(picture)
        if name in self._written:
            return
        self._written.add(name)
        source = self.shown.folder / picture.path
        if not await anyio.to_thread.run_sync(_link, source, self.site / name):
            self.done.missing += 1
            return
        self.done.media += 1
        if needs_thumb(picture):
            data = await self.thumbnails.of(picture.path, picture.mark)
            small = thumb_file(picture)
            if data is None:
                await anyio.to_thread.run_sync(_link, source, self.site / small)
                self._written.add(small)
            else:
                await self._write(small, data)

    def _bring_descriptions(self, number: ModelId, folder: str) -> None:
        there = self.shown.folder / model_folder(number) / "description_files"
        if not there.is_dir():
            return
        for path in sorted(there.iterdir()):
            if path.is_file() and content_type(path.name) is not None:
                name = f"{folder}/{path.name}"
                _link(path, self.site / name)
                self._written.add(name)

    def _sweep(self) -> None:
        """Remove what an earlier export wrote and this one did not."""
        for folder in ("models", "creators", "media", "thumbs", "data", "descriptions", "static"):
            for path in sorted((self.site / folder).rglob("*"), reverse=True):
                if path.is_dir():
                    with suppress(OSError):
                        path.rmdir()
                elif path.relative_to(self.site).as_posix() not in self._written:
                    path.unlink()
        for path in self.site.glob("*.html"):
            if path.name not in self._written:
                path.unlink()


def _query(after: str) -> ModelQuery:
    return ModelQuery(after=after, limit=PAGE)


async def _pages(ask: Callable[[str], Awaitable[Listing[T]]]) -> AsyncIterator[Listing[T]]:
    """A list page by page; at least one."""
    after = ""
    while True:
        listing = await ask(after)
        yield listing
        if not listing.following:
            return
        after = listing.following


def _short(view: ModelView) -> ModelView:
    """Without what stands on the first page of a model."""
    return replace(view, description="", versions=())


def _put(path: Path, data: bytes) -> None:
    """Write a file whole, unless it is there as it would be written."""
    with suppress(OSError):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _link(source: Path, path: Path) -> bool:
    """Have the bytes of a file under another name, too; False when they are not there.

    A link takes no room. What bears the name already has the same bytes: names follow them.
    """
    if path.exists():
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, path)
    except FileNotFoundError:
        return False
    except OSError:
        part = path.with_name(f"{path.name}.part")
        try:
            shutil.copyfile(source, part)
        except FileNotFoundError:
            return False
        part.replace(path)
    return True
