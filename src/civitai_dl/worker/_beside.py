"""Something that goes on beside the work, for as long as the work takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

import anyio

from civitai_dl.errors import CivitaiDLError

T = TypeVar("T")


async def beside(
    helper: Callable[[], Coroutine[None, None, None]], work: Callable[[], Awaitable[T]]
) -> T:
    """The result of the work; the helper, which has no end of its own, is ended with it.

    An expected error of the work is raised as it is, not in a group.
    """
    failed: CivitaiDLError | None = None
    result: list[T] = []
    async with anyio.create_task_group() as group:
        group.start_soon(helper)
        try:
            result.append(await work())
        except CivitaiDLError as error:
            failed = error
        group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    return result[0]
