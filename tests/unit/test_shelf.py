"""How a model stands, whom a picture is for, and what a search asks for."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.domain.decisions import media_of
from civitai_dl.domain.entities import Media, Rating
from civitai_dl.domain.library import (
    Standing,
    Tally,
    apart,
    has_trigrams,
    is_mature,
    match_all,
    rating_of,
    search_words,
    standing_of,
)


@pytest.mark.parametrize(
    ("tally", "standing"),
    [
        (Tally(stored=3), Standing.COMPLETE),
        (Tally(stored=3, unavailable=2), Standing.COMPLETE),
        (Tally(stored=3, open=1), Standing.PARTIAL),
        (Tally(listings_open=1), Standing.PARTIAL),
        (Tally(open=1, failed=1), Standing.FAILED),
        (Tally(stored=1, failed=1, gone=True), Standing.GONE),
    ],
)
def test_one_word_tells_how_a_model_stands(tally: Tally, standing: Standing) -> None:
    """The worst word wins; what cannot be had is no fault of the archive."""
    assert standing == standing_of(tally)


@pytest.mark.parametrize(
    ("level", "nsfw", "mature"),
    [
        (1, False, False),
        (2, True, False),
        (4, False, True),
        (3 | 8, False, True),
        (16, False, True),
        (32, False, True),
        (0, False, False),
        (0, True, True),
    ],
)
def test_mature_pictures_wait_to_be_asked_for(level, nsfw, mature) -> None:
    """R and above; a picture without a rating is as its model is."""
    assert mature is is_mature(level, nsfw=nsfw)


def test_the_strictest_rating_counts() -> None:
    """A model with PG and X images is an X model."""
    assert (Rating.X, Rating.PG, None) == (rating_of(1 | 8), rating_of(1), rating_of(32))


def test_a_search_is_words_and_phrases() -> None:
    """Quotes keep words together; an open quote does no harm."""
    assert ("red", "blue sky", "cat") == search_words('red "blue  sky" cat')
    assert ("red", "blue sky") == search_words('red "blue sky')
    assert () == search_words(' "" \0 ')


@given(st.text(max_size=40))
def test_no_search_is_a_mistake(text: str) -> None:
    """Whatever somebody writes is looked for, and has no meaning of its own in the query."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (words)")
    words = search_words(text.encode("utf-8", "ignore").decode())
    query = match_all(words, prefix=True)
    if query:
        connection.execute("SELECT * FROM t WHERE t MATCH ?", (query,)).fetchall()
    connection.close()


def test_the_last_word_may_go_on() -> None:
    """Prompts are found while one is still writing."""
    assert '"red" "blu"*' == match_all(("red", "blu"), prefix=True)
    assert '"say ""hi"""' == match_all(('say "hi"',), prefix=False)
    assert "" == match_all((), prefix=True)


def test_short_words_have_no_trigrams() -> None:
    """Two Japanese signs are a word, and no group of three."""
    assert (True, False, False) == (
        has_trigrams(("red", "水彩画")),
        has_trigrams(("red", "水彩")),
        has_trigrams(()),
    )


def test_signs_that_are_written_without_spaces_are_words() -> None:
    """A word in the middle of a Japanese sentence can be found."""
    assert ["夜", "の", "cat", "猫"] == apart("夜のcat猫").split()


@pytest.mark.parametrize(
    ("path", "media"),
    [("a/1.MP4", Media.VIDEO), ("a/1.mp3", Media.AUDIO), ("a/1.png", Media.IMAGE)],
)
def test_the_extension_tells_what_a_stored_file_is(path: str, media: Media) -> None:
    """It was given by the bytes."""
    assert media is media_of(path)
