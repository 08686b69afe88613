"""A model of the world as the API writes it: in a list and by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.testing._service._captured import captured_copy
from civitai_dl.testing._service._shape_file import Style, file_list
from civitai_dl.testing._service._shape_image import preview_json, username_json
from civitai_dl.testing._service._stamps import iso
from civitai_dl.testing._world import (
    FakeModel,
    FakeVersion,
    Json,
    model_level,
    shown,
    version_level,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from civitai_dl.testing._service._context import Context

_KEPT_EMPTY = ("files", "images")


def model_item(
    context: Context, base: str, model: FakeModel, versions: Sequence[FakeVersion], levels: int
) -> Json:
    """Return a model of a list, with these versions and the images of these levels."""
    if "item" in model.captured:
        return captured_copy(context, model.captured["item"])
    shaped = [
        _version_head(version, index) | _item_version(context, base, model, version, levels)
        for index, version in enumerate(versions)
    ]
    return _model_json(context, model) | {"modelVersions": shaped}


def model_by_id(context: Context, model: FakeModel, versions: Sequence[FakeVersion]) -> Json:
    """Return a model by id; the addresses in it are the configured site's [server source]."""
    if "model" in model.captured:
        return captured_copy(context, model.captured["model"])
    shaped = [
        _version_by_id(context, model, version, index) for index, version in enumerate(versions)
    ]
    return _model_json(context, model) | {"modelVersions": shaped}


def _model_json(context: Context, model: FakeModel) -> Json:
    data: Json = {
        "id": model.id,
        "name": model.name,
        "description": description(context, model),
        "allowNoCredit": True,
        "allowCommercialUse": _commercial(model.commercial),
        "allowDerivatives": True,
        "allowDifferentLicense": True,
        "type": model.kind,
        "minor": model.minor,
        "sfwOnly": False,
        "poi": model.poi,
        "nsfw": model.nsfw,
        "nsfwLevel": model_level(model),
        "availability": model.availability,
        "cosmetic": None,
        "supportsGeneration": False,
        "stats": _model_stats(model),
    }
    creator = context.index.user(model.creator)
    if creator is not None:
        data["userId"] = creator.id
        avatar = None if creator.avatar is None else context.moved(creator.avatar)
        data["creator"] = {
            "username": username_json(context.index, creator.username),
            "image": avatar,
        }
    data["tags"] = list(model.tags)
    data["baseModels"] = sorted({version.base_model for version in model.versions})
    if model.mode is not None:
        data["mode"] = model.mode
    return data


def description(context: Context, model: FakeModel) -> str | None:
    """Return the description with its inline pictures on the fake's CDN."""
    if model.description is None:
        return None
    text = context.text(model.description)
    for number, image in enumerate(model.inline):
        url = context.image_url(image.uuid, "width=525", f"{image.uuid}.jpeg")
        text = text.replace(f"{{inline:{number}}}", url)
    return text


def _commercial(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _model_stats(model: FakeModel) -> Json:
    if model.stats is not None:
        return dict(model.stats)
    return {
        "downloadCount": downloads(model),
        "thumbsUpCount": thumbs(model),
        "thumbsDownCount": 0,
        "commentCount": model.id % 7,
        "tippedAmountCount": 0,
    }


def downloads(model: FakeModel) -> int | None:
    """Return the download count that sorts a model; None when it is hidden."""
    return _stat(model, "downloadCount", lambda: model.id * 7919 % 10_007)


def thumbs(model: FakeModel) -> int | None:
    """Return the likes that sort a model; None when they are hidden."""
    return _stat(model, "thumbsUpCount", lambda: model.id * 104_729 % 1_009)


def _stat(model: FakeModel, name: str, made_up: Callable[[], int]) -> int | None:
    if model.stats is None:
        return made_up()
    value = model.stats.get(name)
    return value if isinstance(value, int) else None


def _version_stats(version: FakeVersion) -> Json:
    if version.stats is not None:
        return dict(version.stats)
    return {"downloadCount": version.id % 1_013, "thumbsUpCount": 3, "thumbsDownCount": 0}


def _item_version(
    context: Context, base: str, model: FakeModel, version: FakeVersion, levels: int
) -> Json:
    images = [image for image in shown(model, version) if image.level & levels]
    data: Json = {
        "flags": 0,
        "availability": version.availability,
        "nsfwLevel": version_level(version),
        "description": version.description,
        "trainedWords": list(version.trained_words),
        "vaeId": None,
        "paidAccess": _paid_access(version),
    }
    if version.early_access_until is not None:
        data["earlyAccessDeadline"] = iso(version.early_access_until)
    data |= {
        "stats": _version_stats(version),
        "supportsGeneration": False,
        "files": file_list(context, base, "item", model, version),
        "images": [preview_json(context, image, with_id=True) for image in images],
    }
    return data | _download_url(base, model, version)


def _version_by_id(context: Context, model: FakeModel, version: FakeVersion, index: int) -> Json:
    style: Style = "model"
    head = _version_head(version, index)
    data: Json = {
        **head,
        "createdAt": head["publishedAt"],
        "status": version.status,
        "flags": 0,
        "availability": version.availability,
        "nsfwLevel": version_level(version),
        "description": version.description,
        "trainedWords": list(version.trained_words),
        "paidAccess": _paid_access(version),
        "covered": False,
        "stats": _version_stats(version),
        "files": file_list(context, context.api, style, model, version),
        "images": [preview_json(context, i, with_id=False) for i in shown(model, version)],
    }
    if version.early_access_until is not None:
        data["earlyAccessDeadline"] = iso(version.early_access_until)
    data |= _download_url(context.api, model, version)
    # Nulls and empty arrays are removed, but an archived or taken-down model shows its gap.
    return {
        key: value
        for key, value in data.items()
        if value is not None and (value != [] or (key in _KEPT_EMPTY and model.mode is not None))
    }


def _version_head(version: FakeVersion, index: int) -> Json:
    published = version.published_at
    assert published is not None
    return {
        "id": version.id,
        "index": index,
        "name": version.name,
        "baseModel": version.base_model,
        "baseModelType": version.base_model_type,
        "publishedAt": iso(published, bare=version.bare_times),
    }


def _paid_access(version: FakeVersion) -> Json | None:
    if version.early_access_until is None:
        return None
    return {"permanent": False, "endsAt": iso(version.early_access_until)}


def _download_url(base: str, model: FakeModel, version: FakeVersion) -> Json:
    if model.mode == "Archived":
        return {}
    return {"downloadUrl": f"{base}/api/download/models/{version.id}"}
