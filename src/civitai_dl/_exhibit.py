"""An archive as its pages ask for it: the library, the state, and the documents on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread

from civitai_dl._gone import bytes_of
from civitai_dl._standing import is_busy, read_standing
from civitai_dl.adapters.catalog import FileStanding, Holdings
from civitai_dl.adapters.library import Library, Readers
from civitai_dl.archive import clean_description, description_images, source_url
from civitai_dl.documents import parse_object
from civitai_dl.domain.decisions import (
    description_stem,
    gallery_stem,
    image_name,
    model_folder,
)
from civitai_dl.domain.entities import (
    File,
    Image,
    ImageId,
    Model,
    ModelId,
    RunReport,
    Tombstone,
    Version,
)
from civitai_dl.domain.library import (
    Card,
    FileView,
    Generation,
    ModelFacts,
    ModelView,
    Picture,
    PictureFacts,
    PictureQuery,
    ScanView,
    VersionView,
)
from civitai_dl.sources import (
    KeptModel,
    model_facts,
    read_generation,
    read_kept,
    read_picture,
    read_scans,
)

NOTHING = Generation()

MOST_PREVIEWS = 500
"""Of one model that are shown; versions have up to twenty each."""


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


def _model_of(data: bytes, gone: bytes | None) -> ModelFacts | None:
    kept = read_kept(data, gone)
    if kept is None:
        return None
    return model_facts(kept.model, gone_versions=len(_days(kept.missing.versions)))


def _days(stones: Iterable[Tombstone]) -> dict[tuple[int, int], str]:
    """Since when what is gone is so, by version and, of a file, by that."""
    return {
        (stone.version_id, stone.id): _day(stone.gone_since) for stone in stones if stone.gone_since
    }


def _picture_of(data: bytes) -> PictureFacts:
    return read_picture(parse_object(data))


READERS = Readers(_model_of, _picture_of)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """See browse.Shown. site: the base URL of the service."""

    folder: Path
    library: Library
    holdings: Holdings
    site: str

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
        return read_generation(parse_object(bytes_of(self.folder / f"{stem}.json")))

    def _kept(self, number: ModelId) -> KeptModel | None:
        folder = self.folder / model_folder(number)
        return read_kept(bytes_of(folder / "model.json"), bytes_of(folder / "gone.json"))

    def _preview_made(
        self, picture: Picture, model: ModelId, made: Mapping[str, Generation]
    ) -> Generation:
        """Models say only that there is a prompt; the gallery has the same image with it."""
        stem = _stem(picture)
        told = made.get(stem, NOTHING)
        if told != NOTHING or not (stem.isascii() and stem.isdigit()):
            return told
        image = Image(url="", id=ImageId(int(stem)))
        beside = gallery_stem(f"{model_folder(model)}/gallery", image)
        return read_generation(parse_object(bytes_of(self.folder / f"{beside}.json")))

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
        versions_gone, files_gone = _days(kept.missing.versions), _days(kept.missing.files)

        def shown(version: Version) -> VersionView:
            mine = [one for one in previews if one.version.split("-")[0] == str(version.id)]
            files = [
                file_view(version, file, standings, scans, files_gone.get((version.id, file.id)))
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
                gone_since=versions_gone.get((version.id, version.id), ""),
            )

        versions = tuple(shown(version) for version in model.versions)
        since = _day(kept.missing.gone_since)
        return ModelView(url, clean(model.description), versions, since)


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
        image_name(image): read_generation(image.raw)
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
