"""Versions and files named without their model: version URLs, download links, digests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import look_at, model_task, version_gallery_task
from civitai_dl.domain.entities import (
    LARGEST_ID,
    Expanded,
    HashTarget,
    Kind,
    Lane,
    Look,
    LookupRef,
    ModelId,
    Outcome,
    Planned,
    Role,
    Selection,
    Target,
    Task,
    Unavailable,
    VersionId,
    VersionTarget,
)
from civitai_dl.errors import NotFound

from ._shapes import as_id, as_object, as_objects, read_page
from ._spec import SourceSpec, missing
from ._urls import site_path

if TYPE_CHECKING:
    from civitai_dl.ports import Desk

NAME = "version"
EXAMPLE = "https://civitai.com/model-versions/128713"
PATTERNS = (
    r"/model-versions/([0-9]{1,19})/?",
    r"/api/v1/model-versions/([0-9]{1,19})/?",
    r"/api/download/models/([0-9]{1,19})/?",
)

_SHORT = re.compile(r"version:([0-9]{1,19})")
_DIGEST = re.compile(r"(?:hash:|sha256:)?([0-9A-Fa-f]{64}|[0-9A-Fa-f]{10})")
_DECIMAL = re.compile(r"[0-9]{1,19}")


def parse(text: str) -> Target | None:
    """A version, or the version that has a file of this SHA256 or AutoV2."""
    short = _SHORT.fullmatch(text)
    if short is not None:
        return _version(short[1])
    digest = _DIGEST.fullmatch(text)
    # Ten decimal digits are a number, and a bare number is a model.
    if digest is not None and not _DECIMAL.fullmatch(text):
        return HashTarget(digest[1].upper())
    path = site_path(text)
    for pattern in PATTERNS:
        match = None if path is None else re.fullmatch(pattern, path)
        if match is not None:
            return _version(match[1])
    return None


def _version(number: str) -> Target | None:
    return VersionTarget(VersionId(int(number))) if 0 < int(number) <= LARGEST_ID else None


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """One task that finds the model; `selection` matters only afterwards."""
    del selection
    if isinstance(target, VersionTarget):
        text, ref = f"version:{target.version_id}", LookupRef(version_id=target.version_id)
    elif isinstance(target, HashTarget):
        text, ref = f"hash:{target.digest}", LookupRef(digest=target.digest)
    else:
        return None
    task = Task(
        key=f"lookup:{text}",
        kind=Kind.LOOKUP,
        lane=Lane.MODEL_PAGES,
        role=Role.PAGE,
        subject=ref,
        label=text.replace(":", " "),
    )
    return [Planned(task)]


async def expand(tasks: Sequence[Task], desk: Desk) -> list[Outcome]:
    """Find the model of a version or digest, and hand on to it."""
    outcomes: list[Outcome] = []
    for task in tasks:
        assert isinstance(task.subject, LookupRef)
        known = await _known_place(task, task.subject, desk)
        if known is not None:
            outcomes.append(known)
            continue
        try:
            model_id, version_id = await _look_up(task.subject, desk)
        except NotFound as error:
            outcomes.append(await _not_found(task, error, desk))
            continue
        outcomes.append(_onwards(model_id, version_id, task.subject.look, desk))
    return outcomes


def _onwards(model_id: ModelId, version_id: VersionId, look: Look, desk: Desk) -> Expanded:
    children = [Planned(model_task(model_id, version_id))]
    if desk.selection.galleries:
        children.append(Planned(version_gallery_task(model_id, version_id, desk.selection)))
    return Expanded(children=look_at(children, look))


async def _known_place(task: Task, ref: LookupRef, desk: Desk) -> Expanded | None:
    """What was looked up once needs no looking up for a brief look: its model tells of it."""
    if ref.look is not Look.BRIEF:
        return None
    for known in await desk.catalog.models_under(task.key):
        if known.version_id is not None:
            return _onwards(known.model_id, known.version_id, ref.look, desk)
    return None


async def _not_found(task: Task, error: NotFound, desk: Desk) -> Outcome:
    """What is gone is asked of the model that was found for it earlier: it can tell more."""
    outcome = await missing(task, error, desk)
    if not isinstance(outcome, Unavailable):
        return outcome
    known = await desk.catalog.models_under(task.key)
    children = tuple(Planned(model_task(ref.model_id, ref.version_id)) for ref in known)
    return Expanded(children=children) if children else outcome


async def _look_up(ref: LookupRef, desk: Desk) -> tuple[ModelId, VersionId]:
    """Ask for the version itself; unrated ones are 404 there and still in lists (server source)."""
    path = f"/api/v1/model-versions/by-hash/{ref.digest}"
    if ref.version_id is not None:
        path = f"/api/v1/model-versions/{ref.version_id}"
    try:
        answer = as_object(await desk.api.get(path))
    except NotFound:
        if ref.version_id is None:
            raise
        return await _find_in_list(ref.version_id, desk)
    model_id, version_id = as_id(answer.get("modelId")), as_id(answer.get("id"))
    if model_id is None or version_id is None:
        raise NotFound(f"the answer for {path} names no model")
    return ModelId(model_id), VersionId(version_id)


async def _find_in_list(version_id: VersionId, desk: Desk) -> tuple[ModelId, VersionId]:
    asked = (
        ("modelVersionIds", str(version_id)),
        ("nsfw", "true"),
        ("archived", "true"),
        ("limit", "100"),
    )
    items, _ = read_page(await desk.api.get("/api/v1/models", asked), "models")
    for item in items:
        model_id = as_id(item.get("id"))
        versions = {as_id(version.get("id")) for version in as_objects(item.get("modelVersions"))}
        if model_id is not None and version_id in versions:
            return ModelId(model_id), version_id
    raise NotFound(f"the service knows no version {version_id}", status=404)


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    kinds=frozenset({Kind.LOOKUP}),
    parse=parse,
    roots=roots,
    expand=expand,
)
