"""How a question of selection is answered: taken, or not, and then in which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True, slots=True)
class Taken:
    """It is wanted."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The wish leaves it out. reason: a sentence for people, with places for the facts."""

    reason: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unsafe:
    """It is wanted, and held for unsafe. reason, facts: as in LeftOut."""

    reason: str
    facts: tuple[tuple[str, str], ...] = ()


Verdict = Union[Taken, LeftOut, Unsafe]

TAKEN = Taken()


def left_out(reason: str, **facts: object) -> LeftOut:
    """A verdict with its facts as text."""
    return LeftOut(reason, tuple((name, str(value)) for name, value in facts.items()))


def unsafe(reason: str, **facts: object) -> Unsafe:
    """A verdict with its facts as text."""
    return Unsafe(reason, tuple((name, str(value)) for name, value in facts.items()))


def in_words(verdict: LeftOut | Unsafe) -> str:
    """The sentence in English, with its facts."""
    return verdict.reason.format_map(dict(verdict.facts))


def either(words: Iterable[str]) -> str:
    """A list of words as a sentence has it."""
    return ", ".join(words)
