"""How a list of models is narrowed where it is named: `search:WORDS?types=LORA&max-models=50`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

from civitai_dl.domain.entities import MODEL_SORTS, MODEL_TYPES, PERIODS, SearchTerms
from civitai_dl.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WORDS = 200
"""Characters of a question."""

LARGEST_MOST = 1_000_000

_INLINE = re.compile(r"[A-Za-z_-]+=[^?]*")
_NAMES = {
    "types": "types",
    "type": "types",
    "modeltype": "types",
    "basemodels": "base_models",
    "basemodel": "base_models",
    "sort": "sort",
    "period": "period",
    "maxmodels": "most",
    "query": "query",
    "tag": "tag",
}
"""What is understood, by its letters: as the options are called, as the API and the site say."""

MEANINGLESS = frozenset({"view", "sortby", "nsfw", "browsinglevel", "limit", "cursor", "page"})
"""What the site puts into its links that changes how models are shown, and not which."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a text asks for: its words, what stands after them, and how that narrows it."""

    words: str
    query: str = ""
    tag: str = ""
    terms: SearchTerms = SearchTerms()


def read_question(text: str) -> Question:
    """What follows `search:`, `tag:` or `favorites:`. Raises: TargetError.

    Parameters follow the last `?`, as in a URL; `%3F` writes one that belongs to the words.
    """
    words, mark, tail = text.rpartition("?")
    if not mark or not _INLINE.fullmatch(tail):
        return _question(text, ())
    return _question(words, _pairs(tail))


def read_link(query: str) -> Question:
    """The query of a link of the site. Raises: TargetError for what would widen it unnoticed."""
    kept = [
        (name, value)
        for name, value in _pairs(query)
        if value and _letters(name) not in MEANINGLESS and not name.lower().startswith("utm_")
    ]
    return _question("", kept)


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values as they are written; a comma in a value is written %2C, or it separates."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name), value) for name, _, value in parts]


def _question(words: str, pairs: Iterable[tuple[str, str]]) -> Question:
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        known = _NAMES.get(_letters(name))
        if known is None:
            raise TargetError(
                f"a search cannot be narrowed by {name[:40]!r}",
                hint="there are types, base-models, sort, period, max-models",
            )
        given.setdefault(known, []).append(value)
    for name in ("sort", "period", "most", "query", "tag"):
        if len(given.get(name, [])) > 1:
            raise TargetError(f"{name.replace('most', 'max-models')} is given twice")
    single = {name: unquote_plus(values[0]) for name, values in given.items()}
    return Question(
        words=_plain(unquote(words)),
        query=_plain(single.get("query", "")),
        tag=_plain(single.get("tag", "")),
        terms=SearchTerms(
            types=tuple(map(read_type, _split(given.get("types", [])))),
            base_models=tuple(_split(given.get("base_models", []))),
            sort=read_sort(single["sort"]) if "sort" in single else "",
            period=read_period(single["period"]) if "period" in single else "",
            most=read_most(single["most"]) if "most" in single else None,
        ),
    )


def _plain(text: str) -> str:
    found = " ".join(text.split())
    if len(found) > LONGEST_WORDS:
        raise TargetError(f"the words of a search are longer than {LONGEST_WORDS} characters")
    if not found.isprintable():
        raise TargetError("the words of a search hold signs that cannot be written")
    return found


def _split(values: Iterable[str]) -> list[str]:
    parts = (_plain(unquote_plus(part)) for value in values for part in value.split(","))
    return list(dict.fromkeys(part for part in parts if part))


def read_type(text: str) -> str:
    """A model type as the service spells it; one that is not known yet stays as it is."""
    return next((kind for kind in MODEL_TYPES if kind.lower() == text.lower()), text)


def read_sort(text: str) -> str:
    """An order of the list, in any spelling of its words. Raises: TargetError."""
    return _word(text, MODEL_SORTS, "sort")


def read_period(text: str) -> str:
    """How far back, in any spelling. Raises: TargetError."""
    return _word(text, PERIODS, "period")


def _word(text: str, words: tuple[str, ...], what: str) -> str:
    for word in words:
        if _letters(word) == _letters(text):
            return word
    raise TargetError(f"there is no {what} {text[:40]!r}", hint=f"there are {', '.join(words)}")


def read_most(text: str) -> int:
    """A count of models, 1 or more. Raises: TargetError."""
    if re.fullmatch("[0-9]{1,7}", text) and 0 < int(text) <= LARGEST_MOST:
        return int(text)
    raise TargetError(
        f"max-models must be a whole number from 1 to {LARGEST_MOST}, not {text[:40]!r}"
    )


def _letters(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower()


def readable(read: Callable[[str], Question], text: str) -> Question | None:
    """What a text asks for; None where it cannot be read."""
    try:
        return read(text)
    except TargetError:
        return None
