"""Where things lie in the archive; paths are relative with forward slashes."""

from __future__ import annotations

from ..entities import CreatorName, File, Image, ModelId, Placed, Version
from ._links import image_name
from ._names import lone_component, place_names, portable_component

SHARD = 1000
"""Ids per directory: none above 10,000 entries with image, prompt and some room."""

RESERVED_IN_VERSION = ("previews",)
FOLDER_BYTES = 120
"""Longest version folder: deep paths must still fit the 260 characters of older Windows."""


def model_folder(model_id: ModelId) -> str:
    """`model_<id // 1000>/<id>`."""
    return f"model_{model_id // SHARD}/{model_id}"


def version_folder(version: Version, placed: Placed) -> str:
    """`<version id>-<version name>`; a name once chosen stays when the version is renamed."""
    chosen = placed.folders.get(version.id)
    if chosen is None:
        chosen = portable_component(f"{version.id}-{version.name}", max_bytes=FOLDER_BYTES)
    return f"{model_folder(version.model_id)}/{chosen}"


def file_destinations(version: Version, files: tuple[File, ...], placed: Placed) -> dict[int, str]:
    """The place of each file of a version, by file id; the same from run to run.

    Names repeat within a version (a third of the versions of a real page do so), also in other
    case. Whoever has a place keeps it; the others are named in the order of their ids.
    """
    prefix = f"{version_folder(version, placed)}/"
    # A file linked to several versions has one id, and a place in each of them.
    fixed = {
        int(file.id): placed.files[file.id]
        for file in files
        if placed.files.get(file.id, "").startswith(prefix)
    }
    taken = [path[len(prefix) :] for path in placed.files.values() if path.startswith(prefix)]
    fresh = [(int(file.id), file.name) for file in files if file.id not in fixed]
    names = place_names(fresh, taken=taken, reserved=RESERVED_IN_VERSION)
    return {**fixed, **{number: prefix + name for number, name in names.items()}}


def preview_stem(version: Version, image: Image, placed: Placed) -> str:
    """Where a preview goes, without extension."""
    return f"{version_folder(version, placed)}/previews/{image_name(image)}"


def description_stem(model_id: ModelId, image: Image) -> str:
    """Where an image of a description goes, without extension."""
    return f"{model_folder(model_id)}/description_files/{image.uuid or image_name(image)}"


def gallery_folder(model_id: ModelId) -> str:
    """Where the gallery of a model goes."""
    return f"{model_folder(model_id)}/gallery"


def user_folder(username: CreatorName) -> str:
    """Where the images of a creator go, named as the creator was asked for first.

    No two creators share a folder, whatever they call themselves.
    """
    return f"users/{lone_component(username)}/images"


def gallery_stem(folder: str, image: Image) -> str:
    """Where an image of a listing goes, without extension: sharded by its id."""
    shard = (image.id or 0) // SHARD
    return f"{folder}/{shard}/{image_name(image)}"
