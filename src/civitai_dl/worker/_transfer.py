"""Bytes from a link into a partial: open, judge, resume, stream, checkpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from civitai_dl.domain.decisions import (
    Complete,
    Resume,
    StartOver,
    Take,
    TurnAway,
    decide_resume,
    judge_answer,
    looks_like_text_page,
    promised_size,
    room_needed,
)
from civitai_dl.domain.entities import (
    Answer,
    BytesReceived,
    Held,
    Measured,
    SignedUrl,
    Stored,
    Task,
    TransferStarted,
)
from civitai_dl.errors import BadAnswer, ConnectionLost, LinkExpired, Stalled, TransferError

if TYPE_CHECKING:
    from civitai_dl.ports import Body, Partial

    from ._tools import Tools

CHECKPOINT_BYTES = 64 << 20
CHECKPOINT_SECONDS = 10.0
"""How much a crash may cost: at most so many bytes, or so much time, are fetched again."""

MOST_STUMBLES = 5
"""Connections lost in a row, each after progress, that are continued at once."""

MOST_TURNS = 3
"""Fresh links, and fresh starts, within one try."""

PARTING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Got:
    """The whole of it, with the head of the last answer. promised: its announced size."""

    measured: Measured
    answer: Answer
    promised: int | None


@dataclass(slots=True)
class Transfer:
    """One task's bytes on their way; made for one try.

    link: gives the address, a new one when asked with True. renewable: a new one may help. name: as
    which the bytes are saved, "" for media. size_hint: bytes expected, for display and for sanity.
    """

    task: Task
    tools: Tools
    partial: Partial
    link: Callable[[bool], Awaitable[SignedUrl]]
    name: str = ""
    size_hint: int | None = None
    crc: bool = False
    renewable: bool = True
    _held: Held | None = None
    _answer: Answer = Answer(status=0)
    _begun: bool = False
    _renew: bool = False
    _stumbles: int = 0
    _turns: int = 0
    _renewed_at: int = -1
    _start: int = 0
    _restarted: bool = False
    _saved: int = 0
    _saved_at: float = 0.0

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
            while not await self._round():
                pass
            return await self._finish()
        except BaseException:  # whatever ends it, what came so far is worth keeping
            with anyio.move_on_after(PARTING_SECONDS, shield=True):
                await self._checkpoint()
            raise

    async def take_finished(self, staged: Stored) -> Got | None:
        """The bytes of an earlier attempt that was complete but did not get its name."""
        if self.partial.held != staged.size:
            return None
        await self.partial.begin(staged.size, crc=self.crc)
        self._begun = True
        return await self._finish()

    @property
    def checkpointed(self) -> bool:
        """Whether the catalog has a checkpoint of this partial, to be forgotten in the end."""
        return self._saved > 0 or self._held is not None

    @property
    def grew(self) -> bool:
        """Whether this try continued what was held, and more is durable now.

        A server that sends the whole again and again makes no progress, however far it comes.
        """
        return self._saved > self._start and not self._restarted

    async def _take_over(self) -> None:
        self._saved_at = self.tools.clock.now()
        held = await self.tools.catalog.held(self.task.key)
        if held is not None and (not self.tools.resume or self.partial.held < held.size):
            held = None
        self._held = held
        self._start = self._saved = 0 if held is None else held.size

    async def _round(self) -> bool:
        """One request; True when the whole is held."""
        link = await self.link(self._renew)
        self._renew = False
        host = host_of(link)
        asked = decide_resume(
            self._held, host=host, allowed=self.tools.resume, size_hint=self.size_hint
        )
        offset = asked.offset if isinstance(asked, Resume) else 0
        if_range = asked.if_range if isinstance(asked, Resume) else None
        if offset:
            # Digesting what is held takes its time; no server should have to wait for it.
            await self._begin(offset)
        async with self.tools.fetcher.open(link, offset=offset, if_range=if_range) as body:
            verdict = judge_answer(asked, self._held, body.answer)
            if isinstance(verdict, Take):
                return await self._stream(body, verdict)
            if isinstance(verdict, Complete):
                await self._begin(offset)
                return True
            await self._turn(verdict, body)
            return False

    async def _turn(self, verdict: StartOver | TurnAway, body: Body) -> None:
        """Nothing of this answer is written: drop what is held, take a new link, or give up."""
        self._turns += 1
        answer = body.answer
        if isinstance(verdict, StartOver):
            self._held = None
            if self._turns > MOST_TURNS:
                raise BadAnswer(verdict.why, status=answer.status)
            return
        if not verdict.gated:
            raise ConnectionLost(verdict.why, status=answer.status, retry_after=answer.retry_after)
        if not self.renewable or self._renewed_at == self.partial.size:
            # The new link is refused as well, and nothing came between.
            raise LinkExpired(verdict.why, status=answer.status)
        self._renew, self._renewed_at = True, self.partial.size

    async def _begin(self, offset: int) -> None:
        had = max(self._start, self.partial.size if self._begun else 0)
        if offset < had:
            # What the catalog holds durable is about to be cut off: it must be told before.
            self._restarted, self._saved = True, min(self._saved, offset)
            await self.tools.catalog.hold(self.task.key, None)
        if not self._begun or self.partial.size != offset:
            await self.partial.begin(offset, crc=self.crc)
            self._begun = True

    async def _stream(self, body: Body, take: Take) -> bool:
        self._answer = body.answer
        promised = promised_size(body.answer, offset=take.offset)
        await self._begin(take.offset)
        room = room_needed(promised, self.size_hint)
        if room is not None:
            await self.partial.reserve(room)
        size = promised if promised is not None else self.size_hint
        self.tools.reporter.emit(TransferStarted(self.task, take.offset, size))
        before = self.partial.size
        try:
            await self._copy(body, take.skip, promised)
        except (ConnectionLost, Stalled) as error:
            # The library's complaint is not the verdict: what counts is whether all bytes came.
            if promised is None or self.partial.size != promised:
                return self._stumble(error, before)
        if promised is not None and self.partial.size < promised:
            return self._stumble(ConnectionLost("the body ended early"), before)
        return True

    def _stumble(self, error: TransferError, before: int) -> bool:
        """Go on where it stopped, if anything came; raise when nothing did, or too often."""
        if self.partial.size > before:
            self._stumbles = 0
        self._stumbles += 1
        resumable = self.tools.resume and promised_size(self._answer, offset=0) is not None
        came = self.partial.size > before
        if (
            not came
            or not resumable
            or self._stumbles > MOST_STUMBLES
            or self._turns > MOST_STUMBLES
        ):
            error.status = self._answer.status
            raise error
        self._turns += 1
        self._held = self._now_held()
        return False

    async def _copy(self, body: Body, skip: int, promised: int | None) -> None:
        first = self.partial.size == 0
        async for received in body.chunks():
            chunk = received
            if skip:
                skip, chunk = skip - min(skip, len(chunk)), chunk[skip:]
                if not chunk:
                    continue
            if first:
                first = False
                self._refuse_page(chunk, body.answer)
            if promised is not None and self.partial.size + len(chunk) > promised:
                raise BadAnswer("more bytes came than were announced", status=body.answer.status)
            await self.partial.write(chunk)
            self.tools.reporter.emit(BytesReceived(self.task, len(chunk)))
            await self._maybe_checkpoint()

    def _refuse_page(self, chunk: bytes, answer: Answer) -> None:
        """A login or maintenance page must not become the beginning of a file."""
        page = looks_like_text_page(chunk[:4096], answer.content_type or None, self.name)
        if page is not None:
            raise BadAnswer(f"{page} came instead of the file", status=answer.status)

    async def _maybe_checkpoint(self) -> None:
        now = self.tools.clock.now()
        grown = self.partial.size - self._saved
        if grown >= CHECKPOINT_BYTES or (grown > 0 and now - self._saved_at >= CHECKPOINT_SECONDS):
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        """Durable bytes first, then the row that says so."""
        self._saved_at = self.tools.clock.now()
        if not self._begun or not self.tools.resume or self.partial.size == self._saved:
            return
        if not self._answer.status:
            # Nothing came in this try: what the catalog knows of these bytes is still true.
            return
        self._saved = await self.partial.sync()
        await self.tools.catalog.hold(self.task.key, replace(self._now_held(), size=self._saved))

    def _now_held(self) -> Held:
        total = promised_size(self._answer, offset=0)
        if self._answer.status == 206:
            total = self._answer.total
        return Held(self.partial.size, self._answer.etag, self._answer.host, total)

    async def _finish(self) -> Got:
        measured = await self.partial.finish()
        promised = promised_size(self._answer, offset=0) if self._answer.status else None
        return Got(measured, self._answer, promised)


def host_of(link: SignedUrl) -> str:
    """The host of a link, "" for one that cannot be read: then the fetcher will say so."""
    try:
        return urlsplit(link.reveal()).hostname or ""
    except ValueError:
        return ""
