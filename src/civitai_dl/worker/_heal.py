"""A damaged file made whole: what is good of it is kept, and only what is not is fetched."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread

from civitai_dl.domain.decisions import (
    SEGMENT,
    Kept,
    Resume,
    TurnAway,
    judge_answer,
    judge_segment,
    segment_range,
    tells_segments,
)
from civitai_dl.domain.entities import (
    Answer,
    BytesReceived,
    FileRef,
    Held,
    Outcome,
    SignedUrl,
    Stored,
    Task,
    TransferStarted,
)
from civitai_dl.errors import (
    ConnectionLost,
    LinkExpired,
    SourceError,
    Stalled,
    StorageError,
    TransferError,
)

from ._desk import WorkerDesk
from ._files import FileLink
from ._perform import perform
from ._publish import publish

if TYPE_CHECKING:
    from civitai_dl.ports import Chunk, Partial

    from ._tools import Tools

READ = 1 << 20

MOST_STUMBLES = 5
"""Connections lost in a row within one segment, each after progress, that are continued at once."""

RANGED = frozenset({200, 206, 416})
"""Answers of a server that gives the file, but not the range that was asked for."""


@dataclass(frozen=True, slots=True)
class Seed:
    """Bytes that were set aside, and what they ought to be.

    where: their archive path now. size: how many there are.
    """

    kept: Kept
    where: str
    size: int


class Digest(Protocol):
    """What hashlib gives."""

    def update(self, data: Chunk, /) -> None:
        """Take more bytes."""

    def copy(self) -> Digest:
        """One that goes on by itself."""

    def hexdigest(self) -> str:
        """Of all bytes so far."""


class _Unfit(Exception):
    """It cannot be healed in pieces: the whole must be fetched."""


@dataclass(slots=True)
class Healer:
    """Heals files from their seeds (by task key) where it can, and performs the rest.

    segment: bytes, as the digests of the seeds were measured. fetched: which segments, from 0, were
    fetched for each file that was healed.
    """

    seeds: Mapping[str, Seed]
    segment: int = SEGMENT
    fetched: dict[str, list[int]] = field(default_factory=dict)
    _begun: dict[str, Healing] = field(default_factory=dict)

    async def perform(self, tasks: Sequence[Task], tools: Tools) -> list[Outcome]:
        """As `worker.perform`."""
        if len(tasks) == 1 and isinstance(tasks[0].subject, FileRef):
            outcome = await self._heal(tasks[0], tasks[0].subject, tools)
            if outcome is not None:
                return [outcome]
        return await perform(tasks, tools)

    async def _heal(self, task: Task, ref: FileRef, tools: Tools) -> Outcome | None:
        """Make a file whole; None when that cannot be, and it is as if nobody had tried.

        Whatever is wrong with the disk or with the service, fetching the whole will meet it, too,
        and its verdict is the one that counts.
        """
        seed = self.seeds.get(task.key)
        if seed is None or not self._is_fit(seed, ref):
            return None
        if await tools.catalog.find_sha256(seed.kept.sha256):
            # A twin is whole by now.
            return None
        fresh = Healing(task, seed, tools, FileLink(task.key, ref, tools), self.segment)
        healing = self._begun.setdefault(task.key, fresh)
        try:
            async with tools.storage.partial(task.key) as partial:
                try:
                    stored = await healing.run(partial)
                except TransferError as error:
                    return WorkerDesk(tools).judge_transfer(task, error, progress=healing.grew)
                except (_Unfit, SourceError):
                    del self._begun[task.key]
                    await tools.catalog.hold(task.key, None)
                    await partial.discard()
                    return None
                stored = await publish(task, stored, partial, str(ref.file_id), tools)
                await tools.catalog.hold(task.key, None)
        except (StorageError, FileNotFoundError):
            self._begun.pop(task.key, None)
            return None
        tools.signed.pop(task.key, None)
        self.fetched[task.key] = healing.fetched
        return stored

    def _is_fit(self, seed: Seed, ref: FileRef) -> bool:
        """Whether some of the bytes may be good, and are still those that the service lists."""
        known = tells_segments(seed.kept, self.segment) or seed.size > seed.kept.size
        return known and ref.digests.sha256 in (None, seed.kept.sha256)


@dataclass(slots=True)
class Healing:
    """The healing of one file, over all its tries.

    grew: more of it is durable and proven than before this try. fetched: segments, from 0.
    """

    task: Task
    seed: Seed
    tools: Tools
    link: FileLink
    segment: int
    grew: bool = False
    fetched: list[int] = field(default_factory=list)
    _digest: Digest = field(default_factory=hashlib.sha256)
    _done: int = 0
    _renewed_at: int = -1

    async def run(self, partial: Partial) -> Stored:
        """Build the file in a partial, segment by segment, each proven before the next begins.

        Raises: _Unfit, SourceError, TransferError, StorageError.
        """
        kept, self.grew = self.seed.kept, False
        spans, wanted = self._plan()
        if partial.held < spans[self._done][0]:
            self._done, self._digest, self.fetched = 0, hashlib.sha256(), []
        await partial.begin(spans[self._done][0])
        await partial.reserve(kept.size)
        for number in range(self._done, len(spans)):
            await self._append(partial, number, spans[number], wanted[number])
            if number + 1 < len(spans):
                self._done = number + 1
                await self._checkpoint(partial)
        measured = await partial.finish()
        if (measured.sha256, measured.size) != (kept.sha256, kept.size):
            raise _Unfit
        return Stored(
            kept.path, kept.sha256, kept.size, verified=kept.verified, prefixes=measured.prefixes
        )

    def _plan(self) -> tuple[list[tuple[int, int]], list[str]]:
        """The segments, and the digest of all up to the end of each."""
        kept = self.seed.kept
        if not tells_segments(kept, self.segment):
            return [(0, kept.size)], [kept.sha256]
        wanted = [*kept.prefixes, kept.sha256]
        return [segment_range(n, kept.size, self.segment) for n in range(len(wanted))], wanted

    async def _append(
        self, partial: Partial, number: int, span: tuple[int, int], wanted: str
    ) -> None:
        """Append one segment that makes the digest of all up to its end the one that is wanted."""
        candidate = self._digest.copy()
        if await self._is_good(span, candidate, wanted):
            async for chunk in self._seed(span):
                await partial.write(chunk)
        elif not tells_segments(self.seed.kept, self.segment):
            raise _Unfit
        else:
            candidate = self._digest.copy()
            await self._fetch(partial, span, candidate)
            if candidate.hexdigest() != wanted:
                raise _Unfit
            self.fetched.append(number)
        self._digest = candidate

    async def _is_good(self, span: tuple[int, int], digest: Digest, wanted: str) -> bool:
        try:
            async for chunk in self._seed(span):
                await anyio.to_thread.run_sync(digest.update, chunk)
        except StorageError:
            # The disk does not give it any more.
            return False
        return digest.hexdigest() == wanted

    async def _seed(self, span: tuple[int, int]) -> AsyncIterator[bytes]:
        """The bytes that were set aside, as far as they reach."""
        at, end = span[0], min(span[1], self.seed.size)
        while at < end:
            chunk = await self.tools.storage.read_part(self.seed.where, at, min(READ, end - at))
            if not chunk:
                return
            at += len(chunk)
            yield chunk

    async def _fetch(self, partial: Partial, span: tuple[int, int], digest: Digest) -> None:
        """Append the bytes of a segment as the service gives them."""
        self._renewed_at, stumbles = -1, 0
        at, end = span
        link = await self.link(False)
        while at < end:
            before = at
            async with self.tools.fetcher.open(
                link, offset=at, end=end, lane=self.task.lane.value
            ) as body:
                if not judge_segment(body.answer, at, end, self.seed.kept.size):
                    link = await self._other_link(body.answer, at, link)
                    continue
                self.tools.reporter.emit(TransferStarted(self.task, at, self.seed.kept.size))
                try:
                    async for chunk in body.chunks():
                        at += len(chunk)
                        if at > end:
                            raise _Unfit
                        await partial.write(chunk)
                        digest.update(chunk)
                        self.tools.reporter.emit(BytesReceived(self.task, len(chunk)))
                except (ConnectionLost, Stalled) as error:
                    stumbles += 1
                    if at == before or stumbles > MOST_STUMBLES:
                        error.status = body.answer.status
                        raise
                    continue
            if at < end:
                stumbles += 1
                if at == before or stumbles > MOST_STUMBLES:
                    raise ConnectionLost("the body ended early")

    async def _other_link(self, answer: Answer, at: int, link: SignedUrl) -> SignedUrl:
        """Another link, where the answer says that this one is spent. Raises: what it says else."""
        if answer.status in RANGED:
            raise _Unfit
        verdict = judge_answer(Resume(at, None), None, answer)
        assert isinstance(verdict, TurnAway)
        if not verdict.gated:
            raise ConnectionLost(verdict.why, status=answer.status, retry_after=answer.retry_after)
        other = await self.link(True, seen=link)
        if other is link or self._renewed_at == at:
            # The new link is refused as well, and nothing came between.
            raise LinkExpired(verdict.why, status=answer.status)
        self._renewed_at = at
        return other

    async def _checkpoint(self, partial: Partial) -> None:
        """What is proven is kept: also another run may go on from here."""
        size = await partial.sync()
        # Proven by digest: no tag of any server need be asked for again.
        await self.tools.catalog.hold(self.task.key, Held(size, total=self.seed.kept.size))
        self.grew = True
