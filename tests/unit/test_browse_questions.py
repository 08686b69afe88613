"""From the query of an address to a question."""

from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.browse._questions import (
    LONGEST,
    address,
    model_query,
    number_in,
    picture_query,
    text_in,
)
from civitai_dl.domain.entities import LARGEST_ID, Media
from civitai_dl.domain.library import ModelOrder, ModelQuery, PictureQuery, Standing

NAMES = [
    "q",
    "type",
    "base",
    "creator",
    "tag",
    "rating",
    "state",
    "sort",
    "after",
    "media",
    "place",
    "model",
]
ANYTHING = st.dictionaries(st.sampled_from(NAMES), st.text(st.characters(codec=None), max_size=300))


@given(ANYTHING)
def test_no_address_is_an_error(values):
    """Whatever stands there, a question comes of it that a database can be asked."""
    for query in (model_query(values), picture_query(values)):
        assert len(query.text) <= LONGEST
        query.text.encode("utf-8")
        query.creator.encode("utf-8")
        assert "\0" not in query.text + query.creator
        assert "" == query.after or 0 < int(query.after) <= LARGEST_ID


@given(ANYTHING)
def test_every_address_can_be_written(values):
    """Links onward keep what was asked, also halves of characters."""
    address("/", values, after="60").encode("ascii")


def test_what_an_address_asks_for():
    """All choices at once."""
    values = {
        "q": " sky ",
        "type": "LORA",
        "base": "Pony",
        "creator": "ann ",
        "tag": " style",
        "rating": "8",
        "state": "gone",
        "sort": "size",
        "after": "120",
    }
    expected = ModelQuery(
        text="sky",
        kind="LORA",
        base_model="Pony",
        creator="ann",
        tag="style",
        rating=8,
        standing=Standing.GONE,
        order=ModelOrder.SIZE,
        after="120",
    )
    assert expected == model_query(values)


def test_what_an_address_asks_for_among_images():
    """All choices at once."""
    values = {"q": "x", "model": "7", "media": "video", "rating": "1", "place": "user"}
    expected = PictureQuery(text="x", model_id=7, media=Media.VIDEO, rating=1, place="user")
    assert expected == picture_query(values)


def test_what_is_not_known_chooses_nothing():
    """A rating that is none, a state, an order, a place, a medium."""
    strange = {"rating": "3", "state": "lost", "sort": "luck", "after": "-3", "q": ""}
    assert ModelQuery() == model_query(strange)
    assert PictureQuery() == picture_query({"place": "moon", "media": "smell", "model": "0"})


def test_numbers_are_plain():
    """Digits of other scripts, signs and endless ones are none; the largest id is the last."""
    for text in ("", "-1", "+1", "1.0", "٣", "９", " 1", "1e3", "9" * 40):
        assert 0 == number_in({"n": text}, "n")
    assert 12 == number_in({"n": "0012"}, "n")
    assert LARGEST_ID == number_in({"n": str(LARGEST_ID + 1)}, "n")


def test_texts_are_bearable():
    """Control signs become spaces, halves of characters go, and there is an end."""
    assert "a b" == text_in({"t": "a\0b"}, "t")
    assert "ab" == text_in({"t": "a\ud800b"}, "t").replace(" ", "")
    assert LONGEST == len(text_in({"t": "x" * 5000}, "t"))


def test_an_address_leaves_out_what_is_empty():
    """Changes win; an empty one takes away."""
    assert "/?q=a+b&after=60" == address("/", {"q": "a b", "after": "1"}, after="60")
    assert "/images" == address("/images", {"q": ""}, after="")
