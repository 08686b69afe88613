"""Asking something of the run that is at work in an archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from civitai_dl.adapters.storage import STATE, holder_of, leave_wish, take_answer, take_back_wish
from civitai_dl.errors import UsageError

if TYPE_CHECKING:
    from civitai_dl.adapters.storage import Facts

GLANCE = 0.1
GLANCES = 300
"""How often one looks for the answer, and the seconds between."""


def is_busy(folder: Path) -> bool:
    """Whether somebody holds the directory."""
    return holder_of(folder / STATE / "lock") is not None


async def ask_run(folder: Path, facts: Mapping[str, object], *, hint: str) -> Facts | None:
    """What the run at work in a directory answers; None while it has not.

    It is asked by its files: whoever may write into the archive may ask. hint: what helps without a
    run. Raises: UsageError when no run is at work there, or it ended before it answered;
    StorageError.
    """
    state = folder / STATE
    if not is_busy(folder):
        raise _nobody(folder, hint)
    name = leave_wish(state, facts)  # type: ignore[arg-type]  # made of plain values by our callers
    for _ in range(GLANCES):
        await anyio.sleep(GLANCE)
        answer = take_answer(state, name)
        if answer is not None:
            return answer
        if not is_busy(folder):
            # It may have answered with its last breath.
            answer = take_answer(state, name)
            if answer is not None:
                return answer
            take_back_wish(state, name)
            raise _nobody(folder, hint)
    return None


def _nobody(folder: Path, hint: str) -> UsageError:
    return UsageError(f"no run is at work in {folder}", hint=hint)
