"""Pages and sidecars of all models of an archive written anew, from what it holds."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from civitai_dl.adapters.catalog import (
    Database,
    Holdings,
    Inspection,
    Runs,
    SqliteCatalog,
)
from civitai_dl.adapters.storage import LocalStorage
from civitai_dl.domain.entities import DressRef, ModelId, Notice
from civitai_dl.errors import StorageError, StorageFull
from civitai_dl.worker import Dresser, dress_model

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

from ._dressing import dresser_of, maker_of
from ._embedding import Embedding, EmbedReport
from ._ending import expected_error
from ._memory import recall
from ._opening import opened_archive

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Reporter

MODELS_AT_ONCE = 100
"""Models that are asked of the catalog in one go."""

DRESSED_AT_ONCE = 8
"""Models that are written at the same time."""


@dataclass(slots=True)
class RedressReport:
    """What was done, kept up to date as it goes.

    sidecars: those that are right now. left: documents of others that nothing could be added to.
    untold: models whose JSON is missing or edited to something else; what is there stays. failed:
    models that the disk did not let us write. embedded: the copies of images with their prompts,
    None where nobody asked for them.
    """

    models: int = 0
    sidecars: int = 0
    left: int = 0
    untold: int = 0
    failed: int = 0
    interrupted: bool = False
    embedded: EmbedReport | None = None

    @property
    def exit_code(self) -> int:
        """The status the command ends with."""
        if self.interrupted:
            return 130
        return 1 if self.failed else 0


@dataclass(frozen=True, slots=True)
class _Wardrobe:
    """See worker: what is needed to dress a model."""

    storage: LocalStorage
    catalog: SqliteCatalog
    reporter: Reporter
    dresser: Dresser
    maker: str


async def redress(
    settings: Settings,
    report: RedressReport,
    *,
    reporter: Reporter,
    stop: anyio.Event,
    given: Collection[str] = frozenset(),
) -> None:
    """Write the page and the sidecars of each model of which something is stored; asks nobody.

    given: names of Settings that count as they are; the others are those of the last run. stop: set
    it to end early. Raises: UsageError when there is no archive; Busy, StorageFull, CatalogError.
    Safe to repeat.
    """
    async with opened_archive(settings.output, reporter) as (storage, database):
        settings = await _as_before(settings, database, given)
        wardrobe = _Wardrobe(
            storage,
            SqliteCatalog(database),
            reporter,
            dresser_of(settings),
            maker_of(settings),
        )
        await _go_through(Holdings(database), wardrobe, report, stop)
        if settings.embed_metadata and not report.interrupted:
            embedding = Embedding(storage, database, stop)
            report.embedded = embedding.report
            await embedding.go(everything=True)
            report.interrupted = report.embedded.interrupted


async def _as_before(settings: Settings, database: Database, given: Collection[str]) -> Settings:
    """The settings of the last run, but for what is given. The key is nobody's business here."""
    last = await Runs(database).last()
    settings = replace(settings, token=None)
    if last is None:
        return settings
    return recall(settings, await Inspection(database).settings_of(last), given=given)


async def _go_through(
    holdings: Holdings, wardrobe: _Wardrobe, report: RedressReport, stop: anyio.Event
) -> None:
    after = 0
    while batch := await holdings.models_held(after, MODELS_AT_ONCE):
        for start in range(0, len(batch), DRESSED_AT_ONCE):
            if stop.is_set():
                report.interrupted = True
                return
            await _dress_together(batch[start : start + DRESSED_AT_ONCE], wardrobe, report)
        after = batch[-1]


async def _dress_together(
    model_ids: Sequence[ModelId], wardrobe: _Wardrobe, report: RedressReport
) -> None:
    """Several models: what is made durable for one is so for the others at the same price."""
    try:
        async with anyio.create_task_group() as group:
            for model_id in model_ids:
                group.start_soon(_dress, model_id, wardrobe, report)
    except BaseExceptionGroup as errors:
        error = expected_error(errors)
        if error is None:
            raise
        raise error from None


async def _dress(model_id: ModelId, wardrobe: _Wardrobe, report: RedressReport) -> None:
    try:
        worn = await dress_model(DressRef(model_id, sidecars=True), wardrobe)
    except StorageFull:
        raise
    except StorageError as error:
        report.failed += 1
        wardrobe.reporter.emit(Notice("warning", f"model {model_id}: {error.message}"))
        return
    if worn is None or not worn.told:
        report.untold += 1
        return
    report.models += 1
    report.sidecars += worn.sidecars
    report.left += worn.left
