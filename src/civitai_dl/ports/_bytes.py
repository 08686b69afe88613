"""The seams through which bytes come: an answer, who asks for it, and how many may at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, Union

from ..domain.entities import Answer, Lane, SignedUrl

Chunk = Union[bytes, memoryview]
"""Bytes on their way; who wants to keep them makes a copy."""


class Body(Protocol):
    """An answer whose bytes can be read once."""

    @property
    def answer(self) -> Answer:
        """The head of the answer."""

    def chunks(self) -> AsyncIterator[Chunk]:
        """The bytes as they come, a chunk valid until the next. Raises: ConnectionLost, Stalled."""

    async def text(self, limit: int) -> str:
        """Up to `limit` bytes of an error page, decoded leniently. Never raises for its bytes."""


class Fetcher(Protocol):
    """Opens links to storage and CDN; never sends the key."""

    def open(
        self,
        link: SignedUrl,
        *,
        offset: int = 0,
        end: int | None = None,
        if_range: str | None = None,
        lane: str = "",
    ) -> AbstractAsyncContextManager[Body]:
        """Ask for the bytes from `offset` on, up to `end` (exclusive; None: all there are).

        lane: for whom; each gets an equal part of the limit. Any status is a Body.
        Raises: ConnectionLost, Stalled. Safe to repeat.
        """

    def change_limit(self, limit: float) -> None:
        """Keep to so many bytes per second from now on, 0 for none."""


class SpareStreams(Protocol):
    """Streams of a lane that no task needs: one that is at work may use them beside its own.

    Tasks come first: who has taken a stream uses it for one bounded piece, and gives it back.
    """

    def free(self, lane: Lane) -> int:
        """How many could be taken now."""

    async def take(self, lane: Lane) -> None:
        """Wait for one and take it; when it is cancelled, none is taken."""

    def leave(self, lane: Lane, key: str) -> None:
        """A task, by its key, needs its own stream no more; it may still be at work."""

    def give(self, lane: Lane, *, troubled: bool = False) -> None:
        """Give one back. troubled: the far side, or the way to it, did not bear it."""
