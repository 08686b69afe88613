"""From what a page told to the tasks that fetch it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ..entities import (
    CreatorName,
    DressRef,
    FileId,
    FileRef,
    GalleryQuery,
    GalleryRef,
    Image,
    ImageRef,
    Kind,
    Lane,
    Media,
    Model,
    ModelId,
    ModelRef,
    Placed,
    Planned,
    Reason,
    Role,
    Selection,
    Skipped,
    Slice,
    Task,
    Unavailable,
    Version,
    VersionId,
    uuid_in,
)
from ._foretell import foretell
from ._links import download_path, image_source, listed_download_path
from ._place import (
    description_stem,
    file_destinations,
    gallery_folder,
    gallery_stem,
    preview_stem,
    user_folder,
    version_folder,
)
from ._select import Choice, authors_left_out, choose, judge_file, judge_image
from ._verdicts import LeftOut, Taken, Unsafe, in_words
from ._walk import first_stretch

MODEL_BATCH = "models"
"""Model tasks travel together: one list request answers a hundred of them."""


def model_task(
    model_id: ModelId, version_id: VersionId | None = None, *, single: bool = False
) -> Task:
    """The task that reads a model, or the part of it that one version is."""
    tail = "" if version_id is None else f"/version:{version_id}"
    label = f"model {model_id}" if version_id is None else f"model {model_id}, version {version_id}"
    return Task(
        key=f"model:{model_id}{tail}",
        kind=Kind.MODEL,
        lane=Lane.MODEL_PAGES,
        role=Role.PAGE,
        subject=ModelRef(model_id, version_id, single=single),
        label=label,
        batch=None if single else MODEL_BATCH,
        model_id=model_id,
        # Models before the creators that may list them: the union then asks nothing twice.
        priority=10,
    )


def gallery_task(query: GalleryQuery, selection: Selection) -> Task:
    """The task that lists images: a model's or version's gallery, or a creator's images."""
    folder: str | None = None
    role = Role.GALLERY
    limit = selection.gallery_limit
    part = Slice(levels=selection.levels, media=selection.media)
    if query.model_id is not None:
        folder = gallery_folder(query.model_id)
    elif query.username is not None:
        folder, role, limit = user_folder(query.username), Role.USER_IMAGE, None
    elif query.version_id is None:
        # Of what is asked for by its number everything is listed, and then chosen from: an empty
        # answer means that it is not there.
        role, limit, part = Role.USER_IMAGE, None, Slice()
    ref = first_stretch(query, folder, part=part, limit=limit, without=authors_left_out(selection))
    return stretch_task(ref, role)


def version_gallery_task(model_id: ModelId, version_id: VersionId, selection: Selection) -> Task:
    """The gallery of one version, kept with its model's."""
    ref = first_stretch(
        GalleryQuery(version_id=version_id),
        gallery_folder(model_id),
        part=Slice(levels=selection.levels, media=selection.media),
        limit=selection.gallery_limit,
        without=authors_left_out(selection),
    )
    return stretch_task(ref, Role.GALLERY)


def stretch_task(ref: GalleryRef, role: Role, *, whole: bool = True) -> Task:
    """The task for a listing, or for a slice of one."""
    tail = "" if whole else f"/{ref.part.text}"
    return Task(
        key=f"gallery:{ref.query.text}{tail}",
        kind=Kind.GALLERY,
        lane=Lane.IMAGE_PAGES,
        role=role,
        subject=ref,
        label=f"images of {ref.query.text.replace(':', ' ')}{tail}",
        model_id=ref.query.model_id,
    )


def plan_model(
    model: Model,
    ref: ModelRef,
    selection: Selection,
    placed: Placed,
    pictures: Sequence[str],
    *,
    gallery: bool = True,
    written: bool = False,
    only: Collection[str] | None = None,
) -> tuple[Planned, ...]:
    """Everything of a model, or of the version asked for, that is wanted.

    Of a model of which no version is wanted that is nothing. pictures: the URLs of the images in
    its descriptions. gallery: plan the galleries, too. written: its page and sidecars lie there as
    they would be written now, unless something of it is still to come. only: of its files those
    with these SHA-256, None for all.
    """
    choice = choose(model, selection, only=ref.version_id)
    if choice.is_empty and not placed.folders:
        return ()
    planned: list[Planned] = []
    for version in (one for one in model.versions if choice.takes(one.id)):
        if selection.files:
            planned += _plan_files(model, version, placed, selection, only)
        if selection.images:
            planned += _plan_previews(model, version, placed, selection)
    if selection.images and not choice.is_empty:
        planned += _plan_pictures(model, pictures, selection)
    if gallery and selection.galleries:
        planned += _plan_galleries(model, ref, choice, selection)
    # A model that something was wanted of before keeps a page that tells the truth.
    dressing = dress_tasks(model.id, model.name)
    if written:
        dressing = tuple(replace(one, verdict=Skipped(AS_WRITTEN)) for one in dressing)
    return (*planned, *dressing)


def left_out_keys(
    model: Model,
    ref: ModelRef,
    selection: Selection,
    placed: Placed,
    pictures: Sequence[str],
    wanted: Iterable[Planned],
) -> tuple[str, ...]:
    """The keys of what a model's page tells of and a selection's filters leave out.

    wanted: what `plan_model` made of the same.
    """
    if selection == _unfiltered(selection):
        return ()
    possible = plan_model(model, ref, _unfiltered(selection), placed, pictures)
    galleries = [version_gallery_task(model.id, one.id, selection).key for one in model.versions]
    keys = dict.fromkeys([*(one.task.key for one in possible), *galleries])
    taken = {one.task.key for one in wanted}
    return tuple(key for key in keys if key not in taken and not key.startswith(_DRESSING))


def _unfiltered(selection: Selection) -> Selection:
    """A selection of the same roles without filters."""
    return Selection(
        files=selection.files,
        images=selection.images,
        gallery=selection.gallery,
        gallery_limit=selection.gallery_limit,
        allow_unsafe=selection.allow_unsafe,
    )


def _plan_galleries(
    model: Model, ref: ModelRef, choice: Choice, selection: Selection
) -> Iterable[Planned]:
    """The gallery of the model; of its wanted versions one by one where others are not wanted.

    One that lies beside the page of a target is planned with the page where only this can tell
    whether it is wanted.
    """
    if choice.is_empty:
        return
    wanted = [version.id for version in model.versions if choice.takes(version.id)]
    if ref.version_id is not None:
        wanted = wanted if selection.chooses_models else []
    elif len(wanted) == len(model.versions):
        yield Planned(gallery_task(GalleryQuery(model_id=model.id), selection))
        return
    for version_id in wanted:
        yield Planned(version_gallery_task(model.id, version_id, selection))


AS_WRITTEN = "as it was written"

_DRESSING = ("page:", "sidecars:")


def dress_tasks(model_id: ModelId, name: str) -> tuple[Planned, ...]:
    """What is written of a model: its page once its images are there, sidecars after all else.

    The page is written again with the sidecars. These wait for it too, so that an early page that
    was long on its way does not come to lie over the last one.
    """
    group = f"dress:{model_id}"
    page = Task(
        key=f"page:{model_id}",
        kind=Kind.DRESS,
        lane=Lane.IMAGES,
        role=Role.DRESS,
        subject=DressRef(model_id),
        label=f"page of model {model_id} ({name})",
        model_id=model_id,
        group=f"{group}/page",
        waits_for=f"{group}/images",
    )
    sidecars = replace(
        page,
        key=f"sidecars:{model_id}",
        subject=DressRef(model_id, sidecars=True),
        label=f"sidecars of model {model_id} ({name})",
        group=None,
        waits_for=group,
    )
    return Planned(page), Planned(sidecars)


def _plan_files(
    model: Model,
    version: Version,
    placed: Placed,
    selection: Selection,
    only: Collection[str] | None,
) -> Iterable[Planned]:
    if model.mode == "Archived" and not version.files:
        yield _archived(model, version, placed)
    destinations = file_destinations(version, version.files, placed)
    foretold = foretell(model, version)
    until = version.early_access_until
    for file in version.files:
        digest = file.digests.sha256
        if only is not None and digest not in only:
            continue
        verdict = judge_file(file, version, selection)
        if isinstance(verdict, LeftOut):
            continue
        listed = listed_download_path(file.listed_url)
        label = f"{file.name} (model {model.id}, version {version.id}, file {file.id})"
        yield Planned(
            Task(
                key=f"file:{version.id}:{file.id}",
                kind=Kind.FILE,
                lane=Lane.FILES,
                role=Role.FILE,
                subject=FileRef(
                    model_id=model.id,
                    version_id=version.id,
                    file_id=file.id,
                    name=file.name,
                    destination=destinations[file.id],
                    digests=file.digests,
                    size_hint=file.size_hint,
                    listed_path=None if listed == download_path(version.id, file.id) else listed,
                    withdrawn=model.mode is not None,
                    kind=file.kind,
                    foretold=foretold,
                    free_at=until.timestamp() if until is not None else None,
                ),
                label=label,
                source=f"sha256:{digest}" if digest else f"file:{file.id}",
                model_id=model.id,
                # What will be refused comes last: by then its bytes may be here from elsewhere.
                priority=0 if foretold is None else 1,
                group=f"dress:{model.id}/files",
            ),
            refused(verdict) if isinstance(verdict, Unsafe) else None,
        )


def refused(verdict: Unsafe) -> Unavailable:
    """How a file that is held for unsafe stands: not to be had, and what to do about it."""
    return Unavailable(Reason.UNSAFE, f"{in_words(verdict)}; --allow-unsafe fetches it")


def _archived(model: Model, version: Version, placed: Placed) -> Planned:
    task = Task(
        key=f"files:{version.id}",
        kind=Kind.FILE,
        lane=Lane.FILES,
        role=Role.FILE,
        subject=FileRef(
            model_id=model.id,
            version_id=version.id,
            file_id=FileId(0),
            name="",
            destination=version_folder(version, placed),
        ),
        label=f"files of {model.name} (model {model.id}, version {version.id})",
        model_id=model.id,
    )
    return Planned(task, Unavailable(Reason.ARCHIVED, "the model is archived; it has no downloads"))


def _plan_previews(
    model: Model, version: Version, placed: Placed, selection: Selection
) -> Iterable[Planned]:
    # A preview whose rating the service does not tell is taken: it stands on the model's page.
    wanted = (one for one in version.previews if isinstance(judge_image(one, selection), Taken))
    for image in _distinct(wanted):
        stem = preview_stem(version, image, placed)
        label = f"preview {stem.rsplit('/', 1)[-1]} (model {model.id}, version {version.id})"
        yield Planned(_image_task(image, stem, Role.PREVIEW, label, model.id))


def _plan_pictures(
    model: Model, pictures: Sequence[str], selection: Selection
) -> Iterable[Planned]:
    images = (Image(url=url, media=_media_of(url)) for url in pictures)
    wanted = (one for one in images if isinstance(judge_image(one, selection), Taken))
    for image in _distinct(wanted):
        label = f"image in the description of model {model.id}"
        stem = description_stem(model.id, image)
        yield Planned(_image_task(image, stem, Role.DESCRIPTION, label, model.id))


def picture_key(model_id: ModelId, url: str) -> str:
    """The key of the task that fetches an image of a model's descriptions."""
    return _image_key(url, description_stem(model_id, Image(url=url)))


def _image_key(url: str, stem: str) -> str:
    return f"image:{uuid_in(url) or url}@{stem}"


def _media_of(url: str) -> Media:
    ending = url.split("?", 1)[0].rsplit(".", 1)[-1].lower()
    return Media.VIDEO if ending in ("mp4", "webm", "mov") else Media.IMAGE


def _distinct(images: Iterable[Image]) -> Iterable[Image]:
    seen: set[str] = set()
    for image in images:
        source = image_source(image)
        if source not in seen:
            seen.add(source)
            yield image


def _image_task(
    image: Image,
    stem: str,
    role: Role,
    label: str,
    model_id: ModelId | None,
    *,
    key: str | None = None,
) -> Task:
    dressing = role in (Role.PREVIEW, Role.DESCRIPTION)
    return Task(
        key=key or _image_key(image.url, stem),
        kind=Kind.IMAGE,
        lane=Lane.IMAGES,
        role=role,
        subject=ImageRef(url=image.url, stem=stem, media=image.media, image_id=image.id),
        label=label,
        source=image_source(image),
        model_id=model_id,
        # What a model's page shows comes before the long tail of galleries.
        priority=0 if dressing else 5,
        group=f"dress:{model_id}/images" if dressing else None,
    )


def listed_image_task(image: Image, ref: GalleryRef, role: Role) -> Task:
    """The task for one image of a listing.

    An image of a post, or one asked for alone, goes to its author's folder.
    """
    folder = ref.folder or user_folder(image.creator or CreatorName("unknown"))
    # Identity is the image's id and its place: the service has shown one image with other URLs.
    stem = gallery_stem(folder, image)
    key, label = f"image:{image.id}@{folder}", f"image {image.id}"
    return _image_task(image, stem, role, label, ref.query.model_id, key=key)
