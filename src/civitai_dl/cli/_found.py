"""Findings of a diagnosis as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.domain.messages import Messages, format_bytes, printable

if TYPE_CHECKING:
    from civitai_dl._finding import Finding

BYTES = frozenset({"size", "log", "free"})
"""The facts that are sizes."""


def sentence(one: Finding, messages: Messages) -> str:
    """What was found, in words."""
    facts = {name: _said(name, one.facts[name], messages) for name in one.facts}
    return messages.say(one.text, **facts)


def _said(name: str, value: object, messages: Messages) -> str:
    if isinstance(value, int):
        return format_bytes(value) if name in BYTES else f"{value:,}"
    if isinstance(value, float):
        return messages.duration(value)
    return printable(str(value))
