"""What a transfer ends with."""

from __future__ import annotations

from dataclasses import dataclass

from civitai_dl.domain.entities import Answer, Measured


@dataclass(frozen=True, slots=True)
class Got:
    """The whole of it, with the head of the last answer. promised: its announced size."""

    measured: Measured
    answer: Answer
    promised: int | None
