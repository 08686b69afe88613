"""The favourites of the key's owner: favorites: alone names them, for they have no address."""

from __future__ import annotations

from civitai_dl.domain.decisions import search_task
from civitai_dl.domain.entities import Planned, SearchTarget, Selection, Target

from ._spec import SourceSpec
from .search import expand

NAME = "favorites"
EXAMPLE = "favorites:"
PATTERNS: tuple[str, ...] = ()


def parse(text: str) -> Target | None:
    """The bookmarked models of whoever the key belongs to."""
    if text in ("favorites", "favourites"):
        return SearchTarget(favorites=True)
    word, colon, rest = text.partition(":")
    if not colon or word not in ("favorites", "favourites"):
        return None
    from ._terms import read_question, readable

    question = readable(read_question, rest)
    if question is None or question.words or question.query or question.tag:
        return None
    return SearchTarget(favorites=True, terms=question.terms)


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """The list; see search."""
    if not isinstance(target, SearchTarget) or not target.favorites:
        return None
    return [Planned(search_task(target, selection))]


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    # The pages are those of every list; see search.
    kinds=frozenset(),
    parse=parse,
    roots=roots,
    expand=expand,
)
