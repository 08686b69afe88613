"""How to list a gallery whole, although the service cuts, shifts and loses.

Database listings (a model's gallery) are walked from the oldest: that order repeats an item at a
page border, while newest first loses one. Search listings (a creator's or a version's images) end
without a word after some 50,000 hits; nobody knows the exact number, so it is not counted on.
Instead the other end is probed: when the oldest images are known as well, nothing was cut off.
When they are not, the list is walked from there until both walks meet, and if they never do, it
is split by rating and then by medium.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from ..entities import GalleryQuery, GalleryRef, Look, Media, Rating, Slice

PAGE = 200
SMALL_PAGE = 50
"""Images per request, and after errors: popular models time out on large pages (observed)."""

DOUBTS = (2.0, 8.0)
"""Seconds before an empty answer of the database is asked again: a statement timeout there looks
like the end of the list (server source)."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What one page held. linked: how many of its images this listing had found before.

    hidden: images on it that nobody wants, which are counted nowhere else.
    """

    listed: int
    linked: int
    next_cursor: str | None
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What follows a page.

    take: how many of its images are wanted. onward: the next stretch, None at the end, to be asked
    for after `wait` seconds. split: slices to be listed one by one instead. border: an image that
    this page border loses, to be asked for alone.
    """

    take: int
    onward: GalleryRef | None = None
    wait: float = 0.0
    split: tuple[GalleryRef, ...] = ()
    border: str | None = None
    incomplete: bool = False


def first_stretch(
    query: GalleryQuery,
    folder: str | None,
    *,
    part: Slice,
    limit: int | None,
    without: str = "",
) -> GalleryRef:
    """Where a listing begins."""
    oldest_first = query.asks_database and limit is None
    return GalleryRef(
        query=query,
        folder=folder,
        part=part,
        sort="Oldest" if oldest_first else "Newest",
        limit=limit,
        without=without,
    )


def walk_again(ref: GalleryRef, before: GalleryRef, *, complete: bool) -> GalleryRef:
    """Where a listing begins in a later run.

    A listing that was complete for the same wish is walked from the newest to known ground;
    otherwise, and for a full look, from the start. One that was empty after all doubts is not
    doubted again for a brief look.
    """
    if not (complete and is_same_wish(ref, before)) or ref.look is Look.FULL:
        return ref
    doubted = ref.look is Look.BRIEF and is_settled_doubt(before)
    empties = len(DOUBTS) if doubted else 0
    return replace(ref, sort="Newest", known_ground=True, empties=empties)


def is_same_wish(ref: GalleryRef, before: GalleryRef) -> bool:
    """Whether two listings of one thing list the same of it."""
    return (ref.part, ref.limit, ref.without) == (before.part, before.limit, before.without)


def next_step(ref: GalleryRef, page: PageFacts) -> Step:
    """What to do after a page; pure, so that every trap has its line in a test."""
    nothing = page.listed == page.hidden == 0
    if nothing and page.next_cursor is None and _is_doubtful(ref):
        return Step(0, onward=replace(ref, empties=ref.empties + 1), wait=DOUBTS[ref.empties])
    take = page.listed if ref.limit is None else min(page.listed, ref.limit - ref.seen)
    moved = replace(ref, seen=ref.seen + page.listed, pages=ref.pages + 1, empties=0)
    if ref.stage != "walk":
        return _after_other_end(moved, page)
    if ref.limit is not None and moved.seen >= ref.limit:
        return Step(take)
    if ref.known_ground and _is_known(page, first=ref.pages == 0):
        return Step(take)
    if page.next_cursor is not None and page.next_cursor != ref.cursor:
        border = page.next_cursor if _loses_border(ref) else None
        return Step(take, onward=replace(moved, cursor=page.next_cursor), border=border)
    if _may_be_cut(moved, page):
        probe = replace(moved, sort="Oldest", stage="probe", cursor=None, pages=0, met=False)
        return Step(take, onward=probe)
    return Step(take)


def _is_doubtful(ref: GalleryRef) -> bool:
    return ref.query.model_id is not None and ref.empties < len(DOUBTS)


def is_settled_doubt(ref: GalleryRef) -> bool:
    """Whether an empty answer of the database has been asked for as often as is worth while."""
    return ref.empties >= len(DOUBTS)


def _loses_border(ref: GalleryRef) -> bool:
    return ref.query.model_id is not None and ref.sort == "Newest"


def _may_be_cut(ref: GalleryRef, page: PageFacts) -> bool:
    """Whether a search listing that ends may go on: one short page is surely all there is."""
    whole = ref.pages == 1 and page.listed + page.hidden < PAGE
    return not ref.query.asks_database and ref.limit is None and not whole


def _is_known(page: PageFacts, *, first: bool) -> bool:
    # A border may repeat an image, so a later page of one known image tells nothing.
    return page.linked == page.listed > (0 if first else 1)


def _after_other_end(ref: GalleryRef, page: PageFacts) -> Step:
    first = ref.pages == 1
    met = ref.met or page.linked > (0 if first else 1)
    if _is_known(page, first=first):
        return Step(page.listed)
    if page.next_cursor is not None and page.next_cursor != ref.cursor:
        onward = replace(ref, stage="meet", cursor=page.next_cursor, met=met)
        return Step(page.listed, onward=onward)
    if met:
        return Step(page.listed)
    split = split_stretch(ref)
    return Step(page.listed, split=split, incomplete=not split)


def split_stretch(ref: GalleryRef) -> tuple[GalleryRef, ...]:
    """The slices that a listing too long for the search falls into; none when it cannot be split.

    By single rating first, then by medium: each is a search of its own with its own cap.
    """
    levels = [rating.value for rating in Rating if ref.part.levels & rating.value]
    if len(levels) > 1:
        parts = [Slice(levels=level, media=ref.part.media) for level in levels]
    elif ref.part.media is None:
        parts = [Slice(levels=ref.part.levels, media=media) for media in Media]
    else:
        return ()
    begin = partial(first_stretch, ref.query, ref.folder, limit=None, without=ref.without)
    return tuple(begin(part=part) for part in parts)
