"""What is told of a thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from civitai_dl.adapters.catalog import Counted
    from civitai_dl.domain.decisions import LeftOut, Stand, Unsafe
    from civitai_dl.domain.entities import Selection


@dataclass(frozen=True, slots=True)
class Answer:
    """How one thing stands, and what it consists of.

    thing: model, version, file, previews, image, listing or target. stand: None for what only holds
    others, such as a version. verdict: the words of the selection, where it does not simply want
    it. why: a Reason's or Trouble's value; detail, hint: what was said then. until: seconds since
    the epoch. target: how it is named in a command. counts: of what it consists of, where that is
    not told one by one.
    """

    thing: str
    label: str
    stand: Stand | None = None
    verdict: LeftOut | Unsafe | None = None
    why: str = ""
    detail: str = ""
    hint: str = ""
    path: str | None = None
    size: int | None = None
    until: float | None = None
    key: str | None = None
    target: str = ""
    counts: tuple[Counted, ...] = ()
    below: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is told of one target.

    wish: the selection that it is told under. asked_at: when the run began whose wish that was,
    seconds since the epoch; None where it was given by whoever asks, or nobody asked yet.
    """

    text: str
    answers: tuple[Answer, ...]
    wish: Selection
    asked_at: float | None = None
    given: bool = False
