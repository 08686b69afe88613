"""Bringing the library up to what the archive holds, in portions that nobody waits for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import anyio.to_thread

from civitai_dl.domain.decisions import image_source, model_folder
from civitai_dl.domain.entities import CreatorName, Image, ModelId
from civitai_dl.domain.library import ModelFacts, ModelHolding, PictureFacts, StoredPicture

from ._open import transaction
from ._writing import (
    NewModel,
    NewPicture,
    choose_covers,
    count_creators,
    note,
    noted,
    remove_models,
    remove_pictures,
    write_models,
    write_pictures,
)

T = TypeVar("T")

PICTURES_AT_ONCE = 1_000
MODELS_AT_ONCE = 200
MODELS_KEPT = 64
"""Whose previews are remembered while the pictures are read: these come model by model."""

OVERLAP = 2.0
"""Seconds before the last change seen, in which a slower transaction may have changed something."""


class Holdings(Protocol):
    """Who tells what the archive holds; see the catalog's Holdings."""

    async def version(self) -> int: ...
    async def extent(self) -> tuple[int, float, int]: ...
    async def pictures(
        self, after: int, most: int, *, since: float = 0.0
    ) -> Sequence[StoredPicture]: ...
    async def models(self, after: int, most: int) -> Sequence[ModelId]: ...
    async def models_since(self, moment: float) -> Sequence[ModelId]: ...
    async def tallies(self, models: Sequence[ModelId]) -> Mapping[ModelId, ModelHolding]: ...


@dataclass(frozen=True, slots=True)
class Readers:
    """From documents of the archive to facts.

    model: of model.json and gone.json; None for what cannot be read. picture: of the JSON beside an
    image.
    """

    model: Callable[[bytes, bytes | None], ModelFacts | None]
    picture: Callable[[bytes], PictureFacts]


@dataclass(slots=True)
class Reading:
    """One reading of an archive. hear: told how many rows of the state have been looked at."""

    connection: sqlite3.Connection
    folder: Path
    readers: Readers
    hear: Callable[[int, int], None]
    _previews: dict[ModelId, Mapping[str, PictureFacts]] = field(default_factory=dict)

    async def go(self, holdings: Holdings) -> bool:
        """Read what has changed; everything, where that does not come to the same number.

        Returns whether anything had changed. Safe to repeat, and to stop anywhere.
        """
        last, newest, pictures = await holdings.extent()
        mark = f"{last}/{newest!r}/{pictures}"
        if mark == await self._work(partial(noted, name="mark")):
            return False
        since = max(0.0, await self._work(_watermark) - OVERLAP)
        await self._read(holdings, since, last)
        if since and pictures != await self._work(_count_pictures):
            # Something that was stored is so no more, which no change tells of.
            await self._read(holdings, 0.0, last)
        await self._work(partial(_finish, mark=mark, newest=newest))
        return True

    async def _read(self, holdings: Holdings, since: float, last: int) -> None:
        self.hear(0, last)
        await self._read_models(holdings, since)
        await self._read_pictures(holdings, since, last)

    async def _work(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return await anyio.to_thread.run_sync(function, self.connection)

    async def _read_models(self, holdings: Holdings, since: float) -> None:
        if since:
            changed = await holdings.models_since(since)
            for start in range(0, len(changed), MODELS_AT_ONCE):
                portion = changed[start : start + MODELS_AT_ONCE]
                await self._take_models(holdings, portion)
            return
        after = 0
        while portion := await holdings.models(after, MODELS_AT_ONCE):
            await self._work(partial(_sweep_models, after=after, kept=portion))
            await self._take_models(holdings, portion)
            after = portion[-1]
        await self._work(partial(_sweep_models, after=after, kept=()))

    async def _take_models(self, holdings: Holdings, portion: Sequence[ModelId]) -> None:
        tallies = await holdings.tallies(portion)
        await self._work(partial(self._write_models, holdings=tallies))

    def _write_models(
        self, connection: sqlite3.Connection, holdings: Mapping[ModelId, ModelHolding]
    ) -> None:
        known = _known(
            connection, "SELECT id, stamp FROM models WHERE id BETWEEN ? AND ?", holdings
        )
        fresh = []
        for number, holding in holdings.items():
            stamp = f"{holding.stamp} {self._stamp(number)}"
            if known.get(number) == stamp:
                continue
            facts = self._model(number)
            if facts is not None:
                fresh.append(NewModel(facts, holding.tally, stamp, holding.added or 0.0))
        if fresh:
            with transaction(connection):
                write_models(connection, fresh)
                choose_covers(connection, [model.facts.id for model in fresh])

    def _stamp(self, number: ModelId) -> str:
        found = []
        for name in ("model.json", "gone.json"):
            try:
                facts = self.folder.joinpath(model_folder(number), name).stat()
            except OSError:
                found.append("-")
            else:
                found.append(f"{facts.st_mtime_ns}.{facts.st_size}")
        return " ".join(found)

    def _model(self, number: ModelId) -> ModelFacts | None:
        folder = self.folder / model_folder(number)
        document = _read(folder / "model.json")
        if document is None:
            return None
        return self.readers.model(document, _read(folder / "gone.json"))

    async def _read_pictures(self, holdings: Holdings, since: float, last: int) -> None:
        after = 0
        while True:
            portion = await holdings.pictures(after, PICTURES_AT_ONCE, since=since)
            until = portion[-1].row if portion else max(after, last) + 1
            take = partial(
                self._write_pictures, portion=portion, after=after, until=until, sweep=not since
            )
            await self._work(take)
            self.hear(min(until, last), last)
            if not portion:
                return
            after = until

    def _write_pictures(
        self,
        connection: sqlite3.Connection,
        *,
        portion: Sequence[StoredPicture],
        after: int,
        until: int,
        sweep: bool,
    ) -> None:
        rows = connection.execute(
            "SELECT task, stamp, path FROM images WHERE task > ? AND task <= ?", (after, until)
        )
        known = {row["task"]: (row["stamp"], row["path"]) for row in rows}
        fresh = [one for one in portion if known.get(one.row) != (one.stamp, one.path)]
        there = {one.row for one in portion}
        stale = [one.row for one in fresh if one.row in known]
        if sweep:
            stale += [task for task in known if task not in there]
        if not fresh and not stale:
            return
        pictures = [self._picture(one) for one in fresh]
        with transaction(connection):
            remove_pictures(connection, stale)
            write_pictures(connection, pictures)
            models = {one.model_id for one in pictures if one.model_id is not None}
            choose_covers(connection, sorted(models))

    def _picture(self, stored: StoredPicture) -> NewPicture:
        order, facts = 0, PictureFacts()
        if stored.place == "preview" and stored.model_id is not None:
            previews = self._previews_of(stored.model_id)
            source = image_source(Image(url=stored.url)).removeprefix("uuid:")
            facts = previews.get(source, facts)
            order = list(previews).index(source) if source in previews else len(previews)
        else:
            stem = stored.path.rsplit(".", 1)[0]
            document = _read(self.folder / f"{stem}.json")
            facts = facts if document is None else self.readers.picture(document)
        if facts.creator is None and stored.place == "user":
            facts = replace(facts, creator=CreatorName(stored.path.split("/")[1]))
        return NewPicture(
            task=stored.row,
            stamp=stored.stamp,
            path=stored.path,
            place=stored.place,
            order=order,
            model_id=stored.model_id,
            image_id=stored.image_id,
            size=stored.size,
            sha256=stored.sha256,
            facts=facts,
        )

    def _previews_of(self, number: ModelId) -> Mapping[str, PictureFacts]:
        if number not in self._previews:
            if len(self._previews) >= MODELS_KEPT:
                self._previews.clear()
            facts = self._model(number)
            self._previews[number] = {} if facts is None else facts.previews
        return self._previews[number]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _known(
    connection: sqlite3.Connection, statement: str, wanted: Mapping[ModelId, object]
) -> dict[ModelId, str]:
    if not wanted:
        return {}
    rows = connection.execute(statement, (min(wanted), max(wanted)))
    return {ModelId(row[0]): str(row[1]) for row in rows}


def _sweep_models(connection: sqlite3.Connection, *, after: int, kept: Sequence[ModelId]) -> None:
    """Forget the models between two marks of which the state knows nothing any more."""
    until = kept[-1] if kept else None
    rows = connection.execute(
        "SELECT id FROM models WHERE id > ? AND (? IS NULL OR id <= ?)", (after, until, until)
    )
    lost = {ModelId(row[0]) for row in rows}.difference(kept)
    if lost:
        with transaction(connection):
            remove_models(connection, lost)


def _count_pictures(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COUNT(*) FROM images").fetchone()[0])


def _watermark(connection: sqlite3.Connection) -> float:
    return float(noted(connection, "newest") or 0.0)


def _finish(connection: sqlite3.Connection, *, mark: str, newest: float) -> None:
    with transaction(connection):
        count_creators(connection)
        note(connection, "mark", mark)
        note(connection, "newest", repr(newest))
        connection.execute("INSERT INTO models_text (models_text) VALUES ('optimize')")
    connection.execute("PRAGMA optimize")
