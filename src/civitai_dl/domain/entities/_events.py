"""What a Reporter hears. Events are facts; what to show is the listener's choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from ._changes import Change
from ._ids import ModelId
from ._work import Account, Lane, Outcome, Planned, Task


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins. open: tasks left by an earlier run, per lane; continued: there were some."""

    output: str
    targets: int
    continued: bool
    open: dict[Lane, int]


@dataclass(frozen=True, slots=True)
class PageExpanded:
    """A page was read: new and known children by lane; models are counted under MODEL_PAGES."""

    task: Task
    new: tuple[Planned, ...]
    known: int


@dataclass(frozen=True, slots=True)
class TransferStarted:
    """Bytes begin to flow at `offset`; size is None while unknown."""

    task: Task
    offset: int
    size: int | None


@dataclass(frozen=True, slots=True)
class BytesReceived:
    """`count` more bytes of a task arrived."""

    task: Task
    count: int


@dataclass(frozen=True, slots=True)
class TaskSettled:
    """A task came to an outcome, which is now in the catalog."""

    task: Task
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class LanePaused:
    """A lane rests for `seconds` (its tasks use no attempt)."""

    lane: Lane
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class LanesHeld:
    """From now on a person holds these lanes up, and no others; empty: the run goes on.

    all: every lane of the run, so that nothing is at work.
    """

    lanes: frozenset[Lane]
    all: bool = False


@dataclass(frozen=True, slots=True)
class TargetsCancelled:
    """A person has withdrawn targets. things: what has left each lane, pages among it.

    models: those of which nothing is to be done any more. ended: keys of tasks that were at work.
    """

    texts: tuple[str, ...]
    things: dict[Lane, int]
    models: tuple[ModelId, ...] = ()
    ended: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence the person should see. level: "info", "warning" or "alert".

    "halt" is an alert that holds until one of level "over" takes it back.
    """

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The service shows a model otherwise than the archive had it; it is written down now."""

    change: Change


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over."""

    report: RunReport


@dataclass(frozen=True, slots=True)
class Trace:
    """One line of failed.txt or unavailable.txt: which task, what happened, what to do."""

    key: str
    label: str
    why: str
    detail: str
    target: str
    hint: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended. Counts are files and images, bytes what crossed the wire.

    stored: fetched and verified in this run; reused: linked or adopted without a transfer;
    kept: there before the run. left: not tried, because a lane had to stop. outlook: what is still
    to be fetched, role -> (things, bytes as far as they are listed).
    """

    stored: int = 0
    reused: int = 0
    kept: int = 0
    left: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    models: int = 0
    accounts: tuple[Account, ...] = ()
    total: Account = Account(text="total")
    failures: tuple[Trace, ...] = ()
    unavailable: tuple[Trace, ...] = ()
    notices: tuple[str, ...] = ()
    interrupted: bool = False
    storage_trouble: str = ""
    key_refused: bool = False
    outlook: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The status the command ends with (see the reference page of exit codes)."""
        if self.key_refused:
            return 3
        if self.storage_trouble:
            return 4
        if self.interrupted:
            return 130
        return 1 if self.failures or self.left else 0


Event = Union[
    RunStarted,
    PageExpanded,
    TransferStarted,
    BytesReceived,
    TaskSettled,
    LanePaused,
    LanesHeld,
    TargetsCancelled,
    Notice,
    Changed,
    RunFinished,
]
