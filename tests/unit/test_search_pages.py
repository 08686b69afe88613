"""Which page of a list of models comes next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import (
    ListPage,
    first_page,
    listed_anew,
    next_stretch,
    search_task,
)
from civitai_dl.domain.entities import SearchRef, SearchTarget, SearchTerms, Selection

CATS = SearchTarget("cat")
TEN = SearchTarget("cat", terms=SearchTerms(most=10))


def page(taken=0, following=None, *, repeated=False):
    return ListPage(listed=taken, taken=taken, repeated=repeated, following=following)


def test_a_page_leads_to_the_next_by_its_cursor():
    """A cursor is echoed as it came; short and empty pages have one, too."""
    after = next_stretch(SearchRef(CATS), page(0, "2024|7"), only_safe=False)
    assert (after.cursor, after.stage) == ("2024|7", "adult")


def test_the_list_of_all_ratings_is_followed_by_the_safe_one():
    """A whole list is both lists; the safe one is the last."""
    safe = next_stretch(SearchRef(CATS, cursor="9"), page(5), only_safe=False)
    assert (safe.stage, safe.cursor, safe.taken) == ("safe", None, 5)
    assert next_stretch(safe, page(5), only_safe=False) is None
    assert next_stretch(SearchRef(CATS, "safe"), page(1), only_safe=True) is None


def test_the_first_so_many_are_those_of_one_list():
    """With a number the reading ends when it is reached, or when its one list does."""
    assert next_stretch(SearchRef(TEN), page(10, "5"), only_safe=False) is None
    assert next_stretch(SearchRef(TEN), page(4), only_safe=False) is None
    assert next_stretch(SearchRef(TEN), page(9, "5"), only_safe=False).taken == 9


@pytest.mark.parametrize(
    ("cursor", "following"), [("100", "100"), ("100", "90"), ("a|1", "a|1"), ("100", "0100")]
)
def test_a_cursor_that_leads_nowhere_is_the_end(cursor, following):
    """A service that gives the same page again does not hold us for ever."""
    ref = SearchRef(TEN, cursor=cursor)
    assert next_stretch(ref, page(1, following), only_safe=False) is None


@given(st.lists(st.integers(0, 12), min_size=1, max_size=20), st.integers(1, 40))
def test_never_more_than_wanted_and_never_an_end_before(sizes, most):
    """Whatever the pages hold, reading goes on just until there are enough, or no more."""
    ref = SearchRef(SearchTarget("cat", terms=SearchTerms(most=most)))
    taken = 0
    for number, size in enumerate(sizes, 1):
        new = min(size, most - taken)
        taken += new
        ref = next_stretch(ref, page(new, str(number)), only_safe=False)
        assert (ref is None) is (taken >= most)
        if ref is None:
            break
        assert ref.taken == taken


def test_a_tag_is_looked_up_first_and_a_damaged_list_begins_again():
    """Nobody knows how far a damaged list had come; with a tag it begins at the tag."""
    tagged = SearchTarget(tag="a")
    assert first_page(tagged).stage == "tag"
    assert listed_anew(SearchRef(tagged, "safe", "77", 5, 6)) == first_page(tagged)
    assert listed_anew(SearchRef(CATS, "safe", "77", 5, 6)) == SearchRef(CATS)


def test_the_question_is_the_identity_of_the_task():
    """What changes nothing makes no other task; what narrows does."""

    def key(**terms):
        return search_task(SearchTarget(tag="A", terms=SearchTerms(**terms)), Selection()).key

    assert key() == key(sort="Newest") == "tag:a"
    assert key(types=("VAE", "LORA")) == key(types=("LORA", "VAE", "LORA"))
    assert key(most=5) == key(most=5, sort="Highest Rated")
    assert len({key(), key(most=5), key(most=5, sort="Newest"), key(period="Day")}) == 4
