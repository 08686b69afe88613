"""Text as a terminal lays it out: cells, not characters; and nothing that moves the cursor."""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
"""Zero-width joiner and variation selectors: terminals disagree on the width they lead to."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Controls, formats (also those that turn the writing direction), surrogates, separators."""

_WIDE = 2

_NO_LINE_START = frozenset("、。,.)」』】〉》!?ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…%:;")
_NO_LINE_END = frozenset("(「『【〈《")
"""Signs that a Japanese line neither begins nor ends with."""

_CLAUSE = re.compile(r"[^、。]*[、。]+\s*|[^、。]+")
_WORD = re.compile(r"\S*\s+|\S+")


def printable(text: str) -> str:
    """The text on one line, without characters that steer a terminal or hide; safe to repeat.

    Names come from the service: an escape sequence or a right-to-left override in one of them
    must not reach the screen. Tabs and line ends become blanks.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = []
    for sign in unicodedata.normalize("NFC", text):
        if sign in "\t\n\v\f\r\x85\u2028\u2029":
            kept.append(" ")
        elif sign not in _JOINERS and unicodedata.category(sign) not in _INVISIBLE:
            kept.append(sign)
    # What was taken out may have kept two signs apart that now compose.
    return unicodedata.normalize("NFC", "".join(kept))


def cell_width(text: str) -> int:
    """How many cells the text takes: 2 for a wide sign, 0 for a combining one, else 1.

    Signs of ambiguous width count 1, as current terminals draw them.
    """
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(sign: str) -> int:
    if unicodedata.east_asian_width(sign) in "WF":
        return _WIDE
    return 0 if unicodedata.category(sign) in {"Mn", "Me", "Cf", "Cc"} else 1


def cut(text: str, width: int, *, mark: str = "…") -> str:
    """At most `width` cells of the text; `mark` at the end says that something is missing."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(mark)
    return _head(text, width) if room < 0 else _head(text, room) + mark


def cut_middle(text: str, width: int, *, mark: str = "…") -> str:
    """At most `width` cells: the beginning and the end, which tells a file's type and variant."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(mark)
    if room < 2:  # one cell on either side is the least that makes a middle
        return cut(text, width, mark=mark)
    tail = _tail(text, room // 2)
    return _head(text, room - cell_width(tail)) + mark + tail


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with blanks to `width` cells; right: set against the right edge."""
    blanks = " " * max(0, width - cell_width(text))
    return blanks + text if right else text + blanks


def wrap(text: str, width: int, *, indent: str = "") -> str:
    """The text in lines of at most `width` cells, each after `indent`; line ends are kept.

    Lines end at blanks and after Japanese punctuation, and inside Japanese text only where a
    clause is longer than a line. Any other word stays whole however long it is, because a path or
    a command that is cut in two is of no use.
    """
    room = max(1, width - cell_width(indent))
    lines = [line for part in text.split("\n") for line in _lines(part, room)]
    return "\n".join(indent + line if line else "" for line in lines)


def _lines(text: str, room: int) -> list[str]:
    lines, line = [], ""
    for piece in _pieces(text, room):
        size = cell_width(piece.rstrip())
        # What is longer than any line does not get better by beginning a new one.
        if line and room >= size > room - cell_width(line):
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str, room: int) -> Iterator[str]:
    """The text in pieces between which a line may end: clauses, else words, else signs."""
    for clause in _CLAUSE.findall(text):
        if cell_width(clause.rstrip()) <= room:
            yield clause
            continue
        for word in _WORD.findall(clause):
            if cell_width(word.rstrip()) <= room:
                yield word
            else:
                yield from _signs(word)


def _signs(word: str) -> Iterator[str]:
    """A word in pieces between two of which at least one sign is wide."""
    piece = word[0]
    for sign in word[1:]:
        narrow = _cells(piece[-1]) < _WIDE and _cells(sign) < _WIDE
        if narrow or sign in _NO_LINE_START or sign.isspace() or piece[-1] in _NO_LINE_END:
            piece += sign
        else:
            yield piece
            piece = sign
    yield piece


def _head(text: str, width: int) -> str:
    return text[: _fitting(text, width)]


def _tail(text: str, width: int) -> str:
    tail = text[len(text) - _fitting(text[::-1], width) :]
    while tail and not _cells(tail[0]):
        # A combining sign without its letter would sit on the mark before it.
        tail = tail[1:]
    return tail


def _fitting(text: str, width: int) -> int:
    """How many signs from the start fit into `width` cells."""
    return sum(end <= width for end in accumulate(map(_cells, text)))
