"""Creators: /user/NAME, with /models, /images, /videos or /posts after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import (
    LeftOut,
    gallery_task,
    judge_target,
    look_at,
    model_task,
    reaches_ground,
)
from civitai_dl.domain.entities import (
    CreatorName,
    CreatorRef,
    CreatorTarget,
    Expanded,
    GalleryQuery,
    Kind,
    Lane,
    Look,
    Model,
    ModelId,
    Outcome,
    Part,
    Planned,
    Rating,
    Reason,
    Role,
    Selection,
    Target,
    Task,
    Unavailable,
)
from civitai_dl.errors import NotFound, Rejected

from ._shapes import as_number, as_text, read_models, read_page
from ._spec import GONE, SourceSpec, missing
from ._tombs import known_gone
from ._urls import site_path
from .model import plan_listed

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

NAME = "creator"
EXAMPLE = "https://civitai.com/user/ann/models"
PATTERNS = (r"/user/(?P<name>[^/\s]+)(?:/(?P<part>models|images|videos|posts))?/?",)

_SHORT = re.compile(r"(?:user:|@)([^/\s]+)")
_PARTS = {"models": Part.MODELS, "images": Part.IMAGES, "videos": Part.IMAGES, "posts": Part.IMAGES}

LEFT_OUT = "the service counts models that its lists never show (hidden, or of real people)"


def parse(text: str) -> Target | None:
    """A creator; a tab of the profile page asks for that part only."""
    short = _SHORT.fullmatch(text)
    if short is not None:
        return CreatorTarget(CreatorName(short[1]))
    path = site_path(text)
    match = None if path is None else re.fullmatch(PATTERNS[0], path)
    if match is None:
        return None
    return CreatorTarget(CreatorName(match["name"]), _PARTS.get(match["part"] or "", Part.ALL))


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """The creator's model list and image list, each in its own lane from the start.

    Of a user who is excluded nothing is asked.
    """
    if not isinstance(target, CreatorTarget):
        return None
    if isinstance(judge_target(target, selection), LeftOut):
        return []
    name = target.username
    planned = []
    if target.part is not Part.IMAGES:
        task = Task(
            key=f"creator:{name.lower()}",
            kind=Kind.CREATOR,
            lane=Lane.MODEL_PAGES,
            role=Role.PAGE,
            # With PG alone wanted, what only the list of all ratings shows is not wanted either.
            subject=CreatorRef(name, "safe" if selection.levels == Rating.PG else "adult"),
            label=f"models of {name}",
            priority=20,
        )
        planned.append(Planned(task))
    if target.part is not Part.MODELS and selection.user_images:
        planned.append(Planned(gallery_task(GalleryQuery(username=name), selection)))
    return planned


async def expand(tasks: Sequence[Task], desk: Desk) -> list[Outcome]:
    """Read one page of a creator's list, or compare what was listed with the service's count."""
    outcomes: list[Outcome] = []
    for task in tasks:
        assert isinstance(task.subject, CreatorRef)
        if task.subject.stage == "count":
            outcomes.append(await _compare(task, task.subject, desk))
        else:
            outcomes.append(await _read(task, task.subject, desk))
    return outcomes


async def _read(task: Task, ref: CreatorRef, desk: Desk) -> Outcome:
    """One page of the list with nsfw=true, and later of the one with nsfw=false.

    Neither shows all: with true, models flagged `minor` disappear; with false, all but PG does
    (server source). Oldest first, because newest first loses a model at every page border.
    """
    asked = _question(ref)
    if ref.cursor is not None:
        asked.append(("cursor", ref.cursor))
    try:
        answer = await desk.api.get("/api/v1/models", asked)
    except NotFound as error:
        return await _left(task, await _not_found(task, ref, error, desk), desk)
    except Rejected as error:
        if ref.cursor is None:
            raise
        # A cursor with an empty sort value, at the very tail, is refused by the one who gave it.
        notice = f"{task.label}: the list ended early ({error.reason or error.message})"
        return Expanded(onward=_onward(ref, None), notices=(notice,))
    items, following = read_page(answer, f"models of {ref.username}")
    models = read_models(items)
    if ref.stage in ("adult", "new"):
        children, notices = await plan_listed(models, desk, look=ref.look)
    else:
        # The safe list shows PG images only, so what only it shows is asked for by itself.
        children, notices = [_to_ask(model.id, ref, single=True) for model in models], []
    published = [_published(model) for model in models]
    if not ref.stage.startswith("new"):
        ref = replace(ref, newest=max([ref.newest, *published]))
        onward: CreatorRef | None = _onward(ref, following)
    elif not reaches_ground(ref, published, whole=following is None):
        # More is new than one page shows: from the other end, which loses nothing.
        onward = replace(ref, stage="adult" if ref.stage == "new" else "safe", newest=0.0)
    elif ref.stage == "new":
        onward = replace(ref, stage="new-safe", newest=max([ref.newest, *published]))
    else:
        children = await _new_and_rest(models, task, ref, desk)
        onward = None
    return Expanded(children=tuple(children), onward=onward, notices=tuple(notices))


def _question(ref: CreatorRef) -> list[tuple[str, str]]:
    return [
        ("username", str(ref.username)),
        ("nsfw", "true" if ref.stage in ("adult", "new") else "false"),
        ("archived", "true"),
        ("sort", "Newest" if ref.stage.startswith("new") else "Oldest"),
        ("limit", "100"),
    ]


def _to_ask(number: ModelId, ref: CreatorRef, *, single: bool = False) -> Planned:
    return look_at([Planned(model_task(number, single=single))], ref.look)[0]


def _published(model: Model) -> float:
    """When the newest version came out, by which lists sort; 0.0 where no version tells it."""
    moments = [v.published_at.timestamp() for v in model.versions if v.published_at is not None]
    return max(moments, default=0.0)


async def _new_and_rest(
    models: Sequence[Model], task: Task, ref: CreatorRef, desk: Desk
) -> list[Planned]:
    """After the newest pages: the models that are new there, and all that were known already.

    The known ones travel with others, a hundred to a request, because they may have changed.
    """
    keys = {model_task(model.id).key: model.id for model in models}
    known = await desk.catalog.linked(task.key, keys)
    rest = await desk.catalog.models_under(task.key, missed=True)
    return [
        *(_to_ask(number, ref, single=True) for key, number in keys.items() if key not in known),
        *(_to_ask(missed.model_id, ref) for missed in rest),
    ]


def _onward(ref: CreatorRef, following: str | None) -> CreatorRef:
    if following is not None and following != ref.cursor:
        return replace(ref, cursor=following)
    if ref.stage == "adult":
        return replace(ref, stage="safe", cursor=None)
    return replace(ref, stage="count", cursor=None)


async def _compare(task: Task, ref: CreatorRef, desk: Desk) -> Outcome:
    if desk.selection.levels == Rating.PG:
        # A part of the models cannot be compared with the count of all.
        return Expanded()
    asked = (("query", str(ref.username)), ("limit", "200"))
    items, _ = read_page(await desk.api.get("/api/v1/creators", asked), "creators")
    claimed = None
    for item in items:
        if (as_text(item.get("username")) or "").lower() == ref.username.lower():
            claimed = int(as_number(item.get("modelCount")) or 0)
    missed = await desk.catalog.models_under(task.key, missed=True)
    children = await _ask_for_missed([missing.model_id for missing in missed], ref, desk)
    listed = await desk.catalog.count_children(task.key, Kind.MODEL) - len(missed)
    if claimed is None or claimed == listed:
        return Expanded(children=children)
    notice = f"{ref.username}: {listed} models listed, the service counts {claimed}"
    notice = f"{notice}; {LEFT_OUT}" if claimed > listed else notice
    return Expanded(children=children, notices=(notice,))


async def _not_found(task: Task, ref: CreatorRef, error: NotFound, desk: Desk) -> Outcome:
    """Gone; for a brief look at one who was gone before without the waits that doubt it."""
    if ref.look is Look.BRIEF and await desk.catalog.linked(task.key, [f"gone:{task.key}"]):
        return Unavailable(Reason.GONE, GONE)
    return await missing(task, error, desk)


async def _left(task: Task, outcome: Outcome, desk: Desk) -> Outcome:
    """A creator who is gone: each model that was listed is asked for by itself.

    Some creators only took another name; and of those who left, models may stay.
    """
    known = await desk.catalog.models_under(task.key)
    if not isinstance(outcome, Unavailable) or not known:
        return outcome
    gone = Planned(replace(task, key=f"gone:{task.key}"), outcome)
    assert isinstance(task.subject, CreatorRef)
    children = await _ask_for_missed([ref.model_id for ref in known], task.subject, desk)
    return Expanded(children=(gone, *children))


async def _ask_for_missed(
    ids: Sequence[ModelId], ref: CreatorRef, desk: Desk
) -> tuple[Planned, ...]:
    """Models that were listed in an earlier run and are not now: each is asked for by itself.

    Those that are known to be gone are not asked for in every run: they would be listed again, but
    for what lists hide, which a full look asks for.
    """
    if ref.look is Look.BRIEF:
        return tuple(_to_ask(number, ref) for number in ids)
    gone = set() if ref.look is Look.FULL else await known_gone(ids, desk)
    verdict = Unavailable(Reason.GONE, GONE)
    return tuple(
        replace(_to_ask(number, ref, single=True), verdict=verdict if number in gone else None)
        for number in ids
    )


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    kinds=frozenset({Kind.CREATOR}),
    parse=parse,
    roots=roots,
    expand=expand,
)
