"""Which list of models a question means, how it is written, and which page of it comes next."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..entities import (
    ALL_TIME,
    MODEL_SORTS,
    Kind,
    Lane,
    Rating,
    Role,
    SearchRef,
    SearchTarget,
    Selection,
    Task,
)

COMPLETE_SORT = "Oldest"
"""The one order that neither loses models at the borders of pages nor moves while it is read
(server source): a whole list is read in it, whatever sort was asked for."""

LISTED_AT_ONCE = 100
"""Models on one page of the list at most (server source)."""

# What would read as something else where a question is written: in a list file, or after it.
_AMBIGUOUS = re.compile("[%?&#+,;\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def settled(target: SearchTarget) -> SearchTarget:
    """The same list in the one form by which it is known: what changes nothing is left out.

    Tags are known by their letters, whatever their case. A sort only says which models are the
    first, and the service's own is Highest Rated.
    """
    terms = target.terms
    narrowed = replace(
        terms,
        types=tuple(sorted(set(terms.types))),
        base_models=tuple(sorted(set(terms.base_models))),
        sort="" if terms.most is None else terms.sort or MODEL_SORTS[0],
        period="" if terms.period == ALL_TIME else terms.period,
    )
    return replace(target, tag=target.tag.lower(), terms=narrowed)


def search_text(target: SearchTarget) -> str:
    """A question as one line that is read back as the same: `search:WORDS?types=LORA&...`."""
    parameters: list[tuple[str, str]] = []
    if target.favorites:
        head = "favorites:"
    elif target.query:
        head = f"search:{_written(target.query)}"
        parameters += [("tag", target.tag)] if target.tag else []
    else:
        head = f"tag:{_written(target.tag)}"
    terms = target.terms
    parameters += [("types", kind) for kind in terms.types]
    parameters += [("base-models", name) for name in terms.base_models]
    parameters += [("sort", terms.sort)] if terms.sort else []
    parameters += [("period", terms.period)] if terms.period else []
    parameters += [] if terms.most is None else [("max-models", str(terms.most))]
    tail = "&".join(f"{name}={_written(value)}" for name, value in parameters)
    return f"{head}?{tail}" if tail else head


def _written(text: str) -> str:
    return _AMBIGUOUS.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


def search_task(target: SearchTarget, selection: Selection) -> Task:
    """The task that reads a list of models from its beginning; the question is its identity."""
    known = settled(target)
    text = search_text(known)
    ref = first_page(known)
    if selection.levels == Rating.PG and ref.stage == "adult":
        # With PG alone wanted, what only the list of all ratings shows is not wanted either.
        ref = replace(ref, stage="safe")
    return Task(
        key=text,
        kind=Kind.SEARCH,
        lane=Lane.MODEL_PAGES,
        role=Role.PAGE,
        subject=ref,
        label=text,
        priority=20,
    )


def first_page(target: SearchTarget) -> SearchRef:
    """Where the reading of a list begins.

    A tag that the service does not know drops out of the question, which then lists everything
    there is (server source); so it is asked for by itself first.
    """
    return SearchRef(target, stage="tag" if target.tag else "adult")


@dataclass(frozen=True, slots=True)
class ListPage:
    """What a page of a list was. listed: models on it; taken: those that were new and wanted.

    repeated: it showed some again. following: the cursor of the next page.
    """

    listed: int
    taken: int
    repeated: bool
    following: str | None


def next_stretch(ref: SearchRef, page: ListPage, *, only_safe: bool) -> SearchRef | None:
    """What to read after a page; None at the end of all.

    The lists with nsfw=true and nsfw=false each hide what the other shows, so that a whole list is
    the union of both (server source). The first so many are those of one list.
    """
    taken = ref.taken + page.taken
    most = ref.target.terms.most
    read = replace(
        ref, taken=taken, shown=ref.shown + page.listed, moved=ref.moved or page.repeated
    )
    if most is not None and taken >= most:
        return None
    if page.following is not None and _leads_on(ref.cursor, page.following):
        return replace(read, cursor=page.following)
    if ref.stage == "adult" and most is None and not only_safe:
        return replace(read, stage="safe", cursor=None)
    return None


def _leads_on(before: str | None, following: str) -> bool:
    """Whether a cursor is another one; those of a search by words are numbers that grow."""
    if before is None or not (before.isdigit() and following.isdigit()):
        return following != before
    return int(following) > int(before)
