"""Models: /models/ID, with or without ?modelVersionId=, AIR, and bare numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import anyio

from civitai_dl.documents import parse_object
from civitai_dl.domain.decisions import (
    LeftOut,
    gallery_task,
    judge_target,
    left_out_keys,
    look_at,
    model_folder,
    model_task,
    plan_model,
    version_gallery_task,
)
from civitai_dl.domain.entities import (
    LARGEST_ID,
    Air,
    Change,
    Expanded,
    Failed,
    Failure,
    GalleryQuery,
    Kind,
    Look,
    Model,
    ModelId,
    ModelRef,
    ModelTarget,
    Outcome,
    Placed,
    Planned,
    Reason,
    Selection,
    Target,
    Task,
    Trouble,
    Unavailable,
    Version,
    VersionId,
)
from civitai_dl.errors import NotFound, NotPermitted, Rejected

from ._shapes import (
    as_id,
    as_object,
    is_pg,
    read_model,
    read_models,
    read_page,
    read_version,
)
from ._spec import GONE, SourceSpec, missing
from ._tombs import (
    find_burials,
    is_doubtful,
    known_gone,
    look_back,
    mark_model,
    notices_of,
    write_after,
    write_before,
)
from ._urls import site_path

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

    from ._tombs import Burial, Past

NAME = "model"
EXAMPLE = "https://civitai.com/models/4384/dreamshaper?modelVersionId=128713"
PATTERNS = (
    r"/models/(?P<model>[0-9]{1,19})(?:/[^/]*)?/?",
    r"/api/v1/models/(?P<model>[0-9]{1,19})/?",
)

BATCH_TRIES = 2
"""Tries of a batch after which its models are asked for one by one."""

_SHORT = re.compile(r"(?:model:)?([0-9]{1,19})")
_NUMBER = re.compile(r"[0-9]{1,10}")


def parse(text: str) -> Target | None:
    """A model, or one version of it when the URL says which: `?modelVersionId=` wins."""
    short = _SHORT.fullmatch(text)
    if short is not None:
        return _target(short[1])
    air = Air.parse(text)
    if air is not None:
        return ModelTarget(air.model_id, air.version_id)
    path = site_path(text) or ""
    match = next((found for one in PATTERNS if (found := re.fullmatch(one, path))), None)
    if match is None:
        return None
    versions = parse_qs(urlsplit(text).query).get("modelVersionId", [])
    version = versions[0] if versions and _NUMBER.fullmatch(versions[0]) else None
    return _target(match["model"], version)


def _target(model: str, version: str | None = None) -> Target | None:
    if not all(0 < int(number) <= LARGEST_ID for number in (model, version or "1")):
        return None
    return ModelTarget(ModelId(int(model)), None if version is None else VersionId(int(version)))


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """The model's page, and its gallery beside it: the two lanes need not wait for each other.

    Where only the page tells whether the model is wanted, it plans the gallery, too. Of a model
    that is excluded by its number nothing is asked.
    """
    if not isinstance(target, ModelTarget):
        return None
    if isinstance(judge_target(target, selection), LeftOut):
        return []
    planned = [Planned(model_task(target.model_id, target.version_id))]
    if selection.galleries and not selection.chooses_models:
        planned.append(_gallery(target, selection))
    return planned


def _gallery(target: ModelTarget, selection: Selection) -> Planned:
    if target.version_id is None:
        return Planned(gallery_task(GalleryQuery(model_id=target.model_id), selection))
    return Planned(version_gallery_task(target.model_id, target.version_id, selection))


async def expand(tasks: Sequence[Task], desk: Desk) -> list[Outcome]:
    """Read models: many by one list request, those that lists hide one by one."""
    refs = [_ref(task) for task in tasks]
    if len(refs) == 1 and refs[0].single:
        return [await _expand_single(tasks[0], refs[0], desk)]
    if max(task.attempt for task in tasks) >= BATCH_TRIES:
        # One of them may be what the service stumbles over: it must not fail with all others.
        return [_alone(ref) for ref in refs]
    ids = {ref.model_id for ref in refs}
    gone: set[ModelId] = set()
    try:
        if refs[0].look is Look.HIDDEN:
            shown, gone = await _see_hidden(ids, desk)
        else:
            shown = {n: model for n, model in (await _list(ids, desk)).items() if model.versions}
    except (Rejected, NotPermitted):
        return [_alone(ref) for ref in refs]
    ground = await prepare(list(shown.values()), desk)
    outcomes: list[Outcome] = []
    for ref in refs:
        model = shown.get(ref.model_id)
        if model is None and ref.model_id in gone:
            outcomes.append(Unavailable(Reason.GONE, GONE))
        elif model is None and ref.look is Look.BRIEF:
            outcomes.append(Expanded(onward=replace(ref, look=Look.HIDDEN)))
        elif model is None or not _shows(model, ref) or model.id in ground.doubtful:
            outcomes.append(_alone(ref))
        else:
            outcomes.append(await expand_model(model, ref, desk, ground))
    return outcomes


def _alone(ref: ModelRef) -> Expanded:
    look = Look.BRIEF if ref.look is Look.HIDDEN else ref.look
    return Expanded(onward=replace(ref, single=True, look=look))


def _ref(task: Task) -> ModelRef:
    assert isinstance(task.subject, ModelRef)
    return task.subject


def _shows(model: Model, ref: ModelRef) -> bool:
    """Whether a list item tells all that is needed; lists drop versions that /models/:id has."""
    if ref.version_id is None:
        return bool(model.versions)
    return any(version.id == ref.version_id for version in model.versions)


async def _see_hidden(ids: set[ModelId], desk: Desk) -> tuple[dict[ModelId, Model], set[ModelId]]:
    """Look for models in the list of what is PG; returns what is whole there, and what is gone.

    With nsfw=false models flagged `minor` are shown, too, of all models the PG images only (server
    source): what is PG as a whole is whole there, and needs no request of its own. What neither
    list shows and is marked as gone would be in one of them if it were back, unless it is flagged
    and not PG: such a model is asked for by itself.
    """
    found = await _list(ids, desk, nsfw="false")
    shown = {n: model for n, model in found.items() if model.versions and is_pg(model.raw)}
    gone = await known_gone(sorted(ids - found.keys()), desk)
    paths = {f"{model_folder(number)}/model.json": number for number in gone}
    kept = await desk.read(list(paths)) if paths else {}
    answers = {paths[path]: parse_object(data) for path, data in kept.items()}
    return shown, gone - {n for n, raw in answers.items() if raw.get("minor") and not is_pg(raw)}


async def _list(ids: set[ModelId], desk: Desk, *, nsfw: str = "true") -> dict[ModelId, Model]:
    """List models by id, following cursors: a page may be short and still not be the last.

    nsfw=true, because without it only PG models with PG images are shown; archived=true, because
    archived ones are hidden else; Oldest, because the other orders lose items at page borders.
    """
    asked = [
        ("ids", ",".join(str(number) for number in sorted(ids))),
        ("nsfw", nsfw),
        ("archived", "true"),
        ("sort", "Oldest"),
        ("limit", "100"),
    ]
    found: dict[ModelId, Model] = {}
    cursor: str | None = None
    while True:
        page = asked if cursor is None else [*asked, ("cursor", cursor)]
        items, following = read_page(await desk.api.get("/api/v1/models", page), "models")
        found |= {model.id: model for model in read_models(items) if model.id in ids}
        if following is None or following == cursor or len(found) == len(ids):
            return found
        cursor = following


async def _expand_single(task: Task, ref: ModelRef, desk: Desk) -> Outcome:
    try:
        answer = await desk.api.get(f"/api/v1/models/{ref.model_id}")
    except NotFound as error:
        if ref.look is not Look.USUAL and await known_gone([ref.model_id], desk):
            # It was believed once, after the waits that such an answer gets.
            return Unavailable(Reason.GONE, GONE)
        outcome = await missing(task, error, desk)
        if isinstance(outcome, Unavailable):
            await mark_model(ref.model_id, desk)
        return outcome
    model = read_model(as_object(answer))
    return await expand_model(model, ref, desk, await prepare([model], desk, single=task))


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of models before they are planned.

    placed: where their things have their place. written: those that lie there as they would be
    written now. doubtful: those that must be asked for by themselves; nothing is written of them.
    notices: sentences about what has gone of them, or is back.
    """

    placed: Mapping[ModelId, Placed]
    written: Collection[ModelId]
    doubtful: Collection[ModelId]
    notices: Mapping[ModelId, Sequence[str]]


async def prepare(models: Sequence[Model], desk: Desk, *, single: Task | None = None) -> Ground:
    """Write the JSON of each model as the service gave it, before anything is made of it.

    What lies there already is not written again. What it shows no more is kept beside it, which
    must be durable before. single: the task that asked for one model by itself; without it the
    answers are those of lists, which may leave something out.
    """
    written = await desk.written(models)
    changed = [model for model in models if model.id not in written]
    past = await look_back(changed, desk)
    doubtful = {
        model.id for model in changed if single is None and is_doubtful(past[model.id], model)
    }
    changed = [model for model in changed if model.id not in doubtful]
    burials = await find_burials(changed, past, desk, task=single)
    await write_before(burials, desk)
    changes = await _keep_words(changed, past, burials, desk)
    # To its end also when the run is stopped: what lies there is no news the next time.
    with anyio.CancelScope(shield=True):
        await desk.save_json(
            *((f"{model_folder(model.id)}/model.json", model.raw) for model in changed)
        )
        await write_after(burials, desk)
        for change in changes:
            desk.tell(change)
    placed = await desk.catalog.placed({model.id for model in models})
    return Ground(placed, written, doubtful, notices_of(changed, burials))


async def _keep_words(
    changed: Sequence[Model],
    past: Mapping[ModelId, Past],
    burials: Mapping[ModelId, Burial],
    desk: Desk,
) -> list[Change]:
    """Keep what the answers that are about to be replaced said; returns what has changed."""
    if not changed:
        return []
    # What only news need is not loaded by a run that has none.
    from ._history import changes_of, keep_words

    found = await keep_words(changes_of(changed, past, burials), desk)
    return [change for one in found.values() for change in one]


async def expand_model(model: Model, ref: ModelRef, desk: Desk, ground: Ground) -> Outcome:
    """Plan everything that a model consists of, or the version asked for."""
    if ref.version_id is not None and not _shows(model, ref):
        version = await _lagging(model, ref.version_id, desk)
        if version is None:
            return await _no_such_version(model, ref, desk)
        model = replace(model, versions=(*model.versions, version))
    pictures: dict[str, None] = {}
    for html in (model.description, *(version.description for version in model.versions)):
        pictures.update(dict.fromkeys(desk.pictures(html)))
    question = (model, ref, desk.selection, ground.placed[model.id], list(pictures))
    children = plan_model(*question, written=model.id in ground.written, only=desk.only)
    look = Look.BRIEF if ref.look is Look.HIDDEN else ref.look
    return Expanded(
        children=look_at(children, look),
        notices=tuple(ground.notices.get(model.id, ())),
        # Of what is asked for by its digest the rest is not left out: nobody asked about it.
        left_out=() if desk.only is not None else left_out_keys(*question, children),
    )


async def _lagging(model: Model, version_id: VersionId, desk: Desk) -> Version | None:
    """A version that its model's page does not show yet; each of the two may lag (observed)."""
    try:
        answer = as_object(await desk.api.get(f"/api/v1/model-versions/{version_id}"))
    except NotFound:
        return None
    return read_version(answer, model.id) if as_id(answer.get("modelId")) == model.id else None


async def _no_such_version(model: Model, ref: ModelRef, desk: Desk) -> Outcome:
    if await desk.catalog.holds(model_task(ref.model_id, ref.version_id).key):
        return Unavailable(Reason.GONE, GONE)
    detail = f"model {model.id} ({model.name}) has no version {ref.version_id}"
    return Failed(Failure(Trouble.REFUSED, detail, status=404, hint="check the link"))


async def plan_listed(
    models: Sequence[Model], desk: Desk, *, look: Look = Look.USUAL
) -> tuple[list[Planned], list[str]]:
    """The page of each model with what it consists of, and notices. Nothing is asked for it twice.

    Of a list with nsfw=true only: others leave out images of models that they show.
    """
    children: list[Planned] = []
    notices: list[str] = []
    ground = await prepare(models, desk)
    for model in models:
        single = model.id in ground.doubtful
        (page,) = look_at([Planned(model_task(model.id, single=single))], look)
        if single:
            children.append(page)
            continue
        assert isinstance(page.task.subject, ModelRef)
        inside = await expand_model(model, page.task.subject, desk, ground)
        assert isinstance(inside, Expanded)
        children.append(replace(page, verdict=inside, children=inside.children))
        notices += inside.notices
    return children, notices


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    kinds=frozenset({Kind.MODEL}),
    parse=parse,
    roots=roots,
    expand=expand,
)
