"""Bytes from a link into a partial: open, judge, resume, stream, checkpoint."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from civitai_dl.domain.decisions import (
    Complete,
    FreshStart,
    Resume,
    StartOver,
    Take,
    TurnAway,
    decide_resume,
    is_strong,
    judge_answer,
    promised_size,
    room_needed,
)
from civitai_dl.domain.entities import (
    Answer,
    BytesReceived,
    Held,
    SignedUrl,
    Stored,
    Task,
    TransferStarted,
)
from civitai_dl.errors import (
    BadAnswer,
    ConnectionLost,
    LinkExpired,
    Stalled,
    TransferError,
)

from ._beside import beside
from ._checkpoints import Checkpoints
from ._gate import OVERLAP, Gate, Other, is_proven_task, refuse_page
from ._got import Got
from ._links import host_of

if TYPE_CHECKING:
    from civitai_dl.ports import Body, Chunk, Partial

    from ._links import Link
    from ._pieces import Pieces
    from ._tools import Tools

MOST_STUMBLES = 5
"""Connections lost in a row, each after progress, that are continued at once."""

MOST_TURNS = 3
"""Fresh links, and fresh starts, within one try."""

PARTING_SECONDS = 5.0


@dataclass(slots=True)
class Transfer:
    """One task's bytes on their way; made for one try.

    link: gives the address, a new one when asked with True. renewable: a new one may help. name: as
    which the bytes are saved, "" for media. size_hint: bytes expected, for display and for sanity.
    pieces: what may be fetched ahead of the frontier, None where one stream has to do.
    """

    task: Task
    tools: Tools
    partial: Partial
    link: Link
    name: str = ""
    size_hint: int | None = None
    crc: bool = False
    renewable: bool = True
    pieces: Pieces | None = None
    saved: Checkpoints = field(init=False)
    _held: Held | None = None
    _answer: Answer = Answer(status=0)
    _begun: bool = False
    _renew: bool = False
    _stumbles: int = 0
    _turns: int = 0
    _renewed_at: int = -1
    _seen: SignedUrl | None = None
    _wall_at: int = -1
    _tail: bytearray = field(default_factory=bytearray)
    _taken: bool = False

    def __post_init__(self) -> None:
        self.saved = Checkpoints(self.task.key, self.tools, self.partial, self._facts)
        if self.pieces is not None:
            self.pieces.note = self._note

    async def run(self) -> Got:
        """Fetch until the whole is held.

        Raises: SourceError from the link, TransferError, StorageError. What came so far is kept
        with a committed checkpoint, also when the task is cancelled.
        """
        await self._take_over()
        try:
            if self.size_hint is not None:
                # Before anything is asked for: a file that does not fit costs the service nothing.
                await self.partial.reserve(self.size_hint)
            await self._all()
            return await self._finish()
        except BaseException:  # whatever ends it, what came so far is worth keeping
            with anyio.move_on_after(PARTING_SECONDS, shield=True):
                await self.saved.save()
            raise

    async def take_finished(self, staged: Stored) -> Got | None:
        """The bytes of an earlier attempt that was complete but did not get its name."""
        if self.partial.held != staged.size:
            return None
        self.saved.noted = True
        await self.partial.begin(staged.size, crc=self.crc)
        self._begun = True
        return await self._finish()

    @property
    def checkpointed(self) -> bool:
        """Whether the catalog has a checkpoint, to be forgotten in the end."""
        return self.saved.noted

    @property
    def grew(self) -> bool:
        """Whether this try continued what was held, and more is durable now."""
        return self.saved.grew

    async def _take_over(self) -> None:
        self._held = await self.saved.take_over(self.task.begun)
        if self.pieces is not None:
            self.pieces.begin(self._held, self.size_hint)

    async def _all(self) -> None:
        if (pieces := self.pieces) is not None and pieces.is_large:
            await beside(pieces.share, lambda: self._rounds(pieces))
            return
        self.pieces = None
        while not await self._round():
            pass

    async def _rounds(self, pieces: Pieces) -> None:
        # While it is asked for, it turns out which streams are spare.
        await pieces.link.get()
        while not (pieces.is_due and await self._follow(pieces)):
            if await self._round():
                return

    async def _follow(self, pieces: Pieces) -> bool:
        """Go on in pieces, as far as that leads; True when the whole is held."""
        if not self._begun:
            await self._begin(self.saved.start)
            self._emit_start(pieces.mark.total)
        whole = await pieces.follow()
        if self._told.status:
            self._held = self._now_held()
        return whole

    async def _note(self, count: int) -> None:
        """Take note of bytes that came ahead of the frontier; 0: what came is worth nothing."""
        assert self.pieces is not None
        if not count:
            self._emit_start(self.pieces.mark.total)
            return
        self.tools.reporter.emit(BytesReceived(self.task, count))
        await self.saved.came(count)

    def _emit_start(self, size: int | None, offset: int | None = None) -> None:
        ahead = 0 if self.pieces is None else self.pieces.size
        offset = self.partial.size if offset is None else offset
        self.tools.reporter.emit(TransferStarted(self.task, offset + ahead, size))

    async def _round(self) -> bool:
        """One request at the frontier; True when the whole is held."""
        if self.pieces is None:
            return await self._ask()
        self.pieces.streaming, self.pieces.writing_to = True, 0
        try:
            return await self._ask()
        finally:
            self.pieces.streaming = False

    async def _ask(self) -> bool:
        link = await self.link(self._renew, seen=self._seen if self._renew else None)
        self._renew, self._seen = False, link
        asked = decide_resume(
            self._held,
            host=host_of(link),
            allowed=self.tools.resume,
            size_hint=self.size_hint,
            proven=is_proven_task(self.task),
            comparable=len(self._tail),
        )
        offset = asked.offset if isinstance(asked, Resume) else 0
        if offset:
            # Digesting what is held takes its time; no server should have to wait for it.
            await self._begin(offset)
        async with AsyncExitStack() as stack:
            body = await self._open(stack, link, asked)
            if body is None:
                return False
            verdict = judge_answer(asked, self._held, body.answer)
            if isinstance(verdict, Take):
                return await self._stream(body, verdict)
            if isinstance(verdict, Complete):
                await self._begin(offset)
                return True
            self._turn(verdict, body.answer)
            return False

    async def _open(
        self, stack: AsyncExitStack, link: SignedUrl, asked: FreshStart | Resume
    ) -> Body | None:
        """The answer; None when the address leads nowhere, and a new one is to be asked for."""
        first = asked.first if isinstance(asked, Resume) else 0
        if_range = asked.if_range if isinstance(asked, Resume) else None
        try:
            opened = self.tools.fetcher.open(
                link,
                offset=first,
                end=self._wall() if isinstance(asked, Resume) else None,
                if_range=if_range,
                lane=self.task.lane.value,
            )
            return await stack.enter_async_context(opened)
        except BadAnswer as error:
            # It says nothing about the bytes that are held.
            self._ask_anew(error.message, error.status)
            return None

    def _turn(self, verdict: StartOver | TurnAway, answer: Answer) -> None:
        """Nothing of this answer is written: drop what is held, take a new link, or give up."""
        if isinstance(verdict, StartOver):
            self._start_over(verdict.why, answer.status)
        elif verdict.gated:
            self._ask_anew(verdict.why, answer.status)
        else:
            raise ConnectionLost(verdict.why, status=answer.status, retry_after=answer.retry_after)

    def _start_over(self, why: str, status: int) -> None:
        self._turns += 1
        self._held = None
        self._tail.clear()
        if self.pieces is not None:
            self.pieces.give_up()
        if self._turns > MOST_TURNS:
            raise BadAnswer(why, status=status)

    def _ask_anew(self, why: str, status: int) -> None:
        self._turns += 1
        if not self.renewable or self._renewed_at == self.partial.size:
            # The new link is refused as well, and nothing came between.
            raise LinkExpired(why, status=status)
        self._renew, self._renewed_at = True, self.partial.size

    async def _begin(self, offset: int, *, same: bool = True) -> None:
        """Keep what is held up to there; same: islands beyond belong to it."""
        pieces = self.pieces
        if offset < max(self.saved.start, self.partial.size if self._begun else 0):
            await self.saved.forget()
        goes_on = offset == (self.partial.size if self._begun else self.saved.start)
        stale = pieces is not None and pieces.size > 0 and not (same and goes_on)
        if self._begun and goes_on and not stale:
            return
        islands = () if pieces is None else await pieces.hold(drop=stale)
        await self.partial.begin(offset, crc=self.crc, islands=islands)
        self._begun = True
        if pieces is not None:
            pieces.open()
        if stale:
            self._emit_start(self.size_hint)

    async def _stream(self, body: Body, take: Take) -> bool:
        promised = promised_size(body.answer, offset=take.offset)
        size = promised if promised is not None else self.size_hint
        self._wall_at = -1
        self._emit_start(size, take.offset)
        before, self._taken = take.offset, False
        try:
            await self._copy(body, take, promised)
        except Other:
            self._start_over("the file behind the link is another one", body.answer.status)
            return False
        except (ConnectionLost, Stalled) as error:
            # The library's complaint is not the verdict: what counts is whether all bytes came.
            if promised is None or not self._has(promised):
                return self._stumble(error, body.answer, before)
        if self._taken and self.partial.size == self._wall_at:
            self._held = self._now_held()
            return False
        if promised is not None and not self._has(promised):
            return self._stumble(ConnectionLost("the body ended early"), body.answer, before)
        return True

    def _has(self, size: int) -> bool:
        """Whether this body has brought the file to this size."""
        return self._taken and self.partial.size == size

    def _stumble(self, error: TransferError, answer: Answer, before: int) -> bool:
        """Go on where it stopped, if anything came; raise when nothing did, or too often."""
        came = self._taken and self.partial.size > before
        if came:
            self._stumbles = 0
        self._stumbles += 1
        resumable = self.tools.resume and promised_size(answer, offset=0) is not None
        if (
            not came
            or not resumable
            or self._stumbles > MOST_STUMBLES
            or self._turns > MOST_STUMBLES
        ):
            error.status = answer.status
            raise error
        self._turns += 1
        self._held = self._now_held()
        return False

    async def _copy(self, body: Body, take: Take, promised: int | None) -> None:
        """Write the body where it belongs. Raises: Other, and what reading and writing raise."""
        gate = Gate(take, bytes(self._tail))
        try:
            async for chunk in body.chunks():
                await self._put(gate.admit(chunk), body.answer, take, promised)
                if self.partial.size == self._wall_at:
                    return
        except (ConnectionLost, Stalled):
            await self._put(gate.rest(), body.answer, take, promised)
            raise
        await self._put(gate.rest(), body.answer, take, promised)
        if not self._taken:
            raise ConnectionLost("nothing came", status=body.answer.status)

    async def _put(self, chunk: Chunk, answer: Answer, take: Take, promised: int | None) -> None:
        if not chunk:
            return
        if not self._taken:
            # Only when it is known to be no page, what is held may be dropped for it.
            if take.offset == 0:
                refuse_page(chunk, answer, self.name)
                self._tail.clear()
            same = self.pieces is None or self.pieces.met(answer, promised)
            await self._begin(take.offset, same=same)
            self._answer, self._taken = answer, True
            room = room_needed(promised, self.size_hint)
            if room is not None:
                await self.partial.reserve(room)
        if promised is not None and self.partial.size + len(chunk) > promised:
            raise BadAnswer("more bytes came than were announced", status=answer.status)
        wall = self._wall()
        if wall is not None:
            self._wall_at = wall
            chunk = chunk[: wall - self.partial.size]
        if self.pieces is not None:
            self.pieces.writing_to = self.partial.size + len(chunk)
        await self.partial.write(chunk)
        self._remember(chunk, answer)
        self.tools.reporter.emit(BytesReceived(self.task, len(chunk)))
        await self.saved.came(len(chunk))

    def _wall(self) -> int | None:
        """Where the stream must end, for what follows is there, or on its way."""
        return None if self.pieces is None else self.pieces.wall()

    def _remember(self, chunk: Chunk, answer: Answer) -> None:
        """Keep the last bytes at hand where nothing else could tell what belongs to them."""
        if is_proven_task(self.task) or is_strong(answer.etag):
            return
        self._tail += chunk[-OVERLAP:]
        del self._tail[:-OVERLAP]

    @property
    def _told(self) -> Answer:
        """What the far side has said of these bytes; of status 0 when it has said nothing."""
        return self._answer if self._answer.status or self.pieces is None else self.pieces.answer

    def _facts(self) -> Held | None:
        if not self._begun or not self._told.status:
            # Nothing came in this try: what the catalog knows of these bytes is still true.
            return None
        islands = () if self.pieces is None else self.pieces.ashore()
        return replace(self._now_held(), islands=islands)

    def _now_held(self) -> Held:
        told = self._told
        return Held(self.partial.size, told.etag, told.host, promised_size(told, offset=0))

    async def _finish(self) -> Got:
        measured = await self.partial.finish()
        told = self._told
        return Got(measured, told, promised_size(told, offset=0) if told.status else None)
