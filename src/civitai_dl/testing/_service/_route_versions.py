"""/model-versions: by id, by hash, in brief."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from civitai_dl.testing._service._answers import (
    HASHES,
    PRIVATE,
    PUBLIC,
    error,
    json_answer,
    schema_error,
)
from civitai_dl.testing._service._shape_version import mini_json, version_json
from civitai_dl.testing._world import (
    FakeModel,
    FakeVersion,
    has_primary,
    is_public_at,
    public_files,
    version_level,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._wire import Request, Response

Found = tuple[FakeModel, FakeVersion]
_HASHES_AT_ONCE = 100
_IDS_AT_ONCE = 10_000
_SHA256_LENGTH = 64
_RATED = 31


def show_version(context: Context, request: Request, text: str) -> Response:
    """Answer GET /model-versions/:id; only the version itself must be Published."""
    if not text.isdecimal():
        return error(400, "Missing modelVersionId")
    found = _find(context, int(text))
    if found is None or not version_level(found[1]) & _RATED:
        return error(404, "Model not found")
    if not has_primary(found[1]):
        return error(404, "Missing model file")
    cache = PUBLIC if context.caller(request) is None else PRIVATE
    return json_answer(version_json(context, context.own(request), *found), cache=cache)


def show_mini(context: Context, _request: Request, text: str) -> Response:
    """Answer GET /model-versions/mini/:id."""
    found = _find(context, int(text)) if text.isdecimal() else None
    if found is None or not has_primary(found[1]):
        return error(404, "Model not found")
    return json_answer(mini_json(context, *found))


def show_by_hash(context: Context, request: Request, digest: str) -> Response:
    """Answer GET /model-versions/by-hash/:hash; the oldest Published version wins."""
    found = _with_hash(context, digest)
    found = [one for one in found if version_level(one[1]) & _RATED]
    if not found:
        return error(404, "Model not found", cache=HASHES)
    data = version_json(context, context.own(request), *found[0], kind="by-hash")
    return json_answer(data, cache=HASHES)


def find_by_hashes(context: Context, request: Request) -> Response:
    """Answer POST /model-versions/by-hash: any order, gaps, nulls, addresses without a host."""
    wanted = _posted(request, _HASHES_AT_ONCE)
    if wanted is None or any(len(digest) != _SHA256_LENGTH for digest in wanted):
        return schema_error("body", "Expected an array of at most 100 SHA256 strings")
    answers: list[object] = []
    found = _with_hashes(context, wanted)
    for digest in reversed(wanted):
        for model, version in found[digest.upper()]:
            rated = version_level(version) & _RATED
            data = version_json(context, "https://undefined", model, version, kind="by-hash")
            answers.append(data if rated else None)
    return json_answer(answers)


def find_ids_by_hashes(context: Context, request: Request) -> Response:
    """Answer POST /model-versions/by-hash/ids."""
    wanted = _posted(request, _IDS_AT_ONCE)
    if wanted is None:
        return schema_error("body", "Expected an array of at most 10000 strings")
    found = _with_hashes(context, wanted)
    return json_answer(
        [
            {"modelVersionId": version.id, "modelId": model.id, "hash": digest.upper()}
            for digest in wanted
            for model, version in found[digest.upper()]
        ]
    )


def _find(context: Context, version_id: int) -> Found | None:
    found = context.index.versions.get(version_id)
    if found is None or not is_public_at(found[1], context.now):
        return None
    return found


def _with_hash(context: Context, digest: str) -> list[Found]:
    """Return the Published versions that list a digest of any kind, the oldest first."""
    return _with_hashes(context, [digest])[digest.upper()]


def _with_hashes(context: Context, digests: Sequence[str]) -> dict[str, list[Found]]:
    """Return the same for many, by the digest in upper case; one look at each version."""
    found: dict[str, list[Found]] = {digest.upper(): [] for digest in digests}
    for model, version in context.index.versions.values():
        if not is_public_at(version, context.now):
            continue
        listed = {
            text for file in public_files(version) for text in context.index.hashes(file).values()
        }
        for text in listed & found.keys():
            found[text].append((model, version))
    for versions in found.values():
        versions.sort(key=lambda one: (str(one[1].published_at), one[1].id))
    return found


def _posted(request: Request, most: int) -> Sequence[str] | None:
    """Return the posted array of strings, None when it is none or too long."""
    try:
        data: object = json.loads(request.body)
    except ValueError:
        return None
    if not isinstance(data, list) or len(data) > most:
        return None
    return data if all(isinstance(part, str) for part in data) else None
