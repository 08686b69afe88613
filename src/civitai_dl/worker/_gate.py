"""What of an answer's body is to be written, and whether it continues what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import Take, is_proven, looks_like_text_page
from civitai_dl.domain.entities import Answer, FileRef, Task
from civitai_dl.errors import ConnectionLost

if TYPE_CHECKING:
    from civitai_dl.ports import Chunk

OVERLAP = 64 * 1024
"""Bytes that are fetched twice where nothing but they can tell that the rest belongs to them."""

SNIFF = 512
"""Bytes of a new body that are looked at before anything is dropped for it."""


class Other(Exception):
    """What came does not continue what is held: a finding, which a transfer keeps to itself."""


class Gate:
    """Lets through of a body what is to be written; held: the last bytes before it."""

    def __init__(self, take: Take, held: bytes) -> None:
        self._skip, self._compare = take.skip, take.compare
        self._expected = held[-take.compare :] if take.compare else b""
        self._seen = b""
        self._head: bytes | None = b"" if take.offset == 0 else None

    def admit(self, chunk: Chunk) -> Chunk:
        """What may be written now. Raises: Other."""
        if self._skip:
            skipped, chunk = chunk[: self._skip], chunk[self._skip :]
            self._skip -= len(skipped)
            if self._compare:
                self._seen = (self._seen + bytes(skipped))[-self._compare :]
                if not self._skip and self._seen != self._expected:
                    raise Other
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


def refuse_page(chunk: Chunk, answer: Answer, name: str) -> None:
    """A login or maintenance page must not become the beginning of a file.

    name: as which the bytes are saved, "" for media. Raises: ConnectionLost.
    """
    page = looks_like_text_page(bytes(chunk[:4096]), answer.content_type or None, name)
    if page is not None:
        raise ConnectionLost(f"{page} came instead of the file", status=answer.status)


def is_proven_task(task: Task) -> bool:
    """Whether a digest of the service tells in the end if these are the bytes."""
    return isinstance(task.subject, FileRef) and is_proven(task.subject.digests)
