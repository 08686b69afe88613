"""Sidecars as the programs that they are for read them: their rules, written down once more.

Each reader takes the path of a model file and finds the sidecar by that program's own rule.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

Fields = dict[str, Any]


def beside(weights: Path, ending: str) -> Path:
    """The file that has the name of another one up to its extension."""
    return weights.with_name(f"{weights.stem}{ending}")


# --- A1111 and Forge: user metadata of extra networks

A1111_VERSIONS = {"Unknown", "SD1", "SD2", "SDXL", "SD3"}


@dataclass
class Card:
    """What the card and the editor of a LoRA show. sd_version: None: found out by A1111 itself."""

    description: str | None
    notes: str
    sd_version: str | None
    activation_text: str
    preferred_weight: float
    negative_text: str
    preview: Path | None


def a1111_card(weights: Path) -> Card:
    """The card of a model file. Raises: ValueError for a file that A1111 would complain about."""
    metadata: Fields = {}
    if beside(weights, ".json").is_file():
        # Not utf-8-sig: a BOM is an error to it.
        metadata = json.loads(beside(weights, ".json").read_text(encoding="utf8"))
    version = metadata.get("sd version")
    return Card(
        description=metadata.get("description"),
        notes=metadata.get("notes", ""),
        sd_version=version if version in A1111_VERSIONS else None,
        activation_text=metadata.get("activation text", ""),
        preferred_weight=float(metadata.get("preferred weight", 0.0)),
        negative_text=metadata.get("negative text", ""),
        preview=a1111_preview(weights),
    )


def a1111_preview(weights: Path) -> Path | None:
    """The picture of a card: a file of one of these extensions, and an image it must be."""
    for extension in ("png", "jpg", "jpeg", "webp", "gif"):
        for ending in (f".{extension}", f".preview.{extension}"):
            if beside(weights, ending).is_file():
                return beside(weights, ending)
    return None


def a1111_save(weights: Path, **said: object) -> None:
    """What the editor does on Save: all that it had read, with the fields of the form over it."""
    path = beside(weights, ".json")
    metadata = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    metadata.update({name.replace("_", " "): value for name, value in said.items()})
    with path.open("w", encoding="utf8") as target:
        json.dump(metadata, target, indent=4, ensure_ascii=False)


# --- LoRA Manager


@dataclass
class LoraManagerMetadata:
    """The fields that it knows, with its defaults; those without must be there."""

    file_name: str
    model_name: str
    file_path: str
    size: int
    modified: float
    sha256: str
    base_model: str
    preview_url: str
    preview_nsfw_level: int = 0
    notes: str = ""
    from_civitai: bool = True
    civitai: Fields = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    modelDescription: str = ""  # noqa: N815  # its name
    civitai_deleted: bool = False
    favorite: bool = False
    exclude: bool = False
    db_checked: bool = False
    skip_metadata_refresh: bool = False
    metadata_source: str | None = None
    last_checked_at: float = 0
    hash_status: str = "completed"
    autov3: str | None = None
    usage_tips: str = "{}"
    sub_type: str = ""
    unknown: Fields = field(default_factory=dict)


LORA_MANAGER_PREVIEWS = (
    *(".webp", ".preview.webp", ".preview.png", ".preview.jpeg", ".preview.jpg", ".preview.mp4"),
    *(".png", ".jpeg", ".jpg", ".mp4", ".gif", ".webm"),
)


def lora_manager_metadata(weights: Path) -> LoraManagerMetadata:
    """The metadata of a model file. Raises: TypeError where a required field is not there."""
    found = json.loads(beside(weights, ".metadata.json").read_text(encoding="utf-8"))
    names = {one.name for one in fields(LoraManagerMetadata)} - {"unknown"}
    known = {name: value for name, value in found.items() if name in names}
    metadata = LoraManagerMetadata(**known)
    metadata.unknown = {name: value for name, value in found.items() if name not in names}
    # It puts its paths right by itself when it looks at a file.
    metadata.file_path = str(weights).replace(os.sep, "/")
    shown = metadata.preview_url
    if shown and (not Path(shown).exists() or Path(shown).parent != weights.parent):
        others = (beside(weights, ending) for ending in LORA_MANAGER_PREVIEWS)
        metadata.preview_url = next((str(one) for one in others if one.exists()), shown)
    return metadata


# --- Stability Matrix

MODEL_TYPES = {
    name.lower(): name
    for name in (
        *("Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA"),
        *("Controlnet", "Poses", "LoCon", "DoRA", "VAE", "Upscaler"),
    )
}
COUNTERS = {"downloadCount", "ratingCount", "favoriteCount", "commentCount", "thumbsUpCount"}
NEVER_NULL = {"ModelName", "ModelDescription", "VersionName", "Tags", "Hashes"}


def is_number(value: object) -> bool:
    return type(value) is int and abs(value) < 2**31


def is_number_or_null(value: object) -> bool:
    return value is None or is_number(value)


def is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def has_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def has_counters(value: object) -> bool:
    return isinstance(value, dict) and all(
        is_number(number) for name, number in value.items() if name in COUNTERS
    )


def has_zone(value: object) -> bool:
    return datetime.fromisoformat(str(value)).tzinfo is not None


STRICT: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("ModelId", "VersionId", "RemoteFileId"), is_number_or_null),
    **dict.fromkeys(("ModelName", "ModelDescription", "VersionName"), is_text),
    **dict.fromkeys(("VersionDescription", "AuthorUsername", "BaseModel"), is_text),
    **dict.fromkeys(("RemoteFileName", "UserTitle", "ThumbnailImageUrl"), is_text),
    **dict.fromkeys(("Tags", "TrainedWords"), are_texts),
    **dict.fromkeys(("Hashes", "FileMetadata"), has_texts),
    "Nsfw": lambda value: isinstance(value, bool),
    "ModelType": lambda value: isinstance(value, str),
    "Source": lambda value: is_number(value) and value in (0, 1, 2),
    "ImportedAt": has_zone,
    "Stats": has_counters,
}


def stability_matrix_info(weights: Path) -> Fields:
    """The model that a file is connected to. Raises: ValueError where its reader would.

    It is strict about types: numbers are of 32 bits, `Source` is a number, times have a zone.
    """
    found: Fields = json.loads(beside(weights, ".cm-info.json").read_text(encoding="utf-8"))
    for name, value in found.items():
        if not STRICT.get(name, lambda _: True)(value):
            raise ValueError(f"{name}: {value!r}")
    missing = [name for name in NEVER_NULL if found.get(name) is None]
    if missing:
        raise ValueError(f"null: {missing}")
    kind = str(found["ModelType"]).lower().replace(" ", "_")
    return {**found, "ModelType": MODEL_TYPES.get(kind, "Unknown")}


# --- Civitai Helper


def civitai_helper_info(weights: Path) -> Fields:
    """The version of a model file. Raises: KeyError where it would not know it."""
    info: Fields = json.loads(beside(weights, ".civitai.info").read_text(encoding="utf-8"))
    model = info["model"]
    assert isinstance(model, dict)
    for name in ("id", "modelId", "files", "images"):
        info[name]
    return {**info, "model": {"description": model["description"], **model}}
