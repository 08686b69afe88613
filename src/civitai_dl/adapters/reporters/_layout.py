"""The live display as lines of text: pure, and never wider than it is told.

A line is a list of spans (text, style). Columns keep a least width, so that they stand still while
their numbers change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Lane
from civitai_dl.domain.messages import (
    cell_width,
    cut,
    cut_middle,
    format_bytes,
    format_clock,
    format_rate,
    pad,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from civitai_dl.domain.messages import Messages

    from ._view import LaneView, PauseView, TransferView, View

Line = list[tuple[str, str]]

GAP = 2
INDENT = 2
LEAST_BAR = 8
LEAST_NAME = 16
SHORT_LIVED = 2.0
"""Seconds; an image is mostly stored sooner, and a line that flashes up tells nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """The signs of a bar (done, open) and of a cut text; all one cell wide where they are used."""

    done: str = "━"
    open: str = "─"
    mark: str = "…"


UNICODE = Look()
ASCII = Look("#", "-", "~")
"""For encodings other than UTF-8, where line signs are missing or twice as wide (cp932)."""


@dataclass(frozen=True, slots=True)
class _Column:
    """The cells of one column, top down. least: cells it takes at least.

    rank: of two columns the one of higher rank goes first when there is no room.
    """

    cells: Sequence[str]
    rank: int
    least: int = 0
    right: bool = True
    style: str = ""

    @property
    def width(self) -> int:
        return max([self.least, *map(cell_width, self.cells)])

    def line(self, row: int) -> tuple[str, str]:
        return pad(self.cells[row], self.width, right=self.right), self.style


def frame(
    view: View, messages: Messages, *, width: int, height: int, look: Look = UNICODE
) -> list[Line]:
    """The display for a terminal of `width` x `height` cells.

    It leaves the last column and the last row free: a terminal that wraps early or scrolls late
    would tear it.
    """
    room, rows = max(1, width - 1), max(1, height - 1)
    top = [
        headline(view, messages, room, look),
        *_lanes(view, messages, room, look),
        *_listing(view, messages, room, look),
    ]
    bottom = [_pause(pause, messages, room, look) for pause in view.pauses]
    if view.held.lanes:
        said = messages.held(view.held.lanes, everything=view.held.all)
        bottom.append([(cut(said, room, mark=look.mark), "bold yellow")])
    if view.alert:
        bottom.append([(cut(f"! {printable(view.alert)}", room, mark=look.mark), "bold red")])
    top = top[:rows]
    bottom = bottom[: rows - len(top)]
    space = min(rows - len(top) - len(bottom), max(3, height // 3))
    lines = [*top, *_transfers(view, messages, room, space, look), *bottom]
    return [_cropped(line, room) for line in lines]


def headline(view: View, messages: Messages, room: int, look: Look = UNICODE) -> Line:
    """How far the run is, and at the right edge what it has moved, how fast, and since when."""
    text = cut(headline_text(view, messages), room, mark=look.mark)
    facts = [format_clock(view.elapsed)]
    if view.bytes:
        facts.insert(0, format_bytes(view.bytes))
    if view.bytes and not view.finished:
        facts.insert(1, pad(format_rate(view.rate), 10, right=True))
    right = (" " * GAP).join(facts)
    between = room - cell_width(text) - cell_width(right)
    style = "bold"
    if between < GAP:
        return [(text, style)]
    return [(text, style), (" " * between, ""), (right, "")]


def headline_text(view: View, messages: Messages) -> str:
    """How far the run is: in models, or in images where there are no models at all.

    What is being tried again counts as failed for as long as it has not succeeded.
    """
    failed, retrying = view.failed + view.retrying, view.retrying > 0
    models, images = view.models, view.images
    if not models.total and not models.growing and images.expected:
        return messages.headline_of_images(
            images.done, images.expected, failed, retrying=retrying, growing=images.growing
        )
    return messages.headline(
        models.done, models.total, failed, retrying=retrying, growing=models.growing
    )


def _lanes(view: View, messages: Messages, room: int, look: Look) -> list[Line]:
    lanes = [lane for lane in (view.files, view.images) if lane.expected]
    if not lanes:
        return []
    names = [messages.lane(lane.lane) for lane in (view.files, view.images)]
    label = _Column(
        [messages.lane(lane.lane) for lane in lanes], 0, max(map(cell_width, names)), right=False
    )
    share = _Column([messages.share(x.done, x.expected, growing=x.growing) for x in lanes], 1, 9)
    left = messages.left(86_399, growing=True)
    others = [
        _Column([format_bytes(lane.bytes) for lane in lanes], 3, 8),
        _Column([format_rate(lane.rate) for lane in lanes], 4, 10),
        _Column([_left(lane, messages) for lane in lanes], 2, cell_width(left)),
    ]
    fixed = [label, share]
    others = _fit(others, room - _taken(fixed) - LEAST_BAR - GAP)
    bar = min(room - _taken([*fixed, *others]) - GAP, max(LEAST_BAR, room // 3))
    # Troubles come and go, so they only take what is left over: the bars stand still.
    troubles = _Column([_troubles(lane, messages) for lane in lanes], 5, right=False)
    others += _fit([troubles], room - _taken([*fixed, *others]) - bar - GAP)
    lines = []
    for row, lane in enumerate(lanes):
        line = [label.line(row), (" " * GAP, ""), share.line(row)]
        if bar >= LEAST_BAR:
            line += [(" " * GAP, ""), *_bar(lane.done, lane.expected, bar, look)]
        for column in others:
            line += [(" " * GAP, ""), column.line(row)]
        lines.append(line)
    return lines


def _left(lane: LaneView, messages: Messages) -> str:
    return "" if lane.eta is None else messages.left(lane.eta, growing=lane.growing)


def _troubles(lane: LaneView, messages: Messages) -> str:
    parts = []
    if lane.failed:
        parts.append(messages.failed(lane.failed))
    if lane.retrying:
        parts.append(messages.retrying(lane.retrying))
    if lane.unavailable:
        parts.append(messages.unavailable(lane.unavailable))
    return messages.join(parts)


def _listing(view: View, messages: Messages, room: int, look: Look) -> list[Line]:
    parts = []
    if view.listing.going:
        parts.append(messages.listing(view.listing.pages))
    if view.listing.known:
        parts.append(messages.known(view.listing.known))
    if view.unavailable:
        parts.append(messages.unavailable(view.unavailable))
    return [[(cut(messages.join(parts), room, mark=look.mark), "dim")]] if parts else []


def _transfers(view: View, messages: Messages, room: int, space: int, look: Look) -> list[Line]:
    """Files, then images, each in the order in which they began, so that a line keeps its place."""
    worth = [t for t in view.transfers if t.lane is Lane.FILES]
    worth += [t for t in view.transfers if t.lane is Lane.IMAGES and t.age >= SHORT_LIVED]
    if not worth or space < 1:
        return []
    shown = worth if len(worth) <= space else worth[: space - 1]
    lines = _transfer_lines(shown, room - INDENT, look) if shown else []
    more = len(worth) - len(shown)
    if more:
        lines.append([(cut(messages.more_transfers(more), room - INDENT, mark=look.mark), "dim")])
    return [[(" " * INDENT, ""), *line] for line in lines]


def _transfer_lines(shown: Sequence[TransferView], room: int, look: Look) -> list[Line]:
    columns = [
        _Column([_percent(t) for t in shown], 1, 4),
        _Column([format_bytes(t.have if t.size is None else t.size) for t in shown], 3, 8),
        _Column([_pace(t) for t in shown], 2, 10),
        _Column([_time_left(t) for t in shown], 4, 7),
    ]
    columns = _fit(columns, room - LEAST_NAME - LEAST_BAR - 2 * GAP)
    space = room - _taken(columns) - (GAP if columns else 0)
    bar = min(40, max(LEAST_BAR, space // 4)) if space >= LEAST_NAME + GAP + LEAST_BAR else 0
    name = space - bar - (GAP if bar else 0)
    # No wider than the longest name needs: the bars then stand close to what they measure.
    name = max(1, min(name, max(LEAST_NAME, *(cell_width(printable(t.name)) for t in shown))))
    lines = []
    for row, transfer in enumerate(shown):
        text = cut_middle(printable(transfer.name), name, mark=look.mark)
        line: Line = [(pad(text, name), "")]
        if bar:
            line += [(" " * GAP, ""), *_bar(transfer.have, transfer.size or 0, bar, look)]
        for column in columns:
            line += [(" " * GAP, ""), column.line(row)]
        lines.append(line)
    return lines


def _percent(transfer: TransferView) -> str:
    if not transfer.size:
        return ""
    # 100 % is said when all is there, not when it is nearly so.
    return f"{min(100, 100 * transfer.have // transfer.size)}%"


def _pace(transfer: TransferView) -> str:
    """A transfer that has just begun is not yet a slow one."""
    return format_rate(transfer.rate) if transfer.rate or transfer.age >= SHORT_LIVED else ""


def _time_left(transfer: TransferView) -> str:
    if transfer.size is None or transfer.rate <= 0:
        return ""
    return format_clock(max(0, transfer.size - transfer.have) / transfer.rate)


def _pause(pause: PauseView, messages: Messages, room: int, look: Look) -> Line:
    reason = printable(pause.reason)
    if pause.left is None:
        text = messages.stopped(pause.lane, reason)
    else:
        text = messages.paused(pause.lane, reason, pause.left)
    return [(cut(text, room, mark=look.mark), "yellow")]


def _bar(done: int, total: int, width: int, look: Look) -> Line:
    """A bar that is full only when all is done."""
    filled = min(width, width * done // total) if total > 0 else 0
    return [(look.done * filled, "green"), (look.open * (width - filled), "dim")]


def _taken(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + GAP * max(0, len(columns) - 1)


def _fit(columns: Sequence[_Column], room: int) -> list[_Column]:
    """The columns that there is room for, in their order."""
    kept = [column for column in columns if any(column.cells) or column.least]
    while kept and _taken(kept) + GAP > room:
        kept.remove(max(kept, key=lambda column: column.rank))
    return kept


def _cropped(line: Line, room: int) -> Line:
    """The line cut at `room` cells, should a terminal be too narrow, and without blanks behind."""
    kept: Line = []
    for text, style in line:
        part = cut(text, room, mark="")
        kept.append((part, style))
        room -= cell_width(part)
    while kept and not kept[-1][0].strip():
        kept.pop()
    return [*kept[:-1], (kept[-1][0].rstrip(), kept[-1][1])] if kept else []
