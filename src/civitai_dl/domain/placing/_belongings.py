"""Which of a user's files may come from the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

WEIGHTS = frozenset(
    {
        "7z",
        "bin",
        "ckpt",
        "gguf",
        "msgpack",
        "onnx",
        "pkl",
        "pt",
        "pth",
        "rar",
        "safetensors",
        "sft",
        "tar",
        "th",
        "vae",
        "zip",
    }
)
"""Endings of what the service gives as files of versions, weights and packed ones."""


def may_hold_weights(name: str) -> bool:
    """Whether a file of this name may be one of the service's, judged by its ending."""
    return name.rpartition(".")[2].lower() in WEIGHTS and not name.startswith(".")


def in_batches(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of at most `size`, in order."""
    for start in range(0, len(things), size):
        yield things[start : start + size]
