"""The library: who looks at an archive asks here, and what has changed in it is read here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from tempfile import TemporaryDirectory
from typing import TypeVar

import anyio
import anyio.to_thread

from civitai_dl.domain.entities import CreatorName, ImageId, Media, ModelId
from civitai_dl.domain.library import (
    Card,
    CreatorCard,
    Extent,
    Facets,
    Listing,
    ModelQuery,
    Picture,
    PictureQuery,
    Standing,
    is_mature,
)

from ._asking import CARD, MOST_COUNTED, PICTURE, ask_models, ask_pictures, count_models
from ._asking import count_pictures as counted_pictures
from ._open import INDEX_FILE, open_reading, open_writing
from ._reading import Holdings, Readers, Reading

T = TypeVar("T")

KEPT_SECONDS = 3.0
"""For as long an answer that counts everything is given again."""

DIGEST_MASK = 2**64 - 1
"""SQLite's numbers have a sign."""

READERS = 4
"""Connections that are kept for questions; each has a cache of its own."""


class Library:
    """An index of one archive. Questions are answered beside a reading, from what is there.

    Raises: sqlite3.Error when the index is damaged while it is in use.
    """

    def __init__(self, folder: Path, state: Path, readers: Readers) -> None:
        """Open the index of an archive. folder: of the archive. state: where the index may lie.

        Where nothing can be written the index is kept for the life of this object.
        """
        self._folder = folder
        self._readers = readers
        self._elsewhere: TemporaryDirectory[str] | None = None
        self._pool: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._asking = anyio.CapacityLimiter(READERS)
        self._reading = anyio.Lock()
        # Until the first reading has begun nobody knows how much there will be.
        self._progress: tuple[int, int] | None = (0, 0)
        self._seen: int | None = None
        self._kept: dict[str, tuple[float, object]] = {}
        self._path = state / INDEX_FILE
        try:
            self._writer = open_writing(self._path)
        except (sqlite3.OperationalError, OSError):
            self._elsewhere = TemporaryDirectory(prefix="civitai-dl-")
            self._path = Path(self._elsewhere.name) / INDEX_FILE
            self._writer = open_writing(self._path)

    def close(self) -> None:
        """Let go of all files. Safe to repeat."""
        with suppress(Empty):
            while True:
                self._pool.get_nowait().close()
        self._writer.close()
        if self._elsewhere is not None:
            self._elsewhere.cleanup()

    async def read(self, holdings: Holdings) -> bool:
        """Take in what has changed in the archive.

        Returns whether anything had. Raises: CatalogError. Safe to repeat, and to stop anywhere.
        """
        async with self._reading:
            version = await holdings.version()
            if version == self._seen:
                return False
            reading = Reading(self._writer, self._folder, self._readers, self._hear)
            try:
                changed = await reading.go(holdings)
            finally:
                self._progress = None
                self._kept.clear()
            self._seen = version
            return changed

    def _hear(self, seen: int, of: int) -> None:
        self._progress = (seen, of)

    async def models(self, query: ModelQuery) -> Listing[Card]:
        """A page of models."""
        return await self._ask(lambda connection: _models(connection, query))

    async def pictures(self, query: PictureQuery) -> Listing[Picture]:
        """A page of pictures."""
        return await self._ask(lambda connection: _pictures(connection, query))

    async def count_pictures(self, query: PictureQuery) -> int:
        """How many pictures there are; one more than MOST_COUNTED for all larger numbers."""
        return await self._ask(lambda connection: _count(connection, counted_pictures(query)))

    async def model(self, number: ModelId) -> Card | None:
        """One model."""
        return await self._ask(lambda connection: _model(connection, number))

    async def picture(self, row: int) -> Picture | None:
        """One picture, by its number in the library."""
        return await self._ask(lambda connection: _picture_at(connection, row))

    async def creators(self, text: str, after: str, limit: int) -> Listing[CreatorCard]:
        """Who made the models and the users' images that are stored; most models first."""
        return await self._ask(lambda connection: _creators(connection, text, after, limit))

    async def creator(self, name: str) -> CreatorCard | None:
        """One creator, in whatever case the name is written."""
        return await self._ask(lambda connection: _creator(connection, name))

    async def prompt_words(self, after: str, most: int) -> list[tuple[str, list[ModelId]]]:
        """Up to `most` words of prompts behind one, and the models whose images have them."""
        return await self._ask(lambda connection: _prompt_words(connection, after, most))

    async def facets(self) -> Facets:
        """What models can be chosen by."""
        return await self._ask_seldom("facets", _facets)

    async def extent(self) -> Extent:
        """How much there is, and how far it has been read."""
        found = await self._ask_seldom("extent", _extent)
        if self._progress is None:
            return Extent(*found)
        seen, of = self._progress
        return Extent(*found, reading=True, seen=seen, all=of)

    async def _ask_seldom(self, name: str, question: Callable[[sqlite3.Connection], T]) -> T:
        """The same answer for a while: it counts everything, and stands on every page."""
        now = anyio.current_time()
        moment, answer = self._kept.get(name, (-KEPT_SECONDS, None))
        if answer is None or now - moment >= KEPT_SECONDS:
            answer = await self._ask(question)
            self._kept[name] = (now, answer)
        return answer  # type: ignore[return-value]  # what this question was answered

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await anyio.to_thread.run_sync(self._answer, question, limiter=self._asking)

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection() as connection:
            return question(connection)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._pool.get_nowait()
        except Empty:
            connection = open_reading(self._path)
        try:
            yield connection
        except sqlite3.Error:
            connection.close()
            raise
        else:
            self._pool.put(connection)


def _models(connection: sqlite3.Connection, query: ModelQuery) -> Listing[Card]:
    rows = connection.execute(*ask_models(query)).fetchall()
    total = _count(connection, count_models(query))
    more = len(rows) > query.limit
    start = int(query.after) if query.after.isascii() and query.after.isdigit() else 0
    shown = _cards(connection, rows[: query.limit])
    return Listing(shown, total, str(start + query.limit) if more else "")


def _count(connection: sqlite3.Connection, question: tuple[str, list[object]]) -> int:
    return int(connection.execute(*question).fetchone()[0])


def _cards(connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> tuple[Card, ...]:
    covers = _pictures_at(connection, [row["cover"] for row in rows if row["cover"]])
    return tuple(_card(row, covers.get(row["cover"])) for row in rows)


def _card(row: sqlite3.Row, cover: Picture | None) -> Card:
    return Card(
        id=ModelId(row["id"]),
        name=row["name"],
        kind=row["kind"],
        creator=row["creator"],
        base_models=tuple(json.loads(row["base_models"])),
        tags=tuple(json.loads(row["tags"])),
        words=tuple(json.loads(row["words"])),
        standing=Standing(row["standing"]),
        mature=cover.mature if cover is not None else is_mature(row["rating"], nsfw=row["nsfw"]),
        versions=row["versions"],
        files=row["files"],
        images=row["images"],
        bytes=row["bytes"],
        published=row["published"],
        cover=cover,
        gone_versions=row["gone_versions"],
        rating=row["rating"],
    )


def _model(connection: sqlite3.Connection, number: ModelId) -> Card | None:
    rows = connection.execute(
        f"SELECT {CARD} FROM models m WHERE m.id = ?", (number,)  # noqa: S608  # our own words
    ).fetchall()
    return _cards(connection, rows)[0] if rows else None


def _pictures(connection: sqlite3.Connection, query: PictureQuery) -> Listing[Picture]:
    rows = connection.execute(*ask_pictures(query)).fetchall()
    shown = tuple(_picture(row) for row in rows[: query.limit])
    following = str(shown[-1].row) if len(rows) > query.limit else ""
    total = _count(connection, counted_pictures(query))
    known = total <= MOST_COUNTED
    return Listing(shown, total if known else None, following, most=MOST_COUNTED)


def _picture_at(connection: sqlite3.Connection, row: int) -> Picture | None:
    return _pictures_at(connection, [row]).get(row)


def _pictures_at(connection: sqlite3.Connection, rows: list[int]) -> dict[int, Picture]:
    found = connection.execute(
        f"SELECT {PICTURE} FROM images i LEFT JOIN models m ON m.id = i.model "  # noqa: S608  # our own words
        "WHERE i.row IN (SELECT value FROM json_each(?))",
        (json.dumps(rows),),
    )
    return {row["row"]: _picture(row) for row in found}


def _picture(row: sqlite3.Row) -> Picture:
    number, model = row["image_id"], row["model"]
    return Picture(
        row=row["row"],
        mark=f"{row['digest'] & DIGEST_MASK:016x}",
        path=row["path"],
        media=Media(row["media"]),
        model_id=None if model is None else ModelId(model),
        model_name=row["model_name"] or "",
        version=row["version"],
        image_id=None if number is None else ImageId(number),
        creator=row["creator"],
        level=row["level"],
        mature=is_mature(row["level"], nsfw=bool(row["nsfw"])),
        width=row["width"],
        height=row["height"],
        created=row["created"],
        size=row["size"],
    )


def _creators(
    connection: sqlite3.Connection, text: str, after: str, limit: int
) -> Listing[CreatorCard]:
    start = min(int(after), 2**40) if after.isascii() and after.isdigit() else 0
    # Whoever only posted to somebody's gallery is found by the pictures.
    condition = "(models > 0 OR folder > 0) AND instr(key, ?) > 0"
    counted = f"SELECT COUNT(*) FROM creators WHERE {condition}"  # noqa: S608  # our own words
    total = _count(connection, (counted, [text.lower()]))
    rows = connection.execute(
        f"SELECT name, models, images, key FROM creators WHERE {condition} "  # noqa: S608  # our own words
        "ORDER BY models DESC, images DESC, key LIMIT ? OFFSET ?",
        (text.lower(), limit + 1, start),
    ).fetchall()
    shown = tuple(_creator_card(connection, row) for row in rows[:limit])
    return Listing(shown, total, str(start + limit) if len(rows) > limit else "")


def _creator(connection: sqlite3.Connection, name: str) -> CreatorCard | None:
    row = connection.execute(
        "SELECT name, models, images, key FROM creators WHERE key = ?", (name.lower(),)
    ).fetchone()
    return None if row is None else _creator_card(connection, row)


def _creator_card(connection: sqlite3.Connection, row: sqlite3.Row) -> CreatorCard:
    found = connection.execute(
        "SELECT cover FROM models WHERE creator_key = ? AND cover IS NOT NULL "
        "ORDER BY added DESC LIMIT 1",
        (row["key"],),
    ).fetchone()
    if found is None:
        found = connection.execute(
            "SELECT row FROM images WHERE creator_key = ? AND twin = 0 ORDER BY row DESC LIMIT 1",
            (row["key"],),
        ).fetchone()
    cover = None if found is None else _picture_at(connection, found[0])
    return CreatorCard(CreatorName(row["name"]), row["models"], row["images"], cover)


def _prompt_words(
    connection: sqlite3.Connection, after: str, most: int
) -> list[tuple[str, list[ModelId]]]:
    rows = connection.execute(
        "SELECT w.term, group_concat(DISTINCT i.model) FROM images_words w "
        "CROSS JOIN images i ON i.row = w.doc "
        "WHERE w.term > ? AND i.model IS NOT NULL GROUP BY w.term ORDER BY w.term LIMIT ?",
        (after, most),
    )
    return [(row[0], [ModelId(int(number)) for number in row[1].split(",")]) for row in rows]


def _facets(connection: sqlite3.Connection) -> Facets:
    kinds = connection.execute("SELECT kind, COUNT(*) FROM models GROUP BY kind ORDER BY 2 DESC, 1")
    bases = connection.execute(
        "SELECT base_model, COUNT(*) FROM model_bases GROUP BY base_model ORDER BY 2 DESC, 1"
    )
    rows = connection.execute("SELECT standing, COUNT(*) FROM models GROUP BY standing")
    standings = {Standing(row[0]): int(row[1]) for row in rows}
    # As they are found: models of which a version is gone among them.
    gone = _count(connection, count_models(ModelQuery(standing=Standing.GONE)))
    if gone:
        standings[Standing.GONE] = gone
    return Facets({row[0]: row[1] for row in kinds}, {row[0]: row[1] for row in bases}, standings)


def _extent(connection: sqlite3.Connection) -> tuple[int, int, int, int, int]:
    models = connection.execute("SELECT COUNT(*), SUM(files), SUM(bytes) FROM models").fetchone()
    images = connection.execute("SELECT COUNT(*) FROM images").fetchone()[0]
    creators = connection.execute(
        "SELECT COUNT(*) FROM creators WHERE models > 0 OR folder > 0"
    ).fetchone()[0]
    return int(models[0]), int(images), int(models[1] or 0), int(models[2] or 0), int(creators)
