"""One line of a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis: a sentence for Messages with its facts, and what to do.

    level: "ok", "warning", or "problem": something that needs mending.
    facts: a float is a number of seconds.
    """

    level: str
    topic: str
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)
    todo: str = ""
