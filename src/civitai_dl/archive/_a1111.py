"""`<stem>.json`: what A1111 and Forge show and use of a card (their user metadata).

They read `description`, `notes`, and for LoRA `sd version`, `activation text`, `preferred weight`
(a number, 0 for none) and `negative text`; any other field survives their editor. An `sd version`
that they do not know counts for nothing, but "Unknown" hides what they find out by themselves, so
it is not written (source of A1111: extra networks, editor of user metadata). `modelId`,
`modelVersionId` and `sha256` in upper case are what browsers of Civitai inside A1111 look for.
"""

from __future__ import annotations

import re

from ._beside import Beside
from ._merging import Fields, fill, is_empty, merged
from ._plain_text import plain_text

INDENT = 4
"""As A1111 writes it."""

_FAMILIES = (
    ("SD1", re.compile(r"SD 1\b")),
    ("SD2", re.compile(r"SD 2\b")),
    ("SD3", re.compile(r"SD 3\b")),
    ("SDXL", re.compile(r"SDXL\b|Pony$|Illustrious\b|NoobAI\b")),
)
"""A1111's names of families, and how the base models of the service begin that belong to them. Pony
V7 is another architecture."""


def merge_a1111(beside: Beside, existing: bytes | None) -> bytes | None:
    """The user metadata of a file; what the user, or A1111, has put there stays. Pure."""

    def change(fields: Fields) -> Fields:
        description = plain_text(beside.model.description)
        if description:
            # An empty one would hide a description in a text file beside it.
            fill(fields, "description", description)
        family = sd_version(beside.version.base_model)
        if family and (is_empty(fields.get("sd version")) or fields["sd version"] == "Unknown"):
            fields["sd version"] = family
        fill(fields, "activation text", activation_text(beside.version.trained_words))
        fill(fields, "preferred weight", 0)
        fill(fields, "negative text", "")
        fill(fields, "notes", "")
        fields["modelId"] = beside.model.id
        fields["modelVersionId"] = beside.version.id
        fields["sha256"] = beside.stored.sha256.upper()
        return fields

    return merged(existing, change, indent=INDENT)


def sd_version(base_model: str | None) -> str | None:
    """A1111's name for the family of a base model; None where it has none."""
    text = base_model or ""
    return next((name for name, pattern in _FAMILIES if pattern.match(text)), None)


def activation_text(words: tuple[str, ...]) -> str:
    """Trigger words as one line, each once; many of them end with a comma (observed)."""
    plain = (" ".join(word.split()).strip(" ,") for word in words)
    return ", ".join(dict.fromkeys(word for word in plain if word))
