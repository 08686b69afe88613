"""The words of the pages: every sentence in both languages, and the language that a reader gets."""

import re
import string
from pathlib import Path

import pytest

import civitai_dl.browse
from civitai_dl.browse._words import JAPANESE, counted, pick, words_of

FOLDER = Path(civitai_dl.browse.__file__).parent
_SAID = re.compile(r"""\bsay\(\s*(?:'([^']+)'|"([^"]+)")""")
_COUNTED = re.compile(r'counted\([^"]*"([^"]+)", "([^"]+)"\)')


def sentences() -> dict[str, str]:
    """What templates and modules say: sentence -> the file that says it."""
    found = {}
    for path in [*FOLDER.glob("templates/*.html"), *FOLDER.glob("_*.py")]:
        text = path.read_text("utf-8")
        for one, two in [*_SAID.findall(text), *_COUNTED.findall(text)]:
            for sentence in (one, two):
                if sentence:
                    found[sentence] = path.name
    return found


def test_every_sentence_has_a_japanese_twin():
    """Nothing on a Japanese page is English by oversight."""
    said = sentences()
    assert len(said) > 50
    assert {} == {text: place for text, place in said.items() if text not in JAPANESE}


def test_a_sentence_that_is_said_by_a_table_has_a_twin_too():
    """Orders, states and kinds are said by the words in tables."""
    from civitai_dl.browse._pages import _MEDIAS, _ORDERS, _PLACES
    from civitai_dl.domain.entities import Media
    from civitai_dl.domain.library import Standing

    words = [*_ORDERS.values(), *_MEDIAS.values(), *_PLACES.values()]
    words += [standing.value for standing in Standing]
    words += [media.value.capitalize() for media in Media]
    words += ["verified", "stored", "waiting", "failed", "unavailable"]
    assert [] == [word for word in words if word not in JAPANESE]


def test_both_languages_leave_room_for_the_same_facts():
    """A count or a size that stands in the English sentence stands in the Japanese one."""

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert [] == [text for text, said in JAPANESE.items() if fields(text) != fields(said)]


def test_one_is_no_plural():
    """English has a word for one alone; large numbers are parted."""
    say, ja = words_of("en"), words_of("ja")
    assert "1 model" == counted(say, 1, "1 model", "{count} models")
    assert "0 models" == counted(say, 0, "1 model", "{count} models")
    assert "12,345 models" == counted(say, 12_345, "1 model", "{count} models")
    assert "1 モデル" == counted(ja, 1, "1 model", "{count} models")


def test_words_that_nobody_translated_are_said_as_they_are():
    """A sentence without a twin, and one with signs of a format in it, is no error."""
    assert "{unknown} %s" == words_of("ja")("{unknown} %s")


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "expected"),
    [
        ("ja", "en", "en", "ja"),
        (None, "ja", "en-US,en", "ja"),
        (None, None, "fr-FR, ja-JP;q=0.8, en;q=0.5", "ja"),
        (None, None, "EN-us", "en"),
        (None, None, "fr", "ja"),
        (None, None, "", "ja"),
        ("tlh", "x", "en", "en"),
        ("", "", ";;;,,,-", "ja"),
    ],
)
def test_the_language_of_a_page(asked, remembered, accepted, expected):
    """What was asked for, then what was chosen before, then what the browser speaks."""
    assert expected == pick(asked, remembered, accepted, "ja")
