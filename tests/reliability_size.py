"""How much of the reliability tests to run: a sample, all of it, or all and more.

RELIABILITY=quick is what `make test` runs, full is the whole catalogue, nightly adds to it what
only many hours or chance can find.
"""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

SIZES = ("quick", "full", "nightly")


def size() -> str:
    """quick, full or nightly; quick unless the environment says otherwise. Raises: ValueError."""
    chosen = os.environ.get("RELIABILITY", "") or "quick"
    if chosen not in SIZES:
        raise ValueError(f"RELIABILITY={chosen}: it must be one of {', '.join(SIZES)}")
    return chosen


def pick(*, quick: T, full: T, nightly: T) -> T:
    """What the chosen size asks for."""
    return {"quick": quick, "full": full, "nightly": nightly}[size()]
