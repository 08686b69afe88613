"""Listing galleries whole, although the service cuts, shifts, repeats, loses and says nothing."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    PAGE,
    PageFacts,
    Step,
    is_settled_doubt,
    next_step,
    walk_again,
)
from civitai_dl.domain.decisions._walk import first_stretch, split_stretch
from civitai_dl.domain.entities import GalleryQuery, GalleryRef, Media, Rating, Slice

MODEL = GalleryQuery(model_id=5)
USER = GalleryQuery(username="ann")
GALLERY = GalleryRef(MODEL, "model_0/5/gallery", sort="Oldest")
FEED = GalleryRef(USER, "users/ann/images")
PROBE = replace(FEED, sort="Oldest", stage="probe", seen=400)
MEET = replace(PROBE, stage="meet", cursor="200", pages=1)


# --- where a listing begins


@pytest.mark.parametrize(
    ("query", "limit", "sort"),
    [
        (MODEL, None, "Oldest"),
        (MODEL, 50, "Newest"),
        (USER, None, "Newest"),
        (GalleryQuery(version_id=7), None, "Newest"),
        (GalleryQuery(post_id=7), None, "Newest"),
    ],
)
def test_only_a_whole_gallery_of_a_model_is_listed_from_its_oldest_image(query, limit, sort):
    """Oldest first, the database repeats an image at a page border; else it loses one."""
    assert sort == first_stretch(query, "folder", part=Slice(), limit=limit).sort


def test_a_finished_listing_is_walked_from_its_newest_image_to_what_is_known():
    """A gallery that was listed whole is asked for its newest images only."""
    again = walk_again(GALLERY, replace(GALLERY, cursor="9", seen=3), complete=True)
    assert replace(GALLERY, sort="Newest", known_ground=True) == again


@pytest.mark.parametrize(
    ("before", "complete"),
    [
        (GALLERY, False),
        (replace(GALLERY, part=Slice(levels=1)), True),
        (replace(GALLERY, limit=10), True),
    ],
)
def test_an_unfinished_or_narrower_listing_is_done_again_from_its_start(before, complete):
    """A listing that failed, or that asked for other ratings or fewer images, proves nothing."""
    assert walk_again(GALLERY, before, complete=complete) == GALLERY


# --- empty answers


def test_an_empty_answer_of_the_database_is_asked_again_after_2_and_8_seconds():
    """A swallowed timeout looks like the end, so two empty answers are not believed."""
    first = next_step(GALLERY, PageFacts(0, 0, None))
    assert Step(0, onward=replace(GALLERY, empties=1), wait=2.0) == first
    second = next_step(replace(GALLERY, empties=1), PageFacts(0, 0, None))
    assert Step(0, onward=replace(GALLERY, empties=2), wait=8.0) == second


def test_the_third_empty_answer_of_the_database_is_believed():
    """A gallery that is empty three times is empty."""
    assert Step(0) == next_step(replace(GALLERY, empties=2), PageFacts(0, 0, None))


def test_an_empty_answer_in_the_middle_of_a_gallery_keeps_its_cursor():
    """A timeout on page 2 of a gallery is asked again at the same place."""
    middle = replace(GALLERY, cursor="17", seen=200, pages=1)
    step = next_step(middle, PageFacts(0, 0, None))
    assert replace(middle, empties=1) == step.onward


def test_an_answer_after_doubts_clears_them():
    """After a page that did come, the next empty one is doubted afresh."""
    step = next_step(replace(GALLERY, empties=2), PageFacts(200, 0, "9"))
    assert step.onward is not None
    assert step.onward.empties == 0


def test_a_doubt_is_settled_after_two_more_answers():
    """An empty answer in the middle of a list is an error only when it was asked three times."""
    settled = [is_settled_doubt(replace(GALLERY, empties=empties)) for empties in range(4)]
    assert settled == [False, False, True, True]


def test_an_empty_search_without_a_cursor_is_the_end():
    """The search feed of a user without images is asked once."""
    assert Step(0) == next_step(FEED, PageFacts(0, 0, None))


def test_an_empty_page_with_a_cursor_is_not_the_end():
    """Empty pages in the middle of the search feed are walked over."""
    step = next_step(FEED, PageFacts(0, 0, "1|17"))
    assert Step(0, onward=replace(FEED, cursor="1|17", pages=1)) == step


# --- limits


def test_a_limit_takes_no_more_than_it_allows():
    """With --gallery-limit 250 a second page of 200 gives 50 images, and there is no third."""
    limited = replace(GALLERY, sort="Newest", limit=250)
    first = next_step(limited, PageFacts(200, 0, "77"))
    assert first.take == 200
    assert first.onward is not None
    assert Step(50) == next_step(first.onward, PageFacts(200, 0, "33"))


def test_a_limit_larger_than_the_gallery_ends_with_the_gallery():
    """With --gallery-limit 250 a gallery of 120 images gives 120."""
    limited = replace(GALLERY, sort="Newest", limit=250)
    assert Step(120) == next_step(limited, PageFacts(120, 0, None))


# --- borders


def test_a_border_of_newest_first_names_the_image_that_it_loses():
    """The database leaves out the image that its cursor names, so that one is asked for alone."""
    newest = replace(GALLERY, sort="Newest", known_ground=True)
    step = next_step(newest, PageFacts(200, 0, "4711"))
    onward = replace(newest, cursor="4711", seen=200, pages=1)
    assert Step(200, onward=onward, border="4711") == step


@pytest.mark.parametrize("ref", [GALLERY, FEED])
def test_other_borders_lose_nothing(ref):
    """Oldest first and the search feed lose no image at a border, so none is asked for alone."""
    assert next_step(ref, PageFacts(200, 0, "4711")).border is None


# --- known ground


def test_a_page_of_known_images_ends_a_listing_that_was_complete():
    """A gallery without news costs one page."""
    known = replace(GALLERY, sort="Newest", known_ground=True)
    assert Step(200) == next_step(known, PageFacts(200, 200, "9"))
    assert Step(1) == next_step(known, PageFacts(1, 1, "9"))


def test_a_page_with_one_new_image_goes_on():
    """One image that is new among known ones means that there may be more of them."""
    known = replace(GALLERY, sort="Newest", known_ground=True)
    assert next_step(known, PageFacts(200, 199, "9")).onward is not None


def test_one_repeated_image_on_a_later_page_is_no_known_ground():
    """A short page that only repeats the last image of the page before does not end a listing."""
    known = replace(FEED, known_ground=True, cursor="a", pages=1, seen=200)
    assert next_step(known, PageFacts(1, 1, "b")).onward is not None


def test_a_first_listing_does_not_stop_at_known_images():
    """A listing that was broken off is walked whole, although its beginning is known."""
    assert next_step(GALLERY, PageFacts(200, 200, "9")).onward is not None


# --- cursors that repeat


@pytest.mark.parametrize("ref", [GALLERY, replace(FEED, known_ground=True)])
def test_a_cursor_that_repeats_ends_the_walk(ref):
    """A service that hands out the same cursor for ever is not followed for ever."""
    step = next_step(replace(ref, cursor="9", pages=5), PageFacts(200, 0, "9"))
    assert step.onward is None or step.onward.stage == "probe"


def test_a_cursor_that_repeats_in_the_search_is_taken_for_its_cap():
    """At the cap of the search the other end is looked at, whether the cursor ends or repeats."""
    late = replace(FEED, cursor="9", seen=49_800, pages=249)
    probe = replace(late, sort="Oldest", stage="probe", cursor=None, pages=0, seen=50_000)
    assert Step(200, onward=probe) == next_step(late, PageFacts(200, 0, "9"))
    assert Step(200, onward=probe) == next_step(late, PageFacts(200, 0, None))


# --- the cap of the search


def test_a_feed_of_one_short_page_is_complete():
    """A user with 199 images is listed by one request."""
    assert Step(199) == next_step(FEED, PageFacts(199, 0, None))


def test_a_feed_that_ends_after_a_full_page_is_probed_from_its_other_end():
    """The end of a search is believed only when its oldest images are known as well."""
    step = next_step(FEED, PageFacts(PAGE, 0, None))
    assert step.onward is not None
    assert (step.onward.sort, step.onward.stage, step.onward.cursor) == ("Oldest", "probe", None)


def test_a_database_listing_is_never_probed():
    """A gallery of a model has no cap, so its end is its end."""
    assert Step(200) == next_step(replace(GALLERY, pages=300), PageFacts(200, 0, None))


def test_a_limited_listing_is_never_probed():
    """Who wants the newest 500 images does not care about the oldest."""
    late = replace(FEED, limit=500, pages=1, seen=200)
    assert Step(100) == next_step(late, PageFacts(100, 0, None))


def test_a_probe_that_finds_known_images_only_proves_the_listing_whole():
    """When the oldest page is known, nothing was cut off."""
    assert Step(200) == next_step(PROBE, PageFacts(200, 200, "200"))


def test_a_probe_that_finds_a_single_known_image_proves_a_feed_of_one():
    """When the oldest page is one known image, nothing was cut off."""
    assert Step(1) == next_step(PROBE, PageFacts(1, 1, None))


def test_a_probe_that_finds_new_images_walks_on_until_both_walks_meet():
    """A feed of more than the cap is walked from its oldest image, too."""
    met = next_step(PROBE, PageFacts(200, 3, "200"))
    unmet = next_step(PROBE, PageFacts(200, 0, "200"))
    onward = replace(PROBE, stage="meet", cursor="200", seen=600, pages=1)
    assert Step(200, onward=replace(onward, met=True)) == met
    assert Step(200, onward=onward) == unmet


def test_walks_that_meet_end():
    """The first page of known images on the way from the oldest one ends the listing."""
    assert Step(200) == next_step(MEET, PageFacts(200, 200, "400"))


def test_walks_that_have_met_end_with_the_list():
    """Where known and new images are mixed, the listing goes on to the end of the search."""
    step = next_step(MEET, PageFacts(200, 7, "400"))
    assert step.onward is not None
    assert step.onward.met
    assert Step(150) == next_step(step.onward, PageFacts(150, 0, None))


@pytest.mark.parametrize("page", [PageFacts(200, 1, None), PageFacts(1, 1, None)])
def test_one_known_image_on_a_later_page_is_no_meeting(page):
    """A border repeats an image, which does not mean that the middle of the list is known."""
    assert len(next_step(MEET, page).split) == 5


@pytest.mark.parametrize("ref", [PROBE, MEET])
@pytest.mark.parametrize("cursor", [None, "200"])
def test_an_empty_end_is_no_meeting(ref, cursor):
    """Walks that end on an empty page without having met leave a gap, so the list is split."""
    ref = replace(ref, cursor="200")
    assert len(next_step(ref, PageFacts(0, 0, cursor)).split) == 5


def test_walks_that_never_meet_are_split_by_rating():
    """A feed of more than twice the cap is listed rating by rating."""
    step = next_step(MEET, PageFacts(200, 0, None))
    assert [1, 2, 4, 8, 16] == [ref.part.levels for ref in step.split]
    assert {None} == {ref.part.media for ref in step.split}
    assert (200, None, False) == (step.take, step.onward, step.incomplete)


def test_a_rating_that_is_still_too_long_is_split_by_medium():
    """One rating of more than twice the cap is listed medium by medium."""
    step = next_step(replace(MEET, part=Slice(levels=4)), PageFacts(200, 0, None))
    parts = [Slice(4, Media.IMAGE), Slice(4, Media.VIDEO), Slice(4, Media.AUDIO)]
    assert parts == [ref.part for ref in step.split]


def test_what_cannot_be_split_any_more_is_told_to_be_incomplete():
    """When even one rating and medium is cut off, the person is told."""
    last = replace(MEET, part=Slice(4, Media.IMAGE))
    assert Step(200, split=(), incomplete=True) == next_step(last, PageFacts(200, 0, None))


def test_slices_begin_afresh():
    """A slice starts at its own newest image, with nothing of the walk it came from."""
    worn = replace(MEET, seen=90_000, known_ground=True, met=True, empties=1)
    for ref in split_stretch(worn):
        assert ref == GalleryRef(USER, "users/ann/images", part=ref.part, sort="Newest")


def test_ratings_that_were_not_asked_for_are_no_slices():
    """Without the ratings X and XXX there are three slices."""
    parts = split_stretch(replace(MEET, part=Slice(levels=7)))
    assert [1, 2, 4] == [ref.part.levels for ref in parts]


# --- whole walks against services that behave like the real one


@dataclass(frozen=True)
class Picture:
    number: int
    level: int
    media: Media


@dataclass
class Search:
    """The search feed: a cap, after which the cursor is missing or repeats; or an empty page."""

    pictures: list[Picture]
    cap: int
    size: int
    at_cap: str

    def ask(self, ref: GalleryRef) -> tuple[list[Picture], str | None]:
        fitting = [one for one in self.pictures if self._fits(one, ref.part)]
        if ref.sort == "Newest":
            fitting.reverse()
        offset = int(ref.cursor or 0)
        page = fitting[: self.cap][offset : offset + self.size]
        if offset + self.size < min(len(fitting), self.cap):
            return page, str(offset + self.size)
        if self.at_cap == "empty" and page:
            return page, str(offset + self.size)
        return page, ref.cursor if self.at_cap == "repeats" else None

    @staticmethod
    def _fits(one: Picture, part: Slice) -> bool:
        return bool(one.level & part.levels) and part.media in (None, one.media)


@dataclass
class Database:
    """The database: oldest first repeats an image at a border, newest first loses one."""

    pictures: list[Picture]
    size: int
    timeouts: set[int]
    asked: int = 0

    def ask(self, ref: GalleryRef) -> tuple[list[Picture], str | None]:
        self.asked += 1
        if self.asked in self.timeouts:
            return [], None
        cursor = None if ref.cursor is None else int(ref.cursor)
        if ref.sort == "Oldest":
            rest = [one for one in self.pictures if cursor is None or one.number >= cursor]
            page = rest[: self.size]
            return page, str(page[-1].number) if len(rest) > self.size else None
        rest = [one for one in self.pictures[::-1] if cursor is None or one.number < cursor]
        page = rest[: self.size]
        return page, str(rest[self.size].number) if len(rest) > self.size else None


def walk(service, ref: GalleryRef, known: set[int] | None = None) -> tuple[set[int], bool]:
    """What a listing and all its slices find, as numbers; and whether it was told incomplete."""
    found, linked, incomplete, requests = set(known or ()), set(known or ()), False, 0
    onward: GalleryRef | None = ref
    while onward is not None:
        requests += 1
        assert requests < 2_000, "the walk does not end"
        page, cursor = service.ask(onward)
        numbers = {one.number for one in page}
        step = next_step(onward, PageFacts(len(numbers), len(numbers & linked), cursor))
        taken = {one.number for one in page[: step.take]}
        onward = step.onward
        if step.border is not None and onward is not None:
            taken.add(int(step.border))
            onward = replace(onward, seen=onward.seen + 1)
        found |= taken
        linked |= taken
        incomplete |= step.incomplete
        for part in step.split:
            inside, cut = walk(service, part)
            found |= inside
            incomplete |= cut
    return found, incomplete


pictures = st.lists(
    st.tuples(st.sampled_from([rating.value for rating in Rating]), st.sampled_from(list(Media))),
    max_size=80,
).map(lambda kinds: [Picture(number, *kind) for number, kind in enumerate(kinds, 1)])


@given(
    pictures=pictures,
    cap=st.integers(PAGE + 1, PAGE + 30),
    copies=st.integers(1, 12),
    at_cap=st.sampled_from(["ends", "repeats", "empty"]),
)
def test_a_search_gives_every_image_whatever_its_cap(pictures, cap, copies, at_cap):
    """Each image of a user is found, or the listing says that it is incomplete."""
    many = [
        Picture(number, one.level, one.media)
        for number, one in enumerate((one for one in pictures for _ in range(copies)), 1)
    ]
    found, incomplete = walk(Search(many, cap, PAGE, at_cap), FEED)
    assert incomplete or {one.number for one in many} == found


@pytest.mark.parametrize("at_cap", ["ends", "repeats", "empty"])
@pytest.mark.parametrize("count", [199, 200, 201, 1_000, 1_001, 1_999, 2_000, 2_001, 9_000])
def test_a_search_cut_at_1000_gives_all_of_9000_images(count, at_cap):
    """Nine thousand images of five ratings are found through a search that shows a thousand."""
    ratings = [rating.value for rating in Rating]
    many = [Picture(number, ratings[number % 5], Media.IMAGE) for number in range(1, count + 1)]
    assert (set(range(1, count + 1)), False) == walk(Search(many, 1_000, PAGE, at_cap), FEED)


def test_a_search_that_cannot_be_split_enough_is_told_to_be_incomplete():
    """Of 5000 images of one rating and medium, a cap of 1000 shows two thousand."""
    many = [Picture(number, 1, Media.IMAGE) for number in range(1, 5_001)]
    found, incomplete = walk(Search(many, 1_000, PAGE, "ends"), FEED)
    assert incomplete
    assert len(found) == 2_000


@given(
    count=st.integers(0, 40),
    size=st.integers(2, 9),
    timeouts=st.sets(st.integers(1, 30), max_size=2),
)
def test_a_gallery_is_listed_whole_through_borders_and_two_timeouts(count, size, timeouts):
    """Every image of a gallery is found, whatever its length, page size and swallowed timeouts."""
    all_of_it = [Picture(number, 1, Media.IMAGE) for number in range(1, count + 1)]
    found, _ = walk(Database(all_of_it, size, timeouts), GALLERY)
    assert set(range(1, count + 1)) == found


@given(old=st.integers(1, 30), new=st.integers(0, 30), size=st.integers(2, 9))
def test_every_new_image_of_a_known_gallery_is_found(old, new, size):
    """A later run finds all images that are newer than what an earlier one listed."""
    all_of_it = [Picture(number, 1, Media.IMAGE) for number in range(1, old + new + 1)]
    ref = walk_again(GALLERY, GALLERY, complete=True)
    found, _ = walk(Database(all_of_it, size, set()), ref, known=set(range(1, old + 1)))
    assert set(range(1, old + new + 1)) == found


@given(count=st.integers(0, 40), size=st.integers(2, 9), limit=st.integers(1, 45))
def test_a_limit_gives_the_newest_images_and_no_others(count, size, limit):
    """--gallery-limit N gives the newest N images, each border image among them."""
    all_of_it = [Picture(number, 1, Media.IMAGE) for number in range(1, count + 1)]
    ref = first_stretch(MODEL, "folder", part=Slice(), limit=limit)
    found, _ = walk(Database(all_of_it, size, set()), ref)
    assert set(range(max(1, count - limit + 1), count + 1)) == found
