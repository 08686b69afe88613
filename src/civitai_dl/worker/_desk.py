"""What a source is given while it reads a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio.to_thread

from civitai_dl.documents import dump_json
from civitai_dl.domain.decisions import decide_retry, may_fetch
from civitai_dl.domain.entities import Changed, Deferred, DressRef
from civitai_dl.errors import CivitaiDLError, SourceError, TransferError

from ._dress import dress, written_as_they_are
from ._failures import as_failure

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from civitai_dl.domain.entities import (
        Change,
        Failure,
        Model,
        ModelId,
        Outcome,
        Selection,
        Task,
    )
    from civitai_dl.ports import Catalog, Clock, JsonApi

    from ._tools import Tools

LARGEST_INLINE = 32
"""Documents that are serialised on the loop; more go to a thread."""


@dataclass(frozen=True, slots=True)
class WorkerDesk:
    """See ports.Desk."""

    tools: Tools

    @property
    def api(self) -> JsonApi:
        """See ports.Desk."""
        return self.tools.api

    @property
    def catalog(self) -> Catalog:
        """See ports.Desk."""
        return self.tools.catalog

    @property
    def clock(self) -> Clock:
        """See ports.Desk."""
        return self.tools.clock

    @property
    def selection(self) -> Selection:
        """See ports.Desk."""
        return self.tools.selection

    @property
    def only(self) -> Collection[str] | None:
        """See ports.Desk."""
        return None if self.tools.owned is None else self.tools.owned.only

    def pictures(self, html: str | None) -> list[str]:
        """See ports.Desk."""
        local = self.tools.local_service
        return [url for url in self.tools.pictures(html) if may_fetch(url, local_service=local)]

    async def written(self, models: Sequence[Model]) -> set[ModelId]:
        """See ports.Desk."""
        return await written_as_they_are(models, self.tools)

    async def save_json(self, *documents: tuple[str, object]) -> None:
        """See ports.Desk."""
        if len(documents) > LARGEST_INLINE:
            pages = await anyio.to_thread.run_sync(dump_all, documents)
        else:
            pages = dump_all(documents)
        await self.tools.storage.save(pages)

    async def save(self, *documents: tuple[str, bytes]) -> None:
        """See ports.Desk."""
        await self.tools.storage.save(documents)

    async def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        """See ports.Desk."""
        found = await self.tools.storage.read_all(paths)
        return {path: data for path, data in zip(paths, found, strict=True) if data is not None}

    async def remove(self, paths: Sequence[str]) -> None:
        """See ports.Desk."""
        await self.tools.storage.remove(paths)

    async def redress(self, model_id: ModelId) -> None:
        """See ports.Desk."""
        await dress(DressRef(model_id), self.tools)

    def tell(self, change: Change) -> None:
        """See ports.Desk."""
        self.tools.reporter.emit(Changed(change))

    def deferred(self, task: Task, error: Exception) -> Outcome:
        """See ports.Desk."""
        if not isinstance(error, SourceError):
            raise error
        return self.judge(task, error)

    def judge(self, task: Task, error: CivitaiDLError) -> Outcome:
        """The verdict on an expected error of a task."""
        return self.decide(task, as_failure(error))

    def judge_transfer(self, task: Task, error: TransferError, *, progress: bool) -> Outcome:
        """The verdict on a transfer that broke off.

        progress: durable bytes came in this try. While that goes on, a file is not given up,
        however often its connection breaks.
        """
        if not progress:
            return self.judge(task, error)
        outcome = self.judge(replace(task, attempt=0), error)
        return replace(outcome, progress=True) if isinstance(outcome, Deferred) else outcome

    def decide(self, task: Task, failure: Failure) -> Outcome:
        """The verdict on a failure of a task."""
        clock = self.tools.clock
        return decide_retry(
            task, failure, now=clock.now(), jitter=clock.jitter(), policy=self.tools.policy
        )


def dump_all(documents: tuple[tuple[str, object], ...]) -> list[tuple[str, bytes]]:
    """JSON as people can read it: the keys in the service's order, two spaces, UTF-8."""
    return [(path, dump_json(document)) for path, document in documents]
