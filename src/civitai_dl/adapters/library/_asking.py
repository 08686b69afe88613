"""Questions to the library, as SQL: pure, so that each can be looked at and explained."""

from __future__ import annotations

from dataclasses import dataclass, field

from civitai_dl.domain.library import (
    ModelOrder,
    ModelQuery,
    PictureQuery,
    apart,
    has_trigrams,
    match_all,
    search_words,
)

MOST_COUNTED = 10_000
"""Pictures beyond are not counted: to do so would take longer than to show them."""

_ORDERS = {
    ModelOrder.ADDED: "m.added DESC, m.id DESC",
    ModelOrder.PUBLISHED: "m.published IS NULL, m.published DESC, m.id DESC",
    ModelOrder.NAME: "m.name COLLATE NOCASE, m.id",
    ModelOrder.DOWNLOADS: "m.downloads DESC, m.id DESC",
    ModelOrder.SIZE: "m.bytes DESC, m.id DESC",
}

CARD = (
    "m.id, m.name, m.kind, m.creator, m.base_models, m.tags, m.words, m.standing, m.rating, "
    "m.nsfw, m.versions, m.gone_versions, m.files, m.images, m.bytes, m.published, m.cover"
)
PICTURE = (
    "i.row, i.digest, i.path, i.media, i.model, i.version, i.image_id, i.creator, i.level, "
    "i.width, i.height, i.created, i.size, m.name AS model_name, m.nsfw AS nsfw"
)


@dataclass(slots=True)
class _Where:
    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values += values

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


Question = tuple[str, list[object]]


def ask_models(query: ModelQuery) -> Question:
    """The page of cards, one more than asked for to tell whether there are others."""
    tables, where = _models(query)
    start = int(query.after) if query.after.isascii() and query.after.isdigit() else 0
    text = f"SELECT {CARD} FROM {tables}{where} ORDER BY {_order(query)} LIMIT ? OFFSET ?"  # noqa: S608  # our own words
    return text, [*where.values, query.limit + 1, min(start, 2**40)]


def count_models(query: ModelQuery) -> Question:
    """How many there are in all."""
    tables, where = _models(query)
    return f"SELECT COUNT(*) FROM {tables}{where}", where.values  # noqa: S608  # our own words


def _models(query: ModelQuery) -> tuple[str, _Where]:
    tables, where = "models m", _Where()
    words = search_words(query.text)
    if has_trigrams(words):
        tables += " JOIN models_text t ON t.rowid = m.id"
        where.add("models_text MATCH ?", match_all(words, prefix=False))
    else:
        for word in words:
            where.add("instr(m.haystack, ?) > 0", word.lower())
    if query.kind:
        where.add("m.kind = ?", query.kind)
    if query.base_model:
        tables += " JOIN model_bases b ON b.model = m.id"
        where.add("b.base_model = ?", query.base_model)
    if query.tag:
        tables += " JOIN model_tags g ON g.model = m.id"
        where.add("g.tag = ?", query.tag.lower())
    if query.creator:
        where.add("m.creator_key = ?", query.creator.lower())
    if query.rating:
        where.add("m.rating = ?", query.rating)
    if query.standing is not None and query.standing.value == "gone":
        # A model of which a version is gone can be found by that, too.
        where.add("(m.standing = 'gone' OR m.gone_versions > 0)")
    elif query.standing is not None:
        where.add("m.standing = ?", query.standing.value)
    return tables, where


def _order(query: ModelQuery) -> str:
    order = _ORDERS[query.order]
    if has_trigrams(search_words(query.text)):
        # Names first, then tags and words, as whoever searches means it.
        return f"bm25(models_text, 10, 4, 2, 3), {order}"
    return order


def ask_pictures(query: PictureQuery) -> Question:
    """The page of pictures, one more than asked for; the newest first."""
    if query.place == "preview" and query.model_id is not None:
        return _ask_previews(query)
    tables, where, row = _pictures(query)
    if query.after.isascii() and query.after.isdigit():
        where.add(f"{row} < ?", int(query.after))
    text = (
        f"SELECT {PICTURE} FROM {tables} LEFT JOIN models m ON m.id = i.model"  # noqa: S608  # our own words
        f"{where} ORDER BY {row} DESC LIMIT ?"
    )
    return text, [*where.values, query.limit + 1]


def _ask_previews(query: PictureQuery) -> Question:
    where = _Where()
    where.add("i.model = ? AND i.place = 'preview'", query.model_id)
    if query.version:
        where.add("i.version = ?", query.version)
    text = (
        f"SELECT {PICTURE} FROM images i LEFT JOIN models m ON m.id = i.model"  # noqa: S608  # our own words
        f"{where} ORDER BY i.place_order, i.row LIMIT ?"
    )
    return text, [*where.values, query.limit + 1]


def count_pictures(query: PictureQuery) -> Question:
    """How many there are in all, counted up to MOST_COUNTED and one."""
    tables, where, _ = _pictures(query)
    return (
        f"SELECT COUNT(*) FROM (SELECT 1 FROM {tables}{where} LIMIT {MOST_COUNTED + 1})",  # noqa: S608  # our own words
        where.values,
    )


def _pictures(query: PictureQuery) -> tuple[str, _Where, str]:
    tables, where, row = "images i", _Where(), "i.row"
    words = _words(query.text)
    if words:
        # The index of words leads: it gives its rows in order, so that a page takes no sorting.
        tables, row = "images_text t CROSS JOIN images i ON i.row = t.rowid", "t.rowid"
        where.add("images_text MATCH ?", match_all(words, prefix=True))
    if not query.twins and query.model_id is None:
        where.add("i.twin = 0")
    if query.model_id is not None:
        where.add("i.model = ?", query.model_id)
    if query.version:
        where.add("i.version = ?", query.version)
    if query.place:
        where.add("i.place = ?", query.place)
    if query.creator:
        where.add("i.creator_key = ?", query.creator.lower())
    if query.media is not None:
        where.add("i.media = ?", query.media.value)
    if query.rating:
        where.add("i.rating = ?", query.rating)
    return tables, where, row


def _words(text: str) -> tuple[str, ...]:
    """Signs that are written without spaces stay together, as a phrase of single signs."""
    return tuple(" ".join(apart(word).split()) for word in search_words(text))
