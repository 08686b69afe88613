"""Bytes from a link into a partial: open, judge, resume, stream, checkpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
    looks_like_text_page,
    promised_size,
    room_needed,
)
from civitai_dl.domain.entities import (
    Answer,
    BytesReceived,
    FileRef,
    Held,
    Measured,
    SignedUrl,
    Stored,
    Task,
    TransferStarted,
)
from civitai_dl.errors import BadAnswer, ConnectionLost, LinkExpired, Stalled, TransferError

if TYPE_CHECKING:
    from civitai_dl.ports import Body, Chunk, Partial

    from ._tools import Tools

CHECKPOINT_BYTES = 64 << 20
CHECKPOINT_SECONDS = 10.0
"""How much a crash may cost: at most so many bytes, or so much time, are fetched again."""

MOST_STUMBLES = 5
"""Connections lost in a row, each after progress, that are continued at once."""

MOST_TURNS = 3
"""Fresh links, and fresh starts, within one try."""

PARTING_SECONDS = 5.0

OVERLAP = 64 * 1024
"""Bytes that are fetched twice where nothing but they can tell that the rest belongs to them."""

SNIFF = 512
"""Bytes of a new body that are looked at before anything is dropped for it."""


class _Other(Exception):
    """What came does not continue what is held: a finding, which never leaves this module."""


class _Gate:
    """Lets through of a body what is to be written; held: the last bytes before it."""

    def __init__(self, take: Take, held: bytes) -> None:
        self._skip, self._compare = take.skip, take.compare
        self._expected = held[-take.compare :] if take.compare else b""
        self._seen = b""
        self._head: bytes | None = b"" if take.offset == 0 else None

    def admit(self, chunk: Chunk) -> Chunk:
        """What may be written now. Raises: _Other."""
        if self._skip:
            skipped, chunk = chunk[: self._skip], chunk[self._skip :]
            self._skip -= len(skipped)
            if self._compare:
                self._seen = (self._seen + bytes(skipped))[-self._compare :]
                if not self._skip and self._seen != self._expected:
                    raise _Other
        if self._head is None:
            return chunk
        if not self._head and len(chunk) >= SNIFF:
            # The usual case, without a copy.
            self._head = None
            return chunk
        self._head += bytes(chunk)
        return b"" if len(self._head) < SNIFF else self.rest()

    def rest(self) -> bytes:
        """What was kept back to be looked at in one piece."""
        head, self._head = self._head, None
        return head or b""


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
    _tail: bytearray = field(default_factory=bytearray)
    _taken: bool = False
    _noted: bool = False

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
        self._noted = True
        await self.partial.begin(staged.size, crc=self.crc)
        self._begun = True
        return await self._finish()

    @property
    def checkpointed(self) -> bool:
        """Whether the catalog has a checkpoint of this partial, to be forgotten in the end."""
        return self._noted or self._saved > 0

    @property
    def grew(self) -> bool:
        """Whether this try continued what was held, and more is durable now.

        A server that sends the whole again and again makes no progress, however far it comes.
        """
        return self._saved > self._start and not self._restarted

    async def _take_over(self) -> None:
        self._saved_at = self.tools.clock.now()
        begun = self.task.begun
        held = await self.tools.catalog.held(self.task.key) if begun is None else begun.held
        self._noted = held is not None
        if held is not None and (not self.tools.resume or self.partial.held < held.size):
            held = None
        self._held = held
        self._start = self._saved = 0 if held is None else held.size

    async def _round(self) -> bool:
        """One request; True when the whole is held."""
        link = await self.link(self._renew)
        self._renew = False
        asked = decide_resume(
            self._held,
            host=host_of(link),
            allowed=self.tools.resume,
            size_hint=self.size_hint,
            proven=self._proven,
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
                link, offset=first, if_range=if_range, lane=self.task.lane.value
            )
            return await stack.enter_async_context(opened)
        except BadAnswer as error:
            # It says nothing about the bytes that are held.
            self._ask_anew(error.message, error.status)
            return None

    @property
    def _proven(self) -> bool:
        """Whether a digest of the service tells in the end if these are the bytes."""
        subject = self.task.subject
        if not isinstance(subject, FileRef):
            return False
        digests = subject.digests
        return bool(digests.sha256 or digests.crc32 or digests.autov2)

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
        if self._turns > MOST_TURNS:
            raise BadAnswer(why, status=status)

    def _ask_anew(self, why: str, status: int) -> None:
        self._turns += 1
        if not self.renewable or self._renewed_at == self.partial.size:
            # The new link is refused as well, and nothing came between.
            raise LinkExpired(why, status=status)
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
        promised = promised_size(body.answer, offset=take.offset)
        size = promised if promised is not None else self.size_hint
        self.tools.reporter.emit(TransferStarted(self.task, take.offset, size))
        before, self._taken = take.offset, False
        try:
            await self._copy(body, take, promised)
        except _Other:
            self._start_over("the file behind the link is another one", body.answer.status)
            return False
        except (ConnectionLost, Stalled) as error:
            # The library's complaint is not the verdict: what counts is whether all bytes came.
            if promised is None or not self._has(promised):
                return self._stumble(error, body.answer, before)
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
        """Write the body where it belongs. Raises: _Other, and what reading and writing raise."""
        gate = _Gate(take, bytes(self._tail))
        try:
            async for chunk in body.chunks():
                await self._put(gate.admit(chunk), body.answer, take, promised)
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
                self._refuse_page(chunk, answer)
                self._tail.clear()
            await self._begin(take.offset)
            self._answer, self._taken = answer, True
            room = room_needed(promised, self.size_hint)
            if room is not None:
                await self.partial.reserve(room)
        if promised is not None and self.partial.size + len(chunk) > promised:
            raise BadAnswer("more bytes came than were announced", status=answer.status)
        await self.partial.write(chunk)
        self._remember(chunk, answer)
        self.tools.reporter.emit(BytesReceived(self.task, len(chunk)))
        await self._maybe_checkpoint()

    def _remember(self, chunk: Chunk, answer: Answer) -> None:
        """Keep the last bytes at hand where nothing else could tell what belongs to them."""
        if self._proven or is_strong(answer.etag):
            return
        self._tail += chunk[-OVERLAP:]
        del self._tail[:-OVERLAP]

    def _refuse_page(self, chunk: Chunk, answer: Answer) -> None:
        """A login or maintenance page must not become the beginning of a file."""
        page = looks_like_text_page(bytes(chunk[:4096]), answer.content_type or None, self.name)
        if page is not None:
            raise ConnectionLost(f"{page} came instead of the file", status=answer.status)

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
