"""How much of the reliability tests to run, and where they put down what they counted.

RELIABILITY=quick is what `make test` runs. full goes through every kind of trouble, within twenty
minutes on two cores. nightly repeats what depends on chance until the figures mean something, for
about an hour and a half.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
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


def note(test: str, *, seed: int | str, seconds: float, part: str = "", **figures: object) -> None:
    """Print what a test counted, and leave it as a file in the folder RELIABILITY_REPORT names.

    part: which of several with the same figures, which are added up in the report.
    """
    told: Mapping[str, object] = {
        "test": test,
        "part": part,
        "size": size(),
        "seed": seed,
        "seconds": round(seconds, 1),
        **figures,
    }
    text = json.dumps(told)
    print(text)  # noqa: T201  # the seed belongs to what a failure shows
    folder = os.environ.get("RELIABILITY_REPORT")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        name = f"{size()} {test} {part}".strip()
        plain = "".join(sign if sign.isalnum() else "-" for sign in name)
        Path(folder, f"{plain}.json").write_text(f"{text}\n", "utf-8")
