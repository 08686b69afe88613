"""From what is asked about to what is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from civitai_dl._memory import recall_selection
from civitai_dl.adapters.catalog import STATE_FILE, Database, Standings
from civitai_dl.adapters.storage import STATE
from civitai_dl.domain.decisions import LeftOut, Stand, choose, judge_target
from civitai_dl.domain.entities import (
    FileId,
    HashTarget,
    ImageTarget,
    Kind,
    ModelId,
    ModelTarget,
    Selection,
    VersionId,
    VersionTarget,
)
from civitai_dl.errors import UsageError
from civitai_dl.sources import all_sources

from ._answer import Answer, Explanation
from ._models import (
    NO_GALLERY,
    NO_IMAGES,
    ModelFacts,
    answer_model,
    answer_row,
    find_kept,
    has_file,
    has_version,
    page_of,
    read_model_of,
)
from ._subject import FileTarget

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import KnownThing
    from civitai_dl.domain.entities import Model, Target

    from ._subject import Subject


async def explain(
    folder: Path,
    asked: Sequence[tuple[str, Subject]],
    *,
    wish: Selection | None,
    now: float,
) -> list[Explanation] | None:
    """How things stand and why, in the order of asking; None without an archive.

    asked: each in words, and as it was read. wish: what would be wanted; None for what the last run
    wanted that wanted the thing. now: seconds since the epoch. Changes nothing, and waits for
    nobody. Raises: CatalogError.
    """
    path = folder / STATE / STATE_FILE
    if not path.is_file():
        return None
    async with _reading(path) as database:
        explainer = _Explainer(folder, Standings(database), wish, now)
        return [await explainer.explain(text, subject) for text, subject in asked]


@asynccontextmanager
async def _reading(path: Path) -> AsyncIterator[Database]:
    database = Database(path, writable=False)
    await anyio.to_thread.run_sync(database.start)
    try:
        yield database
    finally:
        await anyio.to_thread.run_sync(database.close)


@dataclass(slots=True)
class _Explainer:
    folder: Path
    known: Standings
    wish: Selection | None
    now: float

    async def explain(self, text: str, subject: Subject) -> Explanation:
        if isinstance(subject, ModelTarget):
            found = await self._model(subject.model_id, subject.version_id)
        elif isinstance(subject, VersionTarget):
            found = await self._version(subject.version_id)
        elif isinstance(subject, HashTarget):
            found = await self._files(await self.known.of_digest(subject.digest))
        elif isinstance(subject, FileTarget):
            found = await self._file(subject.file_id)
        elif isinstance(subject, ImageTarget):
            found = await self._image(subject)
        else:
            found = await self._listing(text, subject)
        if not found.answers:
            # A file cannot be asked for by itself.
            target = "" if isinstance(subject, FileTarget) else text
            found = replace(found, answers=(Answer("target", text, Stand.UNKNOWN, target=target),))
        return replace(found, text=text)

    # --- models, versions, files

    async def _model(
        self,
        model_id: ModelId,
        version_id: VersionId | None = None,
        files: frozenset[FileId] | None = None,
    ) -> Explanation:
        facts = await self._facts(model_id)
        wish = await self._wish_of(page_of(facts.rows.values(), version_id))
        answer = answer_model(facts, wish.wish, version_id=version_id, files=files)
        excluded = judge_target(ModelTarget(model_id), wish.wish)
        if isinstance(excluded, LeftOut):
            answer = replace(answer, stand=Stand.LEFT_OUT, verdict=excluded)
        return replace(wish, answers=(answer,))

    async def _facts(self, model_id: ModelId) -> ModelFacts:
        rows = await self.known.of_model(model_id)
        model = await anyio.to_thread.run_sync(read_model_of, self.folder, model_id)
        if model is not None:
            keys = [f"gallery:version:{version.id}" for version in model.versions]
            rows += await self.known.of_keys(keys)
        listed = [row.key for row in rows if row.kind == Kind.GALLERY.value]
        return ModelFacts(
            model_id=model_id,
            model=model,
            rows={row.key: row for row in rows},
            counts=await self.known.image_counts(model_id),
            troubled=await self.known.images_in_trouble(model_id),
            listings={key: await self.known.counts([key]) for key in listed},
            now=self.now,
        )

    async def _version(self, version_id: VersionId) -> Explanation:
        rows = await self.known.beginning(f"file:{version_id}:")
        below = await self.known.models_below([f"lookup:version:{version_id}"])
        models = [ModelId(row.model_id) for row in rows if row.model_id is not None] + below
        if not models:
            models = await self._kept(version_id, has_version)
        if not models:
            return await self._listing(f"version:{version_id}", VersionTarget(version_id))
        return await self._model(models[0], version_id)

    async def _file(self, file_id: FileId) -> Explanation:
        found = await self._files(await self.known.file(file_id))
        if not found.answers:
            for model_id in await self._kept(file_id, has_file):
                return await self._model(model_id, files=frozenset({file_id}))
        return found

    async def _kept(self, number: int, has: Callable[[int, Model], bool]) -> list[ModelId]:
        look = partial(find_kept, self.folder, number, partial(has, number))
        found = await anyio.to_thread.run_sync(look)
        return [] if found is None else [found]

    async def _files(self, rows: Sequence[KnownThing]) -> Explanation:
        """Of files named by themselves, with the model and version that each belongs to."""
        models: dict[ModelId, set[FileId]] = {}
        for row in rows:
            if row.model_id is not None:
                number = FileId(int(row.key.rpartition(":")[2]))
                models.setdefault(ModelId(row.model_id), set()).add(number)
        found = [await self._model(one, files=frozenset(ids)) for one, ids in models.items()]
        if not found:
            return await self._wish_of(None)
        return replace(found[0], answers=tuple(one for each in found for one in each.answers))

    # --- images and listings

    async def _image(self, target: ImageTarget) -> Explanation:
        rows = await self.known.beginning(f"image:{target.image_id}@")
        pages = await self.known.of_keys([f"gallery:image:{target.image_id}"])
        wish = await self._wish_of(max((*rows, *pages), key=lambda row: row.run, default=None))
        told = [answer_row(row, "image", row.label, self.now) for row in rows]
        told = [replace(one, target=f"image:{target.image_id}") for one in told]
        if told:
            return replace(wish, answers=tuple(told))
        return replace(wish, answers=tuple(self._unlisted(row) for row in pages))

    def _unlisted(self, page: KnownThing) -> Answer:
        """An image of which there is nothing but the question for it."""
        answer = answer_row(page, "image", page.label, self.now)
        # It was found, and the selection of that run did not want it.
        stand = Stand.LEFT_OUT if answer.stand is Stand.STORED else answer.stand
        return replace(answer, stand=stand, target=page.key.removeprefix("gallery:"))

    async def _listing(self, text: str, target: Target) -> Explanation:
        """A user, a post, or anything else that begins with pages: what lies below them."""
        keys = _roots(target)
        rows = await self.known.of_keys(keys)
        wish = await self._wish_of(max(rows, key=lambda row: row.run, default=None))
        excluded = judge_target(target, wish.wish)
        if isinstance(excluded, LeftOut):
            answer = Answer("target", text, Stand.LEFT_OUT, verdict=excluded, target=text)
            return replace(wish, answers=(answer,))
        answers = [await self._page(row, wish.wish) for row in rows]
        known = {row.key for row in rows}
        missing = NO_GALLERY if wish.wish.images else NO_IMAGES
        if rows and not wish.wish.galleries:
            answers += [
                Answer("listing", key, Stand.LEFT_OUT, verdict=missing)
                for key in keys
                if key not in known and key.startswith("gallery:")
            ]
        return replace(wish, answers=tuple(answers))

    async def _page(self, row: KnownThing, wish: Selection) -> Answer:
        answer = answer_row(row, "listing", row.label, self.now)
        troubled = await self.known.in_trouble([row.key])
        below = [
            answer_row(one, one.kind, one.label, self.now, target=_target_of(one))
            for one in troubled
            if one.key != row.key
        ]
        below += await self._models_left_out(row, wish)
        stand = None if answer.stand is Stand.STORED else answer.stand
        counts = tuple(await self.known.counts([row.key]))
        return replace(answer, stand=stand, counts=counts, below=tuple(below))

    async def _models_left_out(self, row: KnownThing, wish: Selection) -> list[Answer]:
        if not wish.chooses_models or row.kind != Kind.CREATOR.value:
            return []
        models = await self.known.models_below([row.key])
        return await anyio.to_thread.run_sync(partial(_left_out, self.folder, models, wish))

    async def _wish_of(self, row: KnownThing | None) -> Explanation:
        """Under which selection a thing is explained: the one given, else that of its last run."""
        if self.wish is not None:
            return Explanation("", (), self.wish, given=True)
        run = None if row is None else await self.known.run(row.run)
        found = None if run is None else recall_selection(run.selection)
        if run is None or found is None:
            return Explanation("", (), Selection())
        return Explanation("", (), found, asked_at=run.started_at)


def _left_out(folder: Path, models: Sequence[ModelId], wish: Selection) -> list[Answer]:
    """The models of which nothing is wanted, each with its reason."""
    found = []
    for model_id in models:
        model = read_model_of(folder, model_id)
        choice = None if model is None else choose(model, wish)
        if model is None or choice is None or not choice.is_empty:
            continue
        verdicts = [choice.model, *choice.versions.values()]
        verdict = next((one for one in verdicts if isinstance(one, LeftOut)), None)
        label = f"model {model_id} ({model.name})"
        target = f"model:{model_id}"
        found.append(Answer("model", label, Stand.LEFT_OUT, verdict=verdict, target=target))
    return found


def _target_of(row: KnownThing) -> str:
    """How a thing below a listing is named in a command; empty where it cannot be."""
    if row.kind == Kind.FILE.value:
        return f"version:{row.key.split(':')[1]}"
    if row.kind == Kind.IMAGE.value:
        number = row.key.removeprefix("image:").partition("@")[0]
        return f"image:{number}" if number.isdigit() else f"model:{row.model_id}"
    return f"model:{row.model_id}" if row.kind == Kind.MODEL.value else ""


def _roots(target: Target) -> list[str]:
    """The keys of the tasks that a target begins with."""
    for source in all_sources():
        planned = source.roots(target, Selection())
        if planned is not None:
            return [one.task.key for one in planned]
    raise UsageError(f"nothing is known of such things: {target}")
