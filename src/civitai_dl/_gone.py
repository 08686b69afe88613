"""What the service no longer has and an archive keeps, found without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from civitai_dl.documents import gone_path, parse_object, read_gone
from civitai_dl.domain.decisions import model_folder, still_missing
from civitai_dl.domain.entities import ModelId, Tombstone

MARKS = ".civitai-dl/gone"


@dataclass(frozen=True, slots=True)
class GoneModel:
    """A model of which something is gone.

    gone_since: of the whole model, None while the service has it. versions, files: of those that
    are gone; a file of a version that remains.
    """

    model_id: ModelId
    name: str
    gone_since: datetime | None
    versions: tuple[Tombstone, ...]
    files: tuple[Tombstone, ...]

    @property
    def folder(self) -> str:
        """Where it lies in the archive."""
        return model_folder(self.model_id)


def find_gone(folder: Path) -> list[GoneModel]:
    """The models of an archive of which the service no longer has all, by id. Reads little."""
    found = (_look(folder, model_id) for model_id in sorted(_marked(folder)))
    return [gone for gone in found if gone is not None]


def mark_gone(folder: Path, place: Path) -> None:
    """Mark a model of an archive, by its own folder, when there is a gone.json in it."""
    if (place / "gone.json").is_file():
        (folder / MARKS).mkdir(parents=True, exist_ok=True)
        (folder / MARKS / place.name).write_bytes(b"{}\n")


def _marked(folder: Path) -> Iterator[ModelId]:
    try:
        for mark in (folder / MARKS).iterdir():
            if mark.name.isascii() and mark.name.isdigit():
                yield ModelId(int(mark.name))
    except (FileNotFoundError, NotADirectoryError):
        return


def _look(folder: Path, model_id: ModelId) -> GoneModel | None:
    known = read_gone(bytes_of(folder / gone_path(model_id)))
    if known is None:
        return None
    answer = parse_object(bytes_of(folder / model_folder(model_id) / "model.json"))
    stones = still_missing(known, answer)
    versions = tuple(stone for stone in stones.versions if stone.gone_since is not None)
    files = tuple(stone for stone in stones.files if stone.gone_since is not None)
    if stones.gone_since is None and not versions and not files:
        return None
    name = str(answer.get("name") or f"model {model_id}")
    return GoneModel(model_id, name, stones.gone_since, versions, files)


def bytes_of(path: Path) -> bytes | None:
    """What a file holds; None for one that cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None
