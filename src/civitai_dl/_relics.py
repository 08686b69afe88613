"""What an archive's own files tell of the tasks that made them: its JSON, and what lies beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from civitai_dl._gone import bytes_of
from civitai_dl.archive import description_images, source_url
from civitai_dl.documents import parse_object
from civitai_dl.domain.decisions import (
    listed_image_task,
    model_folder,
    plan_model,
)
from civitai_dl.domain.entities import (
    FileRef,
    GalleryQuery,
    GalleryRef,
    Kind,
    Model,
    ModelId,
    ModelRef,
    Placed,
    Planned,
    Role,
    Selection,
    Task,
)
from civitai_dl.sources import read_image, read_kept

if TYPE_CHECKING:
    from civitai_dl.ports import Json

_SHARD = re.compile(r"model_[0-9]+")
_VERSION = re.compile(r"([0-9]+)-.*")
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Found:
    """Tasks of one folder, and the files that they may have stored: by destination or stem."""

    tasks: list[Task] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disk:
    """The archive's files. Reads only; what cannot be read is as if it were not there.

    base_url: of the service, against which links in descriptions were read.
    """

    root: Path
    base_url: str

    def models(self) -> Iterator[Path]:
        """The folders of the models."""
        for shard in _folders(self.root):
            if _SHARD.fullmatch(shard.name):
                yield from (folder for folder in _folders(shard) if folder.name.isdigit())

    def galleries(self) -> Iterator[Path]:
        """The folders that hold images of listings: at most a thousand images each."""
        for model in self.models():
            yield from _folders(model / "gallery")
        for user in _folders(self.root / "users"):
            yield from _folders(user / "images")

    def read_model(self, folder: Path) -> Model | None:
        """The model whose folder it is, with what the service shows of it no more."""
        kept = read_kept(bytes_of(folder / "model.json"), bytes_of(folder / "gone.json"))
        if kept is None or model_folder(kept.model.id) != self._name(folder):
            return None
        return kept.model

    def tasks_of(self, model: Model, known: Placed) -> list[Task]:
        """All that a model consists of, with the places that its things have on this disk."""
        folder = self.root / model_folder(model.id)
        folders = {
            int(match[1]): found.name
            for found in _folders(folder)
            if (match := _VERSION.fullmatch(found.name))
        }
        placed = Placed({**folders, **known.folders}, known.files)
        base = source_url(self.base_url, 0)
        pictures: dict[str, None] = {}
        for html in (model.description, *(version.description for version in model.versions)):
            pictures.update(dict.fromkeys(description_images(html, base)))
        planned = plan_model(
            model, ModelRef(model.id), Selection(), placed, list(pictures), gallery=False
        )
        return [one.task for one in planned if _is_content(one)]

    def files_of(self, model_id: ModelId) -> dict[str, list[str]]:
        """The files of a model but its gallery, by the place or stem of the task they may be of.

        A file that had to make way for a user's own is told for the name that it makes way from.
        """
        folder = self.root / model_folder(model_id)
        found: dict[str, list[str]] = {}
        for below in _folders(folder):
            if below.name == "description_files":
                self._collect(below, found, stems=True)
            elif _VERSION.fullmatch(below.name):
                self._collect(below, found, stems=False)
                self._collect(below / "previews", found, stems=True)
        return found

    def read_gallery(self, folder: Path) -> Found:
        """The images of one folder of a listing, by the JSON beside them."""
        found = Found()
        self._collect(folder, found.files, stems=True)
        listing = self._name(folder.parent)
        parts = listing.split("/")
        model_id = ModelId(int(parts[1])) if parts[0] != "users" else None
        role = Role.USER_IMAGE if model_id is None else Role.GALLERY
        ref = GalleryRef(GalleryQuery(model_id=model_id), listing)
        for document in _files(folder):
            number = document.name.removesuffix(".json")
            if document.suffix != ".json" or not _NUMBER.fullmatch(number):
                continue
            raw = parse_object(bytes_of(document))
            image = read_image(cast("dict[str, Json]", raw))
            if image is not None and str(image.id) == number:
                found.tasks.append(listed_image_task(image, ref, role))
        return found

    def _collect(self, folder: Path, found: dict[str, list[str]], *, stems: bool) -> None:
        for file in _files(folder):
            path = self._name(file)
            if stems and file.suffix == ".json":
                continue
            name = f"{path.rpartition('/')[0]}/{file.stem}" if stems else path
            found.setdefault(name, []).insert(0, path)
            stem, dash, _ = file.stem.rpartition("-")
            if dash:
                shorter = stem if stems else f"{stem}{file.suffix}"
                found.setdefault(f"{path.rpartition('/')[0]}/{shorter}", []).append(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _is_content(planned: Planned) -> bool:
    task = planned.task
    if planned.verdict is not None or task.kind not in (Kind.FILE, Kind.IMAGE):
        return False
    return not isinstance(task.subject, FileRef) or bool(task.subject.file_id)


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.is_dir() and not entry.is_symlink()]


def _files(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.is_file() and not entry.is_symlink()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
