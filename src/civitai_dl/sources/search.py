"""Searches by words: search:WORDS, and the addresses that the site gives its searches."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from civitai_dl.domain.decisions import search_task
from civitai_dl.domain.entities import Kind, Planned, SearchTarget, Selection, Target

from ._listing import expand
from ._spec import SourceSpec
from ._terms import read_link, read_question, readable
from ._urls import site_path

NAME = "search"
EXAMPLE = "https://civitai.com/search/models?query=landscape"
PATTERNS = (r"/search/models/?", r"/models/?")


def parse(text: str) -> Target | None:
    """The models that a search by words finds, also by words and a tag."""
    if text.startswith("search:"):
        question = readable(read_question, text.removeprefix("search:"))
        if question is None or not question.words or question.query:
            return None
        return SearchTarget(question.words, question.tag, terms=question.terms)
    path = site_path(text)
    if path is None or not any(re.fullmatch(pattern, path) for pattern in PATTERNS):
        return None
    question = readable(read_link, urlsplit(text).query)
    if question is None or not (question.query or question.tag):
        # Without either it would be the whole of the service.
        return None
    return SearchTarget(question.query, question.tag, terms=question.terms)


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """The list, from its first page."""
    if not isinstance(target, SearchTarget) or not target.query:
        return None
    return [Planned(search_task(target, selection))]


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    kinds=frozenset({Kind.SEARCH}),
    parse=parse,
    roots=roots,
    expand=expand,
)
