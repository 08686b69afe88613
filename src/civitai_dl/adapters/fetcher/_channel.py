"""One transfer at a time on one of libcurl's handles: its head, and its bytes in fixed buffers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import pycurl

if TYPE_CHECKING:
    from ._multi import Multi

RIPE_SECONDS = 0.05
"""Bytes that do not fill a buffer are handed over after so long: few and large pieces cost less
than many small ones, and nobody sees the difference."""

RIPE_WHOLE_SECONDS = 0.2
"""The same for bytes that are all the rest of a body: in one piece they take one step to store."""

MOST_WHOLE = 1 << 20
"""Bytes of such a rest. A larger one would keep much in memory that a checkpoint should have."""

MOST_HEAD = 512 << 10
"""Bytes of all heads of one answer."""

DROPPED = -1
"""The code of a transfer that we broke off ourselves."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |$)")
_INTERIM = re.compile(rb"HTTP/\S+ 1\d\d(?: |$)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")


class Take(Protocol):
    """Gives a buffer for so much of a body, None: nobody knows. whole: that is all of it."""

    def __call__(self, length: int | None, *, whole: bool) -> memoryview: ...


class Channel:
    """A handle with its callbacks, used for one transfer after another.

    easy: with every option set but those of a single request. take, give: fixed buffers,
    from and back to those who share them. Bytes are copied from libcurl's hands into one buffer
    while another is full or in the reader's hands; when both are full the transfer pauses.
    """

    def __init__(
        self,
        easy: pycurl.Curl,
        *,
        take: Take,
        give: Callable[[memoryview], None],
    ) -> None:
        self._easy = easy
        self._take, self._give = take, give
        self._loop = asyncio.get_running_loop()
        self._multi: Multi | None = None
        self._until = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._clear()
        easy.setopt(pycurl.WRITEFUNCTION, self._body)
        easy.setopt(pycurl.HEADERFUNCTION, self._line)

    def _clear(self) -> None:
        self._lines = [b""]
        self._filling: memoryview | None = None
        self._filled = self._ripe = 0
        self._full: memoryview | None = None
        self._left: int | None = None
        self._lent: memoryview | None = None
        self._paused = False
        self._is_first = True
        self._waiter: asyncio.Future[bool] | None = None
        self._ripe_at = 0.0
        self.head_size = 0
        self.has_head = False
        self.code: int | None = None

    def begin(
        self,
        multi: Multi,
        address: str,
        headers: Sequence[str],
        body: bytes | None = None,
        options: Mapping[int, str | bytes | None] | None = None,
    ) -> None:
        """Ask. address: in ASCII. body: of a POST; None for a GET. options: of this time."""
        self._clear()
        self._multi = multi
        for option, value in (options or {}).items():
            self._easy.setopt(option, value)
        if body is None:
            self._easy.setopt(pycurl.HTTPGET, 1)
        else:
            # Without its "Expect", which some servers leave unanswered for a second.
            headers = [*headers, "Expect:"]
            self._easy.setopt(pycurl.POSTFIELDS, body)
        self._easy.setopt(pycurl.URL, address)
        self._easy.setopt(pycurl.HTTPHEADER, headers)
        multi.add(self._easy, self._over)

    @property
    def has_connected(self) -> bool:
        """Whether the request could be sent."""
        seconds: float = self._easy.getinfo(pycurl.PRETRANSFER_TIME)
        return seconds > 0

    @property
    def system_error(self) -> int:
        """The error number of the operating system, 0 for none."""
        return int(self._easy.getinfo(pycurl.OS_ERRNO))

    def number(self, info: int) -> int:
        """What libcurl tells of this transfer; 0 for nothing."""
        return int(self._easy.getinfo(info))

    async def wait(self, seconds: float) -> bool:
        """Wait for the head, for ripe bytes or for the end; False when the time is over."""
        assert self._waiter is None
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        self._until = self._loop.time() + seconds
        if self._alarm is None or self._alarm.when() > self._until:
            self._set_alarm(self._until)
        try:
            return await waiter
        finally:
            self._waiter = None
            self._ripe_at = 0.0

    def _set_alarm(self, moment: float) -> None:
        """One timer for many waits: each is over long before it, and would leave its own behind."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(moment, self._rang)

    def _rang(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        now = self._loop.time()
        if 0 < self._ripe_at <= now:
            self._wake()
        elif now < self._until:
            self._set_alarm(min(self._until, self._ripe_at or self._until))
        else:
            _tell(self._waiter, False)

    def parse_head(self) -> tuple[int, list[tuple[str, str]]] | None:
        """Status and headers; None when they are nonsense: then the body is not to be believed."""
        status = _STATUS.match(self._lines[0])
        fields = [_FIELD.fullmatch(line) for line in self._lines[1:]]
        if status is None or None in fields:
            return None
        found = [
            (field[1].decode("ascii"), field[2].decode("utf-8", "surrogateescape"))
            for field in fields
            if field is not None
        ]
        framing = ("content-length", "transfer-encoding")
        said = {(name.lower(), text) for name, text in found if name.lower() in framing}
        # Two lengths, or a length and chunks: somebody on the way may have read it otherwise.
        return None if len(said) > 1 else (int(status[1]), found)

    @property
    def has_bytes(self) -> bool:
        """Whether bytes are there to be lent."""
        return self._filled > 0 or self._full is not None

    @property
    def lacks(self) -> bool:
        """Whether the head has announced more than was lent."""
        return bool(self._left)

    @property
    def is_ripe(self) -> bool:
        """Whether nothing is gained by waiting for more."""
        if self.code is not None or self._paused or self._full is not None:
            return True
        return 0 < self._ripe <= self._filled

    def lend(self) -> memoryview:
        """What has come, valid until the next call of this or of `take_back`."""
        self.take_back()
        if self._full is not None:
            # If the transfer has paused, it goes on when the second one is lent: until then there
            # is no room.
            self._lent, self._full = self._full, None
            return self._lent
        assert self._filling is not None
        self._lent, size = self._filling, self._filled
        self._filling, self._filled, self._ripe = None, 0, 0
        if self._left is not None:
            self._left -= size
        self._resume()
        return self._lent[:size]

    def take_back(self) -> None:
        """The reader is done with what was lent."""
        if self._lent is not None:
            lent, self._lent = self._lent, None
            self._give(lent)

    def ripen(self) -> None:
        """Wake the reader a little later, whatever has come by then."""
        if not self._ripe_at:
            is_rest = self._ripe == self._left and self._ripe <= MOST_WHOLE
            seconds = RIPE_WHOLE_SECONDS if is_rest else RIPE_SECONDS
            self._ripe_at = self._loop.time() + seconds
            if self._alarm is None or self._alarm.when() > self._ripe_at:
                self._set_alarm(self._ripe_at)

    def drop(self) -> None:
        """Break the transfer off; the reader hears of it after the bytes that came."""
        self._remove()
        self._over(DROPPED)

    def close(self) -> None:
        """Break off what is not over, and give back every buffer. Safe to repeat."""
        self._remove()
        self._ripe_at = 0.0
        self.take_back()
        if self._full is not None:
            full, self._full = self._full, None
            self._give(full)
        if self._filling is not None:
            filling, self._filling, self._filled = self._filling, None, 0
            self._give(filling)

    def end(self) -> None:
        """Close it, and give libcurl's memory back; it is of no use afterwards."""
        self.close()
        self._easy.close()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _remove(self) -> None:
        if self._multi is not None:
            self._multi.remove(self._easy)
            self._multi = None

    def _resume(self) -> None:
        if self._paused and self.code is None:
            self._paused = False
            try:
                # It may call `_body` at once, with what libcurl has kept meanwhile.
                self._easy.pause(pycurl.PAUSE_CONT)
            except pycurl.error as error:
                self._remove()
                self._over(error.args[0])

    # --- called by libcurl

    def _line(self, line: bytes) -> int | None:
        self.head_size += len(line)
        if self.head_size > MOST_HEAD:
            return -1
        if self.has_head:
            # A trailer, behind the last chunk.
            return None
        line = line.rstrip(b"\r\n")
        if line.startswith(b"HTTP/"):
            self._lines = [line]
        elif line:
            self._lines.append(line)
        elif not _INTERIM.match(self._lines[0]):
            self.has_head = True
            self._left = self._length()
            self._wake()
        return None

    def _length(self) -> int | None:
        """What the head says of the body's length; None when it says nothing that makes sense."""
        for line in self._lines:
            name, _, text = line.partition(b":")
            if name.lower() == b"content-length" and text.strip().isdigit():
                return min(int(text), 1 << 62)
        return None

    def _body(self, data: bytes) -> int | None:
        start = self._filled
        end = start + len(data)
        if self._filling is None or end > len(self._filling):
            taken = self._make_room(data)
            if taken is None:
                return int(pycurl.WRITEFUNC_PAUSE)
            data = data[taken:]
            start, end = 0, len(data)
        assert self._filling is not None
        # Through a view: into the buffer itself Python would copy by way of a second one.
        self._filling[start:end] = data
        self._filled = end
        if self._waiter is not None and self.has_head:
            if end >= self._ripe:
                self._wake()
            elif not self._ripe_at:
                self.ripen()
        return None

    def _make_room(self, data: bytes) -> int | None:
        """Begin a new buffer; returns how many bytes went into the old one, which is full then.

        None, and nothing is taken, when the reader has a buffer as well: two are all there are.
        """
        taken, size = 0, len(data)
        if self._filling is not None and self._filled:
            if self._lent is not None or self._full is not None:
                self._paused = True
                self._wake()
                return None
            taken = len(self._filling) - self._filled
            self._filling[self._filled :] = data[:taken]
            self._full, self._filling, self._filled = self._filling, None, 0
            if self._left is not None:
                self._left -= len(self._full)
            self._wake()
        if self._filling is None:
            self._filling = self._take(self._left, whole=self._is_first)
            self._is_first = False
        if size > len(self._filling):
            # More at once than a buffer holds: no version of libcurl that was seen does this.
            self._give(self._filling)
            self._filling = memoryview(bytearray(size))
        # Few and large pieces cost less than many small ones.
        self._ripe = len(self._filling)
        if self._left is not None and self._left <= len(self._filling):
            # All that is left fits: it is handed over in one piece.
            self._ripe = self._left
        return taken

    def _over(self, code: int) -> None:
        if self.code is None:
            self.code = code
        self._wake()

    # ---

    def _wake(self) -> None:
        self._ripe_at = 0.0
        if self._waiter is not None:
            _tell(self._waiter, True)


def _tell(waiter: asyncio.Future[bool], result: bool) -> None:  # noqa: FBT001  # as it is called
    if not waiter.done():
        waiter.set_result(result)
