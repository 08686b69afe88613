"""From what the service tells of an image's making to the texts that A1111 and ComfyUI read.

`meta` is null, an object, or an object inside `{id, meta}`; its keys and types are the users'
(observed). What came from A1111 has A1111's names, what the site made has its own. `comfy` is JSON
in a text, or an object, with ComfyUI's `prompt` and `workflow`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ._merging import Fields, as_fields

_NAMES = {
    "steps": "Steps",
    "sampler": "Sampler",
    "Schedule type": "Schedule type",
    "scheduler": "Schedule type",
    "cfgScale": "CFG scale",
    "seed": "Seed",
    "Size": "Size",
    "Model hash": "Model hash",
    "Model": "Model",
    "VAE": "VAE",
    "denoise": "Denoising strength",
    "Denoising strength": "Denoising strength",
    "clipSkip": "Clip skip",
    "Clip skip": "Clip skip",
}
"""From the names of the service to those of A1111, in A1111's order."""

_OTHERS = re.compile(r"(?!Negative prompt|Prompt|Hashes)[A-Z][\w \-/]{1,60}")
"""Names that A1111 reads and that came from it; the site's own begin in lower case."""

FEWEST = 3
"""A last line with fewer settings counts as part of the prompt (source of A1111)."""

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be read in an image.

    parameters: as A1111 writes it, "" for nothing. comfy: by ComfyUI's names, JSON in ASCII.
    """

    parameters: str
    comfy: dict[str, str]


def read_prompt(image: Fields) -> Prompt | None:
    """What an image's JSON tells of its making; None where that is nothing that can be read.

    image: as the service lists it. Raises nothing.
    """
    meta = as_fields(image.get("meta"))
    meta = as_fields(meta["meta"]) if isinstance(meta.get("meta"), dict) else meta
    prompt = Prompt(_parameters(meta, image), _comfy(meta.get("comfy")))
    return prompt if prompt.parameters or prompt.comfy else None


def _parameters(meta: Fields, image: Fields) -> str:
    positive, negative = _text(meta.get("prompt")), _text(meta.get("negativePrompt"))
    settings = _settings(meta, image)
    told = settings if len(settings) >= FEWEST else {}
    if not (positive or negative or "Steps" in told):
        return ""
    last = ", ".join(f"{name}: {_quoted(value)}" for name, value in told.items())
    lines = (positive, f"Negative prompt: {negative}" if negative else "", last)
    return "\n".join(line for line in lines if line)


def _settings(meta: Fields, image: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    sized = {"Size": _size(meta) or _size(image), **meta}
    for name, known in _NAMES.items():
        value = _plain(sized.get(name))
        if value:
            found.setdefault(known, value)
    for name, other in meta.items():
        value = _plain(other)
        if value and _OTHERS.fullmatch(name) and name not in _NAMES:
            found.setdefault(name, value)
    return found


def _size(fields: Fields) -> str | None:
    width, height = fields.get("width"), fields.get("height")
    return f"{width}x{height}" if type(width) is int and type(height) is int else None


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return str(value) if isinstance(value, bool) else ""
    try:
        return " ".join(_text(str(value)).split())
    except ValueError:
        # A number of more digits than Python writes.
        return ""


def _quoted(value: str) -> str:
    """In quotes where A1111 would take it apart."""
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:"]', value) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    # Half a character can be written into no image.
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _NO_TEXT.sub("", whole.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _comfy(value: object) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    found = as_fields(value)
    parts = {name: found.get(name) for name in ("prompt", "workflow")}
    return {
        name: json.dumps(part) for name, part in parts.items() if isinstance(part, dict) and part
    }
