"""Image listings: galleries of models and versions, a creator's images, posts, single images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import (
    PAGE,
    SMALL_PAGE,
    PageFacts,
    Taken,
    gallery_stem,
    gallery_task,
    is_settled_doubt,
    judge_image,
    listed_image_task,
    next_step,
    split_cursor,
    stretch_task,
    user_folder,
)
from civitai_dl.domain.entities import (
    LARGEST_ID,
    CreatorName,
    Expanded,
    GalleryQuery,
    GalleryRef,
    Image,
    ImageId,
    ImageTarget,
    Kind,
    Outcome,
    Planned,
    PostTarget,
    Selection,
    Target,
    Task,
)
from civitai_dl.errors import NotFound, Unavailable

from ._shapes import read_image, read_page
from ._spec import SourceSpec, missing
from ._urls import site_path

if TYPE_CHECKING:
    from civitai_dl.ports import Desk, Json

NAME = "gallery"
EXAMPLE = "https://civitai.com/images/98780806"
PATTERNS = (r"/images/(?P<image>[0-9]{1,19})/?", r"/posts/(?P<post>[0-9]{1,19})/?")

_SHORT = re.compile(r"(?P<kind>image|post):(?P<number>[0-9]{1,19})")

CUT_OFF = "the service's search cuts this listing off, even split by rating and medium"


def parse(text: str) -> Target | None:
    """A single image, or the images of a post."""
    short = _SHORT.fullmatch(text)
    if short is not None:
        return _target(short["kind"], int(short["number"]))
    path = site_path(text)
    for kind, pattern in zip(("image", "post"), PATTERNS, strict=True):
        match = None if path is None else re.fullmatch(pattern, path)
        if match is not None:
            return _target(kind, int(match[1]))
    return None


def _target(kind: str, number: int) -> Target | None:
    if not 0 < number <= LARGEST_ID:
        return None
    return ImageTarget(ImageId(number)) if kind == "image" else PostTarget(number)


def roots(target: Target, selection: Selection) -> list[Planned] | None:
    """The listing that holds the image or the post."""
    if isinstance(target, ImageTarget):
        return [Planned(gallery_task(GalleryQuery(image_id=target.image_id), selection))]
    if isinstance(target, PostTarget):
        return [Planned(gallery_task(GalleryQuery(post_id=target.post_id), selection))]
    return None


async def expand(tasks: Sequence[Task], desk: Desk) -> list[Outcome]:
    """Read one page of a listing."""
    outcomes: list[Outcome] = []
    for task in tasks:
        assert isinstance(task.subject, GalleryRef)
        try:
            outcomes.append(await _read(task, task.subject, desk))
        except NotFound as error:
            outcomes.append(await missing(task, error, desk))
    return outcomes


async def _read(task: Task, ref: GalleryRef, desk: Desk) -> Outcome:
    asked = _question(ref, small=task.attempt > 1 or ref.empties > 0)
    items, following = read_page(await desk.api.get("/api/v1/images", asked), "images")
    listed = _usable(items)
    if ref.query.image_id is not None:
        return await _single(task, ref, listed, desk)
    if not listed and following is None:
        await _doubt_emptiness(ref, desk)
    images = _wanted(listed, desk)
    hidden = len(listed) - len(images)
    planned = [_plan(image, ref, task) for image in images]
    keys = [found.task.key for found in planned]
    # Whether two walks have met is a question about this run's; known ground is any run's.
    linked = await desk.catalog.linked(task.key, keys, this_run=not ref.known_ground)
    if ref.limit is not None and not ref.known_ground:
        # The newest N are N different ones: newer builds list again what a border did not lose.
        images = [image for image, key in zip(images, keys, strict=True) if key not in linked]
        planned = [found for found in planned if found.task.key not in linked]
    step = next_step(ref, PageFacts(len(planned), len(linked), following, hidden))
    planned, images = planned[: step.take], images[: step.take]
    onward = step.onward
    if step.border is not None and onward is not None:
        lost = _wanted(await _lost_at_border(step.border, ref, listed, desk), desk)
        onward = replace(onward, seen=onward.seen + len(lost))
        images += lost
        planned = [_plan(image, ref, task) for image in images]
    await _save_prompts(images, planned, linked, ref, desk)
    slices = [Planned(stretch_task(part, task.role, whole=False)) for part in step.split]
    return Expanded(
        children=(*planned, *slices),
        onward=onward,
        wait=step.wait,
        notices=(f"{task.label}: {CUT_OFF}",) if step.incomplete else (),
    )


def _question(ref: GalleryRef, *, small: bool) -> list[tuple[str, str]]:
    """The request for a stretch.

    withMeta, or the prompts are lost; all ratings named, or only PG comes; never `page`, which
    repeats itself for ever (server source, observed).
    """
    query, asked = ref.query, []
    if query.model_id is not None:
        asked.append(("modelId", str(query.model_id)))
    elif query.version_id is not None:
        asked.append(("modelVersionId", str(query.version_id)))
    elif query.username is not None:
        asked.append(("username", str(query.username)))
    elif query.post_id is not None:
        asked.append(("postId", str(query.post_id)))
    else:
        asked.append(("imageId", str(query.image_id)))
    left = PAGE if ref.limit is None else min(PAGE, max(1, ref.limit - ref.seen))
    asked += [
        ("browsingLevel", str(ref.part.levels)),
        ("sort", ref.sort),
        ("withMeta", "true"),
        ("limit", str(min(left, SMALL_PAGE) if small else left)),
    ]
    if ref.part.media is not None:
        asked.append(("type", ref.part.media.value))
    if ref.cursor is not None:
        asked.append(("cursor", ref.cursor))
    return asked


async def _doubt_emptiness(ref: GalleryRef, desk: Desk) -> None:
    """Raise what an empty answer really means, where it cannot mean an empty listing.

    A post without images does not exist. For a name that nobody has, the search knows no images
    either, while the model list says that there is no such user (server source). A page that a
    cursor promised is never empty in the database: that is a statement timeout (server source).
    """
    if ref.query.post_id is not None and ref.pages == 0:
        raise NotFound(f"the service knows no public post {ref.query.post_id}", status=404)
    if ref.query.username is not None and ref.pages == 0 and ref.stage == "walk":
        asked = (("username", str(ref.query.username)), ("limit", "1"))
        await desk.api.get("/api/v1/models", asked)
    if ref.query.model_id is not None and ref.cursor is not None and is_settled_doubt(ref):
        raise Unavailable("the service sent an empty page in the middle of a list", status=500)


def _usable(items: list[dict[str, Json]]) -> list[Image]:
    """Images with id and URL, each once: the database's joins may repeat one (server source)."""
    found: dict[int, Image] = {}
    for item in items:
        image = read_image(item)
        if image is not None and image.id is not None:
            found.setdefault(image.id, image)
    return list(found.values())


def _wanted(images: list[Image], desk: Desk) -> list[Image]:
    """Those that the selection takes, also where the service was asked for more than these."""
    return [one for one in images if isinstance(judge_image(one, desk.selection), Taken)]


def _plan(image: Image, ref: GalleryRef, task: Task) -> Planned:
    return Planned(listed_image_task(image, ref, task.role))


async def _lost_at_border(
    cursor: str, ref: GalleryRef, images: list[Image], desk: Desk
) -> list[Image]:
    """The image that newest-first loses at this border: the cursor is its id (server source)."""
    cursor, _ = split_cursor(cursor)
    if not cursor.isdigit() or any(image.id == int(cursor) for image in images):
        return []
    alone = replace(ref, query=GalleryQuery(image_id=ImageId(int(cursor))), cursor=None, limit=None)
    answer = await desk.api.get("/api/v1/images", _question(alone, small=True))
    items, _ = read_page(answer, "images")
    # The lookup by id has been seen to answer with another image.
    return [image for image in _usable(items) if image.id == int(cursor)]


async def _single(task: Task, ref: GalleryRef, images: list[Image], desk: Desk) -> Outcome:
    wanted = [image for image in images if image.id == ref.query.image_id]
    if not wanted:
        error = NotFound(f"the service knows no public image {ref.query.image_id}", status=404)
        return await missing(task, error, desk)
    taken = _wanted(wanted, desk)
    planned = [_plan(image, ref, task) for image in taken]
    await _save_prompts(taken, planned, set(), ref, desk)
    left_out = [_plan(image, ref, task).task.key for image in wanted if image not in taken]
    return Expanded(children=tuple(planned), left_out=tuple(left_out))


async def _save_prompts(
    images: list[Image], planned: list[Planned], linked: set[str], ref: GalleryRef, desk: Desk
) -> None:
    """Write the JSON of new images before their bytes are fetched: prompts outlive images."""
    documents: list[tuple[str, object]] = []
    for image, found in zip(images, planned, strict=True):
        if found.task.key not in linked:
            folder = ref.folder or user_folder(image.creator or CreatorName("unknown"))
            documents.append((f"{gallery_stem(folder, image)}.json", image.raw))
    await desk.save_json(*documents)


SOURCE = SourceSpec(
    name=NAME,
    example=EXAMPLE,
    patterns=PATTERNS,
    kinds=frozenset({Kind.GALLERY}),
    parse=parse,
    roots=roots,
    expand=expand,
)
