"""How a model stands, whom a picture is for, and what a search asks for."""

from __future__ import annotations

import re

from ..entities import ALL_LEVELS, Rating
from ._shelf import Standing, Tally

MATURE = Rating.R | Rating.X | Rating.XXX
"""What is blurred until somebody asks for it."""

SHORTEST_TRIGRAM = 3

_SIGN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def standing_of(tally: Tally) -> Standing:
    """The one word for a model. What cannot be had is no fault of the archive."""
    if tally.gone:
        return Standing.GONE
    if tally.failed:
        return Standing.FAILED
    if tally.open or tally.listings_open:
        return Standing.PARTIAL
    return Standing.COMPLETE


def is_mature(level: int, *, nsfw: bool = False) -> bool:
    """Whether a picture of these ratings waits to be asked for.

    nsfw: what is said of all it belongs to; it counts where the picture's own rating is not told.
    """
    return bool(level & MATURE) or level > ALL_LEVELS or (not level and nsfw)


def rating_of(level: int) -> Rating | None:
    """The strictest of the ratings in a bit mask; None when none is told."""
    return max((rating for rating in Rating if level & rating), default=None)


def search_words(text: str) -> tuple[str, ...]:
    """The words of a search: parted by spaces, "..." keeps some together; no control characters."""
    words: list[str] = []
    for number, part in enumerate(text.replace("\0", " ").split('"')):
        found = [" ".join(part.split())] if number % 2 else part.split()
        words += [word for word in found if word]
    return tuple(words)


def match_all(words: tuple[str, ...], *, prefix: bool) -> str:
    """The words as an FTS5 query: all of them, each as a phrase, none with a meaning of its own.

    prefix: the last one may go on.
    """
    quoted = ['"{}"'.format(word.replace('"', '""')) for word in words]
    if prefix and quoted:
        quoted[-1] += "*"
    return " ".join(quoted)


def has_trigrams(words: tuple[str, ...]) -> bool:
    """Whether an index of groups of three characters can find all of the words."""
    return bool(words) and all(len(word) >= SHORTEST_TRIGRAM for word in words)


def apart(text: str) -> str:
    """The text with Chinese, Japanese and Korean signs standing alone.

    They are written without spaces, so that an index of words would find only whole sentences.
    """
    return _SIGN.sub(r" \g<0> ", text)
