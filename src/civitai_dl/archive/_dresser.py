"""The page of a model, made from its JSON and what is stored of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from civitai_dl.domain.decisions import model_folder, picture_key
from civitai_dl.domain.entities import File, Model, StoredFile, Version

from ._described import DescribedFile, DescribedVersion, DescriptionPage
from ._description import description_images, render_description

Documents = list[tuple[str, bytes]]


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
