"""An archive as its pages ask for it: the library, the state, and the documents on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread
import msgspec

from civitai_dl._standing import is_busy, read_standing
from civitai_dl.adapters.catalog import FileStanding, Holdings
from civitai_dl.adapters.library import Library, Readers
from civitai_dl.archive import clean_description, description_images, source_url
from civitai_dl.documents import read_gone
from civitai_dl.domain.decisions import (
    description_stem,
    gallery_stem,
    image_name,
    model_folder,
    take_back,
    whole_answer,
)
from civitai_dl.domain.entities import File, Image, ImageId, Model, ModelId, RunReport, Version
from civitai_dl.domain.library import (
    Card,
    CreatorCard,
    Extent,
    Facets,
    FileView,
    Generation,
    Listing,
    ModelFacts,
    ModelQuery,
    ModelView,
    Picture,
    PictureFacts,
    PictureQuery,
    ScanView,
    VersionView,
)
from civitai_dl.errors import CivitaiDLError
from civitai_dl.sources import (
    model_facts,
    read_generation,
    read_model,
    read_picture,
    read_scans,
)

NOTHING = Generation()

MOST_PREVIEWS = 500
"""Of one model that are shown; versions have up to twenty each."""

Document = dict[str, object]


def load_object(data: bytes | None) -> Document | None:
    """A JSON object; None for anything else: people edit these files."""
    if data is None:
        return None
    try:
        found = _decoded(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.MsgspecError:
        # It refuses half a character, as an edited document may have; whoever reads mends that.
        return json.loads(data.decode("utf-8", "replace"), strict=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A model with what the archive keeps of it and the service has no more.

    gone_since: of the model. versions, files: days since when those are gone, by version, and by
    version and file.
    """

    model: Model
    gone_since: str
    versions: Mapping[int, str]
    files: Mapping[tuple[int, int], str]


def load_kept(data: bytes | None, gone: bytes | None) -> Kept | None:
    """A model from its documents; None where they cannot be read."""
    answer = load_object(data)
    stones = read_gone(gone)
    if answer is None:
        return None
    try:
        whole = answer if stones is None else whole_answer(answer, stones)
        model = read_model(whole)  # type: ignore[arg-type]  # of a JSON document
    except CivitaiDLError:
        return None
    if stones is None:
        return Kept(model, "", {}, {})
    left = take_back(stones, answer)
    return Kept(
        model,
        _day(stones.gone_since),
        {stone.id: _day(stone.gone_since) for stone in left.versions if stone.gone_since},
        {
            (stone.version_id, stone.id): _day(stone.gone_since)
            for stone in left.files
            if stone.gone_since
        },
    )


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


def _model_of(data: bytes, gone: bytes | None) -> ModelFacts | None:
    kept = load_kept(data, gone)
    return None if kept is None else model_facts(kept.model, gone_versions=len(kept.versions))


def _picture_of(data: bytes) -> PictureFacts | None:
    found = load_object(data)
    return None if found is None else read_picture(found)  # type: ignore[arg-type]  # of a JSON document


READERS = Readers(_model_of, _picture_of)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """See browse.Shown. site: the base URL of the service."""

    folder: Path
    library: Library
    holdings: Holdings
    site: str

    async def models(self, query: ModelQuery) -> Listing[Card]:
        """A page of models."""
        return await self.library.models(query)

    async def pictures(self, query: PictureQuery) -> Listing[Picture]:
        """A page of pictures."""
        return await self.library.pictures(query)

    async def count_pictures(self, query: PictureQuery) -> int:
        """How many pictures there are, up to a limit."""
        return await self.library.count_pictures(query)

    async def model(self, number: ModelId) -> Card | None:
        """One model."""
        return await self.library.model(number)

    async def picture(self, row: int) -> Picture | None:
        """One picture."""
        return await self.library.picture(row)

    async def creators(self, text: str, after: str, limit: int) -> Listing[CreatorCard]:
        """A page of creators."""
        return await self.library.creators(text, after, limit)

    async def creator(self, name: str) -> CreatorCard | None:
        """One creator."""
        return await self.library.creator(name)

    async def prompt_words(self, after: str, most: int) -> list[tuple[str, list[ModelId]]]:
        """Up to `most` words of prompts behind one, and the models whose images have them."""
        return await self.library.prompt_words(after, most)

    async def facets(self) -> Facets:
        """What models can be chosen by."""
        return await self.library.facets()

    async def extent(self) -> Extent:
        """How much there is."""
        return await self.library.extent()

    async def standing(self) -> tuple[RunReport | None, bool]:
        """How the last run stands, and whether one is at work."""
        found = await read_standing(self.folder)
        if found is None:
            return None, is_busy(self.folder)
        return found.report, found.busy

    async def generation(self, picture: Picture) -> Generation:
        """How a picture was made; empty where nothing is known."""
        return await anyio.to_thread.run_sync(self._generation, picture)

    def _generation(self, picture: Picture) -> Generation:
        if picture.version and picture.model_id is not None:
            kept = self._kept(picture.model_id)
            made = {} if kept is None else _made(kept.model)
            return self._preview_made(picture, picture.model_id, made)
        stem = picture.path.rsplit(".", 1)[0]
        found = load_object(_read(self.folder / f"{stem}.json"))
        return NOTHING if found is None else read_generation(found)  # type: ignore[arg-type]  # of a JSON document

    def _kept(self, number: ModelId) -> Kept | None:
        folder = self.folder / model_folder(number)
        return load_kept(_read(folder / "model.json"), _read(folder / "gone.json"))

    def _preview_made(
        self, picture: Picture, model: ModelId, made: Mapping[str, Generation]
    ) -> Generation:
        """Models say only that there is a prompt; the gallery has the same image with it."""
        stem = _stem(picture)
        told = made.get(stem, Generation())
        if told != Generation() or not (stem.isascii() and stem.isdigit()):
            return told
        image = Image(url="", id=ImageId(int(stem)))
        beside = gallery_stem(f"{model_folder(model)}/gallery", image)
        found = load_object(_read(self.folder / f"{beside}.json"))
        return told if found is None else read_generation(found)  # type: ignore[arg-type]  # of a JSON document

    async def view(self, card: Card, pictures_at: str) -> ModelView:
        """All that is told of a model; without what cannot be read."""
        standings = await self.holdings.files(card.id)
        query = PictureQuery(model_id=card.id, place="preview", limit=MOST_PREVIEWS)
        previews = (await self.library.pictures(query)).shown
        read = self._read_view
        return await anyio.to_thread.run_sync(read, card, standings, previews, pictures_at)

    def _read_view(
        self,
        card: Card,
        standings: Mapping[str, FileStanding],
        previews: tuple[Picture, ...],
        pictures_at: str,
    ) -> ModelView:
        kept, url = self._kept(card.id), source_url(self.site, card.id)
        if kept is None:
            return ModelView(url, "", ())
        model = kept.model
        pictures = self.folder / model_folder(card.id) / "description_files"
        clean = _cleaner(model, url, pictures, pictures_at)
        made, scans = _made(model), read_scans(model)

        def shown(version: Version) -> VersionView:
            mine = [one for one in previews if one.version.split("-")[0] == str(version.id)]
            files = [
                file_view(version, file, standings, scans, kept.files.get((version.id, file.id)))
                for file in version.files
            ]
            return VersionView(
                id=version.id,
                name=version.name,
                base_model=version.base_model or "",
                published=_day(version.published_at),
                words=tuple(word for word in version.trained_words if word.strip()),
                description=clean(version.description),
                files=tuple(files),
                previews=tuple((one, self._preview_made(one, card.id, made)) for one in mine),
                gone_since=kept.versions.get(version.id, ""),
            )

        versions = tuple(shown(version) for version in model.versions)
        return ModelView(url, clean(model.description), versions, kept.gone_since)


def file_view(
    version: Version,
    file: File,
    standings: Mapping[str, FileStanding],
    scans: Mapping[int, tuple[ScanView, ...]],
    gone_since: str | None = None,
) -> FileView:
    """One file as it stands; pure. gone_since: the day when the service had it no more."""
    found = standings.get(f"file:{version.id}:{file.id}")
    shown = FileView(
        name=file.name,
        kind=file.kind,
        format=file.format or "",
        size=file.size_hint,
        sha256=file.digests.sha256,
        state="waiting",
        scans=scans.get(file.id, ()),
        gone_since=gone_since or "",
    )
    if found is None:
        return shown
    if found.status == "stored" and found.path is not None:
        return replace(
            shown,
            name=found.path.rsplit("/", 1)[-1],
            size=found.size,
            sha256=found.sha256,
            state="verified" if found.verified else "stored",
            path=found.path,
        )
    if found.status in ("failed", "unavailable"):
        return replace(shown, state=found.status, why=found.detail or found.why or "")
    return shown


def _made(model: Model) -> dict[str, Generation]:
    """How the previews of a model were made, by the name under which they are stored."""
    return {
        image_name(image): read_generation(image.raw)  # type: ignore[arg-type]  # of a JSON document
        for version in model.versions
        for image in version.previews
    }


def _stem(picture: Picture) -> str:
    return picture.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _cleaner(model: Model, url: str, folder: Path, pictures_at: str) -> Callable[[str | None], str]:
    """Sanitises the descriptions of a model, with the images that are stored."""
    names = {path.stem: path.name for path in folder.glob("*.*")} if folder.is_dir() else {}

    def clean(html: str | None) -> str:
        local = {}
        for image in description_images(html, url):
            name = names.get(Path(description_stem(model.id, Image(url=image))).name)
            if name is not None:
                local[image] = f"{pictures_at}/{quote(name)}"
        return clean_description(html, url, local)

    return clean


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
