"""Reading the lists of models that a question makes: by words, by a tag, or favourites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import (
    COMPLETE_SORT,
    LISTED_AT_ONCE,
    ListPage,
    model_task,
    next_stretch,
)
from civitai_dl.domain.entities import (
    Expanded,
    Failed,
    Failure,
    Model,
    Outcome,
    Planned,
    Rating,
    SearchRef,
    Task,
    Trouble,
)
from civitai_dl.errors import Rejected

from ._shapes import read_models, read_page
from ._tags import look_up
from .model import plan_listed

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

NOTHING = "the service lists no model for this"
SPELT = "base models must be spelt as the site spells them, as in SDXL 1.0"
MOVED = "the order changed while it was read, so that a model may have slipped between two pages"


async def read_list(task: Task, ref: SearchRef, desk: Desk) -> Outcome:
    """Read one page of a list, or look up the tag that it is about."""
    if ref.stage == "tag":
        return await look_up(task, ref, desk)
    try:
        answer = await desk.api.get("/api/v1/models", _asked(ref))
    except Rejected as error:
        if ref.cursor is None:
            raise
        # A cursor with an empty sort value, at the very tail, is refused by the one who gave it.
        early = f"{task.label}: the list ended early ({error.reason or error.message})"
        page = ListPage(0, 0, repeated=False, following=None)
        return Expanded(onward=_onward(ref, page, desk), notices=(early,))
    items, following = read_page(answer, task.label)
    listed = read_models(items)
    if _lost_its_tag(ref, listed):
        return _without_tag(ref)
    models = [*await _lost_at_border(ref, listed, desk), *listed]
    fresh, repeated = await _fresh(task, ref, models, desk)
    if ref.stage == "adult":
        children, notices = await plan_listed(fresh, desk)
    else:
        # The safe list shows PG images only, so what only it shows is asked for by itself.
        children, notices = [Planned(model_task(model.id, single=True)) for model in fresh], []
    page = ListPage(len(models), len(fresh), repeated, following)
    onward = _onward(ref, page, desk)
    if onward is None:
        notices += _closing(task, ref, page)
    return Expanded(children=tuple(children), onward=onward, notices=tuple(notices))


def _asked(ref: SearchRef) -> list[tuple[str, str]]:
    """The request for a page.

    Ratings are said explicitly, or only PG comes. Types and base models repeat their key: a comma
    does not separate them (server source). Archived models belong to a whole list only: the site
    does not show them among the first.
    """
    target, terms = ref.target, ref.target.terms
    most = terms.most
    asked = [("query", target.query)] if target.query else []
    asked += [("tag", target.tag)] if target.tag else []
    # Where the key appears at all, a login is needed, whatever its value (server source).
    asked += [("favorites", "true")] if target.favorites else []
    asked += [("types", kind) for kind in terms.types]
    asked += [("baseModels", name) for name in terms.base_models]
    asked += [("period", terms.period)] if terms.period else []
    # A search by words is cut after its pages are made, so that small ones would be many.
    small = most is not None and not target.query
    asked += [
        ("nsfw", "true" if ref.stage == "adult" else "false"),
        *([("archived", "true")] if most is None else []),
        ("sort", COMPLETE_SORT if most is None else terms.sort),
        ("limit", str(min(LISTED_AT_ONCE, most) if small and most else LISTED_AT_ONCE)),
    ]
    return asked if ref.cursor is None else [*asked, ("cursor", ref.cursor)]


def _onward(ref: SearchRef, page: ListPage, desk: Desk) -> SearchRef | None:
    return next_stretch(ref, page, only_safe=desk.selection.levels == Rating.PG)


def _lost_its_tag(ref: SearchRef, models: Sequence[Model]) -> bool:
    """Whether the tag dropped out of the question, so that these are models of all kinds."""
    wanted = ref.target.tag.lower()
    if not wanted or ref.cursor is not None or not models:
        return False
    return not any(wanted == name.lower() for model in models for name in model.tags)


def _without_tag(ref: SearchRef) -> Failed:
    detail = f"the service lists models without the tag {ref.target.tag!r}: nothing was taken"
    hint = "it does not heed this tag now; try again later, or use search:"
    return Failed(Failure(Trouble.REFUSED, detail, hint=hint))


async def _lost_at_border(ref: SearchRef, models: Sequence[Model], desk: Desk) -> list[Model]:
    """The model that newest-first loses between two pages: the cursor ends in its id.

    The service makes the cursor of the first row of the next page, and begins behind it; newer
    builds do not (server source). Whether it belongs to the list only the list can tell.
    """
    if ref.cursor is None or ref.target.terms.sort != "Newest" or ref.target.query:
        return []
    number = ref.cursor.rpartition("|")[2]
    if not number.isdigit() or any(model.id == int(number) for model in models):
        return []
    asked = [pair for pair in _asked(ref) if pair[0] not in ("cursor", "limit")]
    answer = await desk.api.get("/api/v1/models", [*asked, ("ids", number), ("limit", "100")])
    items, _ = read_page(answer, "models")
    return [model for model in read_models(items) if model.id == int(number)]


async def _fresh(
    task: Task, ref: SearchRef, models: Sequence[Model], desk: Desk
) -> tuple[list[Model], bool]:
    """The models of a page that this reading of the list has not had, as many as are wanted.

    And whether it had some of them.
    """
    known = await desk.catalog.linked(
        task.key, [model_task(model.id).key for model in models], this_run=True
    )
    found = {model.id: model for model in models if model_task(model.id).key not in known}
    most = ref.target.terms.most
    return list(found.values())[: None if most is None else most - ref.taken], bool(known)


def _closing(task: Task, ref: SearchRef, page: ListPage) -> list[str]:
    """What to say at the end of a list."""
    if ref.shown + page.listed == 0:
        spelt = f"; {SPELT}" if ref.target.terms.base_models else ""
        return [f"{task.label}: {NOTHING}{spelt}"]
    # By date nothing moves: there a border repeats a model, as it always does.
    moves = ref.target.terms.sort not in ("", "Newest", "Oldest")
    if moves and (ref.moved or page.repeated):
        return [f"{task.label}: {MOVED}"]
    return []
