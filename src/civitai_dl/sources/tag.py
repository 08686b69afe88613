"""Tags: tag:NAME and /tag/NAME, for the models that have it."""

from __future__ import annotations

import re

from civitai_dl.domain.decisions import search_task
from civitai_dl.domain.entities import Planned, SearchTarget, Selection, Target

from ._spec import SourceSpec
from ._urls import site_path
from .search import expand

NAME = "tag"
EXAMPLE = "https://civitai.com/tag/landscapes"
PATTERNS = (r"/tag/(?P<name>[^/]+)/?",)


def parse(text: str) -> Target | None:
    """The models that have a tag."""
    if text.startswith("tag:"):
        from ._terms import read_question, readable

        question = readable(read_question, text.removeprefix("tag:"))
        if question is None or not question.words or question.query or question.tag:
            return None
        return SearchTarget(tag=question.words, terms=question.terms)
    match = re.fullmatch(PATTERNS[0], site_path(text) or "")
    if match is None or not match["name"].isprintable():
        return None
    name = " ".join(match["name"].split())
    return SearchTarget(tag=name) if name else None


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """The list, before which the tag is looked up."""
    if not isinstance(target, SearchTarget) or target.query or target.favorites:
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
