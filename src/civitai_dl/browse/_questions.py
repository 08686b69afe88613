"""From the query of an address to a question; what it does not know is left out."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from civitai_dl.domain.entities import LARGEST_ID, Media, ModelId, Rating
from civitai_dl.domain.library import ModelOrder, ModelQuery, PictureQuery, Standing

LONGEST = 200
PAGE = 60

Values = Mapping[str, str]


def text_in(values: Values, name: str) -> str:
    """A text of bearable length, without half characters and control signs."""
    text = values.get(name, "")[:LONGEST]
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    return clean.encode("utf-8", "ignore").decode()


def number_in(values: Values, name: str) -> int:
    """A positive whole number; 0 for anything else."""
    text = values.get(name, "")
    short = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))
    return min(int(text), LARGEST_ID) if short else 0


def model_query(values: Values) -> ModelQuery:
    """Which models an address asks for."""
    return ModelQuery(
        text=text_in(values, "q").strip(),
        kind=text_in(values, "type"),
        base_model=text_in(values, "base"),
        creator=text_in(values, "creator").strip(),
        tag=text_in(values, "tag").strip(),
        rating=_rating(values),
        standing=next((one for one in Standing if one.value == values.get("state")), None),
        order=next(
            (one for one in ModelOrder if one.value == values.get("sort")), ModelOrder.ADDED
        ),
        after=str(number_in(values, "after") or ""),
        limit=PAGE,
    )


def picture_query(values: Values) -> PictureQuery:
    """Which pictures an address asks for."""
    place, number = values.get("place", ""), number_in(values, "model")
    return PictureQuery(
        text=text_in(values, "q").strip(),
        model_id=ModelId(number) if number else None,
        creator=text_in(values, "creator").strip(),
        media=next((one for one in Media if one.value == values.get("media")), None),
        rating=_rating(values),
        place=place if place in ("preview", "gallery", "user") else "",
        after=str(number_in(values, "after") or ""),
        limit=PAGE,
    )


def _rating(values: Values) -> int:
    number = number_in(values, "rating")
    return number if number in [rating.value for rating in Rating] else 0


def address(path: str, values: Values, **changes: str) -> str:
    """The same address with other values; empty ones are left out."""
    query = {name: value for name, value in {**values, **changes}.items() if value}
    return f"{path}?{urlencode(query, errors='replace')}" if query else path
