"""`<stem>.metadata.json`: what LoRA Manager for ComfyUI keeps of a model file.

Its schema (docs/metadata-json-schema.md of LoRA Manager): eight fields must be there or the file is
passed over; `modified` is when the file came to the collection; the user edits the name, tags,
description, notes, trigger words and own images; unknown fields stay. Paths have forward slashes;
where they are no longer right it corrects them by itself, so one that is there is left to it.
"""

from __future__ import annotations

import re

from civitai_dl.domain.decisions import split_extension

from ._beside import Beside
from ._merging import Fields, as_fields, as_objects, fill, is_empty, merged

INDENT = 2
"""As LoRA Manager writes it."""

_LORAS = frozenset({"lora", "locon", "dora"})
_SUB_TYPES = {
    "checkpoint": "checkpoint",
    "unet": "diffusion_model",
    "textualinversion": "embedding",
}
_AUTOV3 = re.compile(r"[0-9A-Fa-f]{12}")

_DEFAULTS: Fields = {
    "notes": "",
    "from_civitai": True,
    "civitai_deleted": False,
    "favorite": False,
    "exclude": False,
    "db_checked": False,
    "skip_metadata_refresh": False,
    "last_checked_at": 0,
}


def merge_lora_manager(beside: Beside, existing: bytes | None, written_at: float) -> bytes | None:
    """The metadata of a file; what the user, or LoRA Manager, has put there stays. Pure.

    written_at: seconds since the epoch, for a file that LoRA Manager has not met yet.
    """

    def change(fields: Fields) -> Fields:
        _identify(fields, beside, written_at)
        _show(fields, beside)
        fields["civitai"] = _civitai(as_fields(fields.get("civitai")), beside.info)
        fill(fields, "tags", list(beside.model.tags))
        fill(fields, "modelDescription", beside.model.description or "")
        for name, value in _DEFAULTS.items():
            fields.setdefault(name, value)
        fill(fields, "metadata_source", "civitai_api")
        fields["hash_status"] = "completed"
        _classify(fields, beside)
        return fields

    return merged(existing, change, indent=INDENT)


def _identify(fields: Fields, beside: Beside, written_at: float) -> None:
    name = split_extension(beside.place.rsplit("/", 1)[-1])[0]
    fields["file_name"] = name
    fill(fields, "model_name", beside.model.name)
    fill(fields, "file_path", beside.place)
    fields["size"] = beside.stored.size
    if not isinstance(fields.get("modified"), (int, float)):
        fields["modified"] = written_at
    fields["sha256"] = beside.stored.sha256.lower()
    if is_empty(fields.get("base_model")) or fields["base_model"] == "Unknown":
        fields["base_model"] = beside.version.base_model or "Unknown"
    autov3 = as_fields(beside.answer.get("hashes")).get("AutoV3")
    if isinstance(autov3, str) and _AUTOV3.match(autov3):
        # Some answers give it in full (observed); it is known by twelve digits.
        fill(fields, "autov3", autov3[:12].lower())


def _show(fields: Fields, beside: Beside) -> None:
    if is_empty(fields.get("preview_url")):
        shown = beside.preview
        fields["preview_url"] = shown.path if shown is not None else ""
        if shown is not None and shown.level:
            fields["preview_nsfw_level"] = shown.level
    fields.setdefault("preview_nsfw_level", 0)


def _civitai(there: Fields, info: Fields) -> Fields:
    """What the service says now over what was there; trigger words are the user's once set."""
    both = {**there, **info}
    if not is_empty(there.get("trainedWords")):
        both["trainedWords"] = there["trainedWords"]
    if isinstance(there.get("images"), list) and isinstance(info.get("images"), list):
        both["images"] = _images(as_objects(there["images"]), as_objects(info["images"]))
    return both


def _images(there: list[Fields], told: list[Fields]) -> list[Fields]:
    """Each as it is told now; LoRA Manager may have asked for more, prompts above all.

    Those that are told of no more stay behind the others.
    """
    known = {_address(image): image for image in there}
    both = []
    for image in told:
        new = {name: value for name, value in image.items() if value is not None}
        both.append({**known.get(_address(image), {}), **new})
    addresses = set(map(_address, told))
    return both + [image for image in there if _address(image) not in addresses]


def _address(image: Fields) -> str:
    return str(image.get("url"))


def _classify(fields: Fields, beside: Beside) -> None:
    """What kinds are told apart by: an older LoRA Manager reads one name, a newer the other."""
    kind = beside.model.kind.lower()
    if kind in _LORAS:
        fill(fields, "usage_tips", "{}")
    elif kind in _SUB_TYPES:
        unet = "unet" in beside.file.kind.lower() or "diffusion" in beside.file.kind.lower()
        sub_type = _SUB_TYPES["unet" if unet and kind == "checkpoint" else kind]
        fill(fields, "model_type", sub_type)
        fill(fields, "sub_type", sub_type)
