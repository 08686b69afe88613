"""One attempt at a task's bytes, from taking over what is there to letting it go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._partial import LocalPartial


class Attempt(AbstractAsyncContextManager["LocalPartial"]):
    """See ports.Storage.partial. begin, end: called once each; neither waits for long.

    Not by a generator: there is one of these for each image.
    """

    def __init__(
        self, begin: Callable[[], LocalPartial], end: Callable[[LocalPartial], None]
    ) -> None:
        self._begin, self._end = begin, end

    async def __aenter__(self) -> LocalPartial:
        """What an earlier attempt left is ours now. Raises: StorageError."""
        self._partial = self._begin()
        return self._partial

    async def __aexit__(self, *_error: object) -> None:
        """Let it go."""
        self._end(self._partial)
