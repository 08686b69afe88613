"""A plan for people: what there is, what of it comes, what does not, room and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Role
from civitai_dl.domain.messages import (
    cell_width,
    cut,
    format_bytes,
    format_moment,
    format_rate,
    pad,
    printable,
    wrap,
)
from civitai_dl.domain.outlook import Prospect, Scope, Share

if TYPE_CHECKING:
    from civitai_dl.domain.entities import RunReport
    from civitai_dl.domain.messages import Messages
    from civitai_dl.domain.outlook import Outlook

IMAGES = {
    Role.PREVIEW: "previews",
    Role.DESCRIPTION: "images in descriptions",
    Role.GALLERY: "gallery images",
    Role.USER_IMAGE: "images of creators",
}

SHOWN = 40
"""Targets that are shown; of more, the largest. A screen is no place for a thousand."""

SHOWN_PAGES = 10

WIDE, NARROW = 110, 72
"""Cells from which there is room for everything, and below which there is room for little."""

GAP = "  "
LEAST, FEWEST = 12, 3
"""Cells in which a name can be told from others, and columns that stay however narrow it is."""

HOURS = 12
"""How long what was listed counts as new."""


def outlook_text(
    outlook: Outlook, report: RunReport, messages: Messages, *, output: str, width: int
) -> str:
    """A plan as text of so many cells a line; no line end at the end."""
    room = max(40, width)
    blocks = [
        _title(outlook, report, messages, output, room),
        _targets(outlook, messages, room),
        _types(outlook.total, messages, room),
        wrap("\n".join(_sums(outlook, messages)), room),
        wrap("\n".join(_troubles(outlook, messages)), room),
        wrap("\n".join(_means(outlook, messages)), room),
        wrap(_next(messages), room),
    ]
    return "\n\n".join(block for block in blocks if block)


def _title(outlook: Outlook, report: RunReport, messages: Messages, output: str, width: int) -> str:
    lines = [messages.say("Plan for {output}: nothing was transferred.", output=printable(output))]
    if report.interrupted:
        lines.append(messages.say("The listing was interrupted: there may be more."))
    elif outlook.total.unread:
        lines.append(messages.say("Not everything could be listed: there may be more."))
    return wrap("\n".join(lines), width)


# --- tables


def _targets(outlook: Outlook, messages: Messages, width: int) -> str:
    scopes = list(outlook.targets)
    if len(scopes) > SHOWN:
        scopes = sorted(scopes, key=_size, reverse=True)[:SHOWN]
    names = _columns(width)
    rows = [[_name(scope), *_figures(scope, names)] for scope in scopes]
    more = len(outlook.targets) - len(scopes)
    if more:
        rows.append([messages.count("and {n} smaller target", "and {n} smaller targets", more)])
    if len(outlook.targets) > 1:
        rows.append([messages.say("in all"), *_figures(outlook.total, names)])
    return _drawn(["target", *names], rows, messages, width)


def _columns(width: int) -> list[str]:
    names = ["files", "images", "to fetch", "bytes"]
    if width >= NARROW:
        names = ["models", "versions", *names]
    return [*names, "on disk", "reused", "unavailable"] if width >= WIDE else names


def _size(scope: Scope) -> tuple[int, int]:
    return scope.bytes(Prospect.FETCH), scope.count(Prospect.FETCH)


def _name(scope: Scope) -> str:
    """Where the line stands and its text; of a path only the end, of the address what it names."""
    origin = re.split(r"[/\\]", printable(scope.origin))[-1]
    text = re.sub(r"^https?://(www\.)?civitai\.\w+/", "", printable(scope.text))
    return f"{origin} {text}" if ":" in origin else text


def _types(total: Scope, messages: Messages, width: int) -> str:
    """Files by type, images by where they stand; one line each."""
    names = ["in all", "to fetch", "bytes"]
    if width >= NARROW:
        names += ["on disk", "reused", "unavailable"]
    rows = [[name, *_figures(scope, names)] for name, scope in _by_type(total, messages)]
    return _drawn(["type", *names], rows, messages, width) if rows else ""


def _by_type(total: Scope, messages: Messages) -> list[tuple[str, Scope]]:
    shares: dict[str, list[Share]] = {}
    for share in total.shares:
        if share.role is Role.FILE:
            shares.setdefault(printable(share.kind), []).append(share)
    for role, name in IMAGES.items():
        found = [share for share in total.shares if share.role is role]
        if found:
            shares[messages.say(name)] = found
    return [(name, Scope("", shares=tuple(found))) for name, found in shares.items()]


def _figures(scope: Scope, names: Sequence[str]) -> list[str]:
    files, images = scope.things(files=True), scope.things(files=False)
    coming = scope.count(Prospect.FETCH)
    unsized = scope.unsized(Prospect.FETCH, files=None if not files else True)
    numbers = {
        "models": scope.models,
        "versions": scope.versions,
        "files": files,
        "images": images,
        "in all": files + images,
        "to fetch": coming,
        "on disk": scope.count(Prospect.STORED),
        "reused": scope.count(Prospect.REUSE),
        "unavailable": scope.count(Prospect.UNAVAILABLE),
    }
    told = {name: f"{number:,}" if number else "" for name, number in numbers.items()}
    told["bytes"] = _bytes(scope.bytes(Prospect.FETCH), unsized) if coming else ""
    return [told[name] for name in names]


def _bytes(size: int, unsized: int) -> str:
    if not unsized:
        return format_bytes(size)
    return f"{format_bytes(size)} + ?" if size else "?"


def _drawn(
    names: Sequence[str], rows: Sequence[Sequence[str]], messages: Messages, width: int
) -> str:
    """Lines with the first cell to the left, which is cut where there is no room, figures right.

    Where even that is not enough, the figures that come first are left out.
    """
    head = [messages.say(name) for name in names]
    columns = list(zip(*(row for row in [head, *rows] if len(row) == len(head)), strict=True))
    room = [max(map(cell_width, column)) for column in columns[1:]]
    most = width - sum(room) - len(GAP) * len(room)
    if most < LEAST and len(names) > FEWEST:
        fewer = [[row[0], *row[2:]] for row in rows]
        return _drawn([names[0], *names[2:]], fewer, messages, width)
    first = min(most, max(map(cell_width, columns[0])))
    lines = []
    for name, *figures in [head, *rows]:
        cells = [pad(text, size, right=True) for text, size in zip(figures, room, strict=False)]
        named = pad(cut(name, first), first) if cells else cut(name, width)
        lines.append(GAP.join([named, *cells]).rstrip())
    return "\n".join(lines)


# --- sentences


def _sums(outlook: Outlook, messages: Messages) -> list[str]:
    total, lines = outlook.total, []
    files = total.count(Prospect.FETCH, files=True)
    size = total.bytes(Prospect.FETCH, files=True)
    if files:
        text = "To transfer: {n} file, {size}"
        many = "To transfer: {n} files, {size}"
        lines.append(messages.count(text, many, files, size=format_bytes(size)))
    unsized = total.unsized(Prospect.FETCH, files=True)
    if unsized:
        one = "  of {n} file nobody tells the size"
        lines.append(messages.count(one, "  of {n} files nobody tells the size", unsized))
    held = sum(share.held for share in total.shares)
    if held:
        text = "  not counting {size} that are in partial files already"
        lines.append(messages.say(text, size=format_bytes(held)))
    images = total.count(Prospect.FETCH, files=False)
    if images:
        one, many = "To transfer: {n} image", "To transfer: {n} images"
        text = messages.count(one, many, images)
        guess = outlook.space.images
        if guess is not None:
            about = messages.say("about {size}, as those stored weigh", size=format_bytes(guess))
        else:
            about = messages.say("the service does not tell their size")
        lines.append(f"{text} ({about})")
    lines += _with_size("Reused, not transferred: {n}", total, Prospect.REUSE, messages)
    lines += _with_size("Stored already: {n}", total, Prospect.STORED, messages)
    return lines


def _with_size(key: str, total: Scope, prospect: Prospect, messages: Messages) -> list[str]:
    count, size = total.count(prospect), total.bytes(prospect)
    if not count:
        return []
    text = messages.say(key, n=f"{count:,}")
    return [f"{text} ({format_bytes(size)})" if size else text]


def _troubles(outlook: Outlook, messages: Messages) -> list[str]:
    """What does not come, and what nobody could see."""
    lines = []
    for prospect, title, name in (
        (Prospect.UNAVAILABLE, "Cannot be had: {n}", messages.reason),
        (Prospect.FAILED, "Failed before, and not tried again: {n}", messages.trouble),
        (Prospect.SKIPPED, "Left out: {n}", printable),
    ):
        reasons = _by_reason([s for s in outlook.total.shares if s.prospect is prospect])
        if reasons:
            count = sum(share.count for share in reasons)
            lines.append(messages.say(title, n=f"{count:,}"))
        lines += [f"  {name(share.reason)}: {_detail(share, messages)}" for share in reasons]
    if outlook.unlisted:
        count = len(outlook.unlisted)
        lines.append(messages.say("Could not be listed: {n}", n=f"{count:,}"))
    for page in outlook.unlisted[:SHOWN_PAGES]:
        why = page.detail or messages.say("not listed to the end")
        lines.append(f"  {printable(page.label)}: {printable(why)}")
    more = len(outlook.unlisted) - SHOWN_PAGES
    if more > 0:
        lines.append("  " + messages.count("and {n} more page", "and {n} more pages", more))
    return lines


def _by_reason(shares: Sequence[Share]) -> list[Share]:
    """One share for each reason, the largest first."""
    found: dict[str, Share] = {}
    for share in shares:
        known = found.get(share.reason)
        dates = [d for d in (share.first, share.last) if d is not None]
        if known is not None:
            dates += [d for d in (known.first, known.last) if d is not None]
        found[share.reason] = Share(
            share.role,
            "",
            share.prospect,
            share.reason,
            share.count + (known.count if known else 0),
            share.bytes + (known.bytes if known else 0),
            first=min(dates, default=None),
            last=max(dates, default=None),
        )
    return sorted(found.values(), key=lambda share: (-share.count, share.reason))


def _detail(share: Share, messages: Messages) -> str:
    parts = [f"{share.count:,}"]
    if share.bytes:
        parts.append(format_bytes(share.bytes))
    if share.first is not None and share.last is not None:
        first, last = format_moment(share.first), format_moment(share.last)
        one = messages.say("free on {moment}", moment=first)
        both = messages.say("free from {first} to {last}", first=first, last=last)
        parts.append(one if first == last else both)
    return messages.join(parts)


def _means(outlook: Outlook, messages: Messages) -> list[str]:
    """Room and time."""
    space, lines = outlook.space, []
    if space.free is not None and space.left is not None:
        facts = {"free": format_bytes(space.free), "left": format_bytes(max(0, space.left))}
        known = "Free space: {free}; afterwards {left}"
        unknown = "Free space: {free}; afterwards at most {left}"
        images = outlook.total.count(Prospect.FETCH, files=False)
        unsized = outlook.total.unsized(Prospect.FETCH, files=True)
        unsure = bool(unsized or (images and space.images is None))
        lines.append(messages.say(unknown if unsure else known, **facts))
    if space.lacking:
        size = format_bytes(space.lacking)
        lines.append(messages.say("Not enough room: {size} more must be free", size=size))
    if not outlook.total.count(Prospect.FETCH):
        return lines
    time, pace = outlook.time, outlook.pace
    if time.seconds is None:
        text = "Time: not known until something was transferred into this archive"
        return [*lines, messages.say(text)]
    key = "Time: at least {time} ({basis})" if time.at_least else "Time: about {time} ({basis})"
    basis = []
    if pace.files and time.files:
        basis.append(messages.say("files {rate} as last time", rate=format_rate(pace.files)))
    if pace.images and time.images:
        basis.append(messages.say("images {rate}/s as last time", rate=f"{pace.images:,.1f}"))
    if pace.limit:
        basis.append(messages.say("limit {rate}", rate=format_rate(pace.limit)))
    facts = {"time": messages.duration(time.seconds), "basis": messages.join(basis)}
    return [*lines, messages.say(key, **facts)]


def _next(messages: Messages) -> str:
    return messages.say(
        "Whether a file needs a login, or its downloads are disabled, shows when it is asked for. "
        "The download that follows within {hours} hours lists nothing again.",
        hours=HOURS,
    )
