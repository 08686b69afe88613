"""The pieces of one large file that are fetched ahead of its frontier, beside each other."""

from __future__ import annotations

from bisect import insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.decisions import (
    Came,
    Span,
    belongs,
    is_behind,
    judge_piece,
    may_split,
    next_piece,
    wall_before,
)
from civitai_dl.domain.entities import Answer, Held, Island, Task
from civitai_dl.errors import BadAnswer, CivitaiDLError, ConnectionLost, Stalled

from ._beside import beside
from ._gate import refuse_page
from ._links import SharedLink

if TYPE_CHECKING:
    from civitai_dl.ports import Ahead, Body, Chunk, Partial, SpareStreams

    from ._tools import Tools

MOST_REBUFFS = 3
"""Pieces that did not belong to the file, after which one stream has to do."""


@dataclass(slots=True)
class _Job:
    """A piece that somebody is at. void: what came of it is worth nothing."""

    span: Span
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ahead: Ahead | None = None
    void: bool = False

    @property
    def came(self) -> int:
        """Bytes."""
        return 0 if self.ahead is None else self.ahead.end - self.span.start


@dataclass(slots=True)
class Pieces:
    """Who fetches which piece of a file, and what has come of it; made for one try.

    proven: the service lists a digest. name: as which the bytes are saved. note: told of the bytes
    that came, with 0 when what came has turned out to be worth nothing. mark: what is known of the
    file. islands: pieces that came, in order. off: one stream has to do. trouble: an error that is
    not about one piece. stale: the file is another one by now. streaming: the transfer's own stream
    is at work at the frontier. writing_to: the end of what it is just writing there.
    """

    task: Task
    tools: Tools
    spare: SpareStreams
    partial: Partial
    link: SharedLink
    proven: bool
    name: str = ""
    mark: Held = Held(0)
    answer: Answer = Answer(status=0)
    islands: list[Island] = field(default_factory=list)
    off: bool = False
    trouble: CivitaiDLError | None = None
    stale: bool = False
    streaming: bool = False
    writing_to: int = 0
    note: Callable[[int], Awaitable[None]] | None = None
    bell: anyio.Event = field(default_factory=anyio.Event)
    _is_open: bool = False
    _jobs: list[_Job] = field(default_factory=list)
    _helpers: int = 0
    _most: int | None = None
    _rebuffs: int = 0
    _rate: float = 0.0
    _came: int = 0

    def begin(self, held: Held | None, size_hint: int | None) -> None:
        """Take over what an earlier try has left."""
        self.mark = held if held is not None else Held(0)
        if self.mark.total is None:
            self.mark = replace(self.mark, total=size_hint)
        self.islands = list(self.mark.islands)

    # --- what there is

    @property
    def is_large(self) -> bool:
        """Whether the file is one of those that may be fetched in pieces."""
        return self._may_split(proven=True)

    @property
    def may_help(self) -> bool:
        """Whether somebody may begin with a piece now."""
        return self._is_open and self._may_split(proven=self.proven)

    @property
    def is_due(self) -> bool:
        """Whether the file is to go on in pieces, rather than by one stream from the frontier."""
        if self.stale:
            return False
        if self.covers_frontier:
            return True
        busy = bool(self._jobs or self.islands) or self.spare.free(self.task.lane) > 0
        return busy and self._may_split(proven=self.proven)

    def _may_split(self, *, proven: bool) -> bool:
        return may_split(
            self.mark,
            frontier=self.partial.size,
            proven=proven,
            allowed=self.tools.resume and not self.off and self.trouble is None,
            islands=bool(self.islands or self._jobs),
        )

    @property
    def covers_frontier(self) -> bool:
        """Whether the next byte has come, or is on its way."""
        place = self.partial.size
        return any(span.start <= place < span.end for span in self._taken())

    def wall(self) -> int | None:
        """Where a stream from the frontier on must end."""
        return None if self.stale else wall_before(self._taken(), self.partial.size)

    def ashore(self) -> tuple[Island, ...]:
        """All that has come by now, of pieces that are not whole as well."""
        begun = [job.ahead.island for job in self._jobs if job.ahead is not None and not job.void]
        return tuple(sorted([*self.islands, *(one for one in begun if one.end > one.start)]))

    @property
    def size(self) -> int:
        """Bytes that have come ahead of the frontier."""
        whole = sum(one.end - one.start for one in self.islands)
        return whole + sum(job.came for job in self._jobs if not job.void)

    def _taken(self) -> list[Span]:
        return [Span(one.start, one.end) for one in self.islands] + [job.span for job in self._jobs]

    # --- what is found out

    def met(self, answer: Answer, total: int | None) -> bool:
        """Take note of what the frontier's stream was told; False when the islands are not of it.

        Then they are to be dropped before anything is written.
        """
        same = total == self.mark.total and belongs(self.mark, answer, proven=self.proven)
        self.mark, self.stale = Held(0, answer.etag, answer.host, total), False
        self.ring()
        return same

    def give_up(self) -> None:
        """What has come is not of the file that is there now; the transfer begins anew."""
        self.off = self.stale = True

    async def hold(self, *, drop: bool) -> tuple[Island, ...]:
        """Let nobody begin; drop: forget all that came, and end whoever is at it.

        Returns what is to be kept.
        """
        self._is_open = False
        if drop:
            self.islands.clear()
            for job in self._jobs:
                job.void = True
                job.scope.cancel()
            while self._jobs:
                await self.bell.wait()
        return tuple(self.islands)

    def open(self) -> None:
        """The partial is ready for pieces."""
        self._is_open = True
        self.ring()

    async def _reject(self, island: Island) -> None:
        """The disk gives back other bytes than it was given: they are fetched again."""
        self.islands.remove(island)
        self._rebuff()
        self.ring()
        await self._tell(0)

    def ring(self) -> None:
        """Something has changed: who waits looks again."""
        bell, self.bell = self.bell, anyio.Event()
        bell.set()

    # --- who fetches

    async def share(self) -> None:
        """Let spare streams fetch pieces, while there is something for them; for ever."""
        lane = self.task.lane
        async with anyio.create_task_group() as group:
            while True:
                bell = self.bell
                if not self._wants_help():
                    await bell.wait()
                    continue
                await self.spare.take(lane)
                span = self._next() if self._wants_help() else None
                if span is None:
                    self.spare.give(lane)
                    continue
                self._helpers += 1
                group.start_soon(self._help, self._job(span))

    async def follow(self) -> bool:
        """Move the frontier over the pieces as they come, and fetch some by the stream at hand.

        True when the whole is held, False when somebody has to go on at the frontier. Raises: what
        is not about one piece.
        """
        return await beside(self._own, self._take_in)

    async def _take_in(self) -> bool:
        while self.partial.size != self.mark.total:
            bell = self.bell
            if self.trouble is not None:
                raise self.trouble
            place = self.partial.size
            island = next((one for one in self.islands if one.start == place), None)
            if island is not None:
                if await self.partial.take_in(island, proven=self.proven):
                    self.islands.remove(island)
                    self.ring()
                else:
                    await self._reject(island)
            elif self.covers_frontier or self.may_help:
                await bell.wait()
            else:
                return False
        return True

    async def _own(self) -> None:
        """Fetch pieces by the transfer's own stream, one after the other; for ever."""
        while True:
            bell = self.bell
            span = self._next() if self.may_help else None
            if span is not None:
                if await self._fetch(self._job(span)) or not self._jobs:
                    continue
                # Others fare better: when one of them is done, it may be tried again.
                bell = self.bell
            await bell.wait()

    async def _help(self, job: _Job) -> None:
        troubled = False
        try:
            troubled = not await self._fetch(job)
        finally:
            self._helpers -= 1
            self.spare.give(self.task.lane, troubled=troubled)
            self.ring()

    def _wants_help(self) -> bool:
        if self._most is not None and self._helpers >= self._most:
            return False
        return self.may_help and self._next() is not None

    def _next(self) -> Span | None:
        total = self.mark.total
        assert total is not None
        if is_behind(self.islands, self.partial.size):
            return None
        streams = self._helpers + 1 + self.spare.free(self.task.lane)
        # What is being written at the frontier does not count as held yet, and is nobody else's.
        taken, rate = self._taken(), self._rate
        first = max(self.partial.size, self.writing_to if self.streaming else 0)
        span = next_piece(taken, first=first, total=total, rate=rate, streams=streams)
        if span is not None and self.streaming and span.start == first:
            # The frontier's own stream is at this one.
            taken.append(span)
            span = next_piece(taken, first=first, total=total, rate=rate, streams=streams)
        return span

    def _job(self, span: Span) -> _Job:
        job = _Job(span)
        self._jobs.append(job)
        return job

    async def _fetch(self, job: _Job) -> bool:
        """Fetch a piece; False when nothing came of it. What came of a part is kept."""
        try:
            with job.scope:
                await self._ask(job)
        except (ConnectionLost, Stalled):
            if not job.came:
                self._fewer()
        except BadAnswer:
            job.void = True
            self._rebuff()
        except CivitaiDLError as error:
            self.trouble = error
        finally:
            self._jobs.remove(job)
            island = None if job.ahead is None or job.void else job.ahead.island
            if island is not None and island.end > island.start:
                insort(self.islands, island)
            self.ring()
        if job.void:
            await self._tell(0)
        return island is not None

    async def _ask(self, job: _Job) -> None:
        span, link = job.span, await self.link.get()
        opened = self.tools.fetcher.open(
            link, offset=span.start, end=span.end, lane=self.task.lane.value
        )
        async with opened as body:
            came = judge_piece(span, self.mark, body.answer, proven=self.proven)
            if came is Came.PIECE:
                if not self.answer.status:
                    self.answer = body.answer
                self.mark = Held(0, body.answer.etag, body.answer.host, self.mark.total)
                await self._copy(job, body)
                return
        if came is Came.LINK:
            self.off = not await self.link.refused(link, self._came) or self.off
        elif came is Came.WHOLE:
            self.off = True
        elif came is Came.BUSY:
            self._fewer()
        else:
            self._rebuff()

    async def _copy(self, job: _Job, body: Body) -> None:
        clock, span = self.tools.clock, job.span
        began = clock.now()
        ahead = job.ahead = self.partial.ahead(span.start)
        try:
            async for chunk in body.chunks():
                await self._put(job, ahead, chunk, body.answer)
        finally:
            # Also when it is ended: what came is worth the one write.
            with anyio.CancelScope(shield=True):
                await ahead.flush()
        if ahead.end < span.end:
            raise ConnectionLost("the body ended early")
        self._rebuffs = 0
        rate = job.came / max(clock.now() - began, 1e-3)
        self._rate = rate if self._rate <= 0 else (self._rate + rate) / 2

    async def _put(self, job: _Job, ahead: Ahead, chunk: Chunk, answer: Answer) -> None:
        if ahead.end + len(chunk) > job.span.end:
            raise BadAnswer("more bytes came than were asked for", status=answer.status)
        if not ahead.end:
            try:
                refuse_page(chunk, answer, self.name)
            except ConnectionLost as error:
                raise BadAnswer(error.message, status=error.status) from None
        await ahead.write(chunk)
        self._came += len(chunk)
        await self._tell(len(chunk))

    async def _tell(self, count: int) -> None:
        if self.note is not None:
            await self.note(count)

    # --- trouble

    def _fewer(self) -> None:
        """The far side does not bear so many: no more than are left from now on."""
        self._most = max(0, len(self._jobs) - 2)
        self.off = self.off or len(self._jobs) == 1

    def _rebuff(self) -> None:
        self._rebuffs += 1
        self.off = self.off or self._rebuffs >= MOST_REBUFFS
