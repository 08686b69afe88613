"""The forms of sidecars, named as `--sidecars` names them."""

from __future__ import annotations

from enum import Enum


class Dialect(str, Enum):
    """What is written beside a model file, and for which program; in the order of their writing."""

    CIVITAI = "civitai"
    PREVIEW = "preview"
    A1111 = "a1111"
    LORA_MANAGER = "lora-manager"
    STABILITY_MATRIX = "stability-matrix"


USUAL_DIALECTS = (Dialect.CIVITAI, Dialect.PREVIEW)
"""What is written where nobody chooses."""
