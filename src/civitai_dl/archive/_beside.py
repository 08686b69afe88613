"""What a sidecar is written from: all that is known of one stored file of a model."""

from __future__ import annotations

from dataclasses import dataclass

from civitai_dl.domain.decisions import split_extension
from civitai_dl.domain.entities import File, Model, StoredFile, Version

from ._merging import Fields

WEIGHTS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf"})
"""Extensions by which A1111, Forge, LoRA Manager and Stability Matrix know a model file (the source
of each: A1111 and Stability Matrix have no .gguf, Stability Matrix none of .sft before 2024). Other
files, such as archives of training data, have no card, so nobody looks beside them."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown for a file: its absolute path, and its rating as a bit mask (0: not told)."""

    path: str
    level: int


@dataclass(frozen=True, slots=True)
class Beside:
    """One stored file, what it belongs to, and what the service says of it.

    answer: the file as the service tells of it. info: the version, with its model inside, as
    `.civitai.info` has it. place: the absolute path, with forward slashes.
    """

    model: Model
    version: Version
    file: File
    stored: StoredFile
    answer: Fields
    info: Fields
    place: str
    preview: Preview | None


def stem_of(path: str) -> str:
    """An archive path without its extension."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{split_extension(name)[0]}"


def is_weights(path: str) -> bool:
    """Whether programs look for sidecars beside this file."""
    return split_extension(path.rsplit("/", 1)[-1])[1].lower() in WEIGHTS
