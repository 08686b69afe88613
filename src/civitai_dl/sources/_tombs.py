"""Keeping what the answers about models show no longer; see decisions/_tombstones.py.

`gone.json` lies beside `model.json`, and `.civitai-dl/gone/<model id>` tells that it does, so that
`status` finds it without a look at every model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from civitai_dl.documents import describe_gone, gone_mark, gone_path, parse_object, read_gone
from civitai_dl.domain.decisions import (
    bury,
    doubtful_versions,
    is_unsettled,
    judge_tombstones,
    model_folder,
    shows_less,
    take_back,
    tell_changes,
)
from civitai_dl.domain.entities import (
    Change,
    ChangeKind,
    CreatorName,
    Dressed,
    Model,
    ModelId,
    Task,
    Tombstones,
    VersionId,
)
from civitai_dl.errors import NeedsLogin, NotFound, NotPermitted, Rejected, Unavailable

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

UNANSWERED = 2
"""Tries after which a version is left in doubt when the service stumbles over it."""


@dataclass(frozen=True, slots=True)
class Past:
    """What lies on disk of a model: the answer before this one, {} without any; its tombstones."""

    answer: Mapping[str, object]
    stones: Tombstones


async def look_back(models: Sequence[Model], desk: Desk) -> dict[ModelId, Past]:
    """What lies on disk of models that are about to be written again."""
    paths = [path for model in models for path in (_answer_path(model.id), gone_path(model.id))]
    found = await desk.read(paths) if paths else {}
    await _keep_unreadable(models, found, desk)
    return {
        model.id: Past(
            parse_object(found.get(_answer_path(model.id))),
            read_gone(found.get(gone_path(model.id))) or Tombstones(model.id),
        )
        for model in models
    }


async def _keep_unreadable(models: Sequence[Model], found: Mapping[str, bytes], desk: Desk) -> None:
    """Put aside, beside it, a gone.json that nobody can read: a new one would take its place."""
    for model in models:
        data = found.get(gone_path(model.id))
        if data is not None and read_gone(data) is None:
            await desk.save((f"{model_folder(model.id)}/gone.unreadable.json", data))
            await desk.remove([gone_path(model.id)])


def is_doubtful(past: Past, model: Model) -> bool:
    """Whether a model must be asked for by itself, because a list does not show what it had.

    Lists leave out what /models/:id shows (server source), so they prove nothing.
    """
    return shows_less(past.answer, model.raw) or is_unsettled(past.stones, model.raw)


@dataclass(frozen=True, slots=True)
class Burial:
    """What is to be written before an answer takes its place, and after that."""

    known: Tombstones
    before: Tombstones
    after: Tombstones


async def find_burials(
    models: Sequence[Model], past: Mapping[ModelId, Past], desk: Desk, *, task: Task | None
) -> dict[ModelId, Burial]:
    """What has to be noted of models; those of which nothing has are left out.

    task: the one that asked for a single model; without it nothing is asked. Raises: SourceError.
    """
    found = {}
    now = datetime.fromtimestamp(desk.clock.now(), timezone.utc).replace(microsecond=0)
    for model in models:
        known = past[model.id].stones
        buried = bury(known, past[model.id].answer, model.raw, now=now)
        if not buried:
            continue
        unknown = set()
        for version_id in doubtful_versions(buried, model.raw) if task is not None else ():
            if await _is_unknown(version_id, task, desk):
                unknown.add(version_id)
        before = judge_tombstones(buried, model.raw, unknown=unknown, now=now)
        found[model.id] = Burial(known, before, take_back(before, model.raw))
    return found


async def _is_unknown(version_id: VersionId, task: Task | None, desk: Desk) -> bool:
    """Whether the service, asked for a version by its id, says that there is none.

    Any other answer proves that there is one, or nothing.
    """
    try:
        await desk.api.get(f"/api/v1/model-versions/{version_id}")
    except NotFound:
        return True
    except (NeedsLogin, NotPermitted, Rejected):
        return False
    except Unavailable:
        if task is None or task.attempt < UNANSWERED:
            raise
        return False
    return False


async def write_before(burials: Mapping[ModelId, Burial], desk: Desk) -> None:
    """Make durable what the answers that are about to be written would take away."""
    changed = [one.before for one in burials.values() if one.before != one.known]
    await _write(changed, desk)


async def write_after(burials: Mapping[ModelId, Burial], desk: Desk) -> None:
    """Take back what the answers that are written now show again."""
    changed = [one.after for one in burials.values() if one.after != one.before]
    await _write([stones for stones in changed if stones], desk)
    done = [stones.model_id for stones in changed if not stones]
    if done:
        await desk.remove([gone_path(model_id) for model_id in done])
        await desk.remove([gone_mark(model_id) for model_id in done])


async def _write(changed: Collection[Tombstones], desk: Desk) -> None:
    if changed:
        # The mark first: one too many leads to nothing, one too few hides what there is.
        await desk.save_json(*((gone_mark(one.model_id), {}) for one in changed))
        await desk.save_json(*((gone_path(one.model_id), describe_gone(one)) for one in changed))


def notices_of(
    models: Sequence[Model], burials: Mapping[ModelId, Burial]
) -> dict[ModelId, list[str]]:
    """What to tell of each model: what has gone, and what is back."""
    return {
        model.id: tell_changes(model.name, burials[model.id].known, burials[model.id].after)
        for model in models
        if model.id in burials
    }


async def mark_model(model_id: ModelId, desk: Desk) -> None:
    """Note that the service has a whole model no more, on its page, too. Safe to repeat."""
    found = await desk.read([_answer_path(model_id), gone_path(model_id)])
    if _answer_path(model_id) not in found:
        return
    stones = read_gone(found.get(gone_path(model_id))) or Tombstones(model_id)
    if stones.gone_since is None:
        answer = parse_object(found[_answer_path(model_id)])
        creator = answer.get("creator")
        author = str(creator.get("username") or "") if isinstance(creator, dict) else ""
        name = CreatorName(author) if author else None
        now = datetime.fromtimestamp(desk.clock.now(), timezone.utc).replace(microsecond=0)
        # Should it come back just as it was, its page must be made again all the same.
        await desk.catalog.note_dressed(model_id, Dressed("", (), ()))
        gone = Tombstones(model_id, now, stones.versions, stones.files)
        await _write([gone], desk)
        title = str(answer.get("name") or "")
        desk.tell(Change(ChangeKind.GONE_MODEL, model_id, title, name))
    await desk.redress(model_id)


async def known_gone(ids: Sequence[ModelId], desk: Desk) -> set[ModelId]:
    """Those of the models that are marked as gone."""
    found = await desk.read([gone_path(number) for number in ids]) if ids else {}
    stones = (read_gone(data) for data in found.values())
    return {one.model_id for one in stones if one is not None and one.gone_since is not None}


def _answer_path(model_id: ModelId) -> str:
    return f"{model_folder(model_id)}/model.json"
