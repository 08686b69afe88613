"""Versions and files named without their model: version URLs, download links, digests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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

from ._shapes import as_id, as_object, as_objects, as_text, read_page
from ._spec import SourceSpec, missing
from ._urls import site_path

if TYPE_CHECKING:
    from civitai_dl.ports import Desk, Json

NAME = "version"
EXAMPLE = "https://civitai.com/model-versions/128713"
PATTERNS = (
    r"/model-versions/([0-9]{1,19})/?",
    r"/api/v1/model-versions/([0-9]{1,19})/?",
    r"/api/download/models/([0-9]{1,19})/?",
)

_SHORT = re.compile(r"version:([0-9]{1,19})")
_DIGEST = re.compile(
    r"(?:hash:)?([0-9a-f]{64}|[0-9a-f]{10}|[0-9a-f]{12})"
    r"|sha256:([0-9a-f]{64}|[0-9a-f]{10})|autov2:([0-9a-f]{10})"
    r"|autov3:([0-9a-f]{64}|[0-9a-f]{12})|blake3:([0-9a-f]{64})",
    re.IGNORECASE,
)
_EIGHT = re.compile(r"(autov1|crc32):([0-9a-f]{8})", re.IGNORECASE)
"""So few digits are shared by different files, so that people have to say what they are."""

DOUBT = "different files may share eight digits; the service names version"

ALGORITHMS = {"autov1": "AutoV1", "crc32": "CRC32"}

_DECIMAL = re.compile(r"[0-9]{1,19}")


def parse(text: str) -> Target | None:
    """A version, or the version that has a file of this digest."""
    short = _SHORT.fullmatch(text)
    if short is not None:
        return _version(short[1])
    digest = _DIGEST.fullmatch(text)
    # Ten decimal digits are a number, and a bare number is a model.
    if digest is not None and not _DECIMAL.fullmatch(text):
        return HashTarget(text.rpartition(":")[2].upper())
    short_digest = _EIGHT.fullmatch(text)
    if short_digest is not None:
        return HashTarget(short_digest[2].upper(), ALGORITHMS[short_digest[1].lower()])
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
        word = target.algorithm.lower() or "hash"
        text = f"{word}:{target.digest}"
        ref = LookupRef(digest=target.digest, algorithm=target.algorithm)
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
        outcomes.append(_onwards(task, model_id, version_id, desk))
    return outcomes


def _onwards(task: Task, model_id: ModelId, version_id: VersionId, desk: Desk) -> Expanded:
    assert isinstance(task.subject, LookupRef)
    children = [Planned(model_task(model_id, version_id))]
    if desk.selection.galleries and not desk.selection.chooses_models:
        children.append(Planned(version_gallery_task(model_id, version_id, desk.selection)))
    notices = (f"{task.label}: {DOUBT} {version_id}",) if task.subject.algorithm else ()
    return Expanded(children=look_at(children, task.subject.look), notices=notices)


async def _known_place(task: Task, ref: LookupRef, desk: Desk) -> Expanded | None:
    """What was looked up once needs no looking up for a brief look: its model tells of it."""
    if ref.look is not Look.BRIEF:
        return None
    for known in await desk.catalog.models_under(task.key):
        if known.version_id is not None:
            return _onwards(task, known.model_id, known.version_id, desk)
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
    if ref.algorithm and not _lists_digest(answer, ref):
        raise NotFound(f"the service knows no file whose {ref.algorithm} is {ref.digest}")
    return ModelId(model_id), VersionId(version_id)


def _lists_digest(version: Mapping[str, Json], ref: LookupRef) -> bool:
    """Whether a file of the version has it: the service looks in digests of all kinds at once."""
    found = (as_object(file.get("hashes")) for file in as_objects(version.get("files")))
    wanted = (ref.algorithm.lower(), str(ref.digest).lower())
    return any(
        (name.lower(), (as_text(value) or "").lower()) == wanted
        for hashes in found
        for name, value in hashes.items()
    )


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
