"""Asking about digests until there is an answer, or until no more patience is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import RetryPolicy, decide_retry
from civitai_dl.domain.entities import Deferred, Kind, Lane, LookupRef, Notice, Role, Task
from civitai_dl.domain.placing import in_batches
from civitai_dl.errors import NotFound, NotPermitted, Rejected, SourceError, UnexpectedShape
from civitai_dl.sources import IDS_AT_ONCE, VERSIONS_AT_ONCE, Told, ask_ids, ask_versions
from civitai_dl.worker import as_failure

if TYPE_CHECKING:
    from civitai_dl.config import Settings
    from civitai_dl.ports import Clock, JsonApi, Reporter

Ask = Callable[[Sequence[str], "JsonApi"], Awaitable[Told]]


@dataclass(slots=True)
class Asking:
    """Questions about digests.

    told: what comes of them. asked: requests. why: one of them got no answer.
    """

    api: JsonApi
    settings: Settings
    reporter: Reporter
    clock: Clock
    told: Told
    asked: int = 0
    why: str = ""

    async def ask(self, digests: Sequence[str]) -> None:
        """Ask about all of these, in as few requests as may be."""
        for batch in in_batches(digests, IDS_AT_ONCE):
            await self._ask_batch(batch)

    async def _ask_batch(self, batch: Sequence[str]) -> None:
        try:
            _merge(self.told, await self._patiently(ask_ids, batch))
        except (NotFound, Rejected, NotPermitted, UnexpectedShape):
            # A service without this way, or with another form of it.
            await self._ask_parts(batch)
        except SourceError as error:
            self._give_up(batch, error)

    async def _ask_parts(self, batch: Sequence[str]) -> None:
        for place, part in enumerate(in_batches(batch, VERSIONS_AT_ONCE)):
            try:
                _merge(self.told, await self._patiently(ask_versions, part))
            except SourceError as error:
                # Whoever does not answer this one will not answer the next either.
                self._give_up(batch[place * VERSIONS_AT_ONCE :], error)
                return

    def _give_up(self, batch: Sequence[str], error: SourceError) -> None:
        """No answer is not an answer: of these nothing is known, not even that they are unknown."""
        self.told.untold.update(batch)
        self.why = error.message

    async def _patiently(self, ask: Ask, batch: Sequence[str]) -> Told:
        """Ask until there is an answer, as patiently as for any page. Raises: SourceError."""
        settings = self.settings
        policy = RetryPolicy(attempts=max(1, settings.retries), max_wait=settings.max_wait)
        task = Task("digests", Kind.LOOKUP, Lane.MODEL_PAGES, Role.PAGE, LookupRef(), "digests")
        while True:
            self.asked += 1
            try:
                return await ask(batch, self.api)
            except (NotFound, UnexpectedShape):
                # Of a question about many things it says that there is no such question.
                raise
            except SourceError as error:
                now, jitter = self.clock.now(), self.clock.jitter()
                verdict = decide_retry(
                    task, as_failure(error), now=now, jitter=jitter, policy=policy
                )
                if not isinstance(verdict, Deferred):
                    raise
                wait = max(0.0, verdict.until - now)
            self.reporter.emit(Notice("info", f"{verdict.failure.detail}: asking again"))
            await self.clock.sleep(wait)
            counted = 1 if verdict.counts else 0
            waited = 0.0 if verdict.counts else wait
            task = replace(task, attempt=task.attempt + counted, waited=task.waited + waited)


def _merge(told: Told, more: Told) -> None:
    for digest, places in more.places.items():
        for place in places:
            told.add(digest, place)
    told.untold |= more.untold
