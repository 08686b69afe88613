"""Searches by words: search:WORDS, and the addresses that the site gives its searches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civitai_dl.domain.decisions import search_task
from civitai_dl.domain.entities import (
    Kind,
    Outcome,
    Planned,
    SearchRef,
    SearchTarget,
    Selection,
    Target,
    Task,
)

from ._spec import SourceSpec
from ._urls import site_path

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

NAME = "search"
EXAMPLE = "https://civitai.com/search/models?query=landscape"
PATTERNS = (r"/search/models/?", r"/models/?")


def parse(text: str) -> Target | None:
    """The models that a search by words finds, also by words and a tag."""
    path = None if text.startswith("search:") else site_path(text) or ""
    if path is not None and not any(re.fullmatch(pattern, path) for pattern in PATTERNS):
        return None
    # Most runs name no list, and pay nothing for how lists are narrowed.
    from ._terms import read_link, read_question, readable

    if path is None:
        question = readable(read_question, text.removeprefix("search:"))
        if question is None or not question.words or question.query:
            return None
        return SearchTarget(question.words, question.tag, terms=question.terms)
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


async def expand(tasks: Sequence[Task], desk: Desk) -> list[Outcome]:
    """Read one page of a list, be it of a search, a tag, or favourites."""
    from ._listing import read_list

    outcomes = []
    for task in tasks:
        assert isinstance(task.subject, SearchRef)
        outcomes.append(await read_list(task, task.subject, desk))
    return outcomes


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    kinds=frozenset({Kind.SEARCH}),
    parse=parse,
    roots=roots,
    expand=expand,
)
