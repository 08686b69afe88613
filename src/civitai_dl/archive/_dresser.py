"""What makes a model's folder complete: its page, and the sidecars that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from civitai_dl.documents import dump_json
from civitai_dl.domain.decisions import (
    image_source,
    model_folder,
    name_key,
    picture_key,
    split_extension,
)
from civitai_dl.domain.entities import File, Model, StoredFile, Version

from ._described import DescribedFile, DescribedVersion, DescriptionPage
from ._description import description_images, render_description

STILLS = frozenset({"png", "jpg", "jpeg", "webp"})
"""What the programs that look for `<stem>.preview.<ext>` can show."""

Documents = list[tuple[str, bytes]]
Links = list[tuple[str, str]]


def source_url(site: str, model_id: int) -> str:
    """The page of a model at the service; `site` is its base URL."""
    return f"{site.rstrip('/')}/models/{model_id}"


@dataclass(frozen=True, slots=True)
class Departed:
    """What the service no longer shows of a model, as it was shown last, with a few words on each.

    model: of the model itself, "" while the service has it. files: of versions that remain.
    """

    model: str = ""
    versions: tuple[tuple[Version, str], ...] = ()
    files: tuple[tuple[File, str], ...] = ()


NOTHING = Departed()


def make_page(
    model: Model, stored: Mapping[str, StoredFile], *, site: str, departed: Departed = NOTHING
) -> Documents:
    """description.html of a model, with the images that are stored; pure."""
    url = source_url(site, model.id)
    folder = model_folder(model.id)
    local: dict[str, str] = {}
    versions = (*model.versions, *(version for version, _ in departed.versions))
    for html in (model.description, *(version.description for version in versions)):
        for image in description_images(html, url):
            found = stored.get(picture_key(model.id, image))
            if found is not None:
                local[image] = found.path.removeprefix(f"{folder}/")
    page = DescriptionPage(
        model_id=model.id,
        name=model.name,
        kind=model.kind,
        creator=model.creator,
        source_url=url,
        tags=model.tags,
        description=model.description,
        versions=(
            *(_described(version, stored, departed) for version in model.versions),
            *(
                replace(_described(version, stored, departed), gone=words)
                for version, words in departed.versions
            ),
        ),
        local_images=local,
        gone=departed.model,
    )
    html = render_description(page)
    return [(f"{folder}/description.html", html.encode("utf-8", "replace"))]


def _described(
    version: Version, stored: Mapping[str, StoredFile], departed: Departed
) -> DescribedVersion:
    lost = tuple(
        replace(described, state="; ".join(filter(None, (described.state, words))))
        for file, words in departed.files
        if file.version_id == version.id
        for described in (_file(version, file, stored),)
    )
    return DescribedVersion(
        id=version.id,
        name=version.name,
        base_model=version.base_model,
        published_at=version.published_at,
        trained_words=version.trained_words,
        description=version.description,
        files=(*(_file(version, file, stored) for file in version.files), *lost),
    )


def _file(version: Version, file: File, stored: Mapping[str, StoredFile]) -> DescribedFile:
    found = stored.get(f"file:{version.id}:{file.id}")
    if found is None:
        return DescribedFile(file.name, file.size_hint, file.digests.sha256, "")
    state = "verified" if found.verified else "stored, without a digest to verify"
    name = found.path.rsplit("/", 1)[-1]
    return DescribedFile(name, found.size, found.sha256, state)


def make_sidecars(model: Model, stored: Mapping[str, StoredFile]) -> tuple[Documents, Links]:
    """`.civitai.info` and `.preview.<ext>` beside each stored model file; pure.

    The first is the version as /model-versions/:id tells it, with what its readers expect of the
    model inside; the second a link to the version's first still preview.
    """
    documents: dict[str, bytes] = {}
    links: dict[str, str] = {}
    raws = {_id(item): item for item in _dicts(model.raw.get("modelVersions"))}
    # As disks that ignore case see them.
    taken = {name_key(found.path) for found in stored.values()}
    for version in model.versions:
        info = dump_json(_info(model, raws.get(version.id, {})))
        preview = _first_still(version, stored)
        for file in version.files:
            found = stored.get(f"file:{version.id}:{file.id}")
            if found is None:
                continue
            stem = _stem(found.path)
            documents[f"{stem}.civitai.info"] = info
            if preview is not None:
                links[f"{stem}.preview.{preview.path.rsplit('.', 1)[-1]}"] = preview.path
    return (
        [(path, data) for path, data in documents.items() if name_key(path) not in taken],
        [(existing, path) for path, existing in links.items() if name_key(path) not in taken],
    )


def _stem(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{split_extension(name)[0]}"


def _first_still(version: Version, stored: Mapping[str, StoredFile]) -> StoredFile | None:
    order = {image_source(image): number for number, image in enumerate(version.previews)}
    stills: list[tuple[int, str, StoredFile]] = []
    for key, file in stored.items():
        parts = file.path.split("/")
        mine = parts[-2:-1] == ["previews"] and parts[-3].startswith(f"{version.id}-")
        if mine and file.path.rsplit(".", 1)[-1] in STILLS:
            source = f"uuid:{key.removeprefix('image:').split('@', 1)[0]}"
            stills.append((order.get(source, len(order)), file.path, file))
    return min(stills)[2] if stills else None


def _info(model: Model, version: dict[str, object]) -> dict[str, object]:
    raw = model.raw
    shown = ("name", "type", "nsfw", "poi", "description", "tags")
    licence = (
        "allowNoCredit",
        "allowCommercialUse",
        "allowDerivatives",
        "allowDifferentLicense",
    )
    inside = {key: raw[key] for key in (*shown, *licence) if key in raw}
    info = {**version, "modelId": model.id, "model": inside}
    if isinstance(raw.get("creator"), dict):
        info["creator"] = raw["creator"]
    return info


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _id(item: dict[str, object]) -> int:
    try:
        return int(str(item.get("id")))
    except ValueError:
        return 0
