"""A version of the world as the API writes it by id, by hash, and in brief."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._service._captured import captured_copy
from civitai_dl.testing._service._shape_file import file_list, listed_url, size_kb
from civitai_dl.testing._service._shape_image import version_image_json
from civitai_dl.testing._service._stamps import iso
from civitai_dl.testing._world import (
    FakeModel,
    FakeVersion,
    Json,
    public_files,
    shown,
    version_level,
)

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context

_IMAGES = 10
_ECOSYSTEMS = {"SD 1.5": "sd1", "SDXL 1.0": "sdxl", "Pony": "sdxl", "Illustrious": "sdxl"}


def version_json(
    context: Context, base: str, model: FakeModel, version: FakeVersion, *, kind: str = "version"
) -> Json:
    """Return a version by id or by hash: no creator, no tags [server source]."""
    if kind in version.captured:
        return captured_copy(context, version.captured[kind])
    published = version.published_at
    assert published is not None
    stamp = iso(published, bare=version.bare_times)
    until = version.early_access_until
    data: Json = {
        "id": version.id,
        "modelId": model.id,
        "name": version.name,
        "nsfwLevel": version_level(version),
        "createdAt": stamp,
        "updatedAt": stamp,
        "status": version.status,
        "publishedAt": stamp,
        "trainedWords": list(version.trained_words),
        "trainingStatus": None,
        "trainingDetails": None,
        "baseModel": version.base_model,
        "baseModelType": version.base_model_type,
        "earlyAccessEndsAt": iso(until) if until is not None else None,
        "earlyAccessConfig": None,
        "description": version.description,
        "uploadType": "Created",
        "usageControl": version.usage_control,
        "licensingFee": None,
        "paidAccess": None if until is None else {"permanent": False, "endsAt": iso(until)},
        "air": air(model, version),
        "stats": {"downloadCount": version.id % 1_013, "thumbsUpCount": 3},
        "model": _model_part(model),
        "files": file_list(context, base, "version", model, version),
        "images": [version_image_json(context, i) for i in shown(model, version)[:_IMAGES]],
    }
    if model.mode != "Archived":
        data["downloadUrl"] = f"{base}/api/download/models/{version.id}"
    return data


def mini_json(context: Context, model: FakeModel, version: FakeVersion) -> Json:
    """Return the compact record that generators use; not documented [server source]."""
    file = next(file for file in public_files(version) if file.primary)
    published, until = version.published_at, version.early_access_until
    return {
        "air": air(model, version),
        "versionName": version.name,
        "modelName": model.name,
        "baseModel": version.base_model,
        "availability": version.availability,
        "publishedAt": iso(published) if published is not None else None,
        "size": size_kb(file),
        "fileType": file.kind,
        "fileName": file.name,
        "hashes": context.index.hashes(file),
        "downloadUrls": [listed_url(context, context.api, version, file)],
        "format": file.format,
        "canGenerate": False,
        "requireAuth": version.requires_login or context.options.require_key_for_downloads,
        "checkPermission": version.private or until is not None,
        "earlyAccessEndsAt": iso(until) if until is not None else None,
        "minor": model.minor,
        "sfwOnly": False,
        "fees": [],
    }


def air(model: FakeModel, version: FakeVersion) -> str:
    """Return the AIR of a version."""
    ecosystem = _ECOSYSTEMS.get(version.base_model, "other")
    return f"urn:air:{ecosystem}:{model.kind.lower()}:civitai:{model.id}@{version.id}"


def _model_part(model: FakeModel) -> Json:
    part: Json = {
        "name": model.name,
        "type": model.kind,
        "nsfw": model.nsfw,
        "poi": model.poi,
    }
    return part if model.mode is None else part | {"mode": model.mode}
